//! A node as it is stored: one run of octets with everything that an answer needs of it, so that whoever has found it has
//! it in one or two lines of the processor's cache.
//!
//! ```text
//! 2  number of record sets     1  length of the name     1  flags     4  place of the parent
//! 4  place of the wildcard child    4  place of the barrier         with the LINKS flag only
//! n  the name, uncompressed, in the case in which it was first written
//! 4  for each set: where it starts behind this list                 with DIRECTORY_SETS_MIN sets and more only
//! for each set, by type, signatures by the type they cover:
//!    2  number of records     2  length of the records     n  the records, ready to be copied into a message
//! ```
//!
//! Numbers are little-endian. A record has the first question's name for its owner, by a pointer: `C0 0C`, type, class,
//! TTL, length and data (RFC 1035 §3.2.1, §4.1.4).

use super::{NONE, RecordSet};
use crate::name::NameRef;
use crate::rrtype::Type;

/// It has NS records and isn't the apex: a zone cut.
pub(super) const DELEGATION: u8 = 1;
/// It has a DNAME record.
pub(super) const DNAME: u8 = 2;
/// It has a CNAME record.
pub(super) const CNAME: u8 = 4;
/// It has NSEC3 records.
pub(super) const NSEC3: u8 = 8;
/// It has records that are neither NSEC3 nor its signatures.
pub(super) const DATA: u8 = 16;
/// There are names below it.
pub(super) const PARENT: u8 = 32;
/// The places of a wildcard child and a barrier stand in front of the name.
pub(super) const LINKS: u8 = 64;

/// Octets in front of the name, and of the links between them.
const HEAD_BYTES: usize = 8;
const LINKS_BYTES: usize = 8;
/// Octets in front of a set's records.
pub(super) const SET_HEAD_BYTES: usize = 4;
/// From so many sets on there is a list of where they start: a name may have a set of each of 65,535 types, and sixteen
/// are found faster by looking at them than by halving.
pub(super) const DIRECTORY_SETS_MIN: usize = 16;
/// More sets than a name can have here: the number is stored in two octets.
pub(super) const SETS_MAX: usize = u16::MAX as usize;

/// The octets of a node, and what may follow them in the arena.
#[derive(Clone, Copy)]
pub(super) struct Block<'z> {
    head: u64,
    /// Links, name, directory and sets.
    body: &'z [u8],
}

/// The parts of the head and the links, to write them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) sets: u16,
    pub(super) name_len: u8,
    pub(super) flags: u8,
    pub(super) parent: u32,
    pub(super) wildcard: u32,
    pub(super) barrier: u32,
}

impl<'z> Block<'z> {
    pub(super) fn at(octets: &'z [u8]) -> Self {
        let (head, body) = octets.split_first_chunk().expect("a place is where a block starts");
        Self {
            head: u64::from_le_bytes(*head),
            body,
        }
    }

    pub(super) fn set_count(self) -> usize {
        usize::from(self.head as u16)
    }

    pub(super) fn flags(self) -> u8 {
        (self.head >> 24) as u8
    }

    /// Whether it has any of these flags.
    pub(super) fn is(self, flags: u8) -> bool {
        self.flags() & flags != 0
    }

    pub(super) fn parent(self) -> u32 {
        (self.head >> 32) as u32
    }

    /// The child whose label is `*`.
    pub(super) fn wildcard(self) -> u32 {
        if self.is(LINKS) { self.link(0) } else { NONE }
    }

    /// What keeps the zone from being authoritative for this node, which stands at `place`: the highest zone cut at or
    /// above it, or the highest DNAME above it. A cut with nothing above it doesn't say that it is its own.
    pub(super) fn barrier(self, place: u32) -> u32 {
        match self.flags() & (LINKS | DELEGATION) {
            0 => NONE,
            DELEGATION => place,
            _ => self.link(4),
        }
    }

    fn link(self, at: usize) -> u32 {
        self.body[at..]
            .first_chunk()
            .map_or(NONE, |octets| u32::from_le_bytes(*octets))
    }

