//! The rule: which group is scaled, and why. It has no clock and asks nobody.
//!
//! "There are jobs" scales up the spot group, unless it has machines already or one is on its way: if the mean price of the
//! cheapest zone that counts is at most the bid's share. Else, and whenever spot is out of the question, it is the on-demand
//! group, unless that one has machines already. What is not known never speaks for spot.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::words::{Action, NotSpot, Reason};

use super::inputs::{GroupState, Inputs, Obstacle, PolicyFound, Side, Trigger};
use super::price::{Mean, means};
use crate::money::Money;

/// A call that carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub enum Step {
    /// `ExecutePolicy`, with its cooldown honoured.
    ExecutePolicy {
        /// Of which of the two groups.
        side: Side,
        /// The group's name.
        group: String,
        /// The policy's.
        policy: String,
        /// Whether it is to have more machines, or fewer.
        is_up: bool,
    },
    /// `DetachInstances`: load balancers send it nothing more, and it can finish what it does in the time that it has left.
    DetachInstance {
        /// The spot group's name.
        group: String,
        /// The machine.
        instance: String,
        /// Whether the group is to have one less, so that it doesn't bid for another in its place.
        shrink: bool,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutePolicy {
                side, group, policy, ..
            } => write!(f, "policy {policy} of the {side} group {group}"),
            Self::DetachInstance { group, instance, .. } => write!(f, "{instance} out of the spot group {group}"),
        }
    }
}

/// What a zone that counts has cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ZoneMean {
    /// The zone.
    pub zone: String,
    /// The mean, in dollars an hour, to the next billionth upwards.
    pub mean: Money,
    /// For how many seconds of the window a price is known.
    pub seconds: u64,
}

/// What was decided. [`Decision::of`] its inputs gives it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Why spot is out of the question, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_spot: Option<NotSpot>,
    /// The same in a sentence for people.
    pub text: String,
    /// The calls, in their order.
    pub steps: Vec<Step>,
    /// The zones that count and have had a price, the cheapest first; empty when prices don't matter.
    pub zones: Vec<ZoneMean>,
    /// What the cheapest may cost, in dollars an hour, to a billionth downwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Money>,
    /// All that it depends on.
    pub inputs: Inputs,
}

impl Decision {
    /// Decides.
    #[must_use]
    pub fn of(inputs: Inputs) -> Self {
        let draft = match &inputs.trigger {
            Trigger::Jobs => jobs(&inputs),
            Trigger::NoJobs => no_jobs(&inputs),
            Trigger::Interruption { instance, drained } => interruption(&inputs, instance, *drained),
            Trigger::SpotRefused { why } => on_demand(
                &inputs,
                NotSpot::Refused,
                &format!("the spot group could not be scaled up: {why}"),
            ),
            Trigger::SpotLate { waited } => spot_late(&inputs, *waited),
        };
        Self {
            action: draft.action,
            reason: draft.reason,
            not_spot: draft.not_spot,
            text: draft.text,
            steps: draft.steps,
            zones: draft.zones,
            limit: draft.limit,
            inputs,
        }
    }
}

/// A decision without its inputs.
struct Draft {
    action: Action,
    reason: Reason,
    not_spot: Option<NotSpot>,
    text: String,
    steps: Vec<Step>,
    zones: Vec<ZoneMean>,
    limit: Option<Money>,
}

impl Draft {
    fn new(action: Action, reason: Reason, text: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            action,
            reason,
            not_spot: None,
            text: text.into(),
            steps,
            zones: Vec::new(),
            limit: None,
        }
    }

    fn nothing(reason: Reason, text: impl Into<String>) -> Self {
        Self::new(Action::Nothing, reason, text, Vec::new())
    }
}

