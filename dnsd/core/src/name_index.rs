//! From a name to its node in one probe, nearly always: an open-addressing table of hash and number.

/// Numbers of nodes by the hashes of their names. The names stay with the nodes; the caller says which of those whose
/// hash is equal it meant.
#[derive(Debug, Clone)]
pub(crate) struct NameIndex {
    /// Hash in the upper half, number plus one in the lower, so that zero is a free slot. A power of two of them, at
    /// most three quarters in use.
    slots: Box<[u64]>,
    used: usize,
}

impl NameIndex {
    /// A table that takes `entries` before it grows.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        let slots = (entries + entries / 3 + 1).next_power_of_two().max(8);
        Self {
            slots: vec![0; slots].into(),
            used: 0,
        }
    }

    /// The number under `hash` for which `is_it` holds.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash && is_it(slot as u32 - 1) {
                return Some(slot as u32 - 1);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds `number`, which is below `u32::MAX`, under `hash`; the caller knows that its name isn't there yet.
    pub(crate) fn insert(&mut self, hash: u32, number: u32) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![0; self.slots.len() * 2].into();
            let old = std::mem::replace(&mut self.slots, larger);
            for slot in old {
                if slot != 0 {
                    self.place(slot);
                }
            }
        }
        self.place(u64::from(hash) << 32 | (u64::from(number) + 1));
        self.used += 1;
    }

    /// Octets on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = (slot >> 32) as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
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
}
