//! The decision table. Each fault of the articles' system has a test of its name.

use proptest::prelude::*;

use super::super::fixtures::{NOW, group, inputs, prices, running};
use super::super::inputs::Earlier;
use super::super::price::Point;
use super::*;

fn decide(change: impl FnOnce(&mut Inputs)) -> Decision {
    decide_of(Trigger::Jobs, change)
}

fn decide_of(trigger: Trigger, change: impl FnOnce(&mut Inputs)) -> Decision {
    let mut inputs = inputs(trigger);
    change(&mut inputs);
    Decision::of(inputs)
}

fn interruption(change: impl FnOnce(&mut Inputs)) -> Decision {
    let trigger = Trigger::Interruption {
        instance: "i-1".to_owned(),
        drained: false,
    };
    decide_of(trigger, change)
}

/// The steps, short.
fn calls(decision: &Decision) -> Vec<String> {
    let call = |step: &Step| match step {
        Step::ExecutePolicy { policy, .. } => policy.clone(),
        Step::DetachInstance { instance, shrink, .. } => format!("detach {instance} {shrink}"),
    };
    decision.steps.iter().map(call).collect()
}

#[test]
fn spot_when_the_cheapest_zone_is_at_most_the_bids_share() {
    let decision = decide(|_| {});
    assert_eq!(
        (decision.action, decision.reason),
        (Action::ScaleUpSpot, Reason::SpotIsCheap)
    );
    assert_eq!(calls(&decision), ["spot-ScaleUp"]);
    let zones: Vec<(&str, String)> = decision
        .zones
        .iter()
        .map(|zone| (zone.zone.as_str(), zone.mean.to_string()))
        .collect();
    assert_eq!(zones, [("a", "0.05".to_owned()), ("b", "0.09".to_owned())]);
    assert_eq!(decision.limit.unwrap().to_string(), "0.085");
    assert_eq!(
        decision.text,
        "a has cost 0.05 on the mean, which is at most 0.85 of the bid of 0.1"
    );
}

#[test]
fn fault_the_on_demand_branch_was_never_executed() {
    let decision = decide(|inputs| {
        inputs.prices.insert("a".into(), prices(&[(9000, "0.0851")]));
    });
    assert_eq!(
        (decision.action, decision.not_spot),
        (Action::ScaleUpOnDemand, Some(NotSpot::TooDear))
    );
    assert_eq!(calls(&decision), ["listed-ScaleUp"]);
}

#[test]
fn fault_one_subnet_had_a_price_of_zero_and_was_always_spot() {
    let one = |price| {
        decide(|inputs| {
            inputs.zones.remove("b");
            inputs.prices.insert("a".into(), prices(&[(9000, price)]));
        })
    };
    assert_eq!(one("0.2").action, Action::ScaleUpOnDemand);
    assert_eq!(one("0.2").zones.len(), 1);
    assert_eq!(one("0.05").action, Action::ScaleUpSpot);
}

#[test]
fn fault_an_empty_history_divided_by_zero() {
    let decision = decide(|inputs| inputs.prices.clear());
    assert_eq!(
        (decision.action, decision.not_spot),
        (Action::ScaleUpOnDemand, Some(NotSpot::NoPrice))
    );
    assert!(decision.zones.is_empty());
    // One zone without a history says nothing about the other.
    let decision = decide(|inputs| drop(inputs.prices.insert("b".into(), Vec::new())));
    assert_eq!(decision.action, Action::ScaleUpSpot);
}

#[test]
fn fault_a_mean_of_samples_instead_of_over_time() {
    // Cheap for ten seconds, which has ten samples; dear for the rest of the hour, which has one.
    let mut samples = vec![(9000, "0.2")];
    samples.extend((1..=10).map(|ago| (ago, "0.001")));
    let decision = decide(|inputs| {
        inputs.prices.clear();
        inputs.prices.insert("a".into(), prices(&samples));
    });
    assert_eq!(decision.not_spot, Some(NotSpot::TooDear));
    // And the other way round.
    let mut samples = vec![(9000, "0.05")];
    samples.extend((1..=10).map(|ago| (ago, "0.9")));
    let decision = decide(|inputs| {
        inputs.prices.clear();
        inputs.prices.insert("a".into(), prices(&samples));
    });
    assert_eq!(decision.action, Action::ScaleUpSpot);
}

