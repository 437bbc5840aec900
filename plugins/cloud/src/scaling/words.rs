//! The words for what is done, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The spot group gets machines.
    ScaleUpSpot,
    /// The on-demand group does.
    ScaleUpOnDemand,
    /// Both groups lose machines.
    ScaleDown,
    /// A machine is taken out of the spot group, and nothing takes its place but what is there already.
    Drain,
    /// Nothing.
    Nothing,
}

impl Action {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScaleUpSpot => "scale-up-spot",
            Self::ScaleUpOnDemand => "scale-up-on-demand",
            Self::ScaleDown => "scale-down",
            Self::Drain => "drain",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The spot group has machines.
    SpotHasInstances,
    /// The spot group is to have machines, and they are not there yet.
    SpotUnderWay,
    /// The cheapest zone is at most the bid's share.
    SpotIsCheap,
    /// Spot is out of the question.
    NotSpot,
    /// … and the on-demand group has machines, or will.
    OnDemandHasInstances,
    /// … and the on-demand group can't be scaled up either.
    OnDemandCannotGrow,
    /// There are no more jobs.
    NoMoreJobs,
    /// … and neither group has more machines than it always has.
    NothingToScaleDown,
    /// … and neither group that has machines has a policy to lose them by.
    CannotShrink,
    /// The machine whose capacity is taken away is none of the spot group's.
    NotAMember,
}

impl Reason {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpotHasInstances => "spot-has-instances",
            Self::SpotUnderWay => "spot-under-way",
            Self::SpotIsCheap => "spot-is-cheap",
            Self::NotSpot => "not-spot",
            Self::OnDemandHasInstances => "on-demand-has-instances",
            Self::OnDemandCannotGrow => "on-demand-cannot-grow",
            Self::NoMoreJobs => "no-more-jobs",
            Self::NothingToScaleDown => "nothing-to-scale-down",
            Self::CannotShrink => "cannot-shrink",
            Self::NotAMember => "not-a-member",
        }
    }
}

/// Why spot is out of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotSpot {
    /// The cheapest zone is above the bid's share.
    TooDear,
    /// The spot group has no tag that says what it bids, or none that is an amount.
    NoBid,
    /// It has none that says of what type its machines are.
    NoType,
    /// No zone has a subnet for it.
    NoZone,
    /// No zone that counts has had a price in the window.
    NoPrice,
    /// The prices could not be had.
    PriceUnknown,
    /// The group can't be scaled up.
    CannotGrow,
    /// It was refused.
    Refused,
    /// It did not come in time.
    Late,
    /// It was taken away.
    Interrupted,
}

impl NotSpot {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooDear => "too-dear",
            Self::NoBid => "no-bid",
            Self::NoType => "no-type",
            Self::NoZone => "no-zone",
            Self::NoPrice => "no-price",
            Self::PriceUnknown => "price-unknown",
            Self::CannotGrow => "cannot-grow",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Interrupted => "interrupted",
        }
    }
}
