//! What the tests of the scaling decide about.

use std::collections::BTreeMap;

use super::inputs::{GroupState, Inputs, PolicyFound, Trigger};
use super::price::{Point, Share};

/// The time of the tests, in seconds since 1970.
pub(super) const NOW: i64 = 1_800_000_000;

/// An empty group with both policies.
pub(super) fn group(name: &str) -> GroupState {
    GroupState {
        name: name.to_owned(),
        min: 0,
        max: 1,
        desired: 0,
        members: BTreeMap::new(),
        is_suspended: false,
        up: PolicyFound::One(format!("{name}-ScaleUp")),
        down: PolicyFound::One(format!("{name}-ScaleDown")),
    }
}

/// A group with a machine in service.
pub(super) fn running(name: &str, instance: &str) -> GroupState {
    GroupState {
        desired: 1,
        members: BTreeMap::from([(instance.to_owned(), "InService".to_owned())]),
        ..group(name)
    }
}

/// The prices of a zone, by how many seconds ago they began.
pub(super) fn prices(prices: &[(i64, &str)]) -> Vec<Point> {
    let point = |(ago, price): &(i64, &str)| Point {
        since: NOW - ago,
        price: price.parse().unwrap(),
    };
    prices.iter().map(point).collect()
}

/// Jobs; empty groups; a bid of 0.10; two zones with a subnet each, of which `a` is cheap enough.
pub(super) fn inputs(trigger: Trigger) -> Inputs {
    let zone = |zone: &str| (zone.to_owned(), vec![format!("subnet-{zone}")]);
    Inputs {
        at: NOW,
        trigger,
        spot: group("spot"),
        on_demand: group("listed"),
        bid: Some("0.10".parse().unwrap()),
        bid_factor: Share::from_millionths(850_000),
        instance_type: Some("g2.2xlarge".to_owned()),
        zones: BTreeMap::from([zone("a"), zone("b")]),
        prices: BTreeMap::from([
            ("a".to_owned(), prices(&[(9000, "0.05")])),
            ("b".to_owned(), prices(&[(9000, "0.09")])),
        ]),
        price_window: 3600,
        price_problem: None,
        earlier: None,
    }
}