#[test]
fn a_zone_without_a_subnet_does_not_count_however_cheap() {
    let decision = decide(|inputs| {
        inputs.prices.insert("c".into(), prices(&[(9000, "0.0001")]));
        inputs.zones.remove("a");
    });
    assert_eq!(
        (decision.action, decision.not_spot),
        (Action::ScaleUpOnDemand, Some(NotSpot::TooDear))
    );
    let decision = decide(|inputs| inputs.zones.clear());
    assert_eq!(decision.not_spot, Some(NotSpot::NoZone));
}

#[test]
fn what_is_not_known_never_speaks_for_spot() {
    let because = |change: fn(&mut Inputs)| {
        let decision = decide(change);
        assert_eq!(decision.action, Action::ScaleUpOnDemand);
        decision.not_spot
    };
    assert_eq!(because(|inputs| inputs.bid = None), Some(NotSpot::NoBid));
    assert_eq!(because(|inputs| inputs.instance_type = None), Some(NotSpot::NoType));
    let throttled = |inputs: &mut Inputs| inputs.price_problem = Some("throttled".into());
    assert_eq!(because(throttled), Some(NotSpot::PriceUnknown));
}

#[test]
fn each_group_is_asked_whether_it_has_machines_already() {
    let has = |reason| (Action::Nothing, reason);
    let of = |decision: Decision| (decision.action, decision.reason);
    let dear = |inputs: &mut Inputs| inputs.bid = Some("0.01".parse().unwrap());
    assert_eq!(
        of(decide(|inputs| inputs.spot = running("spot", "i-1"))),
        has(Reason::SpotHasInstances)
    );
    assert_eq!(of(decide(|inputs| inputs.spot.desired = 1)), has(Reason::SpotUnderWay));
    let both = decide(|inputs| {
        dear(inputs);
        inputs.on_demand = running("listed", "i-2");
    });
    assert_eq!(of(both), has(Reason::OnDemandHasInstances));
    // What the other group has does not keep spot from being cheap.
    assert_eq!(
        decide(|inputs| inputs.on_demand = running("listed", "i-2")).action,
        Action::ScaleUpSpot
    );
}

#[test]
fn a_machine_on_its_way_out_is_none() {
    let decision = decide(|inputs| {
        inputs.spot = running("spot", "i-1");
        inputs.spot.desired = 0;
        inputs.spot.members.insert("i-1".into(), "Terminating:Wait".into());
    });
    assert_eq!(decision.action, Action::ScaleUpSpot);
}

#[test]
fn a_group_that_cannot_grow_is_not_asked_to() {
    let because = |change: fn(&mut Inputs)| {
        let decision = decide(change);
        (decision.action, decision.not_spot)
    };
    let on_demand = (Action::ScaleUpOnDemand, Some(NotSpot::CannotGrow));
    assert_eq!(because(|inputs| inputs.spot.max = 0), on_demand);
    assert_eq!(because(|inputs| inputs.spot.is_suspended = true), on_demand);
    assert_eq!(because(|inputs| inputs.spot.up = PolicyFound::None), on_demand);
    let several = |inputs: &mut Inputs| inputs.spot.up = PolicyFound::Several(vec!["a".into(), "b".into()]);
    assert_eq!(because(several), on_demand);
    let neither = decide(|inputs| {
        inputs.spot.max = 0;
        inputs.on_demand.up = PolicyFound::None;
    });
    assert_eq!(
        (neither.action, neither.reason),
        (Action::Nothing, Reason::OnDemandCannotGrow)
    );
}

#[test]
fn no_more_jobs_scales_both_down() {
    let both = |inputs: &mut Inputs| {
        inputs.spot = running("spot", "i-1");
        inputs.on_demand = running("listed", "i-2");
    };
    let decision = decide_of(Trigger::NoJobs, both);
    assert_eq!(decision.action, Action::ScaleDown);
    assert_eq!(calls(&decision), ["spot-ScaleDown", "listed-ScaleDown"]);
    // One that waits for its machine gives up on it.
    let decision = decide_of(Trigger::NoJobs, |inputs| inputs.spot.desired = 1);
    assert_eq!(calls(&decision), ["spot-ScaleDown"]);
    assert_eq!(decide_of(Trigger::NoJobs, |_| {}).reason, Reason::NothingToScaleDown);
    let stuck = decide_of(Trigger::NoJobs, |inputs| {
        inputs.spot = running("spot", "i-1");
        inputs.spot.down = PolicyFound::None;
    });
    assert_eq!(stuck.reason, Reason::CannotShrink);
}

