//! The authority section: who knows more, or what the zone says about names that aren't there. It is gathered while the
//! answer section is written, since every alias on the way may add a proof, and written behind it.

use super::denial::RECORDS_MAX;
use super::resolve::ALIASES_MAX;
use super::signed_set::SignedSet;
use crate::message::{Full, Section, Writer};
use crate::zone::{Node, RecordSet};

/// A proof of one record for each alias that is a wildcard's; at the end of the chain name servers, SOA or DS, and a
/// proof.
const SETS_MAX: usize = ALIASES_MAX + 1 + 2 + RECORDS_MAX;

/// What is to be written into the authority section.
pub(super) struct Authority<'a> {
    sets: [Option<Entry<'a>>; SETS_MAX],
    count: usize,
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    node: Node<'a>,
    set: RecordSet<'a>,
    /// The TTL if it isn't the set's.
    ttl: Option<u32>,
    /// Whether the answer can't do without it.
    required: bool,
}

impl<'a> Authority<'a> {
    pub(super) fn new() -> Self {
        Self {
            sets: [None; SETS_MAX],
            count: 0,
        }
    }

    /// Wants a set of a node, without which the answer is truncated.
    pub(super) fn require(&mut self, node: Node<'a>, set: RecordSet<'a>) {
        self.add(node, set, None, true);
    }

    /// The same with a TTL other than the set's.
    pub(super) fn require_with_ttl(&mut self, node: Node<'a>, set: RecordSet<'a>, ttl: u32) {
        self.add(node, set, Some(ttl), true);
    }

    /// Wants a set of a node if there is room.
    pub(super) fn offer(&mut self, node: Node<'a>, set: RecordSet<'a>) {
        self.add(node, set, None, false);
    }

    /// One record may prove several things, and is there once.
    fn add(&mut self, node: Node<'a>, set: RecordSet<'a>, ttl: Option<u32>, required: bool) {
        let known = self
            .entries()
            .any(|entry| entry.node == node && entry.set.rtype() == set.rtype());
        if !known && let Some(place) = self.sets.get_mut(self.count) {
            *place = Some(Entry {
                node,
                set,
                ttl,
                required,
            });
            self.count += 1;
        }
    }

    /// Writes the section. Gives whether what was offered is in it, too; `Full` when there is no room for what is
    /// required.
    pub(super) fn write(&self, dnssec_ok: bool, writer: &mut Writer<'_>) -> Result<bool, Full> {
        let mark = writer.mark();
        if self.write_entries(dnssec_ok, writer, |_| true).is_ok() {
            return Ok(true);
        }
        writer.rollback(mark);
        self.write_entries(dnssec_ok, writer, |entry| entry.required)?;
        Ok(false)
    }

    /// Writes entries in the order in which their owners came, the sets of one owner together, as BIND does.
    fn write_entries(
        &self,
        dnssec_ok: bool,
        writer: &mut Writer<'_>,
        is_wanted: impl Fn(&Entry<'a>) -> bool,
    ) -> Result<(), Full> {
        for (n, first) in self.entries().enumerate() {
            if self.entries().take(n).any(|entry| entry.node == first.node) {
                continue;
            }
            let of_owner = self.entries().skip(n).filter(|entry| entry.node == first.node);
            for entry in of_owner.filter(|entry| is_wanted(entry)) {
                let set = SignedSet {
                    owner: entry.node.name(),
                    node: entry.node,
                    set: entry.set,
                    ttl: entry.ttl,
                };
                set.write(Section::Authority, dnssec_ok, writer)?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.sets[..self.count].iter().flatten()
    }
}
