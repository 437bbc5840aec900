//! The results as Markdown: the targets with what was measured, then every server in every scenario, as medians over the
//! rounds. A ratio is the median of the ratios within each round, for rounds differ more than servers do.

mod servers;
mod targets;
mod transfers;

use std::fmt::Write;

use super::comparison::{Options, Results};
use crate::machine::Machine;
use crate::verdict;

use targets::verdicts;

/// Where and with what the results were made.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The machine and the day.
    pub machine: Machine,
    /// The programs' own words on what they are.
    pub versions: Vec<String>,
}

/// The whole table.
#[must_use]
pub fn render(results: &Results, options: &Options, circumstances: &Circumstances) -> String {
    let mut text = String::new();
    write(&mut text, results, options, circumstances).expect("a string takes everything");
    text
}

fn write(text: &mut String, results: &Results, options: &Options, circumstances: &Circumstances) -> std::fmt::Result {
    let Circumstances { machine, versions } = circumstances;
    writeln!(
        text,
        "{}: {} × {}, {:.1} GB, Linux {}. Rounds: {} of the mix over 100,000 hosts, the flood, TCP and latency, {} of all else.\n\n{}.\n",
        machine.date,
        machine.cores,
        machine.model,
        machine.memory_bytes as f64 / 1e9,
        machine.kernel,
        options.rounds,
        options.other_rounds(),
        versions.join("; ")
    )?;
    verdict::write(text, &verdicts(results))?;
    servers::write(text, results, options)?;
    transfers::write(text, results)
}

#[cfg(test)]
mod tests;
