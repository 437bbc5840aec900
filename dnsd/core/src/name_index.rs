//! From a name to its node in one probe, nearly always: an open-addressing table of hash and number.

/// Numbers of nodes by the hashes of their names. The names stay with the nodes; the caller says which of those whose
/// hash is equal it meant.
///
/// An entry stands at the place that its hash has among all hashes, or behind it: tables of any size are as good as those
/// of a power of two, and threads that fill a part of the table each can tell by the hash whose an entry is.
#[derive(Debug, Clone)]
pub(crate) struct NameIndex {
    /// Hash in the upper half, number plus one in the lower, so that zero is a free slot. At most five in eight are in
    /// use: a name that isn't there is known by less than four slots, half a line of the cache.
    slots: Box<[u64]>,
    used: usize,
}

/// Threads pay from this many entries on: a table of that size is larger than the cache of a core.
const PARALLEL_ENTRIES_MIN: usize = 1 << 16;

impl NameIndex {
    /// A table that takes `entries` before it grows.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self {
            slots: vec![0; slots_for(entries)].into(),
            used: 0,
        }
    }

    /// A table of pairs of hash and number, of which no two are of the same name, filled by so many threads.
    pub(crate) fn of(entries: &[(u32, u32)], threads: usize) -> Self {
        let mut index = Self::with_capacity(entries.len());
        index.used = entries.len();
        let threads = if entries.len() < PARALLEL_ENTRIES_MIN {
            1
        } else {
            threads.max(1)
        };
        let part_slots = index.slots.len().div_ceil(threads);
        let all_slots = index.slots.len();
        let fill = |part: usize, slots: &mut [u64]| {
            // What finds no place up to the end of its part goes on in somebody else's.
            let mut spilled = Vec::new();
            let (start, end) = (part * part_slots, part * part_slots + slots.len());
            for &(hash, number) in entries {
                let at = place_of(hash, all_slots);
                if at < start || at >= end {
                    continue;
                }
                match slots[at - start..].iter_mut().find(|slot| **slot == 0) {
                    Some(slot) => *slot = entry(hash, number),
                    None => spilled.push(entry(hash, number)),
                }
            }
            spilled
        };
        let spilled: Vec<u64> = if threads == 1 {
            fill(0, &mut index.slots)
        } else {
            std::thread::scope(|scope| {
                let parts: Vec<_> = index
                    .slots
                    .chunks_mut(part_slots)
                    .enumerate()
                    .map(|(part, slots)| scope.spawn(move || fill(part, slots)))
                    .collect();
                parts
                    .into_iter()
                    .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            })
        };
        for entry in spilled {
            index.place(entry);
        }
        index
    }

    /// The number under `hash` for which `is_it` holds.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = place_of(hash, self.slots.len());
        // One slot is free.
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash && is_it(slot as u32 - 1) {
                return Some(slot as u32 - 1);
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    /// Adds `number`, which is below `u32::MAX`, under `hash`; the caller knows that its name isn't there yet.
    pub(crate) fn insert(&mut self, hash: u32, number: u32) {
        self.used += 1;
        if slots_for(self.used) > self.slots.len() {
            let larger = vec![0; slots_for(2 * self.used)].into();
            let old = std::mem::replace(&mut self.slots, larger);
            for slot in old {
                if slot != 0 {
                    self.place(slot);
                }
            }
        }
        self.place(entry(hash, number));
    }

    /// Octets on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn place(&mut self, entry: u64) {
        let mut at = place_of((entry >> 32) as u32, self.slots.len());
        while self.slots[at] != 0 {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        self.slots[at] = entry;
    }
}

/// One is always free, so that a search ends.
fn slots_for(entries: usize) -> usize {
    entries * 8 / 5 + 1
}

fn place_of(hash: u32, slots: usize) -> usize {
    ((u64::from(hash) * slots as u64) >> 32) as usize
}

fn entry(hash: u32, number: u32) -> u64 {
    u64::from(hash) << 32 | (u64::from(number) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_was_put_in_is_found_while_it_grows() {
        let mut index = NameIndex::with_capacity(0);
        for number in 0..1000_u32 {
            // Every hash is there ten times, so the caller's question decides.
            index.insert(number / 10, number);
        }
        for number in 0..1000_u32 {
            assert_eq!(index.find(number / 10, |found| found == number), Some(number));
        }
        assert_eq!(index.find(5, |_| false), None);
        assert_eq!(index.find(100, |_| true), None);
    }

    #[test]
    fn a_table_filled_by_threads_holds_what_a_table_filled_by_one_holds() {
        // The hashes at the end of each part are crowded, so that they run over.
        let entries: Vec<(u32, u32)> = (0..2 * PARALLEL_ENTRIES_MIN as u32)
            .map(|number| match number % 64 {
                0 => (u32::MAX, number),
                1 => (u32::MAX / 2, number),
                _ => (number.wrapping_mul(0x9E37_79B9), number),
            })
            .collect();
        for threads in [1, 2, 3] {
            let index = NameIndex::of(&entries, threads);
            // The crowded ones take long to find, so not all of them.
            for &(hash, number) in entries.iter().step_by(61) {
                assert_eq!(index.find(hash, |found| found == number), Some(number), "{threads}");
            }
            assert_eq!(index.find(12345, |_| false), None);
        }
    }
}
