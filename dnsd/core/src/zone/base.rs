//! A zone as it was compiled: what its versions have in common until enough has changed for it to be made anew.

use super::block::Block;
use crate::name::NameRef;
use crate::name_index::NameIndex;
use crate::search_name::SearchName;

/// All nodes of a zone at some time.
pub(super) struct Base {
    /// A block for each node, in canonical order.
    pub(super) arena: Box<[u8]>,
    /// Places of nodes by the hashes of their names.
    pub(super) index: NameIndex,
    /// The places of the nodes, in canonical order (RFC 4034 §6.1); the first is the apex.
    pub(super) order: Box<[u32]>,
    /// Those among them that have NSEC3 records.
    pub(super) nsec3: Box<[u32]>,
}

impl Base {
    /// The node at a place.
    pub(super) fn block(&self, place: u32) -> Block<'_> {
        Block::at(&self.arena[place as usize..])
    }

    /// The place of the node whose name is the tail of a name.
    pub(super) fn probe(&self, name: &SearchName, skipped: usize) -> Option<u32> {
        let tail = name.tail(skipped);
        self.index
            .find(name.hash(skipped), |place| is_name(self.block(place).name_wire(), tail))
    }

    /// Reads the start of a node, as far as it lies in two lines of the cache: head, name and the records of most names.
    pub(super) fn fetch(&self, place: u32) -> u8 {
        const LINE_BYTES: usize = 64;
        let octet = |at: usize| self.arena.get(at).copied().unwrap_or(0);
        octet(place as usize) ^ octet(place as usize + LINE_BYTES)
    }

    /// How many nodes stand at or before `name`.
    pub(super) fn rank_behind(&self, name: NameRef<'_>) -> usize {
        self.order.partition_point(|&place| self.block(place).name() <= name)
    }

    /// The place among all nodes of the one at `place`.
    pub(super) fn rank_of(&self, place: u32) -> usize {
        self.order.partition_point(|&other| other < place)
    }

    /// The place of the last node with NSEC3 records at or before `name`, or of the last of all.
    pub(super) fn nsec3_at_or_before(&self, name: Option<NameRef<'_>>) -> Option<u32> {
        self.nsec3_to(name).last().copied()
    }

    /// The nodes with NSEC3 records at or before `name`, or all of them.
    pub(super) fn nsec3_to(&self, name: Option<NameRef<'_>>) -> &[u32] {
        let behind = name.map(|name| self.nsec3.partition_point(|&place| self.block(place).name() <= name));
        &self.nsec3[..behind.unwrap_or(self.nsec3.len())]
    }

    /// Octets on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.arena.len() + size_of_val(&*self.order) + size_of_val(&*self.nsec3) + self.index.heap_bytes()
    }
}

/// Whether a stored name is `lower_case`. Most are stored in lower case.
pub(super) fn is_name(stored: &[u8], lower_case: &[u8]) -> bool {
    stored == lower_case || stored.eq_ignore_ascii_case(lower_case)
}
