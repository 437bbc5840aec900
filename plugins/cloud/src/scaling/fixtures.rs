//! What the tests of the scaling decide about.

use std::collections::BTreeMap;
use std::time::Duration;

use super::config::{Config, Groups};
use super::inputs::{GroupState, Inputs, PolicyFound, Trigger};
use super::pattern::Pattern;
use super::price::{Point, Share};
use crate::aws::credentials::{Environment, Sources};
use crate::aws::ec2::Filter;
use crate::aws::{Endpoint, Endpoints, Service, Settings, Timeouts};

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

/// The configuration of a pair of groups "spot" and "listed", with alarms "jobs" and "idle", that asks nobody.
pub(super) fn config() -> Config {
    let endpoint = "http://127.0.0.1:1".parse::<Endpoint>().unwrap();
    let endpoints = Service::ALL
        .into_iter()
        .map(|service| (service, endpoint.clone()))
        .collect();
    Config {
        name: "gpu".to_owned(),
        settings: Settings {
            endpoints: Endpoints::new("eu-west-1", endpoints).unwrap(),
            sources: Sources {
                profile: None,
                environment: Environment::default(),
            },
            authorities: None,
            timeouts: Timeouts::default(),
            page_instances: 1000,
        },
        queue: Some("https://sqs.eu-west-1.amazonaws.com/1/q".to_owned()),
        topics: Vec::new(),
        groups: Groups {
            stack: None,
            spot: "spot".to_owned(),
            on_demand: "listed".to_owned(),
        },
        jobs: vec![Pattern::new("jobs")],
        no_jobs: vec![Pattern::new("idle")],
        tag_bid: "SpotPrice".to_owned(),
        tag_type: "SpotType".to_owned(),
        bid_factor: Share::from_millionths(850_000),
        subnets: vec![Filter::new("tag:Usage", ["ApplicationSubnet*"])],
        vpc: None,
        policy_up: "ScaleUp".to_owned(),
        policy_down: "ScaleDown".to_owned(),
        price_window: Duration::from_secs(3600),
        come_up: Duration::from_secs(600),
    }
}
