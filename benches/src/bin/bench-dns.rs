//! `scripts/bench dns`: measures dnsd beside NSD, Knot, BIND, PowerDNS and an echo server on this machine, and prints a table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_benches::dns::comparison::{Options, Part, measure};
use ballast_benches::dns::dnsperf;
use ballast_benches::dns::peers::Peer;
use ballast_benches::dns::table::{Circumstances, render};
use ballast_benches::document::{ReplaceError, replace_section};
use ballast_benches::error::BenchError;
use ballast_benches::interrupt;
use ballast_benches::machine::Machine;
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// sysexits.h, as the daemons have it.
const EX_USAGE: u8 = 64;
const EX_SOFTWARE: u8 = 70;
const EX_IOERR: u8 = 74;

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
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Bench(error)) => {
            eprintln!("{error}");
            ExitCode::from(EX_SOFTWARE)
        }
        Err(Failure::NotBuilt) => {
            eprintln!("bench-dns has to stand in the folder of the build: scripts/bench dns starts it");
            ExitCode::from(EX_USAGE)
        }
        Err(Failure::Document(path, reason)) => {
            eprintln!("{}: {reason}", path.display());
            ExitCode::from(EX_IOERR)
        }
    }
}

enum Failure {
    Bench(BenchError),
    NotBuilt,
    Document(PathBuf, ReplaceError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let own = std::env::current_exe().map_err(BenchError::io("find", "bench-dns"))?;
    // target/release/bench-dns writes below target/bench/dns.
    let programs = own.parent().ok_or(Failure::NotBuilt)?;
    let work = programs.parent().ok_or(Failure::NotBuilt)?.join("bench/dns");
    interrupt::catch().map_err(|error| BenchError::io("catch signals of", "bench-dns")(error))?;
    raise_open_files();
    let document = arguments.write.clone();
    let options = options(arguments, programs, &work);
    let circumstances = circumstances(&options, programs)?;
    let results = measure(options.clone())?;
    let table = render(&results, &options, &circumstances);
    let write = |name: &str, content: &str| {
        let file = work.join(name);
        fs::write(&file, content).map_err(BenchError::io("write", &file))?;
        eprintln!("{}", file.display());
        Ok::<(), BenchError>(())
    };
    write("results.json", &serde_json::json!(results).to_string())?;
    write("table.md", &table)?;
    println!("{table}");
    if let Some(path) = document {
        let content = fs::read_to_string(&path).map_err(BenchError::io("read", &path))?;
        let content =
            replace_section(&content, "dns", &table).map_err(|reason| Failure::Document(path.clone(), reason))?;
        fs::write(&path, content).map_err(BenchError::io("write", &path))?;
    }
    Ok(())
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
        seed: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64),
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

/// Servers take as many descriptors as they are allowed; their services allow more than a shell does.
fn raise_open_files() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Whoever needs more says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
