//! Targets, and whether they were met.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use crate::statistics::median;

/// What a figure is counted in.
pub trait Unit {
    /// A figure with its unit.
    fn show(&self, value: f64) -> String;
}

/// A target and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict<U> {
    /// Of what.
    pub what: String,
    /// The target.
    pub limit: Limit,
    /// The figure.
    pub measured: f64,
    /// Of both.
    pub unit: U,
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// No more than this.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
    /// For reading beside the others.
    None,
}

impl<U> Verdict<U> {
    /// Whether it is; `None` of what has no target.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        match self.limit {
            Limit::AtMost(limit) => Some(self.measured <= limit),
            Limit::AtLeast(limit) => Some(self.measured >= limit),
            Limit::None => None,
        }
    }
}

/// Writes them as a table.
///
/// # Errors
/// None, as a string takes everything.
pub fn write<U: Unit>(text: &mut String, verdicts: &[Verdict<U>]) -> fmt::Result {
    writeln!(text, "### Targets\n\n| | target | measured | |\n|---|---|---|---|")?;
    for verdict in verdicts {
        let target = match verdict.limit {
            Limit::AtMost(limit) => format!("≤ {}", verdict.unit.show(limit)),
            Limit::AtLeast(limit) => format!("≥ {}", verdict.unit.show(limit)),
            Limit::None => String::new(),
        };
        let met = match verdict.is_met() {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "",
        };
        let measured = verdict.unit.show(verdict.measured);
        writeln!(text, "| {} | {target} | {measured} | {met} |", verdict.what)?;
    }
    writeln!(text)
}

/// The median over the rounds of the ratio of two figures of a round, each of the first run that has it.
pub fn median_ratio<T>(
    runs: &[T],
    round: impl Fn(&T) -> u32,
    above: impl Fn(&T) -> Option<f64>,
    below: impl Fn(&T) -> Option<f64>,
) -> Option<f64> {
    let rounds: BTreeSet<u32> = runs.iter().map(&round).collect();
    median(rounds.into_iter().filter_map(|n| {
        let of_round = || runs.iter().filter(|run| round(run) == n);
        Some(of_round().find_map(&above)? / of_round().find_map(&below)?)
    }))
}
