//! Numbers that are in the canonical order of the names they are made of (RFC 4034 §6.1), as far as sixteen octets go:
//! sorting a zone's names compares numbers, and names only where those are equal.

use crate::name::LABELS_MAX;

const KEY_BYTES: usize = 16;

/// The start of a key such that comparing keys as octets is the canonical order: labels from the right, in lower case,
/// each ended by a zero octet; zero and one inside a label become pairs that sort above the end of a label and below all
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrderKey([u64; 2]);

impl OrderKey {
    /// The key of a name, given by the labels in front of the origin that all names to be compared have in common.
    pub(super) fn new(front: &[u8]) -> Self {
        let mut starts = [0_u8; LABELS_MAX];
        let mut count = 0;
        let mut at = 0;
        while at < front.len() && count < LABELS_MAX {
            starts[count] = at as u8;
            count += 1;
            at += 1 + usize::from(front[at]);
        }
        let mut key = [0; KEY_BYTES];
        let mut len = 0;
        let mut push = |octet| {
            if let Some(place) = key.get_mut(len) {
                *place = octet;
            }
            len += 1;
            len < KEY_BYTES
        };
        'labels: for &start in starts[..count].iter().rev() {
            let start = usize::from(start);
            for octet in &front[start + 1..][..usize::from(front[start])] {
                let more = match octet.to_ascii_lowercase() {
                    octet @ 0..=1 => push(1) && push(octet + 1),
                    octet => push(octet),
                };
                if !more {
                    break 'labels;
                }
            }
            if !push(0) {
                break;
            }
        }
        let (halves, _) = key.as_chunks();
        Self([u64::from_be_bytes(halves[0]), u64::from_be_bytes(halves[1])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn rfc4034_6_1_keys_are_in_the_order_of_their_names_or_equal() {
        let names: Vec<Name> = [
            "a",
            "yljkjljk.a",
            "Z.a",
            "zABC.a",
            "z",
            "\\001.z",
            "*.z",
            "\\200.z",
            "\\000",
            "\\001",
            "\\000\\000",
            "a\\000",
            "a\\001",
            "a\\002",
            "x.a\\000",
            "0123456789abcdefg",
            "0123456789ABCDEF",
            "0123456789abcdeh",
            "0123456789abcde",
            "x.0123456789abcdef",
            "b.0123456789abcde",
            "a.b.c.d.e.f.g.h.i.j.k",
        ]
        .iter()
        .map(|name| name.parse().unwrap())
        .collect();
        for left in &names {
            for right in &names {
                let key = |name: &Name| OrderKey::new(&name.as_wire()[..name.as_wire().len() - 1]);
                let order = key(left).cmp(&key(right));
                assert!(order.is_eq() || order == left.cmp(right), "{left} {right}");
                assert!(left != right || order.is_eq());
            }
        }
    }
}