#[test]
fn what_was_scaled_down_on_an_earlier_try_is_not_scaled_down_again() {
    let decision = decide_of(Trigger::NoJobs, |inputs| {
        (inputs.spot, inputs.on_demand) = (running("spot", "i-1"), running("listed", "i-2"));
        (inputs.spot.max, inputs.spot.desired) = (3, 2);
        inputs.earlier = Some(Earlier { spot: 3, on_demand: 1 });
    });
    assert_eq!(calls(&decision), ["listed-ScaleDown"]);
}

#[test]
fn a_refused_spot_request_is_on_demand() {
    let refused = || Trigger::SpotRefused { why: "no".into() };
    let decision = decide_of(refused(), |_| {});
    assert_eq!(
        (decision.action, decision.not_spot),
        (Action::ScaleUpOnDemand, Some(NotSpot::Refused))
    );
    let decision = decide_of(refused(), |inputs| inputs.on_demand = running("listed", "i-2"));
    assert_eq!(decision.action, Action::Nothing);
}

#[test]
fn a_spot_machine_that_does_not_come_is_on_demand_and_no_longer_waited_for() {
    let late = || Trigger::SpotLate { waited: 600 };
    let decision = decide_of(late(), |inputs| inputs.spot.desired = 1);
    assert_eq!(calls(&decision), ["listed-ScaleUp", "spot-ScaleDown"]);
    // A machine that is pending is not one that has come.
    let decision = decide_of(late(), |inputs| {
        inputs.spot = running("spot", "i-1");
        inputs.spot.members.insert("i-1".into(), "Pending".into());
    });
    assert_eq!(decision.action, Action::ScaleUpOnDemand);
    let decision = decide_of(late(), |inputs| inputs.spot = running("spot", "i-1"));
    assert_eq!(
        (decision.action, decision.reason),
        (Action::Nothing, Reason::SpotHasInstances)
    );
    // Without anything in its place it is better to go on waiting.
    let decision = decide_of(late(), |inputs| (inputs.spot.desired, inputs.on_demand.max) = (1, 0));
    assert!(decision.steps.is_empty());
}

#[test]
fn an_interruption_drains_and_is_on_demand() {
    let decision = interruption(|inputs| inputs.spot = running("spot", "i-1"));
    assert_eq!(decision.action, Action::ScaleUpOnDemand);
    assert_eq!(calls(&decision), ["listed-ScaleUp", "detach i-1 true"]);
    let decision = interruption(|inputs| {
        (inputs.spot, inputs.on_demand) = (running("spot", "i-1"), running("listed", "i-2"));
    });
    assert_eq!(decision.action, Action::Drain);
    assert_eq!(calls(&decision), ["detach i-1 true"]);
    // A group that must not have fewer bids for another one itself.
    let decision = interruption(|inputs| {
        inputs.spot = running("spot", "i-1");
        inputs.spot.min = 1;
    });
    assert_eq!(calls(&decision), ["listed-ScaleUp", "detach i-1 false"]);
}

#[test]
fn an_interruption_of_another_groups_machine_is_none_of_ours() {
    let decision = interruption(|inputs| inputs.spot = running("spot", "i-9"));
    assert_eq!(
        (decision.action, decision.reason),
        (Action::Nothing, Reason::NotAMember)
    );
    // Unless it was ours until an earlier try took it out.
    let trigger = Trigger::Interruption {
        instance: "i-1".to_owned(),
        drained: true,
    };
    assert_eq!(calls(&decide_of(trigger, |_| {})), ["listed-ScaleUp"]);
}

