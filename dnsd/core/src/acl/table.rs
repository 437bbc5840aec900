//! Networks of a list, cut into disjoint ranges that know which of them comes first.

use std::collections::BTreeSet;

use super::range::Range;

/// No entry holds the range.
const NOBODY: u32 = u32::MAX;

/// Finds the first entry that holds an address, in steps that grow with the logarithm of the number of entries.
#[derive(Debug)]
pub(super) struct NetworkTable {
    /// Where each range starts, in order; it ends where the next one starts.
    starts: Box<[u128]>,
    /// The first entry that holds each range, or [`NOBODY`].
    owners: Box<[u32]>,
}

impl NetworkTable {
    /// Takes the ranges of the entries with the entries' indices; those of one entry don't overlap.
    pub(super) fn new(ranges: &[(Range, u32)]) -> Self {
        // Where an entry begins or ends to hold what follows. Nothing follows the last address.
        let mut turns: Vec<(u128, u32)> = Vec::with_capacity(ranges.len() * 2);
        for (range, entry) in ranges {
            turns.push((range.first, *entry));
            turns.extend(range.last.checked_add(1).map(|end| (end, *entry)));
        }
        turns.sort_unstable();
        let (mut starts, mut owners) = (Vec::new(), Vec::new());
        let mut holding: BTreeSet<u32> = BTreeSet::new();
        for together in turns.chunk_by(|a, b| a.0 == b.0) {
            for (_, entry) in together {
                if !holding.remove(entry) {
                    holding.insert(*entry);
                }
            }
            let owner = holding.first().copied().unwrap_or(NOBODY);
            if owners.last().copied().unwrap_or(NOBODY) != owner {
                starts.push(together[0].0);
                owners.push(owner);
            }
        }
        Self {
            starts: starts.into_boxed_slice(),
            owners: owners.into_boxed_slice(),
        }
    }

    /// The index of the first entry that holds an address.
    pub(super) fn first(&self, number: u128) -> Option<u32> {
        let behind = self.starts.partition_point(|start| *start <= number);
        let owner = *self.owners.get(behind.checked_sub(1)?)?;
        (owner != NOBODY).then_some(owner)
    }
}
