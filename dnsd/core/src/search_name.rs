//! A name made ready to be looked up: lower case, the start of every label and a hash of every tail, computed once and
//! used for all the zones and all the nodes that a query looks at.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::name::{LABELS_MAX, NAME_BYTES_MAX, NameRef};

/// A name with what hash indexes need of it. About 900 octets; it lives on the stack.
pub struct SearchName {
    folded: [u8; NAME_BYTES_MAX],
    len: u8,
    labels: u8,
    /// Where the n-th label starts; behind the last label's stands the root's.
    starts: [u8; LABELS_MAX + 1],
    /// The hash of the tail that starts at the n-th label.
    hashes: [u32; LABELS_MAX + 1],
}

/// A hash of one multiplication an octet whose numbers nobody outside of the process knows: whoever writes a zone's content
/// could otherwise choose names that collide, and make loading it and asking for it slow.
struct HashKey {
    /// What the root hashes from.
    start: u64,
    /// Multiplies the hash after each octet. Odd, so that nothing that went in is lost.
    step: u64,
    /// Multiplies the hash of a tail at its end, whose upper half is what indexes see.
    end: u64,
}

/// One for the process: names are looked up in indexes that others have filled.
static KEY: LazyLock<HashKey> = LazyLock::new(|| {
    let random = RandomState::new();
    HashKey {
        start: random.hash_one(0),
        step: random.hash_one(1) | 1,
        end: random.hash_one(2) | 1,
    }
});

impl HashKey {
    fn add(&self, hash: u64, octet: u8) -> u64 {
        (hash ^ u64::from(octet)).wrapping_mul(self.step)
    }

    /// The low bits of a product depend on few of its factors' bits, the high ones on all of them.
    fn finish(&self, hash: u64) -> u32 {
        ((hash ^ hash >> 32).wrapping_mul(self.end) >> 32) as u32
    }
}

impl SearchName {
    /// Folds and hashes `name`.
    pub fn new(name: NameRef<'_>) -> Self {
        let wire = name.as_wire();
        let mut search = Self {
            folded: [0; NAME_BYTES_MAX],
            len: wire.len() as u8,
            labels: 0,
            starts: [0; LABELS_MAX + 1],
            hashes: [0; LABELS_MAX + 1],
        };
        // Length octets are below 64, so folding the whole wire form changes letters only.
        for (place, octet) in search.folded.iter_mut().zip(wire) {
            *place = octet.to_ascii_lowercase();
        }
        let mut start = 0;
        let mut labels = 0;
        for label in name.labels() {
            search.starts[labels] = start;
            start += 1 + label.len() as u8;
            labels += 1;
        }
        search.starts[labels] = start;
        search.labels = labels as u8;
        // From right to left: the hash of a tail goes on from the hash of the tail one label shorter.
        let key = &*KEY;
        let mut hash = key.start;
        search.hashes[labels] = key.finish(hash);
        for n in (0..labels).rev() {
            let (start, end) = (usize::from(search.starts[n]), usize::from(search.starts[n + 1]));
            for octet in &search.folded[start..end] {
                hash = key.add(hash, *octet);
            }
            search.hashes[n] = key.finish(hash);
        }
        search
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
    fn names_that_collide_under_known_numbers_do_not_collide() {
        // The offset basis and the prime of 64-bit FNV-1a, the numbers that everybody knows.
        let known = HashKey {
            start: 0xCBF2_9CE4_8422_2325,
            step: 0x0000_0100_0000_01B3,
            end: 1,
        };
        let place = |hash: u32| hash & 0xFFF;
        let hash_by_known = |label: &str| {
            let wire = std::iter::once(label.len() as u8).chain(label.bytes());
            let hash = wire.fold(known.start, |hash, octet| known.add(hash, octet));
            (hash >> 32 ^ hash) as u32
        };
        let crafted: Vec<String> = (0..2_000_000_u32)
            .map(|number| format!("{number:x}"))
            .filter(|label| place(hash_by_known(label)) == 0)
            .take(400)
            .collect();
        assert_eq!(crafted.len(), 400);
        let places: std::collections::BTreeSet<u32> = crafted
            .iter()
            .map(|label| place(SearchName::new(label.parse::<Name>().unwrap().as_name_ref()).hash(0)))
            .collect();
        // Of 400 balls thrown at random into 4096 bins, 381 are expected to lie in a bin of their own or be its first.
        assert!(places.len() > 320, "{} places", places.len());
    }

    #[test]
    fn the_longest_name_fits() {
        let mut wire = b"\x01a".repeat(LABELS_MAX);
        wire.push(0);
        let search = SearchName::new(NameRef::from_wire(&wire).unwrap());
        assert_eq!((search.label_count(), search.tail(0)), (LABELS_MAX, &wire[..]));
    }
}