    /// The name's octets.
    pub(super) fn name_wire(self) -> &'z [u8] {
        let start = self.name_start();
        &self.body[start..start + self.name_len()]
    }

    pub(super) fn name(self) -> NameRef<'z> {
        NameRef::trusted(self.name_wire())
    }

    /// The record sets, in order.
    pub(super) fn sets(self) -> Sets<'z> {
        let start = self.name_end() + self.directory_bytes();
        Sets::at(&self.body[start..], self.set_count())
    }

    /// The record sets in stored form.
    pub(super) fn stored_sets(self) -> &'z [u8] {
        let sets = &self.body[self.name_end() + self.directory_bytes()..];
        let bytes = self.sets().map(|set| SET_HEAD_BYTES + set.wire().len()).sum();
        &sets[..bytes]
    }

    /// The set of this type, or of signatures over one.
    pub(super) fn set(self, rtype: Type, covers: Type) -> Option<RecordSet<'z>> {
        if self.directory_bytes() == 0 {
            return self.sets().find(|set| set.rtype() == rtype && set.covers() == covers);
        }
        let (directory, sets) = self.body[self.name_end()..].split_at_checked(self.directory_bytes())?;
        let (starts, _) = directory.as_chunks::<4>();
        let set_at = |start: &[u8; 4]| RecordSet::at(&sets[u32::from_le_bytes(*start) as usize..]).0;
        let place = starts
            .binary_search_by_key(&(rtype, covers), |start| {
                let set = set_at(start);
                (set.rtype(), set.covers())
            })
            .ok()?;
        Some(set_at(&starts[place]))
    }

    fn name_len(self) -> usize {
        usize::from((self.head >> 16) as u8)
    }

    fn name_start(self) -> usize {
        if self.is(LINKS) { LINKS_BYTES } else { 0 }
    }

    fn name_end(self) -> usize {
        self.name_start() + self.name_len()
    }

    fn directory_bytes(self) -> usize {
        directory_bytes(self.set_count())
    }
}

/// Octets of the list of where so many sets start.
pub(super) fn directory_bytes(sets: usize) -> usize {
    if sets < DIRECTORY_SETS_MIN { 0 } else { 4 * sets }
}

impl Head {
    /// A block's octets without its name and sets.
    pub(super) fn bytes(self) -> usize {
        let links = if self.has_links() { LINKS_BYTES } else { 0 };
        HEAD_BYTES + links + directory_bytes(usize::from(self.sets))
    }

    /// Whether the links have to be written: most nodes have neither a wildcard child nor a barrier other than themselves.
    fn has_links(self) -> bool {
        self.flags & LINKS != 0
    }

    /// The octets in front of links and name.
    fn numbers(self) -> [u8; HEAD_BYTES] {
        let numbers = u64::from(self.sets)
            | u64::from(self.name_len) << 16
            | u64::from(self.flags) << 24
            | u64::from(self.parent) << 32;
        numbers.to_le_bytes()
    }

    /// Writes a block of `name` and `sets`, which are in stored form, to all of `out`.
    pub(super) fn write(self, name: &[u8], sets: &[u8], out: &mut [u8]) {
        let (head, mut rest) = out.split_at_mut(HEAD_BYTES);
        head.copy_from_slice(&self.numbers());
        if self.has_links() {
            let (links, behind) = rest.split_at_mut(LINKS_BYTES);
            links.copy_from_slice(&(u64::from(self.wildcard) | u64::from(self.barrier) << 32).to_le_bytes());
            rest = behind;
        }
        let (name_out, rest) = rest.split_at_mut(name.len());
        name_out.copy_from_slice(name);
        let (directory, sets_out) = rest.split_at_mut(directory_bytes(usize::from(self.sets)));
        let mut at = 0;
        for start in directory.as_chunks_mut().0 {
            *start = (at as u32).to_le_bytes();
            at += RecordSet::at(&sets[at..]).1;
        }
        sets_out.copy_from_slice(sets);
    }
}

/// Record sets, one behind the other.
#[derive(Debug, Clone)]
pub(super) struct Sets<'z> {
    rest: &'z [u8],
    left: usize,
}

impl<'z> Sets<'z> {
    /// So many sets in stored form at the start of `octets`.
    pub(super) fn at(octets: &'z [u8], count: usize) -> Self {
        Self {
            rest: octets,
            left: count,
        }
    }
}

impl<'z> Iterator for Sets<'z> {
    type Item = RecordSet<'z>;

    fn next(&mut self) -> Option<RecordSet<'z>> {
        self.left = self.left.checked_sub(1)?;
        let (set, bytes) = RecordSet::at(self.rest);
        self.rest = &self.rest[bytes..];
        Some(set)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Sets<'_> {}
