//! A name of a zone and the record sets it owns, as views into the zone's arenas.

use super::{NONE, Zone};
use crate::name::NameRef;
use crate::rrtype::Type;

/// A node as it is stored: 28 octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeData {
    /// The hash of the whole name, so that comparing names is the exception.
    pub(super) hash: u32,
    /// Where the name starts in the arena.
    pub(super) name: u32,
    /// The name's length in octets.
    pub(super) name_len: u8,
    /// See the constants of this type.
    pub(super) flags: u8,
    pub(super) parent: u32,
    /// The child whose label is `*`.
    pub(super) wildcard: u32,
    /// What keeps the zone from being authoritative for this node: the highest zone cut at or above it, or the highest
    /// DNAME above it. `NONE` for a node the zone is authoritative for.
    pub(super) barrier: u32,
    /// The first of its sets; the next node's first ends them.
    pub(super) sets: u32,
}

impl NodeData {
    /// A node without name, links or sets, to be filled in.
    pub(super) const EMPTY: Self = Self {
        hash: 0,
        name: 0,
        name_len: 0,
        flags: 0,
        parent: NONE,
        wildcard: NONE,
        barrier: NONE,
        sets: 0,
    };

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
}

/// A record set as it is stored: 16 octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct SetData {
    pub(super) rdata: u32,
    pub(super) ttl: u32,
    pub(super) count: u32,
    pub(super) rtype: Type,
    /// The type that an RRSIG set covers; zero for all other types.
    pub(super) covers: Type,
}

/// A name of a zone.
#[derive(Clone, Copy)]
pub struct Node<'z> {
    zone: &'z Zone,
    number: u32,
}

impl<'z> Node<'z> {
    pub(super) fn new(zone: &'z Zone, number: u32) -> Self {
        Self { zone, number }
    }

    pub(super) fn data(self) -> &'z NodeData {
        &self.zone.nodes[self.number as usize]
    }

    /// The zone it belongs to.
    pub fn zone(self) -> &'z Zone {
        self.zone
    }

    /// Its place in the canonical order of the zone's nodes: 0 for the apex.
    pub fn number(self) -> u32 {
        self.number
    }

    /// The name, in the case in which it was written.
    pub fn name(self) -> NameRef<'z> {
        let data = self.data();
        let start = data.name as usize;
        NameRef::from_wire(&self.zone.names[start..start + usize::from(data.name_len)])
            .expect("the builder puts whole names into the arena")
    }

    /// Whether this is the zone's own name.
    pub fn is_apex(self) -> bool {
        self.number == 0
    }

    /// Whether it owns nothing and is there only because names below it are (RFC 4592 §2.2.2).
    pub fn is_empty(self) -> bool {
        self.set_range().is_empty()
    }

    /// Whether another zone starts here.
    pub fn is_delegation(self) -> bool {
        self.data().flags & NodeData::DELEGATION != 0
    }

    /// Whether it has a CNAME record.
    pub fn has_cname(self) -> bool {
        self.data().flags & NodeData::CNAME != 0
    }

    /// Whether it has a DNAME record.
    pub fn has_dname(self) -> bool {
        self.data().flags & NodeData::DNAME != 0
    }

    /// Whether its name is a hash with NSEC3 records and nothing else: no name that a question can find (RFC 5155 §7.2.8).
    pub fn is_hash(self) -> bool {
        let kinds = NodeData::NSEC3 | NodeData::DATA | NodeData::PARENT;
        self.data().flags & kinds == NodeData::NSEC3
    }

    /// What keeps the zone from being authoritative for this node: the highest zone cut at or above it, or the highest
    /// DNAME above it. The records of a node below one are at most glue.
    pub fn barrier(self) -> Option<Node<'z>> {
        self.linked(self.data().barrier)
    }

    /// The node of the name one label shorter; the apex has none.
    pub fn parent(self) -> Option<Node<'z>> {
        self.linked(self.data().parent)
    }

    /// The node below this one whose label is `*`.
    pub fn wildcard_child(self) -> Option<Node<'z>> {
        self.linked(self.data().wildcard)
    }

    fn linked(self, number: u32) -> Option<Node<'z>> {
        (number != NONE).then(|| Self::new(self.zone, number))
    }

    fn set_range(self) -> std::ops::Range<usize> {
        let nodes = &self.zone.nodes;
        let end = nodes
            .get(self.number as usize + 1)
            .map_or(self.zone.sets.len(), |next| next.sets as usize);
        self.data().sets as usize..end
    }

    /// Its record sets, by type; signatures are a set for each type they cover.
    pub fn sets(self) -> impl Iterator<Item = RecordSet<'z>> + Clone {
        let zone = self.zone;
        self.set_range().map(move |number| RecordSet {
            zone,
            number: number as u32,
        })
    }

    /// Its records of a type other than RRSIG.
    pub fn set(self, rtype: Type) -> Option<RecordSet<'z>> {
        self.set_of(rtype, Type(0))
    }

    /// The signatures over its records of a type.
    pub fn signatures(self, covered: Type) -> Option<RecordSet<'z>> {
        self.set_of(Type::RRSIG, covered)
    }

    /// By halving: a name may have a set of each of 65,535 types.
    fn set_of(self, rtype: Type, covers: Type) -> Option<RecordSet<'z>> {
        let range = self.set_range();
        let place = self.zone.sets[range.clone()].binary_search_by_key(&(rtype, covers), |set| (set.rtype, set.covers));
        place.ok().map(|place| RecordSet {
            zone: self.zone,
            number: (range.start + place) as u32,
        })
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.zone, other.zone) && self.number == other.number
    }
}

impl Eq for Node<'_> {}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.name())
    }
}

/// The records of one name and type.
#[derive(Clone, Copy)]
pub struct RecordSet<'z> {
    zone: &'z Zone,
    number: u32,
}

impl<'z> RecordSet<'z> {
    fn data(self) -> &'z SetData {
        &self.zone.sets[self.number as usize]
    }

    /// Its place among the sets of the zone.
    pub(super) fn number(self) -> u32 {
        self.number
    }

    /// The records' type.
    pub fn rtype(self) -> Type {
        self.data().rtype
    }

    /// The type that these signatures cover; type 0 for anything but RRSIG.
    pub fn covers(self) -> Type {
        self.data().covers
    }

    /// Seconds that the records may be cached.
    pub fn ttl(self) -> u32 {
        self.data().ttl
    }

    /// How many records there are, at least one.
    pub fn count(self) -> usize {
        self.data().count as usize
    }

    /// Each record's data in uncompressed wire form, in canonical order (RFC 4034 §6.3).
    pub fn rdatas(self) -> Rdatas<'z> {
        Rdatas {
            rest: &self.zone.rdata[self.data().rdata as usize..],
            count: self.count(),
        }
    }
}

impl std::fmt::Debug for RecordSet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordSet({}, {} records)", self.rtype(), self.count())
    }
}

/// The data of a set's records.
#[derive(Debug, Clone)]
pub struct Rdatas<'z> {
    rest: &'z [u8],
    count: usize,
}

impl<'z> Iterator for Rdatas<'z> {
    type Item = &'z [u8];

    fn next(&mut self) -> Option<&'z [u8]> {
        self.count = self.count.checked_sub(1)?;
        let (length, rest) = self.rest.split_first_chunk::<2>()?;
        let (rdata, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.rest = rest;
        Some(rdata)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Rdatas<'_> {}
