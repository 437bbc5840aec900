//! What a builder has collected: a block for each run of records of one owner, in the order they came. A file names an
//! owner once, nearly always, and then a run is a node but for its place in the tree.

use super::Position;
use super::block::{Block, HEAD_BYTES, Head};
use super::order_key::OrderKey;
use crate::name::NameRef;
use crate::search_name::name_hash;

/// In a run's flags: sets whose number of records has `TTL_DIFFERED` set had records of several TTLs.
pub(super) const TTLS_DIFFER: u8 = 128;
/// In the number of records of a run's set, which is never so large.
pub(super) const TTL_DIFFERED: u16 = 1 << 15;

/// Records of one owner that came one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) key: OrderKey,
    pub(super) hash: u32,
    /// Where its block is. In the place of the parent this has the length of the sets.
    pub(super) place: u32,
    /// Where the position of its first set is.
    pub(super) positions: u32,
    /// Whether it goes on with the run before it, which another builder was given the start of.
    pub(super) continues: bool,
}

/// The runs of one builder, or of several, joined.
#[derive(Default)]
pub(super) struct Runs {
    pub(super) runs: Vec<Run>,
    /// With the place of the first octet of each.
    arenas: Vec<(u32, Vec<u8>)>,
    /// Of each set in each run; of none, [`Position::NONE`].
    pub(super) positions: Vec<Position>,
}

impl Runs {
    /// The block of a run.
    pub(super) fn block(&self, place: u32) -> Block<'_> {
        Block::at(self.at(place))
    }

    /// The owner and the sets of a run in stored form.
    pub(super) fn name_and_sets(&self, place: u32) -> (&[u8], &[u8]) {
        let octets = self.at(place);
        let block = Block::at(octets);
        let name = block.name_wire();
        (name, &octets[HEAD_BYTES + name.len()..][..block.parent() as usize])
    }

    fn at(&self, place: u32) -> &[u8] {
        let arena = self.arenas.partition_point(|(start, _)| *start <= place) - 1;
        let (start, arena) = &self.arenas[arena];
        &arena[(place - start) as usize..]
    }

    /// Octets in all arenas.
    pub(super) fn len(&self) -> usize {
        self.arenas
            .last()
            .map_or(0, |(start, arena)| *start as usize + arena.len())
    }

    /// Adds a block whose sets are written as they come: `write` appends them in stored form, and a position for each,
    /// and gives their number and the node's flags. `front` is how many octets of the name stand in front of the origin.
    pub(super) fn push(
        &mut self,
        name: NameRef<'_>,
        front: usize,
        write: impl FnOnce(&mut Vec<u8>, &mut Vec<Position>) -> (usize, u8),
    ) -> Run {
        let run = Run {
            key: OrderKey::new(&name.as_wire()[..front]),
            hash: name_hash(name),
            place: self.len() as u32,
            positions: self.positions.len() as u32,
            continues: false,
        };
        if self.arenas.is_empty() {
            self.arenas.push((0, Vec::new()));
        }
        let arena = &mut self.arenas.last_mut().expect("there is one now").1;
        let start = arena.len();
        arena.extend_from_slice(&[0; HEAD_BYTES]);
        arena.extend_from_slice(name.as_wire());
        let sets_start = arena.len();
        let (count, flags) = write(arena, &mut self.positions);
        let head = Head {
            sets: count as u16,
            name_len: name.as_wire().len() as u8,
            flags,
            parent: (arena.len() - sets_start) as u32,
            wildcard: 0,
            barrier: 0,
        };
        arena[start..start + HEAD_BYTES].copy_from_slice(&head.numbers());
        run
    }

    /// The owner of the first run.
    pub(super) fn first_name(&self) -> Option<NameRef<'_>> {
        self.runs.first().map(|run| self.block(run.place).name())
    }

    /// The owner of the last run.
    pub(super) fn last_name(&self) -> Option<NameRef<'_>> {
        self.runs.last().map(|run| self.block(run.place).name())
    }

    /// Puts `later` behind these; the caller sees to it that places still fit.
    pub(super) fn append(&mut self, later: Self) {
        let (place, positions) = (self.len() as u32, self.positions.len() as u32);
        self.runs.extend(later.runs.into_iter().map(|run| Run {
            place: place + run.place,
            positions: positions + run.positions,
            ..run
        }));
        self.arenas
            .extend(later.arenas.into_iter().map(|(start, arena)| (place + start, arena)));
        self.positions.extend(later.positions);
    }
}