fn jobs(inputs: &Inputs) -> Draft {
    let spot = &inputs.spot;
    if spot.present() > 0 {
        let text = format!("the spot group has {} already", machines(spot.present()));
        return Draft::nothing(Reason::SpotHasInstances, text);
    }
    if spot.desired > 0 {
        let text = format!("the spot group waits for {}", machines(spot.desired as usize));
        return Draft::nothing(Reason::SpotUnderWay, text);
    }
    let (means, verdict) = price_verdict(inputs);
    let mut draft = match verdict {
        Ok(text) => match scale_up(spot, Side::Spot) {
            Ok(step) => Draft::new(Action::ScaleUpSpot, Reason::SpotIsCheap, text, vec![step]),
            Err(obstacle) => on_demand(inputs, NotSpot::CannotGrow, &cannot_grow(Side::Spot, obstacle)),
        },
        Err((not_spot, text)) => on_demand(inputs, not_spot, &text),
    };
    draft.zones = means
        .into_iter()
        .map(|(zone, mean)| ZoneMean {
            zone,
            mean: mean.shown(),
            seconds: mean.seconds(),
        })
        .collect();
    draft.limit = inputs.bid.map(|bid| inputs.bid_factor.of(bid));
    draft
}

/// The means of the zones that count, the cheapest first, and whether spot is cheap enough; either way with the sentence.
type Verdict = (Vec<(String, Mean)>, Result<String, (NotSpot, String)>);

fn price_verdict(inputs: &Inputs) -> Verdict {
    let no = |not_spot, text: &str| Err((not_spot, text.to_owned()));
    let mut means: Vec<(String, Mean)> = means(inputs.window(), inputs.zones.keys(), &inputs.prices)
        .into_iter()
        .collect();
    means.sort_by_key(|(_, mean)| *mean);
    let verdict = match (&inputs.bid, &inputs.instance_type, means.first()) {
        (None, ..) => no(NotSpot::NoBid, "the spot group has no tag that says what it bids"),
        (_, None, _) => no(
            NotSpot::NoType,
            "the spot group has no tag that says of what type its machines are",
        ),
        _ if inputs.zones.is_empty() => no(NotSpot::NoZone, "no zone has a subnet for the spot group"),
        _ if inputs.price_problem.is_some() => {
            let problem = inputs.price_problem.as_deref().unwrap_or_default();
            no(
                NotSpot::PriceUnknown,
                &format!("the spot prices could not be had: {problem}"),
            )
        }
        (_, _, None) => no(
            NotSpot::NoPrice,
            "no zone with a subnet for the spot group has had a spot price",
        ),
        (Some(bid), _, Some((zone, mean))) => {
            let (factor, shown) = (inputs.bid_factor, mean.shown());
            match mean.is_at_most(factor, *bid) {
                true => Ok(format!(
                    "{zone} has cost {shown} on the mean, which is at most {factor} of the bid of {bid}"
                )),
                false => no(
                    NotSpot::TooDear,
                    &format!(
                        "the cheapest zone, {zone}, has cost {shown} on the mean, which is above {factor} of the bid of {bid}"
                    ),
                ),
            }
        }
    };
    (means, verdict)
}

/// The on-demand group, as spot is out of the question: because of `text`.
fn on_demand(inputs: &Inputs, not_spot: NotSpot, text: &str) -> Draft {
    let group = &inputs.on_demand;
    let running = group.present().max(group.desired as usize);
    let mut draft = match scale_up(group, Side::OnDemand) {
        _ if running > 0 => {
            let text = format!("{text}; the on-demand group has {} already", machines(running));
            Draft::nothing(Reason::OnDemandHasInstances, text)
        }
        Ok(step) => Draft::new(Action::ScaleUpOnDemand, Reason::NotSpot, text, vec![step]),
        Err(obstacle) => {
            let text = format!("{text}; {}", cannot_grow(Side::OnDemand, obstacle));
            Draft::nothing(Reason::OnDemandCannotGrow, text)
        }
    };
    draft.not_spot = Some(not_spot);
    draft
}

