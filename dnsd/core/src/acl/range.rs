//! Addresses of both families as numbers, and stretches of them.
//!
//! An IPv4 address is the number that it is mapped to (RFC 4291 §2.5.5.2), so that a socket for both families and one for
//! IPv4 alone see the same client. A mapped address is never an IPv6 one: `::/0` doesn't hold it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// `::ffff:0.0.0.0`
const MAPPED_FIRST: u128 = 0xFFFF_0000_0000;
/// `::ffff:255.255.255.255`
const MAPPED_LAST: u128 = 0xFFFF_FFFF_FFFF;

/// An address as a number.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => MAPPED_FIRST | u128::from(u32::from(address)),
        IpAddr::V6(address) => address.into(),
    }
}

/// The addresses from `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u128,
    /// Itself too; not below `first`.
    pub(super) last: u128,
}

impl Range {
    pub(super) const ALL: Self = Self {
        first: 0,
        last: u128::MAX,
    };

    /// Only this address.
    pub(super) fn single(address: IpAddr) -> Self {
        let number = number(address);
        Self {
            first: number,
            last: number,
        }
    }

    /// The addresses of a network: what is before and what is behind the IPv4 addresses, where an IPv6 network is around them.
    pub(super) fn of_network(network: IpNet) -> [Option<Self>; 2] {
        let (first, last) = (number(network.network()), number(network.broadcast()));
        if first < MAPPED_FIRST && last >= MAPPED_LAST {
            let before = Self {
                first,
                last: MAPPED_FIRST - 1,
            };
            let behind = Self {
                first: MAPPED_LAST + 1,
                last,
            };
            return [Some(before), (behind.first <= behind.last).then_some(behind)];
        }
        [Some(Self { first, last }), None]
    }

    pub(super) fn contains(self, number: u128) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

/// Addresses, as the fewest stretches that hold them all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet {
    /// The last of each stretch by its first; between two of them an address is missing.
    last_by_first: BTreeMap<u128, u128>,
}

impl RangeSet {
    pub(super) fn all() -> Self {
        [Range::ALL].into_iter().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last_by_first.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.last_by_first.iter().map(|(&first, &last)| Range { first, last })
    }

    pub(super) fn insert(&mut self, range: Range) {
        let Range { mut first, mut last } = range;
        // The stretch before it, if they touch, and all that begin within it or right behind it become one.
        if let Some((&before, &before_last)) = self.last_by_first.range(..=first).next_back()
            && before_last.saturating_add(1) >= first
        {
            first = before;
        }
        while let Some((&next, &next_last)) = self.last_by_first.range(first..=last.saturating_add(1)).next() {
            self.last_by_first.remove(&next);
            last = last.max(next_last);
        }
        self.last_by_first.insert(first, last);
    }

    pub(super) fn contains(&self, number: u128) -> bool {
        self.covers(Range {
            first: number,
            last: number,
        })
    }

    /// Whether it holds every address of `range`.
    pub(super) fn covers(&self, range: Range) -> bool {
        let around = self.last_by_first.range(..=range.first).next_back();
        around.is_some_and(|(_, last)| range.last <= *last)
    }

    /// Whether it holds every address of `other`.
    pub(super) fn covers_all(&self, other: &Self) -> bool {
        other.iter().all(|range| self.covers(range))
    }

    /// What it holds and `other` doesn't.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        for range in self.iter() {
            let mut from = Some(range.first);
            // What overlaps begins in it, or before it.
            let before = other.last_by_first.range(..range.first).next_back();
            for (&first, &last) in before
                .into_iter()
                .chain(other.last_by_first.range(range.first..=range.last))
            {
                let Some(start) = from.filter(|start| last >= *start) else {
                    continue;
                };
                if first > start {
                    left.last_by_first.insert(start, first - 1);
                }
                from = last.checked_add(1);
            }
            if let Some(start) = from.filter(|start| *start <= range.last) {
                left.last_by_first.insert(start, range.last);
            }
        }
        left
    }
}

impl Extend<Range> for RangeSet {
    fn extend<I: IntoIterator<Item = Range>>(&mut self, ranges: I) {
        for range in ranges {
            self.insert(range);
        }
    }
}

impl FromIterator<Range> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut set = Self::default();
        set.extend(ranges);
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(first: u128, last: u128) -> Range {
        Range { first, last }
    }

    fn network(text: &str) -> Vec<Range> {
        Range::of_network(text.parse().unwrap()).into_iter().flatten().collect()
    }

    #[test]
    fn rfc4291_2_5_5_2_mapped_addresses_are_ipv4_addresses() {
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
        assert_eq!(network("::ffff:0:0/96"), network("0.0.0.0/0"));
        let everything: RangeSet = [network("::/0"), network("0.0.0.0/0")].concat().into_iter().collect();
        assert_eq!(everything, RangeSet::all());
        for around in ["::/0", "::/80", "::/95", "::fffe:0:0/95"] {
            let set: RangeSet = network(around).into_iter().collect();
            assert!(!set.contains(number([192, 0, 2, 1].into())), "{around}");
        }
        assert_eq!(network("::fffe:0:0/95").len(), 1);
    }

    fn ranges() -> impl Strategy<Value = Vec<Range>> {
        // Both ends of the numbers, where a step beyond would overflow.
        let end = prop_oneof![0..20_u128, u128::MAX - 20..=u128::MAX];
        let range = (end.clone(), end).prop_map(|(a, b)| range(a.min(b), a.max(b)));
        prop::collection::vec(range, 0..6)
    }

    proptest! {
        #[test]
        fn a_set_holds_what_its_ranges_hold(a in ranges(), b in ranges(), n in prop_oneof![0..22_u128, u128::MAX - 22..=u128::MAX]) {
            let (in_a, in_b) = (a.iter().any(|range| range.contains(n)), b.iter().any(|range| range.contains(n)));
            let (set_a, set_b): (RangeSet, RangeSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(set_a.contains(n), in_a);
            prop_assert_eq!(set_a.without(&set_b).contains(n), in_a && !in_b);
            prop_assert_eq!(set_a.covers_all(&set_b), set_b.without(&set_a).is_empty());
            let stretches: Vec<Range> = set_a.iter().collect();
            prop_assert!(stretches.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
        }
    }
}
