//! `scripts/bench syslog`: measures logd beside rsyslog, syslog-ng, a floor and a sink on this machine, and prints a table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ballast_benches::command::{Command, Failure, exit, seed};
use ballast_benches::error::BenchError;
use ballast_benches::machine::Machine;
use ballast_benches::syslog::comparison::{Options, Part, measure};
use ballast_benches::syslog::peers::Peer;
use ballast_benches::syslog::table::{Circumstances, render};
use clap::Parser;

/// Compares logd with rsyslog, syslog-ng, a floor and a sink.
///
/// Every collector is started afresh for every measurement, on 127.0.0.1, and ended again; its files are checked line by line and
/// removed. The table is printed and written below the folder of the build, with the figures of every run as JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each collector is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds for which datagrams are sent at a rate.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    secs: u64,
    /// Who takes part.
    #[arg(long, value_delimiter = ',', default_values_t = Peer::ALL)]
    peers: Vec<Peer>,
    /// What is measured; everything by default.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// The port of 127.0.0.1 that the collectors get, one after the other; the next one is for logd's metrics.
    #[arg(long, default_value_t = 15_514)]
    port: u16,
    /// Does everything once and briefly: whether it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Puts the table into this document, between its two markers.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The program that starts syslog-ng, as scripts/syslog-ng prints it.
    #[arg(long, value_name = "PROGRAM", default_value = "syslog-ng")]
    syslog_ng: PathBuf,
}

fn main() -> ExitCode {
    exit("syslog", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let command = Command::begin("syslog")?;
    let document = arguments.write.clone();
    let options = options(arguments, &command.programs, &command.work);
    let circumstances = circumstances(&options)?;
    let results = measure(options.clone())?;
    let table = render(&results, &options, &circumstances);
    command.publish(&serde_json::json!(results), &table, document.as_deref())
}

fn options(arguments: Arguments, programs: &Path, work: &Path) -> Options {
    let mut parts = arguments.only;
    if parts.is_empty() {
        parts = Part::ALL.to_vec();
    }
    Options {
        programs: programs.to_owned(),
        syslog_ng: arguments.syslog_ng,
        work: work.to_owned(),
        port: arguments.port,
        peers: arguments.peers,
        parts,
        rounds: if arguments.quick { 1 } else { arguments.rounds },
        seconds: arguments.secs,
        quick: arguments.quick,
        seed: seed(),
    }
}

fn circumstances(options: &Options) -> Result<Circumstances, BenchError> {
    let mut versions = Vec::new();
    for peer in &options.peers {
        versions.extend(peer.version(&options.programs, &options.syslog_ng)?);
    }
    Ok(Circumstances {
        machine: Machine::here(),
        versions,
    })
}