fn any_group(name: &'static str) -> impl Strategy<Value = GroupState> {
    (
        0u32..3,
        0u32..4,
        0u32..4,
        proptest::collection::vec(0usize..4, 0..3),
        any::<bool>(),
        0usize..3,
    )
        .prop_map(move |(min, max, desired, members, is_suspended, policies)| {
            let states = ["Pending", "InService", "Terminating", "Detached"];
            let members = members.into_iter().enumerate();
            GroupState {
                min,
                max,
                desired,
                members: members
                    .map(|(n, state)| (format!("i-{n}"), states[state].to_owned()))
                    .collect(),
                is_suspended,
                up: [
                    PolicyFound::One("up".into()),
                    PolicyFound::None,
                    PolicyFound::Several(vec![]),
                ][policies]
                    .clone(),
                ..group(name)
            }
        })
}

fn any_inputs() -> impl Strategy<Value = Inputs> {
    let triggers = [
        Trigger::Jobs,
        Trigger::NoJobs,
        Trigger::SpotLate { waited: 600 },
        Trigger::SpotRefused { why: "no".into() },
        Trigger::Interruption {
            instance: "i-0".into(),
            drained: false,
        },
    ];
    let zone = proptest::sample::select(vec!["a", "b", "c", "d"]);
    let history = proptest::collection::vec((-100i64..8000, 0u64..200_000_000), 0..6);
    let histories = proptest::collection::btree_map(zone.clone(), history, 0..5);
    let zones = proptest::collection::btree_set(zone, 0..4);
    let bid = proptest::option::of(0u64..200_000_000);
    let groups = (any_group("spot"), any_group("listed"));
    (
        proptest::sample::select(triggers.to_vec()),
        groups,
        bid,
        zones,
        histories,
    )
        .prop_map(|(trigger, (spot, on_demand), bid, zones, histories)| {
            let point = |(ago, billionths): (i64, u64)| Point {
                since: NOW - ago,
                price: Money::from_billionths(billionths),
            };
            let history =
                |(zone, history): (&str, Vec<(i64, u64)>)| (zone.to_owned(), history.into_iter().map(point).collect());
            Inputs {
                spot,
                on_demand,
                bid: bid.map(Money::from_billionths),
                zones: zones
                    .into_iter()
                    .map(|zone| (zone.to_owned(), vec!["subnet".to_owned()]))
                    .collect(),
                prices: histories.into_iter().map(history).collect(),
                ..inputs(trigger)
            }
        })
}

proptest! {
    #[test]
    fn spot_is_scaled_up_only_where_a_zone_with_a_subnet_is_cheap_enough(inputs in any_inputs()) {
        let decision = Decision::of(inputs.clone());
        if decision.action == Action::ScaleUpSpot {
            prop_assert_eq!(&inputs.trigger, &Trigger::Jobs);
            prop_assert_eq!(inputs.spot.present(), 0);
            prop_assert_eq!(inputs.spot.desired, 0);
            let bid = inputs.bid.unwrap();
            let window = inputs.window();
            let is_cheap = |zone: &String| {
                // The same in seconds: the newest price of each.
                let history = inputs.prices.get(zone).cloned().unwrap_or_default();
                let seconds = (window.from..window.until).filter_map(|second| history.iter().filter(|point| point.since <= second).max());
                let held: Vec<u64> = seconds.map(|point| point.price.billionths()).collect();
                !held.is_empty() && held.iter().sum::<u64>() * 100 <= bid.billionths() * 85 * held.len() as u64
            };
            prop_assert!(inputs.zones.keys().any(is_cheap));
        }
    }

    #[test]
    fn a_decision_follows_from_its_record(inputs in any_inputs()) {
        let decision = Decision::of(inputs);
        let written = serde_json::to_string(&decision).unwrap();
        let read: Decision = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&Decision::of(read.inputs.clone()), &decision);
        prop_assert_eq!(read, decision);
    }

    #[test]
    fn at_most_one_group_is_scaled_up_and_none_beyond_its_most(inputs in any_inputs()) {
        let decision = Decision::of(inputs);
        let up: Vec<Side> = decision
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::ExecutePolicy { side, is_up: true, .. } => Some(*side),
                _ => None,
            })
            .collect();
        prop_assert!(up.len() <= 1);
        for side in up {
            let group = decision.inputs.group(side);
            prop_assert!(group.desired < group.max && !group.is_suspended);
        }
        prop_assert_eq!(decision.action == Action::Nothing, decision.steps.is_empty());
    }
}
