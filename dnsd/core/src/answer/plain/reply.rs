//! The reply to a plain query while it is written. Whatever doesn't fit makes the whole of it the general path's.

use super::super::prepared::{MESSAGE_BYTES_MAX, Records};
use super::query::PlainQuery;
use crate::message::{Flags, HEADER_BYTES, Opt, Rcode, Section};
use crate::zone::{RECORD_HEAD_BYTES, RecordSet};

/// The question's name, as a compression pointer.
pub(super) const QUESTION: u16 = 0xC000 | HEADER_BYTES as u16;
/// What stands before this, and in prepared sections from here on, is in the reach of a pointer's fourteen bits.
const REACH: usize = 0x4000 - MESSAGE_BYTES_MAX;

/// The sections of a reply.
pub(super) struct PlainReply<'b> {
    buffer: &'b mut [u8],
    len: usize,
    counts: [u16; 3],
}

impl<'b> PlainReply<'b> {
    /// A reply in `buffer`, whose length is the message's limit, to `query`, whose question it repeats.
    pub(super) fn new(buffer: &'b mut [u8], query: &PlainQuery<'_>) -> Option<Self> {
        let len = query.octets.len();
        buffer.get_mut(..len)?.copy_from_slice(query.octets);
        Some(Self {
            buffer,
            len,
            counts: [0; 3],
        })
    }

    /// Where the next record starts.
    pub(super) fn position(&self) -> usize {
        self.len
    }

    /// Whether names can be pointed to that stand before the next record or in a prepared section that comes now.
    pub(super) fn is_in_reach(&self) -> bool {
        self.len < REACH
    }

    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.len + octets.len();
        self.buffer.get_mut(self.len..end)?.copy_from_slice(octets);
        self.len = end;
        Some(())
    }

    /// Writes the records of a set without names that could be compressed, under the name that `owner` points to.
    pub(super) fn records(&mut self, section: Section, set: RecordSet<'_>, owner: u16) -> Option<()> {
        let start = self.len;
        self.put(set.wire())?;
        self.counts[section as usize] += set.count() as u16;
        if owner != QUESTION {
            let [high, low] = owner.to_be_bytes();
            let mut rest = &mut self.buffer[start..self.len];
            while let Some((head, behind)) = rest.split_first_chunk_mut::<RECORD_HEAD_BYTES>() {
                (head[0], head[1]) = (high, low);
                rest = &mut behind[usize::from(u16::from_be_bytes([head[10], head[11]]))..];
            }
        }
        Some(())
    }

    /// Writes a record under the name that `owner` points to. `record` is as sets hold it; of it the first `literal` octets
    /// of data are written as they are and the others as `pointer`, if there is one.
    pub(super) fn record(
        &mut self,
        section: Section,
        owner: u16,
        record: &[u8],
        literal: usize,
        pointer: Option<u16>,
    ) -> Option<()> {
        let start = self.len;
        self.counts[section as usize] += 1;
        match pointer {
            None => self.put(record)?,
            Some(pointer) => {
                self.put(record.get(..RECORD_HEAD_BYTES + literal)?)?;
                self.put(&pointer.to_be_bytes())?;
                self.patch(start + 10, literal as u16 + 2);
            }
        }
        self.patch(start, owner);
        Some(())
    }

    fn patch(&mut self, at: usize, number: u16) {
        self.buffer[at..at + 2].copy_from_slice(&number.to_be_bytes());
    }

    /// Copies prepared records.
    pub(super) fn prepared(
        &mut self,
        section: Section,
        records: &Records,
        anchor_at: usize,
        authority_at: usize,
    ) -> Option<()> {
        self.len = records.copy(self.buffer, self.len, anchor_at, authority_at)?;
        self.counts[section as usize] += records.count;
        Some(())
    }

    /// Sets the header and adds the OPT record. Gives the length of the message.
    pub(super) fn finish(mut self, flags: Flags, rcode: Rcode, opt: Option<&Opt<'_>>) -> Option<usize> {
        if let Some(opt) = opt {
            let end = self.len + opt.wire_bytes();
            opt.write(0, self.buffer.get_mut(self.len..end)?);
            self.len = end;
            self.counts[Section::Additional as usize] += 1;
        }
        self.patch(2, flags.with_rcode(rcode).0);
        let [answers, authorities, additionals] = self.counts.map(u16::to_be_bytes);
        let counts = [
            answers[0],
            answers[1],
            authorities[0],
            authorities[1],
            additionals[0],
            additionals[1],
        ];
        self.buffer[6..HEADER_BYTES].copy_from_slice(&counts);
        Some(self.len)
    }
}
