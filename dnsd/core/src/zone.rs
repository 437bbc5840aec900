//! A zone, compiled once and then only read: flat arenas in which names, record sets and data are numbers and ranges.
//!
//! Records come from a master file or a transfer through a [`ZoneBuilder`]; the answer path looks names up with
//! [`Zone::find`]; dumps, transfers and comparisons walk the nodes in canonical order. A zone never changes: a new version
//! is a new `Zone`, and whoever still reads the old one keeps it alive by its `Arc`.
//!
//! Empty non-terminals are nodes like others (RFC 4592 §2.2.2), so that whether a name exists is one probe of the index,
//! and the closest encloser is the longest tail that has a node. What the tree says about a node (its parent, its
//! wildcard child, the zone cut or DNAME above it) is written into the node when the zone is compiled.

mod builder;
pub mod check;
mod compile;
pub mod difference;
mod finding;
mod lookup;
mod neighbours;
mod node;
mod rdata_names;
mod soa;

pub use builder::ZoneBuilder;
pub use compile::{Compiled, Positions};
pub use finding::{Finding, FindingKind, Position, Severity};
pub use lookup::Lookup;
pub use node::{Node, Rdatas, RecordSet};
pub use soa::Soa;

pub(crate) use rdata_names::target_name;

use crate::name_index::NameIndex;
use node::{NodeData, SetData};

use crate::name::NameRef;
use crate::rrtype::Type;
use crate::serial::Serial;

/// "No such node" in a node's links.
const NONE: u32 = u32::MAX;

/// One version of a zone of class IN. It has exactly one SOA record, at its apex.
pub struct Zone {
    /// Owner names in uncompressed wire form, in the case in which they were first written.
    names: Box<[u8]>,
    /// In canonical order (RFC 4034 §6.1); the first is the apex.
    nodes: Box<[NodeData]>,
    /// Grouped by node, in the order of the nodes; within a node by type, signatures by the type they cover.
    sets: Box<[SetData]>,
    /// For each record of each set two octets of length and the data, in the order of the sets.
    rdata: Box<[u8]>,
    index: NameIndex,
    /// The nodes with NSEC3 records, in canonical order.
    nsec3: Box<[u32]>,
    soa: Soa,
    record_count: usize,
}

impl Zone {
    /// The name of the zone.
    pub fn origin(&self) -> NameRef<'_> {
        self.apex().name()
    }

    /// The node of the zone's own name.
    pub fn apex(&self) -> Node<'_> {
        self.node_at(0)
    }

    /// What the SOA record says.
    pub fn soa(&self) -> Soa {
        self.soa
    }

    /// The version of the zone.
    pub fn serial(&self) -> Serial {
        self.soa.serial
    }

    /// The SOA record itself.
    pub fn soa_set(&self) -> RecordSet<'_> {
        self.apex()
            .set(Type::SOA)
            .expect("a zone is only made with an SOA record at its apex")
    }

    /// How many records the zone has.
    pub fn record_count(&self) -> usize {
        self.record_count
    }

    /// Every node in canonical order, empty non-terminals and what lies below zone cuts included.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = Node<'_>> + ExactSizeIterator {
        (0..self.nodes.len() as u32).map(|number| self.node_at(number))
    }

    /// Octets on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.names.len()
            + self.rdata.len()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.sets)
            + size_of_val(&*self.nsec3)
            + self.index.heap_bytes()
    }

    fn node_at(&self, number: u32) -> Node<'_> {
        Node::new(self, number)
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zone")
            .field("origin", &self.origin())
            .field("serial", &self.serial())
            .field("records", &self.record_count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
