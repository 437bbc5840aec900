//! The results as Markdown: the targets with what was measured, then every collector in every scenario, as medians over the
//! rounds. A ratio is the median of the ratios within each round, for rounds differ more than collectors do.

mod collectors;
mod targets;

use std::fmt::Write;

use super::comparison::{Options, Results};
use crate::machine::Machine;
use crate::verdict;

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
        "{}: {} × {}, {:.1} GB, Linux {}. Rounds: {}{}.\n\n{}.\n",
        machine.date,
        machine.cores,
        machine.model,
        machine.memory_bytes as f64 / 1e9,
        machine.kernel,
        options.rounds,
        if options.quick {
            ", quick: no figures to compare"
        } else {
            ""
        },
        versions.join("; ")
    )?;
    verdict::write(text, &targets::verdicts(results))?;
    collectors::write(text, results)
}
