//! What a builder has collected: runs of records of one owner, in the order they came. A file names an owner once, nearly
//! always, and then a run's sets are those of a node. The octets of a run:
//!
//! ```text
//! 2  number of record sets     1  length of the name     1  flags     4  length of the sets
//! n  the name, uncompressed    n  the sets, in the form in which a node has them
//! ```

use super::Position;
use super::block::Sets;
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
    /// Where its octets are.
    pub(super) place: u32,
    /// Where the position of its first set is.
    pub(super) positions: u32,
    /// Whether it goes on with the run before it, which another builder was given the start of.
    pub(super) continues: bool,
}

/// Octets in front of a run's name.
pub(super) const HEAD_BYTES: usize = 8;

/// The records of a run as they are stored. It is no block of a node: a node with many sets has a list of where they start.
#[derive(Clone, Copy)]
pub(super) struct StoredRun<'r> {
    set_count: u16,
    flags: u8,
    name: &'r [u8],
    sets: &'r [u8],
}

impl<'r> StoredRun<'r> {
    fn at(octets: &'r [u8]) -> Self {
        let ([c0, c1, name_len, flags, sets_len @ ..], rest) = octets
            .split_first_chunk::<HEAD_BYTES>()
            .expect("a place is where a run starts");
        let (name, rest) = rest.split_at(usize::from(*name_len));
        Self {
            set_count: u16::from_le_bytes([*c0, *c1]),
            flags: *flags,
            name,
            sets: &rest[..u32::from_le_bytes(*sets_len) as usize],
        }
    }

    pub(super) fn name(self) -> NameRef<'r> {
        NameRef::trusted(self.name)
    }

    pub(super) fn set_count(self) -> u16 {
        self.set_count
    }

    /// What its sets say of the node, and [`TTLS_DIFFER`].
    pub(super) fn flags(self) -> u8 {
        self.flags
    }

    pub(super) fn sets(self) -> Sets<'r> {
        Sets::at(self.sets, usize::from(self.set_count))
    }

    /// The record sets in stored form.
    pub(super) fn stored_sets(self) -> &'r [u8] {
        self.sets
    }
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
    /// The run at this place.
    pub(super) fn at(&self, place: u32) -> StoredRun<'_> {
        let arena = self.arenas.partition_point(|(start, _)| *start <= place) - 1;
        let (start, arena) = &self.arenas[arena];
        StoredRun::at(&arena[(place - start) as usize..])
    }

    /// Octets in all arenas.
    pub(super) fn len(&self) -> usize {
        self.arenas
            .last()
            .map_or(0, |(start, arena)| *start as usize + arena.len())
    }

    /// Stores a run whose sets are written as they come: `write` appends them in stored form, and a position for each,
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
        let [c0, c1] = (count as u16).to_le_bytes();
        let [l0, l1, l2, l3] = ((arena.len() - sets_start) as u32).to_le_bytes();
        let head = [c0, c1, name.as_wire().len() as u8, flags, l0, l1, l2, l3];
        arena[start..start + HEAD_BYTES].copy_from_slice(&head);
        run
    }

    /// The owner of the first run.
    pub(super) fn first_name(&self) -> Option<NameRef<'_>> {
        self.runs.first().map(|run| self.at(run.place).name())
    }

    /// The owner of the last run.
    pub(super) fn last_name(&self) -> Option<NameRef<'_>> {
        self.runs.last().map(|run| self.at(run.place).name())
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
