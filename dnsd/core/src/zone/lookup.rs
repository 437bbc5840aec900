//! Where a name is in a zone: what RFC 1034 §4.3.2 step 3 walks down label by label is here one probe for a name that
//! exists and a search over the tails of one that doesn't.

use super::{Node, Zone};
use crate::search_name::SearchName;

/// What a zone knows of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'z> {
    /// The name exists and the zone is authoritative for it. It may own nothing: an empty non-terminal.
    Exact(Node<'z>),
    /// Another zone has the name: the topmost zone cut at or above it.
    Delegation {
        /// The node with the NS records.
        cut: Node<'z>,
        /// Whether the name is the cut's own: its DS records are on this side (RFC 4035 §3.1.4.1).
        at_cut: bool,
    },
    /// The name is below one with a DNAME record and so another name's alias (RFC 6672 §2.3).
    Dname(Node<'z>),
    /// The name doesn't exist, but a wildcard covers it (RFC 4592 §3.3.1).
    Wildcard {
        /// The source of synthesis, `*.` and the closest encloser. It may own nothing.
        source: Node<'z>,
        /// The longest existing tail of the name.
        encloser: Node<'z>,
    },
    /// The name doesn't exist.
    NoName {
        /// The longest existing tail of the name.
        encloser: Node<'z>,
    },
    /// The name isn't at or below the zone's origin.
    OutOfZone,
}

impl Zone {
    /// Looks a name up.
    pub fn find(&self, name: &SearchName) -> Lookup<'_> {
        let Some((mut node, skipped)) = self.closest(name) else {
            return Lookup::OutOfZone;
        };
        let mut exact = skipped == 0;
        if let Some(barrier) = node.barrier() {
            return if barrier.is_delegation() {
                Lookup::Delegation {
                    cut: barrier,
                    at_cut: exact && barrier == node,
                }
            } else {
                Lookup::Dname(barrier)
            };
        }
        if node.is_hash()
            && let Some(parent) = node.parent()
        {
            (node, exact) = (parent, false);
        }
        if exact {
            return Lookup::Exact(node);
        }
        if node.has_dname() {
            return Lookup::Dname(node);
        }
        match node.wildcard_child() {
            Some(source) => Lookup::Wildcard { source, encloser: node },
            None => Lookup::NoName { encloser: node },
        }
    }

    /// The node of exactly this name, whatever stands above it: glue too.
    pub fn node(&self, name: &SearchName) -> Option<Node<'_>> {
        self.probe(name, 0)
    }

    /// Reads what [`Zone::place_by_hash`] will look at, for the cache's sake. The number means nothing.
    pub(crate) fn fetch_index(&self, hash: u32) -> u64 {
        self.base.index.fetch(hash)
    }

    /// The place of a node of the compiled zone whose name has this hash: nearly always the one that was meant.
    pub(crate) fn place_by_hash(&self, hash: u32) -> Option<u32> {
        self.base.index.find(hash, |_| true)
    }

    /// Reads what a look-up that ends at `place` will look at, for the cache's sake. The number means nothing.
    pub(crate) fn fetch_node(&self, place: u32) -> u64 {
        self.base.fetch(place).into()
    }

    /// The node of the longest existing tail of `name`, and how many labels are in front of it.
    ///
    /// Every ancestor of a node up to the apex is a node, so "this tail exists" holds for all tails up to some length
    /// and for none beyond it: after the name itself and its parent, which are nearly always the answer, the border is
    /// found by halving, and a name of many labels costs no more than seven probes.
    fn closest(&self, name: &SearchName) -> Option<(Node<'_>, usize)> {
        let below = name.label_count().checked_sub(usize::from(self.origin_labels))?;
        // `missing` tails up to here don't exist, as far as is known; the apex, if the name is in the zone, does.
        for skipped in 0..=below.min(1) {
            if let Some(node) = self.probe(name, skipped) {
                return Some((node, skipped));
            }
        }
        let mut best = (self.probe(name, below)?, below);
        let mut missing = 1;
        while best.1 - missing > 1 {
            let middle = missing + (best.1 - missing) / 2;
            match self.probe(name, middle) {
                Some(node) => best = (node, middle),
                None => missing = middle,
            }
        }
        Some(best)
    }

    fn probe(&self, name: &SearchName, skipped: usize) -> Option<Node<'_>> {
        let place = match &self.overlay {
            None => self.base.probe(name, skipped),
            Some(overlay) => overlay.probe(&self.base, name, skipped),
        };
        place.map(|place| self.node_at(place))
    }
}
