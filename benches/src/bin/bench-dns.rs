//! `scripts/bench dns`: measures dnsd beside NSD, Knot, BIND, PowerDNS and an echo server on this machine, and prints a table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ballast_benches::command::{Command, Failure, exit, seed};
use ballast_benches::dns::comparison::{Options, Part, measure};
use ballast_benches::dns::dnsperf;
use ballast_benches::dns::peers::Peer;
use ballast_benches::dns::table::{Circumstances, render};
use ballast_benches::error::BenchError;
use ballast_benches::machine::Machine;
use clap::Parser;

/// Compares dnsd with NSD, Knot, BIND, PowerDNS and an echo server.
///
/// Every server is started afresh for every round, on 127.0.0.1, and ended again. The table is printed and written below the
/// folder of the build, with the figures of every run as JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each server is measured at full load and for latency; half as often in the other parts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds that a measurement takes.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    secs: u64,
    /// Who takes part.
    #[arg(long, value_delimiter = ',', default_values_t = Peer::ALL)]
    peers: Vec<Peer>,
    /// What is measured; everything by default.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Queries a second for latencies.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 30_000, 60_000])]
    rates: Vec<u32>,
    /// Reloads under load.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=60))]
    reloads: u32,
    /// Edits of a file in each round, until a secondary has them.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    edits: u32,
    /// The port of 127.0.0.1 that the servers get, one after the other; a server's primary gets the next one.
    #[arg(long, default_value_t = 15_353)]
    port: u16,
    /// Does everything once and briefly: whether it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Puts the table into this document, between its two markers.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit("dns", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let command = Command::begin("dns")?;
    let document = arguments.write.clone();
    let options = options(arguments, &command.programs, &command.work);
    let circumstances = circumstances(&options, &command.programs)?;
    let results = measure(options.clone())?;
    let table = render(&results, &options, &circumstances);
    command.publish(&serde_json::json!(results), &table, document.as_deref())
}

fn options(arguments: Arguments, programs: &Path, work: &Path) -> Options {
    let mut parts = arguments.only;
    if parts.is_empty() {
        parts = Part::ALL.to_vec();
    }
    let quick = arguments.quick;
    Options {
        programs: programs.to_owned(),
        work: work.to_owned(),
        port: arguments.port,
        peers: arguments.peers,
        parts,
        rounds: if quick { 1 } else { arguments.rounds },
        seconds: if quick { 1 } else { arguments.secs },
        rates: if quick { vec![10_000] } else { arguments.rates },
        reloads: if quick { 2 } else { arguments.reloads },
        edits: if quick { 3 } else { arguments.edits },
        seed: seed(),
    }
}

fn circumstances(options: &Options, programs: &Path) -> Result<Circumstances, BenchError> {
    let mut versions = Vec::new();
    for peer in &options.peers {
        versions.extend(peer.version(programs)?);
    }
    versions.push(dnsperf::version()?);
    Ok(Circumstances {
        machine: Machine::here(),
        versions,
    })
}
