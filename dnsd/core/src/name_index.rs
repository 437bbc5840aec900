//! From a name to its node in one probe, nearly always: an open-addressing table of hash and number.

/// Numbers of nodes by the hashes of their names. The names stay with the nodes; the caller says which of those whose
/// hash is equal it meant.
///
/// An entry stands at the place that its hash has among all hashes, or behind it: tables of any size are as good as those
/// of a power of two.
#[derive(Debug, Clone)]
pub(crate) struct NameIndex {
    /// Hash in the upper half, number plus one in the lower, so that zero is a free slot. At most five in eight are in
    /// use: a name that isn't there is known by less than four slots, half a line of the cache.
    slots: Box<[u64]>,
    used: usize,
}

impl NameIndex {
    /// A table that takes `entries` before it grows.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self {
            slots: vec![0; slots_for(entries)].into(),
            used: 0,
        }
    }

    /// A table of pairs of hash and number, of which no two are of the same name.
    pub(crate) fn of(entries: impl ExactSizeIterator<Item = (u32, u32)>) -> Self {
        let mut index = Self::with_capacity(entries.len());
        index.used = entries.len();
        for (hash, number) in entries {
            index.place(entry(hash, number));
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

    /// Reads the slots that `hash` is likely to be found in. What that gives means nothing; the slots are in the cache then.
    #[inline]
    pub(crate) fn fetch(&self, hash: u32) -> u64 {
        let at = place_of(hash, self.slots.len());
        // The first, and the last of most searches, which may be in the next line of the cache.
        let slot = |at: usize| self.slots.get(at).copied().unwrap_or(0);
        slot(at) ^ slot(at + 3)
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
    fn a_table_of_pairs_holds_them_all() {
        // Many have the last hash, so that they run over the end.
        let entries = (0..5000_u32).map(|number| match number % 64 {
            0 => (u32::MAX, number),
            _ => (number.wrapping_mul(0x9E37_79B9), number),
        });
        let mut index = NameIndex::of(entries.clone());
        index.insert(12345, 5000);
        for (hash, number) in entries.chain([(12345, 5000)]) {
            assert_eq!(index.find(hash, |found| found == number), Some(number));
        }
        assert_eq!(index.find(12346, |_| false), None);
    }
}
