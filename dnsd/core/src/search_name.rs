//! A name made ready to be looked up: lower case, the start of every label and a hash of every tail, computed once and
//! used for all the zones and all the nodes that a query looks at.

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

/// The offset basis and the prime of 64-bit FNV-1a: short inputs, one multiplication an octet. Names of zones and their
/// nodes are the operator's or a trusted primary's, so nobody who only asks can choose what collides.
const FNV_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

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
        let mut hash = FNV_BASIS;
        search.hashes[labels] = fold_hash(hash);
        for n in (0..labels).rev() {
            let (start, end) = (usize::from(search.starts[n]), usize::from(search.starts[n + 1]));
            for octet in &search.folded[start..end] {
                hash = (hash ^ u64::from(*octet)).wrapping_mul(FNV_PRIME);
            }
            search.hashes[n] = fold_hash(hash);
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

/// FNV's low bits depend on few of the input's; the multiplications have carried everything upwards.
fn fold_hash(hash: u64) -> u32 {
    (hash >> 32 ^ hash) as u32
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
    fn the_longest_name_fits() {
        let mut wire = b"\x01a".repeat(LABELS_MAX);
        wire.push(0);
        let search = SearchName::new(NameRef::from_wire(&wire).unwrap());
        assert_eq!((search.label_count(), search.tail(0)), (LABELS_MAX, &wire[..]));
    }
}
