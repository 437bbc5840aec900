//! All that a decision depends on. With the same inputs the same is decided, so that a record of them can be checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::price::{Point, Share, Window};
use crate::money::Money;

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Trigger {
    /// There are jobs.
    Jobs,
    /// There are no more jobs.
    NoJobs,
    /// The capacity of a spot machine is taken away in two minutes.
    Interruption {
        /// Which.
        instance: String,
        /// Whether it has been taken out of its group on an earlier try, so that it is not looked for there.
        drained: bool,
    },
    /// The spot group could not be scaled up.
    SpotRefused {
        /// What the service said.
        why: String,
    },
    /// The spot group was scaled up, and has no machine in service in the time that it has for it.
    SpotLate {
        /// How many seconds it had.
        waited: u64,
    },
}

/// The two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The one that bids.
    Spot,
    /// The one that pays the list price.
    OnDemand,
}

impl Side {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::OnDemand => "on-demand",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A policy that was looked for by a part of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyFound {
    /// The only one.
    One(String),
    /// None.
    None,
    /// Several: which one is meant can't be known.
    Several(Vec<String>),
}

/// A group as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupState {
    /// Its name.
    pub name: String,
    /// Fewer machines it never has …
    pub min: u32,
    /// … nor more …
    pub max: u32,
    /// … and so many it is to have.
    pub desired: u32,
    /// Its machines, by id, with their states as the service has them; those that are on their way out are among them.
    pub members: BTreeMap<String, String>,
    /// Whether it starts no machines for now.
    pub is_suspended: bool,
    /// What scales it up.
    pub up: PolicyFound,
    /// What scales it down.
    pub down: PolicyFound,
}

impl GroupState {
    /// Machines that are there or coming: not those that are on their way out.
    #[must_use]
    pub fn present(&self) -> usize {
        let leaves = |state: &str| {
            ["Terminating", "Terminated", "Detach"]
                .iter()
                .any(|out| state.starts_with(out))
        };
        self.members.values().filter(|state| !leaves(state)).count()
    }

    /// Machines that do their work.
    #[must_use]
    pub fn in_service(&self) -> usize {
        self.members.values().filter(|state| *state == "InService").count()
    }

    /// Why it can't be scaled up, if it can't.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        match &self.up {
            PolicyFound::None => Some(Obstacle::NoPolicy),
            PolicyFound::Several(_) => Some(Obstacle::PolicyAmbiguous),
            PolicyFound::One(_) if self.is_suspended => Some(Obstacle::Suspended),
            PolicyFound::One(_) if self.desired >= self.max => Some(Obstacle::Full),
            PolicyFound::One(_) => None,
        }
    }
}

/// Why a group can't be scaled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// It has no policy of such a name.
    NoPolicy,
    /// It has several.
    PolicyAmbiguous,
    /// It starts no machines for now.
    Suspended,
    /// It has as many as it may have.
    Full,
}

/// How many machines the groups were to have when the same message was acted on before, and how that ended is not known: one
/// that has fewer by now is not scaled down again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    /// The spot group.
    pub spot: u32,
    /// The other.
    pub on_demand: u32,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What it is about.
    pub trigger: Trigger,
    /// The spot group.
    pub spot: GroupState,
    /// The on-demand group.
    pub on_demand: GroupState,
    /// What the spot group bids, in dollars an hour.
    pub bid: Option<Money>,
    /// What of that spot capacity may cost on the mean.
    pub bid_factor: Share,
    /// The type of its machines.
    pub instance_type: Option<String>,
    /// The zones in which machines of the spot group can be, with its subnets there.
    pub zones: BTreeMap<String, Vec<String>>,
    /// What spot capacity of that type costs, by zone: of all zones that the service told of.
    pub prices: BTreeMap<String, Vec<Point>>,
    /// How far back prices count, in seconds.
    pub price_window: u64,
    /// Why the prices could not be had, if they could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_problem: Option<String>,
    /// Set when the message has been acted on before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

impl Inputs {
    /// The group of a side.
    #[must_use]
    pub fn group(&self, side: Side) -> &GroupState {
        match side {
            Side::Spot => &self.spot,
            Side::OnDemand => &self.on_demand,
        }
    }

    /// The time whose prices count.
    #[must_use]
    pub fn window(&self) -> Window {
        let length = i64::try_from(self.price_window).unwrap_or(i64::MAX);
        Window {
            from: self.at.saturating_sub(length),
            until: self.at,
        }
    }
}
