//! Where the record sets of a zone were read: needed while it is checked, not while it is served.

use super::{Node, Position, RecordSet};

/// Where the record sets of one zone were read.
#[derive(Default)]
pub struct Positions {
    /// Of each node in canonical order: where the position of its first set is.
    pub(super) starts: Vec<u32>,
    pub(super) positions: Vec<Position>,
}

impl Positions {
    /// Where the first record of a set of `node`, a node of the zone that was compiled with these, was read.
    pub fn of(&self, node: Node<'_>, set: RecordSet<'_>) -> Option<Position> {
        let key = |set: RecordSet<'_>| (set.rtype(), set.covers());
        let number = node.sets().position(|other| key(other) == key(set))?;
        let start = *self.starts.get(node.position())? as usize;
        self.positions.get(start + number)?.known()
    }
}
