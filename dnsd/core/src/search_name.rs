//! A name made ready to be looked up: lower case, the start of every label and a hash of every tail, computed once and
//! used for all the zones and all the nodes that a query looks at.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::name::{LABELS_MAX, NAME_BYTES_MAX, NameRef, WORD_BYTES, lowercase};

/// A name with what hash indexes need of it. It lives on the stack.
pub struct SearchName {
    /// The name in lower case. Behind it is room, so that a word can be read where any label starts.
    folded: [u8; NAME_BYTES_MAX + WORD_BYTES],
    len: u8,
    labels: u8,
    /// Where the n-th label starts; behind the last label's stands the root's.
    starts: [u8; LABELS_MAX + 1],
    /// Of the tail that starts there. Apart from the starts, as there is less to clear without the gaps between the two.
    hashes: [u32; LABELS_MAX + 1],
}

/// Mixes a word at a time with numbers that nobody outside of the process knows: whoever writes a zone's content could
/// otherwise choose names that collide, and make loading it and asking for it slow.
struct HashKey {
    /// What the root hashes from.
    start: u64,
    /// Odd, so that nothing that went in is lost.
    factor: u64,
}

/// One for the process: names are looked up in indexes that others have filled.
static KEY: LazyLock<HashKey> = LazyLock::new(|| {
    let random = RandomState::new();
    HashKey {
        start: random.hash_one(0),
        factor: random.hash_one(1) | 1,
    }
});

impl HashKey {
    /// Both halves of the product count. The lower alone would let two words that differ in their highest bits cancel
    /// each other out whatever the factor is.
    fn add(&self, hash: u64, word: u64) -> u64 {
        let product = u128::from(hash ^ word) * u128::from(self.factor);
        product as u64 ^ (product >> 64) as u64
    }

    fn finish(hash: u64) -> u32 {
        (hash ^ hash >> 32) as u32
    }
}

impl SearchName {
    /// Folds and hashes `name`.
    pub fn new(name: NameRef<'_>) -> Self {
        let mut search = Self::empty();
        search.set(name);
        search
    }

    /// Room for a name, to be [set](SearchName::set) where it stays: moving one costs a fifth of making it.
    #[inline]
    pub(crate) fn empty() -> Self {
        Self {
            folded: [0; NAME_BYTES_MAX + WORD_BYTES],
            len: 0,
            labels: 0,
            starts: [0; LABELS_MAX + 1],
            hashes: [0; LABELS_MAX + 1],
        }
    }

    /// Folds and hashes `name`, in place of the one that it held.
    pub(crate) fn set(&mut self, name: NameRef<'_>) {
        let wire = name.as_wire();
        self.len = wire.len() as u8;
        self.folded[..wire.len()].copy_from_slice(wire);
        let (words, _) = self.folded.as_chunks_mut::<WORD_BYTES>();
        for word in &mut words[..wire.len().div_ceil(WORD_BYTES)] {
            // Length octets are below 64, so folding the whole wire form changes letters only.
            *word = lowercase(u64::from_le_bytes(*word)).to_le_bytes();
        }
        self.labels = find_labels(wire, &mut self.starts);
        self.hash_tails(&KEY);
    }

    /// From right to left: the hash of a tail goes on from the hash of the tail one label shorter.
    fn hash_tails(&mut self, key: &HashKey) {
        let root = usize::from(self.labels);
        let mut hash = key.start;
        self.hashes[root] = HashKey::finish(hash);
        let mut end = usize::from(self.starts[root]);
        for (start, tail_hash) in self.starts[..root].iter().zip(&mut self.hashes[..root]).rev() {
            let start = usize::from(*start);
            let mut rest = &self.folded[start..];
            let mut left = end - start;
            // The length octet is hashed with the label, so that zeros in a label's last word stand for nothing.
            while let Some((word, behind)) = rest.split_first_chunk::<WORD_BYTES>()
                && left > 0
            {
                let word = u64::from_le_bytes(*word);
                if left < WORD_BYTES {
                    hash = key.add(hash, word & ((1 << (8 * left)) - 1));
                    break;
                }
                hash = key.add(hash, word);
                rest = behind;
                left -= WORD_BYTES;
            }
            *tail_hash = HashKey::finish(hash);
            end = start;
        }
    }

    /// How many labels the name has, the root not counted.
    pub fn label_count(&self) -> usize {
        usize::from(self.labels)
    }