fn no_jobs(inputs: &Inputs) -> Draft {
    let is_larger = |side| {
        let group = inputs.group(side);
        let before = inputs.earlier.map(|earlier| match side {
            Side::Spot => earlier.spot,
            Side::OnDemand => earlier.on_demand,
        });
        group.desired > group.min && before.is_none_or(|before| group.desired >= before)
    };
    let larger: Vec<Side> = [Side::Spot, Side::OnDemand]
        .into_iter()
        .filter(|side| is_larger(*side))
        .collect();
    if larger.is_empty() {
        return Draft::nothing(Reason::NothingToScaleDown, "neither group has machines to lose");
    }
    let steps: Vec<Step> = larger
        .iter()
        .filter_map(|side| scale_down(inputs.group(*side), *side))
        .collect();
    match steps.len() {
        0 => Draft::nothing(
            Reason::CannotShrink,
            "no group that has machines has one policy to lose them by",
        ),
        _ => Draft::new(Action::ScaleDown, Reason::NoMoreJobs, "there are no more jobs", steps),
    }
}

fn interruption(inputs: &Inputs, instance: &str, drained: bool) -> Draft {
    let spot = &inputs.spot;
    let is_member = spot.members.contains_key(instance);
    if !is_member && !drained {
        return Draft::nothing(
            Reason::NotAMember,
            format!("{instance} is no machine of the spot group"),
        );
    }
    let mut draft = on_demand(
        inputs,
        NotSpot::Interrupted,
        &format!("the spot capacity of {instance} is taken away"),
    );
    if is_member {
        let detach = Step::DetachInstance {
            group: spot.name.clone(),
            instance: instance.to_owned(),
            shrink: spot.desired > spot.min,
        };
        // What takes its place is asked for first: it takes longer, and there are two minutes.
        draft.steps.push(detach);
        if draft.action == Action::Nothing {
            draft.action = Action::Drain;
        }
    }
    draft
}

fn spot_late(inputs: &Inputs, waited: u64) -> Draft {
    let spot = &inputs.spot;
    if spot.in_service() > 0 {
        let text = format!("the spot group has {} in service", machines(spot.in_service()));
        return Draft::nothing(Reason::SpotHasInstances, text);
    }
    let text = format!("the spot group has no machine in service after {waited} s");
    let mut draft = on_demand(inputs, NotSpot::Late, &text);
    // Else both would come in the end. It is the on-demand group that matters, so it comes first.
    if spot.desired > spot.min && draft.reason != Reason::OnDemandCannotGrow {
        draft.steps.extend(scale_down(spot, Side::Spot));
        if !draft.steps.is_empty() && draft.action == Action::Nothing {
            draft.action = Action::ScaleDown;
        }
    }
    draft
}

fn scale_up(group: &GroupState, side: Side) -> Result<Step, Obstacle> {
    match (group.obstacle(), &group.up) {
        (None, PolicyFound::One(policy)) => Ok(execute(group, side, policy, true)),
        (obstacle, _) => Err(obstacle.unwrap_or(Obstacle::NoPolicy)),
    }
}

fn scale_down(group: &GroupState, side: Side) -> Option<Step> {
    match &group.down {
        PolicyFound::One(policy) => Some(execute(group, side, policy, false)),
        PolicyFound::None | PolicyFound::Several(_) => None,
    }
}

fn execute(group: &GroupState, side: Side, policy: &str, is_up: bool) -> Step {
    Step::ExecutePolicy {
        side,
        group: group.name.clone(),
        policy: policy.to_owned(),
        is_up,
    }
}

fn cannot_grow(side: Side, obstacle: Obstacle) -> String {
    let why = match obstacle {
        Obstacle::NoPolicy => "has no policy to scale it up",
        Obstacle::PolicyAmbiguous => "has several policies that may be the one to scale it up",
        Obstacle::Suspended => "is suspended",
        Obstacle::Full => "has as many machines as it may have",
    };
    format!("the {side} group {why}")
}

fn machines(count: usize) -> String {
    match count {
        1 => "1 machine".to_owned(),
        count => format!("{count} machines"),
    }
}

#[cfg(test)]
mod tests;
