//! How far two versions of a zone are apart, in records: what decides whether a load is let through unasked.

use std::cmp::Ordering;

use super::rdata_names::compare_rdata;
use super::{Node, RecordSet, Zone};
use crate::rrtype::Type;

/// How many records went and came from one version to the next. A record whose TTL changed is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// Records of the old version that the new one hasn't.
    pub removed: usize,
    /// Records of the new version that the old one hadn't.
    pub added: usize,
}

/// Whether two versions are the same records, with the same TTLs. Unlike [`Difference::between`] it stops at the first that
/// isn't.
pub fn is_same(left: &Zone, right: &Zone) -> bool {
    let is_same_set = |left: RecordSet<'_>, right: RecordSet<'_>| {
        key(left) == key(right)
            && left.ttl() == right.ttl()
            && left.count() == right.count()
            && left
                .rdatas()
                .zip(right.rdatas())
                .all(|(one, other)| compare_rdata(left.rtype(), one, other).is_eq())
    };
    let is_same_node = |left: Node<'_>, right: Node<'_>| {
        let (mut sets, mut others) = (left.sets(), right.sets());
        left.name() == right.name()
            && loop {
                match (sets.next(), others.next()) {
                    (Some(set), Some(other)) if is_same_set(set, other) => {}
                    (None, None) => break true,
                    _ => break false,
                }
            }
    };
    let (mut nodes, mut others) = (left.nodes(), right.nodes());
    left.record_count() == right.record_count()
        && loop {
            match (nodes.next(), others.next()) {
                (Some(node), Some(other)) if is_same_node(node, other) => {}
                (None, None) => break true,
                _ => break false,
            }
        }
}

/// A zone with fewer records than this may lose any number of them: small zones change as a whole.
const LOSS_RECORDS_MIN: usize = 100;

impl Difference {
    /// Compares two versions. Nodes, sets and data of both are in the same order, so this is one walk through each.
    pub fn between(old: &Zone, new: &Zone) -> Self {
        let mut difference = Self::default();
        merge(
            old.nodes(),
            new.nodes(),
            |left, right| left.name().cmp(&right.name()),
            |pair| match pair {
                Pair::Left(node) => difference.removed += records(node.sets()),
                Pair::Right(node) => difference.added += records(node.sets()),
                Pair::Both(left, right) => difference.add_node(left, right),
            },
        );
        difference
    }

    fn add_node(&mut self, old: Node<'_>, new: Node<'_>) {
        merge(
            old.sets(),
            new.sets(),
            |left, right| key(*left).cmp(&key(*right)),
            |pair| match pair {
                Pair::Left(set) => self.removed += set.count(),
                Pair::Right(set) => self.added += set.count(),
                Pair::Both(left, right) => self.add_set(left, right),
            },
        );
    }

    fn add_set(&mut self, old: RecordSet<'_>, new: RecordSet<'_>) {
        let rtype = old.rtype();
        merge(
            old.rdatas(),
            new.rdatas(),
            |left, right| compare_rdata(rtype, left, right),
            |pair| match pair {
                Pair::Left(_) => self.removed += 1,
                Pair::Right(_) => self.added += 1,
                Pair::Both(..) => {}
            },
        );
    }

    /// Whether a zone that had `old_records` lost more than half of 100 or more: such a load is held until somebody
    /// accepts it, since a file that was cut off or generated from nothing looks just like that.
    pub fn is_large_loss(&self, old_records: usize) -> bool {
        old_records >= LOSS_RECORDS_MIN && self.removed * 2 > old_records
    }
}

/// What the sets of a node are sorted by.
pub(crate) fn key(set: RecordSet<'_>) -> (Type, Type) {
    (set.rtype(), set.covers())
}

fn records<'z>(sets: impl Iterator<Item = RecordSet<'z>>) -> usize {
    sets.map(RecordSet::count).sum()
}

/// An item of two sorted sequences: in one of them or in both.
#[derive(Clone, Copy)]
pub(crate) enum Pair<T> {
    Left(T),
    Right(T),
    Both(T, T),
}

/// Walks through two sorted sequences at the same time.
pub(crate) fn merge<T>(
    left: impl Iterator<Item = T>,
    right: impl Iterator<Item = T>,
    compare: impl Fn(&T, &T) -> Ordering,
    mut handle: impl FnMut(Pair<T>),
) {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) => compare(one, other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let one = if order.is_le() { left.next() } else { None };
        let other = if order.is_ge() { right.next() } else { None };
        match (one, other) {
            (Some(one), Some(other)) => handle(Pair::Both(one, other)),
            (Some(one), None) => handle(Pair::Left(one)),
            (None, Some(other)) => handle(Pair::Right(other)),
            (None, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::tests::zone;

    fn between(old: &str, new: &str) -> Difference {
        let apex = "@ SOA ns h 1 2 3 4 5\n@ NS ns\n";
        Difference::between(&zone("e", &format!("{apex}{old}")), &zone("e", &format!("{apex}{new}")))
    }

    #[test]
    fn records_that_went_and_came_are_counted() {
        for (old, new, removed, added) in [
            ("", "", 0, 0),
            ("a A 192.0.2.1\nb A 192.0.2.1", "a A 192.0.2.1", 1, 0),
            ("a A 192.0.2.1", "a A 192.0.2.2", 1, 1),
            ("a A 192.0.2.1", "a AAAA ::1", 1, 1),
            ("a.x.y A 192.0.2.1", "b.x A 192.0.2.1\nb.x TXT z", 1, 2),
            ("a 60 A 192.0.2.1\nB MX 1 M", "A 90 A 192.0.2.1\nb MX 1 m", 0, 0),
        ] {
            assert_eq!(between(old, new), Difference { removed, added }, "{old} → {new}");
        }
    }

    #[test]
    fn a_large_loss_is_more_than_half_of_a_hundred_or_more() {
        let lost = |removed| Difference { removed, added: 0 };
        assert!(lost(51).is_large_loss(100) && !lost(50).is_large_loss(100));
        assert!(!lost(99).is_large_loss(99));
    }
}
