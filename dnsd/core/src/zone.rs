//! A zone, compiled once and then only read: a block of octets for each name, which holds all that answers need of it.
//!
//! Records come from a master file or a transfer through a [`ZoneBuilder`]; the answer path looks names up with
//! [`Zone::find`]; dumps, transfers and comparisons walk the nodes in canonical order. A zone never changes: a new version
//! is a new `Zone`, and whoever still reads the old one keeps it alive by its `Arc`.
//!
//! Empty non-terminals are nodes like others (RFC 4592 §2.2.2), so that whether a name exists is one probe of the index,
//! and the closest encloser is the longest tail that has a node. What the tree says about a node (its parent, its
//! wildcard child, the zone cut or DNAME above it) is written into the node when the zone is compiled.
//!
//! What a query costs in a large zone is what it touches that isn't in the processor's cache: a slot of the index, and
//! the block that it names, in which the name is followed by the records as they are sent.

mod base;
mod block;
mod builder;
mod change;
pub mod check;
mod compile;
pub mod difference;
mod expiration;
mod features;
mod finding;
mod lookup;
mod merge;
mod neighbours;
mod node;
mod open_run;
mod order_key;
mod overlay;
mod positions;
mod rdata_names;
mod record_set;
mod runs;
mod soa;
mod tree;

pub use builder::ZoneBuilder;
pub use change::SetChange;
pub use compile::Compiled;
pub use expiration::Expiration;
pub use finding::{Finding, FindingKind, Position, Severity};
pub use lookup::Lookup;
pub use node::Node;
pub use positions::Positions;
pub use record_set::{Rdatas, RecordSet};
pub use soa::Soa;

pub(crate) use rdata_names::{compare_rdata, target_name};
pub(crate) use record_set::RECORD_HEAD_BYTES;

use std::sync::{Arc, OnceLock};

use base::Base;
use features::Features;
use overlay::Overlay;

use crate::answer::Prepared;
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::serial::Serial;

/// "No such node" in a node's links.
const NONE: u32 = u32::MAX;
/// Places of nodes are below this.
const PLACES_MAX: usize = 1 << 31;

/// One version of a zone of class IN. It has exactly one SOA record, at its apex.
pub struct Zone {
    base: Arc<Base>,
    /// What has changed since the base was compiled, if anything has.
    overlay: Option<Box<Overlay>>,
    soa: Soa,
    record_count: usize,
    features: Features,
    origin_labels: u8,
    /// What is made of it for answers when it is first asked. Most of many zones are hardly ever asked.
    prepared: OnceLock<Box<Prepared>>,
}

impl Zone {
    fn new(base: Arc<Base>, overlay: Option<Box<Overlay>>, soa: Soa, record_count: usize, features: Features) -> Self {
        Self {
            origin_labels: base.block(0).name().label_count() as u8,
            base,
            overlay,
            soa,
            record_count,
            features,
            prepared: OnceLock::new(),
        }
    }

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
        self.nodes_from(0)
    }

    /// The same from the node on before which so many stand.
    pub(crate) fn nodes_from(&self, first: usize) -> impl DoubleEndedIterator<Item = Node<'_>> + ExactSizeIterator {
        (first..self.node_count()).map(|position| self.node_at(self.place_at(position)))
    }

    /// Whether there may be signatures or proofs that something isn't there (RFC 4034, RFC 5155).
    pub fn has_dnssec(&self) -> bool {
        self.features.contains(Features::DNSSEC)
    }

    /// Whether there may be TLSA records (RFC 6698).
    pub fn has_tlsa(&self) -> bool {
        self.features.contains(Features::TLSA)
    }

    /// Sections that are the same in many answers.
    pub(crate) fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(Box::default)
    }

    /// Octets on the heap. What versions of a zone have in common is counted by each.
    pub fn heap_bytes(&self) -> usize {
        let overlay = self.overlay.as_ref().map_or(0, |overlay| overlay.heap_bytes());
        size_of::<Base>() + self.base.heap_bytes() + overlay
    }

    fn node_at(&self, place: u32) -> Node<'_> {
        let (place, block) = match &self.overlay {
            None => (place, self.base.block(place)),
            Some(overlay) => overlay.resolve(&self.base, place),
        };
        Node::new(self, place, block)
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
