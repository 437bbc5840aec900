//! What a builder has collected: runs of records of one owner, in the order they came. A file names an owner once, nearly
//! always, and then a run's sets are those of a node. The octets of a run:
//!
//! ```text
//! 2  number of record sets     1  length of the name     1  flags     4  length of the sets
//! n  the name, uncompressed    n  the sets, in the form in which a node has them
//! ```

use std::cmp::Ordering;

use super::block::Sets;
use super::order_key::OrderKey;
use super::{PLACES_MAX, Position};
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
}

/// What is expected of text, in most files: that a name's records, and a set of them, are made of so many octets at least,
/// and how many octets one becomes at most.
const TEXT_BYTES_A_RUN: usize = 32;
const TEXT_BYTES_A_SET: usize = 24;
const BYTES_A_TEXT_BYTE: usize = 2;

/// Octets in front of a run's name.
const HEAD_BYTES: usize = 8;

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
    /// Of this builder, as they came.
    pub(super) runs: Vec<Run>,
    /// The runs of those that were joined, and of this one when it was; each list in canonical order, those of one name in
    /// the order they came in. What is in a later list came later.
    sorted: Vec<Vec<Run>>,
    /// The places of runs that go on with the one before: another builder was given the start of it.
    pub(super) continuing: Vec<u32>,
    /// The place of the last run.
    last: Option<u32>,
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
        };
        self.last = Some(run.place);
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

    /// The owner of the run that came first.
    fn first_name(&self) -> Option<NameRef<'_>> {
        self.last.map(|_| self.at(0).name())
    }

    /// The owner of the run that came last.
    fn last_name(&self) -> Option<NameRef<'_>> {
        self.last.map(|place| self.at(place).name())
    }

    /// Brings the runs that have come into canonical order; no more will come, but others can be appended.
    pub(super) fn sort(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let mut runs = std::mem::take(&mut self.runs);
        // A file that is sorted, or is a few sorted files, costs a comparison a name. Runs of one name stay in their order.
        runs.sort_by(|left, right| self.compare(left, right));
        self.sorted.push(runs);
    }

    /// The canonical order of their names.
    fn compare(&self, left: &Run, right: &Run) -> Ordering {
        let name = |run: &Run| self.at(run.place).name();
        left.key.cmp(&right.key).then_with(|| name(left).cmp(&name(right)))
    }

    /// All runs, to be gone through in order. The list of them is gone then; their octets and positions are still there.
    pub(super) fn take_in_order(&mut self) -> InOrder {
        self.sort();
        let sorted = std::mem::take(&mut self.sorted);
        InOrder {
            lists: sorted.into_iter().map(Vec::into_iter).collect(),
        }
    }

    /// Makes room for what so many octets of text become, nearly always. It grows where it has to; but growing costs
    /// twice, for the copy and because memory that is new to the process is slow when it is first written to.
    pub(super) fn expect_text(&mut self, bytes: usize) {
        if self.arenas.is_empty() {
            self.arenas.push((0, Vec::new()));
        }
        let arena = &mut self.arenas.last_mut().expect("there is one now").1;
        // There may be no room for a guess that is no more than that.
        let _ = arena.try_reserve(bytes.saturating_mul(BYTES_A_TEXT_BYTE).min(PLACES_MAX));
        let _ = self.runs.try_reserve(bytes / TEXT_BYTES_A_RUN);
        let _ = self.positions.try_reserve(bytes / TEXT_BYTES_A_SET);
    }

    /// Puts `later`, whose lines have so many others in front, behind these; the caller sees to it that places still fit.
    pub(super) fn append(&mut self, mut later: Self, lines: u32) {
        let (place, positions) = (self.len() as u32, self.positions.len() as u32);
        if let (Some(last), Some(first)) = (self.last_name(), later.first_name())
            && last == first
        {
            self.continuing.push(place);
        }
        self.continuing.extend(later.continuing.iter().map(|run| place + run));
        self.last = later.last.map(|last| place + last).or(self.last);
        self.sort();
        later.sort();
        for run in later.sorted.iter_mut().flatten() {
            run.place += place;
            run.positions += positions;
        }
        self.sorted.append(&mut later.sorted);
        self.arenas
            .extend(later.arenas.into_iter().map(|(start, arena)| (place + start, arena)));
        let later = later.positions.into_iter();
        self.positions.extend(later.map(|position| position.behind(lines)));
    }
}

/// Runs in canonical order, those of one name in the order they came in.
pub(super) struct InOrder {
    /// What is left of each list, which are in the order they came in.
    lists: Vec<std::vec::IntoIter<Run>>,
}

impl InOrder {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(ExactSizeIterator::len).sum()
    }

    /// The next one; `runs` is where they were taken from.
    pub(super) fn next(&mut self, runs: &Runs) -> Option<Run> {
        let first_of = |list: &std::vec::IntoIter<Run>| list.as_slice().first().copied();
        let mut least: Option<(usize, Run)> = None;
        for (number, run) in self
            .lists
            .iter()
            .enumerate()
            .filter_map(|(n, list)| Some((n, first_of(list)?)))
        {
            // What came later stands behind what came first.
            if least.is_none_or(|(_, least)| runs.compare(&run, &least).is_lt()) {
                least = Some((number, run));
            }
        }
        self.lists.get_mut(least?.0)?.next()
    }
}
