//! What has changed since a zone was compiled: nodes that stand for those of the base with the same names, nodes that
//! are new, and nodes that are gone. Small beside the base, and copied with every change; see [`super::change`].

use std::sync::Arc;

use super::base::{Base, is_name};
use super::block::{Block, NSEC3};
use crate::name::NameRef;
use crate::name_index::NameIndex;
use crate::search_name::SearchName;

/// In a place: it is the number of a node of the overlay.
pub(super) const IN_OVERLAY: u32 = 1 << 31;

/// The nodes of a zone that aren't the base's, and how both are read as one.
///
/// A node of the overlay keeps its number as long as it is there, whatever becomes of its content, and nodes are linked by
/// number. A link to a node of the base means what stands for that node now.
#[derive(Clone)]
pub(super) struct Overlay {
    /// By number. `None`: a node of the base that is gone, or one of the overlay's own that is.
    pub(super) nodes: Vec<Option<Arc<[u8]>>>,
    /// Numbers by the hashes of names; those of nodes that are gone among them.
    pub(super) index: NameIndex,
    /// In canonical order: the nodes of the overlay, and those of the base that are gone.
    pub(super) entries: Vec<Entry>,
    /// Whether names of the base have got or lost a zone cut or a DNAME above them since they were compiled.
    pub(super) barriers_moved: bool,
    read: Reading,
}

/// A name about which base and overlay differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// How many nodes of the base stand before it.
    pub(super) rank: u32,
    /// Whether the base has the name: at that rank.
    pub(super) in_base: bool,
    pub(super) number: u32,
}

/// What follows from the entries, made of them after each change.
#[derive(Clone, Default)]
struct Reading {
    /// Nodes of the base that aren't read, by place, and the numbers of those that stand for them.
    replaced: Vec<(u32, u32)>,
    segments: Vec<Segment>,
    /// Numbers of nodes with NSEC3 records, in canonical order.
    nsec3: Vec<u32>,
    node_count: usize,
}

/// Neighbours in canonical order: one node of the overlay, or many of the base.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// How many nodes stand before it.
    position: usize,
    /// How many nodes of the base do, read or not.
    rank: usize,
    number: Option<u32>,
}

