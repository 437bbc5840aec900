//! A name of a zone and the record sets it owns, as a view of the octets that they are stored as.

use super::block::{Block, CNAME, DATA, DELEGATION, DNAME, NSEC3, PARENT};
use super::overlay::IN_OVERLAY;
use super::{NONE, RecordSet, Zone};
use crate::name::NameRef;
use crate::rrtype::Type;

/// A name of a zone.
#[derive(Clone, Copy)]
pub struct Node<'z> {
    zone: &'z Zone,
    place: u32,
    block: Block<'z>,
}

impl<'z> Node<'z> {
    pub(super) fn new(zone: &'z Zone, place: u32, block: Block<'z>) -> Self {
        Self { zone, place, block }
    }

    /// The zone it belongs to.
    pub fn zone(self) -> &'z Zone {
        self.zone
    }

    /// A number that no other node of this version of the zone has. It says nothing else.
    pub fn number(self) -> u32 {
        self.place
    }

    pub(super) fn block(self) -> Block<'z> {
        self.block
    }

    /// The name, in the case in which it was written.
    pub fn name(self) -> NameRef<'z> {
        self.block.name()
    }

    /// Whether this is the zone's own name.
    pub fn is_apex(self) -> bool {
        self.block.parent() == NONE
    }

    /// Whether it owns nothing and is there only because names below it are (RFC 4592 §2.2.2).
    pub fn is_empty(self) -> bool {
        self.block.set_count() == 0
    }

    /// Whether another zone starts here.
    pub fn is_delegation(self) -> bool {
        self.block.is(DELEGATION)
    }

    /// Whether it has a CNAME record.
    pub fn has_cname(self) -> bool {
        self.block.is(CNAME)
    }

    /// Whether it has a DNAME record.
    pub fn has_dname(self) -> bool {
        self.block.is(DNAME)
    }

    /// Whether its name is a hash with NSEC3 records and nothing else: no name that a question can find (RFC 5155 §7.2.8).
    pub fn is_hash(self) -> bool {
        self.block.flags() & (NSEC3 | DATA | PARENT) == NSEC3
    }

    /// What keeps the zone from being authoritative for this node: the highest zone cut at or above it, or the highest
    /// DNAME above it. The records of a node below one are at most glue.
    pub fn barrier(self) -> Option<Node<'z>> {
        match &self.zone.overlay {
            Some(overlay) if overlay.barriers_moved || self.place & IN_OVERLAY != 0 => self.topmost_barrier(),
            _ => self.linked(self.block.barrier(self.place)),
        }
    }

    /// The barrier as it follows from the nodes above, for where it isn't written down.
    fn topmost_barrier(self) -> Option<Node<'z>> {
        let is_barrier = |node: &Node<'z>| node.is_delegation() || (node.has_dname() && *node != self);
        std::iter::successors(Some(self), |node| node.parent())
            .filter(is_barrier)
            .last()
    }

    /// The node of the name one label shorter; the apex has none.
    pub fn parent(self) -> Option<Node<'z>> {
        self.linked(self.block.parent())
    }

    /// The node below this one whose label is `*`.
    pub fn wildcard_child(self) -> Option<Node<'z>> {
        self.linked(self.block.wildcard())
    }

    fn linked(self, place: u32) -> Option<Node<'z>> {
        (place != NONE).then(|| self.zone.node_at(place))
    }

    /// Its record sets, by type; signatures are a set for each type they cover.
    pub fn sets(self) -> impl ExactSizeIterator<Item = RecordSet<'z>> + Clone {
        self.block.sets()
    }

    /// Its records of a type other than RRSIG.
    pub fn set(self, rtype: Type) -> Option<RecordSet<'z>> {
        self.block.set(rtype, Type(0))
    }

    /// The signatures over its records of a type.
    pub fn signatures(self, covered: Type) -> Option<RecordSet<'z>> {
        self.block.set(Type::RRSIG, covered)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.zone, other.zone) && self.place == other.place
    }
}

impl Eq for Node<'_> {}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.name())
    }
}
