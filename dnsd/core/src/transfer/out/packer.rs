//! Writes records into a message as densely as they go: owners and the names in the data of old types compressed, all else
//! copied as it is stored.

use super::MESSAGE_BYTES;
use super::tails::Tails;
use crate::message::compressed_names;
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::transfer::records::FIXED_BYTES;

/// The record does not fit into this message any more.
#[derive(Debug)]
pub(super) struct Full;

/// A message in the making.
pub(super) struct Packer<'m> {
    message: &'m mut [u8],
    len: usize,
    records: u16,
    tails: &'m mut Tails,
}

impl<'m> Packer<'m> {
    /// A message whose first `len` octets, header and question, are there.
    pub(super) fn new(message: &'m mut [u8], len: usize, tails: &'m mut Tails) -> Self {
        Self {
            message,
            len,
            records: 0,
            tails,
        }
    }

    /// Writes a record. `body` is all that follows its owner: type, class, TTL, length and uncompressed data.
    pub(super) fn record(&mut self, owner: NameRef<'_>, rtype: Type, body: &[u8]) -> Result<(), Full> {
        let limit = match self.records {
            0 => self.message.len(),
            _ => self.message.len().min(MESSAGE_BYTES),
        };
        // What is compressed is no longer than what is not.
        if self.len + owner.as_wire().len() + body.len() > limit {
            return Err(Full);
        }
        self.owner(owner);
        let (fixed, names) = compressed_names(rtype);
        if names == 0 {
            self.put(body);
        } else {
            self.compressed(body, FIXED_BYTES + fixed, names);
        }
        self.records += 1;
        Ok(())
    }

    /// How many octets the message has, and how many records.
    pub(super) fn finish(self) -> (usize, u16) {
        (self.len, self.records)
    }

    fn owner(&mut self, owner: NameRef<'_>) {
        let split = self.tails.place_owner(owner, self.len);
        self.put(&owner.as_wire()[..split.literal]);
        if let Some(offset) = split.pointer {
            self.put(&(0xC000 | offset).to_be_bytes());
        }
    }

    /// Writes a record's body of which `names` names start at `front`.
    fn compressed(&mut self, body: &[u8], front: usize, names: usize) {
        let start = self.len;
        let (head, mut rest) = body.split_at_checked(front).unwrap_or((body, &[]));
        self.put(head);
        for _ in 0..names {
            let Ok(name) = NameRef::prefix_of(rest) else { break };
            let split = self.tails.place_target(name, &self.message[..self.len]);
            self.put(&name.as_wire()[..split.literal]);
            if let Some(offset) = split.pointer {
                self.put(&(0xC000 | offset).to_be_bytes());
            }
            rest = &rest[name.as_wire().len()..];
        }
        self.put(rest);
        let length = (self.len - start - FIXED_BYTES) as u16;
        self.message[start + FIXED_BYTES - 2..start + FIXED_BYTES].copy_from_slice(&length.to_be_bytes());
    }

    fn put(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        self.message[self.len..end].copy_from_slice(octets);
        self.len = end;
    }
}
