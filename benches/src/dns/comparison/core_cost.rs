//! dnsd's code without the kernel: how fast it reads a zone's text, and what a query of the mix costs it in time and in
//! instructions.

use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::run::{LOAD_CORE, Run, load_directory, progress};
use crate::answers;
use crate::dns::zones::MILLION;
use crate::error::BenchError;
use crate::process::Process;
use crate::statistics::median;

/// Repeats of what is timed.
const REPEATS: usize = 5;

/// Queries of a timed run: about a second.
const TIMED_QUERIES: u32 = 3_000_000;

/// Queries of the two runs under callgrind. The zone is loaded in both, so only their difference counts.
const COUNTED_QUERIES: [u32; 2] = [20_000, 120_000];

/// Loading 200,000 records takes callgrind some fifty times as long as the machine itself.
const CALLGRIND_MAX: Duration = Duration::from_secs(180);

const PROGRAM: &str = "answer-mix";

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct CoreCost {
    /// Records read in a second, in millions.
    pub parsed_per_second: f64,
    /// Nanoseconds for a query of the mix.
    pub nanoseconds: f64,
    /// Instructions for a query of the mix.
    pub instructions: f64,
}

pub(super) fn measure(run: &Run) -> Result<CoreCost, BenchError> {
    let cost = CoreCost {
        parsed_per_second: parse_rate(),
        nanoseconds: nanoseconds(run)?,
        instructions: instructions(run)?,
    };
    progress(&format!(
        "reading: {:.1} M records/s; a query of the mix: {:.0} ns, {:.0} instructions",
        cost.parsed_per_second, cost.nanoseconds, cost.instructions
    ));
    Ok(cost)
}

fn parse_rate() -> f64 {
    let text = MILLION.text(1);
    let rates = (0..REPEATS).map(|_| {
        let start = Instant::now();
        let mut records = 0_u32;
        answers::read(&text, |_| records += 1);
        f64::from(records) / start.elapsed().as_secs_f64() / 1e6
    });
    median(rates).unwrap_or(0.0)
}

fn nanoseconds(run: &Run) -> Result<f64, BenchError> {
    const TIMED_MAX: Duration = Duration::from_secs(60);
    let mut command = Command::new(run.options.programs.join(PROGRAM));
    command.arg(TIMED_QUERIES.to_string());
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let directory = load_directory(&run.options.work)?;
        let output = Process::start(PROGRAM, &command, &directory, Some(LOAD_CORE))?.finish(TIMED_MAX)?;
        let time = output.trim().parse::<f64>().map_err(|_| BenchError::Output {
            program: PROGRAM,
            wanted: "nanoseconds",
            log: output,
        })?;
        times.push(time);
    }
    Ok(median(times).unwrap_or(0.0))
}

fn instructions(run: &Run) -> Result<f64, BenchError> {
    let [few, many] = COUNTED_QUERIES;
    let difference = counted(run, many)? - counted(run, few)?;
    Ok(difference / f64::from(many - few))
}

/// Instructions of a whole run, as callgrind says at its end: `==7== Collected : 8134120`.
fn counted(run: &Run, queries: u32) -> Result<f64, BenchError> {
    const CALLGRIND: &str = "valgrind";
    let mut command = Command::new(CALLGRIND);
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(run.options.programs.join(PROGRAM))
        .arg(queries.to_string());
    let directory = load_directory(&run.options.work)?;
    let output = Process::start(CALLGRIND, &command, &directory, None)?.finish(CALLGRIND_MAX)?;
    let collected = output
        .lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
    collected.ok_or(BenchError::Output {
        program: CALLGRIND,
        wanted: "number of instructions",
        log: output,
    })
}
