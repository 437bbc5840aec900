//! Auto Scaling: groups of machines, and their policies.

use std::collections::BTreeMap;

use super::Client;
use super::error::{Error, Malformed};
use super::operation::Operation;
use super::pages::Pages;
use super::query::Form;
use super::xml::Element;

const VERSION: &str = "2011-01-01";
/// Groups or policies of a page: the most there may be.
const PAGE_MAX: &str = "100";

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Fewer machines it never has …
    pub min: u32,
    /// … nor more …
    pub max: u32,
    /// … and so many it is to have.
    pub desired: u32,
    /// Its availability zones.
    pub zones: Vec<String>,
    /// Its subnets.
    pub subnets: Vec<String>,
    /// Its machines.
    pub members: Vec<Member>,
    /// What of it is suspended: "Launch", "AlarmNotification" …
    pub suspended: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A machine of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// "i-…".
    pub instance: String,
    /// "Pending", "InService", "Terminating", "Standby" …
    pub state: String,
    /// "Healthy" or "Unhealthy".
    pub health: Option<String>,
    /// Its availability zone.
    pub zone: Option<String>,
}

/// A policy of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
    /// The group.
    pub group: String,
    /// "SimpleScaling", "StepScaling", "TargetTrackingScaling".
    pub kind: Option<String>,
    /// "ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity".
    pub adjustment_kind: Option<String>,
    /// By how much.
    pub adjustment: Option<i64>,
    /// How long to wait after it, in seconds, if it has a time of its own.
    pub cooldown: Option<u64>,
}

impl Client {
    /// The groups of these names, or all. A name that there is no group of is no error.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn groups(&self, names: &[String]) -> Result<Vec<Group>, Error> {
        let form = Form::new(Operation::DescribeAutoScalingGroups, VERSION)
            .with_each("AutoScalingGroupNames.member", names)
            .with("MaxRecords", PAGE_MAX);
        self.members(form, "DescribeAutoScalingGroups", "AutoScalingGroups", read_group)
            .await
    }

    /// The policies of a group.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn policies(&self, group: &str) -> Result<Vec<Policy>, Error> {
        let form = Form::new(Operation::DescribePolicies, VERSION)
            .with("AutoScalingGroupName", group)
            .with("MaxRecords", PAGE_MAX);
        self.members(form, "DescribePolicies", "ScalingPolicies", read_policy)
            .await
    }

    /// Executes a policy. With its cooldown honoured the service refuses it, as "ScalingActivityInProgress" or "Cooldown", while
    /// an earlier activity has that. It is never made twice: when it is not known whether it was done, that is the error.
    ///
    /// # Errors
    /// When it was refused, or it is not known.
    pub async fn execute_policy(&self, group: &str, policy: &str, honour_cooldown: bool) -> Result<(), Error> {
        let form = Form::new(Operation::ExecutePolicy, VERSION)
            .with("AutoScalingGroupName", group)
            .with("PolicyName", policy)
            .with("HonorCooldown", if honour_cooldown { "true" } else { "false" });
        let done = self.query(form, false, "ExecutePolicyResponse").await;
        done.map(drop)
    }

    /// Sets how many machines a group is to have. The same number twice is the same.
    ///
    /// # Errors
    /// When it was refused, or it is not known.
    pub async fn set_desired_capacity(&self, group: &str, desired: u32, honour_cooldown: bool) -> Result<(), Error> {
        let form = Form::new(Operation::SetDesiredCapacity, VERSION)
            .with("AutoScalingGroupName", group)
            .with("DesiredCapacity", &desired.to_string())
            .with("HonorCooldown", if honour_cooldown { "true" } else { "false" });
        let done = self.query(form, true, "SetDesiredCapacityResponse").await;
        done.map(drop)
    }

    /// Takes a machine out of a group, and of the load balancers that the group keeps; it goes on running. With `shrink` the group
    /// is to have one less, else it starts another. One that is no more in the group is refused, so twice is the same.
    ///
    /// # Errors
    /// When it was refused, or it is not known.
    pub async fn detach_instance(&self, group: &str, instance: &str, shrink: bool) -> Result<(), Error> {
        let form = Form::new(Operation::DetachInstances, VERSION)
            .with("AutoScalingGroupName", group)
            .with_each("InstanceIds.member", [instance])
            .with("ShouldDecrementDesiredCapacity", if shrink { "true" } else { "false" });
        let done = self.query(form, true, "DetachInstancesResponse").await;
        done.map(drop)
    }

    /// All pages of a list in `ACTIONResponse/ACTIONResult/LIST`.
    async fn members<T>(
        &self,
        form: Form,
        action: &'static str,
        list: &'static str,
        read: fn(&Element) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Error> {
        let (root, result) = match action {
            "DescribePolicies" => ("DescribePoliciesResponse", "DescribePoliciesResult"),
            _ => ("DescribeAutoScalingGroupsResponse", "DescribeAutoScalingGroupsResult"),
        };
        let mut pages = Pages::new();
        loop {
            let form = form.clone().with_some("NextToken", pages.token());
            let answer = self.query(form, true, root).await?;
            let page = answer.need(result)?;
            let elements: Result<Vec<T>, Malformed> = page.need_list(list, "member")?.map(read).collect();
            if pages.add(elements?, page.string_of("NextToken"))? {
                return Ok(pages.into_list());
            }
        }
    }
}

fn number<T: std::str::FromStr>(element: &Element, name: &'static str) -> Result<T, Malformed> {
    element.need_text(name)?.parse().map_err(|_| Malformed::Wrong(name))
}

fn read_group(group: &Element) -> Result<Group, Malformed> {
    let members = group.list("Instances", "member").map(|member| {
        Ok(Member {
            instance: member.need_text("InstanceId")?,
            state: member.need_text("LifecycleState")?,
            health: member.string_of("HealthStatus"),
            zone: member.string_of("AvailabilityZone"),
        })
    });
    let subnets = group.text_of("VPCZoneIdentifier").unwrap_or_default();
    Ok(Group {
        name: group.need_text("AutoScalingGroupName")?,
        min: number(group, "MinSize")?,
        max: number(group, "MaxSize")?,
        desired: number(group, "DesiredCapacity")?,
        zones: group
            .list("AvailabilityZones", "member")
            .map(|zone| zone.text.clone())
            .collect(),
        subnets: subnets
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect(),
        members: members.collect::<Result<_, Malformed>>()?,
        suspended: group
            .list("SuspendedProcesses", "member")
            .filter_map(|process| process.string_of("ProcessName"))
            .collect(),
        tags: group
            .list("Tags", "member")
            .filter_map(|tag| Some((tag.string_of("Key")?, tag.string_of("Value").unwrap_or_default())))
            .collect(),
    })
}

fn read_policy(policy: &Element) -> Result<Policy, Malformed> {
    let number = |name| {
        policy
            .text_of(name)
            .map(str::parse::<i64>)
            .transpose()
            .map_err(|_| Malformed::Wrong(name))
    };
    Ok(Policy {
        name: policy.need_text("PolicyName")?,
        arn: policy.string_of("PolicyARN"),
        group: policy.need_text("AutoScalingGroupName")?,
        kind: policy.string_of("PolicyType"),
        adjustment_kind: policy.string_of("AdjustmentType"),
        adjustment: number("ScalingAdjustment")?,
        cooldown: number("Cooldown")?.and_then(|seconds| u64::try_from(seconds).ok()),
    })
}
