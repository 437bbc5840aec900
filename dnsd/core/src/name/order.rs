//! The canonical order of names (RFC 4034 §6.1): label by label from the right, lower case, as unsigned octets.

use std::cmp::Ordering;

use super::{LABELS_MAX, NameRef};

impl PartialOrd for NameRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Names that are searched among are mostly siblings of what is looked for: then only one label counts.
        if let (Some((left, left_parent)), Some((right, right_parent))) = (split_first(*self), split_first(*other))
            // Nearly always both are written in the same case, which is seen many octets at a time.
            && (left_parent == right_parent || left_parent.eq_ignore_ascii_case(right_parent))
        {
            return compare_labels(left, right);
        }
        let (mut left_starts, mut right_starts) = ([0; LABELS_MAX], [0; LABELS_MAX]);
        let left_count = label_starts(*self, &mut left_starts);
        let right_count = label_starts(*other, &mut right_starts);
        for n in 1..=left_count.min(right_count) {
            let left = label_at(*self, left_starts[left_count - n]);
            let right = label_at(*other, right_starts[right_count - n]);
            let order = compare_labels(left, right);
            if order.is_ne() {
                return order;
            }
        }
        left_count.cmp(&right_count)
    }
}

/// The first label and the wire form of the name behind it; `None` for the root.
fn split_first(name: NameRef<'_>) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = name.as_wire().split_first()?;
    (length != 0).then(|| rest.split_at(usize::from(length)))
}

fn label_starts(name: NameRef<'_>, starts: &mut [u8; LABELS_MAX]) -> usize {
    let mut at = 0;
    let mut count = 0;
    for label in name.labels() {
        starts[count] = at;
        count += 1;
        at += 1 + label.len() as u8;
    }
    count
}

fn label_at(name: NameRef<'_>, start: u8) -> &[u8] {
    let at = usize::from(start);
    let wire = name.as_wire();
    &wire[at + 1..at + 1 + usize::from(wire[at])]
}

fn compare_labels(left: &[u8], right: &[u8]) -> Ordering {
    for (left, right) in left.iter().zip(right).filter(|(left, right)| left != right) {
        let order = left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase());
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}
