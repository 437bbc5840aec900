//! A record set with its signatures, as one thing that is in a section or not.

use super::head;
use crate::message::{Full, Section, SetHead, Writer};
use crate::name::NameRef;
use crate::zone::{Node, RecordSet};

/// A set of a node on its way into a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedSet<'a, 'n> {
    /// The name that owns it there: the node's, or the one that a wildcard's node answers for.
    pub(super) owner: NameRef<'n>,
    /// Whose set it is.
    pub(super) node: Node<'a>,
    /// The set.
    pub(super) set: RecordSet<'a>,
    /// The TTL of records and signatures if it isn't their own.
    pub(super) ttl: Option<u32>,
}

impl<'a, 'n> SignedSet<'a, 'n> {
    /// A set of `node` under `owner`.
    pub(super) fn new(owner: NameRef<'n>, node: Node<'a>, set: RecordSet<'a>) -> Self {
        Self {
            owner,
            node,
            set,
            ttl: None,
        }
    }

    /// Writes the records and, if DNSSEC was asked for, their signatures: both or nothing (RFC 4035 §3.1.1).
    pub(super) fn write(&self, section: Section, dnssec_ok: bool, writer: &mut Writer<'_>) -> Result<(), Full> {
        let mark = writer.mark();
        self.write_records(self.set, section, writer)?;
        if dnssec_ok
            && let Some(signatures) = self.node.signatures(self.set.rtype())
            && self.write_records(signatures, section, writer).is_err()
        {
            writer.rollback(mark);
            return Err(Full);
        }
        Ok(())
    }

    fn write_records(&self, set: RecordSet<'_>, section: Section, writer: &mut Writer<'_>) -> Result<(), Full> {
        let head = SetHead {
            ttl: self.ttl.unwrap_or(set.ttl()),
            ..head(self.owner, set)
        };
        writer.record_set(section, head, set.rdatas())
    }
}