impl Overlay {
    /// The overlay of a zone that is as it was compiled.
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            index: NameIndex::with_capacity(0),
            entries: Vec::new(),
            barriers_moved: false,
            read: Reading::default(),
        }
    }

    /// The node of this number, if it is there.
    pub(super) fn block(&self, number: u32) -> Option<Block<'_>> {
        self.nodes.get(number as usize)?.as_deref().map(Block::at)
    }

    /// The name of an entry, of a node that is gone too.
    pub(super) fn name_of<'o>(&'o self, base: &'o Base, entry: &Entry) -> NameRef<'o> {
        match self.block(entry.number) {
            Some(block) => block.name(),
            None => base.block(base.order[entry.rank as usize]).name(),
        }
    }

    /// The node that a link to `place` means, and its own place.
    pub(super) fn resolve<'o>(&'o self, base: &'o Base, place: u32) -> (u32, Block<'o>) {
        let number = if place & IN_OVERLAY != 0 {
            Some(place & !IN_OVERLAY)
        } else {
            self.replacement(place)
        };
        number
            .and_then(|number| Some((number | IN_OVERLAY, self.block(number)?)))
            .unwrap_or_else(|| (place, base.block(place)))
    }

    /// The place of the node whose name is the tail of a name.
    pub(super) fn probe(&self, base: &Base, name: &SearchName, skipped: usize) -> Option<u32> {
        let tail = name.tail(skipped);
        let is_it = |number| self.block(number).is_some_and(|block| is_name(block.name_wire(), tail));
        if let Some(number) = self.index.find(name.hash(skipped), is_it) {
            return Some(number | IN_OVERLAY);
        }
        let place = base.probe(name, skipped)?;
        self.replacement(place).is_none().then_some(place)
    }

    /// The number of what stands for a node of the base, or says that it is gone.
    fn replacement(&self, place: u32) -> Option<u32> {
        let replaced = &self.read.replaced;
        let at = replaced.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(replaced[at].1)
    }

    /// How many nodes the zone has.
    pub(super) fn node_count(&self) -> usize {
        self.read.node_count
    }

    /// The place of the node before which so many stand in canonical order.
    pub(super) fn place_at(&self, base: &Base, position: usize) -> u32 {
        let segments = &self.read.segments;
        let segment = segments[segments.partition_point(|segment| segment.position <= position) - 1];
        match segment.number {
            Some(number) => number | IN_OVERLAY,
            None => base.order[segment.rank + position - segment.position],
        }
    }

    /// How many nodes stand at or before `name`.
    pub(super) fn position_behind(&self, base: &Base, name: NameRef<'_>) -> usize {
        let first_name = |segment: &Segment| match segment.number.and_then(|number| self.block(number)) {
            Some(block) => block.name(),
            None => base.block(base.order[segment.rank]).name(),
        };
        let segments = &self.read.segments;
        let behind = segments.partition_point(|segment| first_name(segment) <= name);
        let Some(at) = behind.checked_sub(1) else { return 0 };
        let segment = segments[at];
        let next = segments.get(behind).map_or(self.read.node_count, |next| next.position);
        if segment.number.is_some() {
            return next;
        }
        let ranks = segment.rank..segment.rank + (next - segment.position);
        segment.position + base.order[ranks].partition_point(|&place| base.block(place).name() <= name)
    }

    /// The place of the last node with NSEC3 records at or before `name`, or of the last of all.
    pub(super) fn nsec3_at_or_before(&self, base: &Base, name: Option<NameRef<'_>>) -> Option<u32> {
        let is_behind = |block: Block<'_>| name.is_none_or(|name| block.name() <= name);
        let nsec3 = &self.read.nsec3;
        let changed = nsec3
            .partition_point(|&number| self.block(number).is_some_and(is_behind))
            .checked_sub(1)
            .map(|at| nsec3[at] | IN_OVERLAY);
        // No more of them can be skipped than there are entries.
        let mut before = base.nsec3_to(name).iter().rev().copied();
        let kept = before.find(|&place| self.replacement(place).is_none());
        let name_at = |place: &u32| self.resolve(base, *place).1.name();
        changed
            .into_iter()
            .chain(kept)
            .max_by(|left, right| name_at(left).cmp(&name_at(right)))
    }

    /// Octets on the heap. Nodes are shared by the versions of a zone that have them, and counted by each.
    pub(super) fn heap_bytes(&self) -> usize {
        // In front of the octets stand two counters.
        let blocks = self
            .nodes
            .iter()
            .flatten()
            .map(|block| block.len() + 2 * size_of::<usize>());
        blocks.sum::<usize>()
            + size_of::<Self>()
            + self.nodes.capacity() * size_of::<Option<Arc<[u8]>>>()
            + self.index.heap_bytes()
            + self.entries.capacity() * size_of::<Entry>()
            + self.read.replaced.capacity() * size_of::<(u32, u32)>()
            + self.read.segments.capacity() * size_of::<Segment>()
            + self.read.nsec3.capacity() * size_of::<u32>()
    }

    /// Makes what is read of the entries, after they have changed: one walk over them.
    pub(super) fn settle(&mut self, base: &Base) {
        let mut read = Reading::default();
        let mut rank = 0;
        for entry in &self.entries {
            let before = entry.rank as usize;
            if rank < before {
                read.push(rank, None, before - rank);
                rank = before;
            }
            if entry.in_base {
                read.replaced.push((base.order[before], entry.number));
                rank = before + 1;
            }
            if let Some(block) = self.block(entry.number) {
                read.push(before, Some(entry.number), 1);
                if block.is(NSEC3) {
                    read.nsec3.push(entry.number);
                }
            }
        }
        if rank < base.order.len() {
            read.push(rank, None, base.order.len() - rank);
        }
        self.read = read;
    }
}

impl Reading {
    fn push(&mut self, rank: usize, number: Option<u32>, nodes: usize) {
        self.segments.push(Segment {
            position: self.node_count,
            rank,
            number,
        });
        self.node_count += nodes;
    }
}
