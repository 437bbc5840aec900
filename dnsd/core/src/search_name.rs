//! A name made ready to be looked up: lower case, the start of every label and a hash of every tail, computed once and
//! used for all the zones and all the nodes that a query looks at.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::name::{LABELS_MAX, NAME_BYTES_MAX, NameRef};

/// Octets that are folded and hashed at a time.
const WORD_BYTES: usize = size_of::<u64>();

/// A name of as many labels, the root not counted, keeps its tails in a tenth of the room that the longest needs: clearing
/// the rest would cost more than all else that is done here.
const LABELS_FEW: usize = 10;

/// A name with what hash indexes need of it. It lives on the stack.
pub struct SearchName {
    /// The name in lower case. Behind it are zeros, so that a word can be read where any label starts.
    folded: [u8; NAME_BYTES_MAX + WORD_BYTES],
    len: u8,
    labels: u8,
    tails: Tails,
}

/// The tail that starts at the n-th label; behind the last label's stands the root.
#[allow(
    clippy::large_enum_variant,
    reason = "not to have the large one in most names is what there are two for"
)]
enum Tails {
    Few([Tail; LABELS_FEW + 1]),
    Many([Tail; LABELS_MAX + 1]),
}

#[derive(Clone, Copy, Default)]
struct Tail {
    hash: u32,
    start: u8,
}

impl Tails {
    fn as_ref(&self) -> &[Tail] {
        match self {
            Self::Few(tails) => tails,
            Self::Many(tails) => tails,
        }
    }

    fn as_mut(&mut self) -> &mut [Tail] {
        match self {
            Self::Few(tails) => tails,
            Self::Many(tails) => tails,
        }
    }
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
        let wire = name.as_wire();
        // Made where it stays: moving it would cost as much as hashing.
        let mut search = Self {
            folded: [0; NAME_BYTES_MAX + WORD_BYTES],
            len: wire.len() as u8,
            labels: 0,
            tails: Tails::Few([Tail::default(); LABELS_FEW + 1]),
        };
        search.folded[..wire.len()].copy_from_slice(wire);
        let (words, _) = search.folded.as_chunks_mut::<WORD_BYTES>();
        for word in &mut words[..wire.len().div_ceil(WORD_BYTES)] {
            // Length octets are below 64, so folding the whole wire form changes letters only.
            *word = lowercase(u64::from_le_bytes(*word)).to_le_bytes();
        }
        let labels = find_labels(wire, search.tails.as_mut()).unwrap_or_else(|| {
            search.tails = Tails::Many([Tail::default(); LABELS_MAX + 1]);
            find_labels(wire, search.tails.as_mut()).expect("a name has at most as many labels")
        });
        search.labels = labels as u8;
        search.hash_tails(&KEY);
        search
    }

    /// From right to left: the hash of a tail goes on from the hash of the tail one label shorter.
    fn hash_tails(&mut self, key: &HashKey) {
        let Some((root, tails)) = self.tails.as_mut()[..=usize::from(self.labels)].split_last_mut() else {
            return;
        };
        let mut hash = key.start;
        root.hash = HashKey::finish(hash);
        let mut end = usize::from(root.start);
        for tail in tails.iter_mut().rev() {
            let start = usize::from(tail.start);
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
            tail.hash = HashKey::finish(hash);
            end = start;
        }
    }

    /// How many labels the name has, the root not counted.
    pub fn label_count(&self) -> usize {
        usize::from(self.labels)
    }

    /// The name without its `skipped` leftmost labels, in lower case; all of them and more leave the root.
    pub fn tail(&self, skipped: usize) -> &[u8] {
        let start = self.tails.as_ref()[skipped.min(self.label_count())].start;
        &self.folded[usize::from(start)..usize::from(self.len)]
    }

    /// The hash of [`SearchName::tail`].
    pub fn hash(&self, skipped: usize) -> u32 {
        self.tails.as_ref()[skipped.min(self.label_count())].hash
    }
}

/// The hash of a whole name: [`SearchName::hash`] of one with nothing skipped.
pub(crate) fn name_hash(name: NameRef<'_>) -> u32 {
    SearchName::new(name).hash(0)
}

/// Writes down where each label and the root start; gives how many labels there are, or `None` if `tails` has no room.
fn find_labels(wire: &[u8], tails: &mut [Tail]) -> Option<usize> {
    let mut start = 0_u8;
    for (count, tail) in tails.iter_mut().enumerate() {
        tail.start = start;
        match wire.get(usize::from(start)) {
            Some(&length @ 1..) => start += 1 + length,
            _ => return Some(count),
        }
    }
    None
}

/// Eight octets with their ASCII letters in lower case.
fn lowercase(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xFF;
    const HIGH_BITS: u64 = EACH << 7;
    // With the high bits gone no octet carries into the next when something below 0x80 is added to each, and the sum's
    // high bit tells whether the octet was at least so large.
    let low = word & !HIGH_BITS;
    let from_a = low + EACH * (0x80 - b'A' as u64);
    let above_z = low + EACH * (0x7F - b'Z' as u64);
    let upper = (from_a & !above_z) & !word & HIGH_BITS;
    // A lower-case letter is its upper-case one plus 0x20.
    word | upper >> 2
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

    #[test]
    fn words_are_folded_as_octets_are() {
        for octet in 0..=u8::MAX {
            for neighbour in [0, 0x7F, 0x80, 0xFF] {
                let octets = [neighbour, octet, neighbour, octet, octet, neighbour, neighbour, octet];
                let folded = lowercase(u64::from_le_bytes(octets)).to_le_bytes();
                assert_eq!(folded, octets.map(|octet| octet.to_ascii_lowercase()));
            }
        }
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
    fn the_longest_name_fits() {
        let mut wire = b"\x01a".repeat(LABELS_MAX);
        wire.push(0);
        let search = SearchName::new(NameRef::from_wire(&wire).unwrap());
        assert_eq!((search.label_count(), search.tail(0)), (LABELS_MAX, &wire[..]));
    }
}