    /// The name without its `skipped` leftmost labels, in lower case; all of them and more leave the root.
    pub fn tail(&self, skipped: usize) -> &[u8] {
        let start = self.starts[skipped.min(self.label_count())];
        &self.folded[usize::from(start)..usize::from(self.len)]
    }

    /// The hash of [`SearchName::tail`].
    pub fn hash(&self, skipped: usize) -> u32 {
        self.hashes[skipped.min(self.label_count())]
    }
}

/// The hash of a whole name: [`SearchName::hash`] of one with nothing skipped.
pub(crate) fn name_hash(name: NameRef<'_>) -> u32 {
    SearchName::new(name).hash(0)
}

/// Writes down where each label and the root start; gives how many labels there are.
fn find_labels(wire: &[u8], starts: &mut [u8; LABELS_MAX + 1]) -> u8 {
    let mut at = 0_u8;
    let mut labels = 0;
    for start in starts {
        *start = at;
        match wire.get(usize::from(at)) {
            Some(&length @ 1..) => at += 1 + length,
            _ => break,
        }
        labels += 1;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn a_tail_hashes_like_the_name_it_is() {
        let name: Name = "A.b.Example.COM".parse().unwrap();
        let search = SearchName::new(name.as_name_ref());
        assert_eq!(search.label_count(), 4);
        for skipped in 0..=4 {
            let tail = name.suffix(skipped).unwrap();
            assert_eq!(search.tail(skipped), tail.as_wire().to_ascii_lowercase());
            assert_eq!(search.hash(skipped), SearchName::new(tail).hash(0));
        }
        assert_eq!(search.tail(5), [0]);
    }

    /// How many different places of 4096 the hashes of these labels fall into.
    fn places(labels: impl Iterator<Item = Vec<u8>>) -> usize {
        let places: std::collections::BTreeSet<u32> = labels
            .map(|label| {
                let wire = [&[label.len() as u8], &label[..], &[0]].concat();
                name_hash(NameRef::from_wire(&wire).unwrap()) & 0xFFF
            })
            .collect();
        places.len()
    }

    #[test]
    fn names_that_collide_under_known_numbers_do_not_collide() {
        // Numbers that somebody might guess: those of another hash that multiplies so.
        let known = HashKey {
            start: 0x2D35_8DCC_AA6C_78A5,
            factor: 0x8BB8_4B93_962E_ACC9,
        };
        let hash_by_known = |label: &str| {
            let mut word = [0; WORD_BYTES];
            word[0] = label.len() as u8;
            word[1..=label.len()].copy_from_slice(label.as_bytes());
            HashKey::finish(known.add(known.start, u64::from_le_bytes(word)))
        };
        let crafted: Vec<Vec<u8>> = (0..4_000_000_u32)
            .map(|number| format!("{number:x}"))
            .filter(|label| hash_by_known(label) & 0xFFF == 0)
            .take(400)
            .map(String::into_bytes)
            .collect();
        assert_eq!(crafted.len(), 400);
        // Of 400 balls thrown at random into 4096 bins, 381 are expected to lie in a bin of their own or be its first.
        let places = places(crafted.into_iter());
        assert!(places > 320, "{places} places");
    }

    #[test]
    fn differences_in_the_highest_bits_do_not_cancel_each_other_out() {
        // Labels of six words whose last octets differ in the highest bit of each.
        let labels = (0..64_u8).map(|bits| {
            (1..48)
                .map(|at| {
                    if at % 8 == 7 && bits >> (at / 8) & 1 == 1 {
                        0xE1
                    } else {
                        0x61
                    }
                })
                .collect()
        });
        let places = places(labels);
        assert!(places > 50, "{places} places");
    }

    #[test]
    fn names_of_any_number_of_labels_fit() {
        for labels in [0, 1, 2, 34, LABELS_MAX] {
            let mut wire = b"\x01a".repeat(labels);
            wire.push(0);
            let search = SearchName::new(NameRef::from_wire(&wire).unwrap());
            assert_eq!((search.label_count(), search.tail(0)), (labels, &wire[..]));
            assert_eq!(search.tail(labels / 2), &wire[labels / 2 * 2..]);
            assert_eq!(search.hash(labels), SearchName::new(Name::root().as_name_ref()).hash(0));
        }
    }
}
