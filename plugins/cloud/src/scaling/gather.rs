//! What a decision depends on, asked of the cloud.

use std::collections::BTreeMap;
use std::fmt;

use super::config::{Config, Groups};
use super::inputs::{Earlier, GroupState, Inputs, PolicyFound, Trigger};
use super::price::Point;
use crate::aws::autoscaling::{Group, Policy};
use crate::aws::ec2::Filter;
use crate::aws::{Client, Error};

/// Why the inputs could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotGathered {
    /// A call failed: what was asked for, and why.
    Call(&'static str, Error),
    /// There is no group of this name.
    NoGroup(String),
    /// A stack has no resource of this logical id that is a group.
    NoResource {
        /// The stack.
        stack: String,
        /// The id.
        logical_id: String,
    },
}

impl fmt::Display for NotGathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(what, error) => write!(f, "{what}: {error}"),
            Self::NoGroup(name) => write!(f, "there is no auto-scaling group {name}"),
            Self::NoResource { stack, logical_id } => {
                write!(f, "the stack {stack} has no auto-scaling group {logical_id}")
            }
        }
    }
}

/// What is to be known beside the cloud's part.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Now, in seconds since 1970.
    pub(super) at: i64,
    /// What it is about.
    pub(super) trigger: Trigger,
    /// What the same message has found before.
    pub(super) earlier: Option<Earlier>,
    /// Whether to decide without prices when they can't be had for now.
    pub(super) may_lack_prices: bool,
}

/// Asks for all that there is to know.
pub(super) async fn inputs(client: &Client, config: &Config, question: Question) -> Result<Inputs, NotGathered> {
    let (spot_name, other_name) = names(client, &config.groups).await?;
    let groups = client.groups(&[spot_name.clone(), other_name.clone()]).await;
    let mut groups = groups.map_err(|error| NotGathered::Call("the groups", error))?;
    let mut take = |name: String| match groups.iter().position(|group| group.name == name) {
        Some(place) => Ok(groups.swap_remove(place)),
        None => Err(NotGathered::NoGroup(name)),
    };
    let (spot, other) = (take(spot_name)?, take(other_name)?);
    let policies = tokio::try_join!(client.policies(&spot.name), client.policies(&other.name));
    let (spot_policies, other_policies) = policies.map_err(|error| NotGathered::Call("the policies", error))?;
    let mut inputs = Inputs {
        at: question.at,
        trigger: question.trigger,
        bid: spot.tags.get(&config.tag_bid).and_then(|bid| bid.trim().parse().ok()),
        bid_factor: config.bid_factor,
        instance_type: spot.tags.get(&config.tag_type).map(|kind| kind.trim().to_owned()),
        zones: BTreeMap::new(),
        prices: BTreeMap::new(),
        price_window: config.price_window.as_secs(),
        price_problem: None,
        earlier: question.earlier,
        on_demand: state(&other, &other_policies, config),
        spot: state(&spot, &spot_policies, config),
    };
    // Only that there are jobs is answered by prices.
    if inputs.trigger == Trigger::Jobs {
        inputs.zones = zones(client, config, &spot).await?;
        add_prices(client, &mut inputs, question.may_lack_prices).await?;
    }
    Ok(inputs)
}

/// The names of the spot group and of the other.
async fn names(client: &Client, groups: &Groups) -> Result<(String, String), NotGathered> {
    let Some(stack) = &groups.stack else {
        return Ok((groups.spot.clone(), groups.on_demand.clone()));
    };
    let name = async |logical_id: &str| {
        let resource = client.find_stack_resource(stack, logical_id).await;
        let resource = resource.map_err(|error| NotGathered::Call("the stack", error))?;
        let group = resource.filter(|resource| resource.kind == "AWS::AutoScaling::AutoScalingGroup");
        group
            .and_then(|group| group.physical_id)
            .ok_or_else(|| NotGathered::NoResource {
                stack: stack.clone(),
                logical_id: logical_id.to_owned(),
            })
    };
    Ok((name(&groups.spot).await?, name(&groups.on_demand).await?))
}

fn state(group: &Group, policies: &[Policy], config: &Config) -> GroupState {
    GroupState {
        name: group.name.clone(),
        min: group.min,
        max: group.max,
        desired: group.desired,
        members: group
            .members
            .iter()
            .map(|member| (member.instance.clone(), member.state.clone()))
            .collect(),
        is_suspended: group.suspended.iter().any(|process| process == "Launch"),
        up: policy(policies, &config.policy_up),
        down: policy(policies, &config.policy_down),
    }
}

/// The policy that has this in its name. Those that the service executes only with a metric's value are none.
fn policy(policies: &[Policy], part: &str) -> PolicyFound {
    let is_simple = |policy: &&Policy| policy.kind.as_deref().is_none_or(|kind| kind == "SimpleScaling");
    let mut names: Vec<String> = policies
        .iter()
        .filter(is_simple)
        .filter(|policy| policy.name.contains(part))
        .map(|policy| policy.name.clone())
        .collect();
    names.sort_unstable();
    match names.len() {
        0 => PolicyFound::None,
        1 => PolicyFound::One(names.remove(0)),
        _ => PolicyFound::Several(names),
    }
}

/// The zones with a subnet in which the group may have machines.
async fn zones(client: &Client, config: &Config, group: &Group) -> Result<BTreeMap<String, Vec<String>>, NotGathered> {
    let failed = |error| NotGathered::Call("the subnets", error);
    let mut filters = config.subnets.clone();
    let vpc = match &config.vpc {
        Some(vpc) => Some(vpc.clone()),
        None if group.subnets.is_empty() => None,
        None => {
            let own = Filter::new("subnet-id", group.subnets.iter().cloned());
            let own = client.subnets(&[own]).await.map_err(failed)?;
            own.into_iter().find_map(|subnet| subnet.vpc)
        }
    };
    filters.extend(vpc.map(|vpc| Filter::new("vpc-id", [vpc])));
    let mut zones: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for subnet in client.subnets(&filters).await.map_err(failed)? {
        // What costs little where the group has no machines is of no use to it.
        if group.zones.is_empty() || group.zones.contains(&subnet.zone) {
            zones.entry(subnet.zone).or_default().push(subnet.id);
        }
    }
    Ok(zones)
}

async fn add_prices(client: &Client, inputs: &mut Inputs, may_lack: bool) -> Result<(), NotGathered> {
    let Some(kind) = &inputs.instance_type else {
        return Ok(());
    };
    let window = inputs.window();
    match client.spot_prices(kind, None, window.from, window.until).await {
        Ok(prices) => {
            for price in prices.into_iter().filter(|price| price.kind == *kind) {
                let point = Point {
                    since: price.since,
                    price: price.price,
                };
                inputs.prices.entry(price.zone).or_default().push(point);
            }
            inputs.prices.values_mut().for_each(|points| points.sort_unstable());
            Ok(())
        }
        // It will say the same again: there is no spot capacity of such a type, or no right to ask.
        Err(error @ Error::Refused { .. }) => {
            inputs.price_problem = Some(error.to_string());
            Ok(())
        }
        Err(error) if may_lack => {
            inputs.price_problem = Some(error.to_string());
            Ok(())
        }
        Err(error) => Err(NotGathered::Call("the spot prices", error)),
    }
}
