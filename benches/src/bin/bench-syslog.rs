//! `scripts/bench syslog`: measures logd beside rsyslog, syslog-ng, a floor and a sink on this machine, and prints a table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_benches::document::{ReplaceError, replace_section};
use ballast_benches::error::BenchError;
use ballast_benches::interrupt;
use ballast_benches::machine::Machine;
use ballast_benches::syslog::comparison::{Options, Part, measure};
use ballast_benches::syslog::peers::Peer;
use ballast_benches::syslog::table::{Circumstances, render};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// sysexits.h, as the daemons have it.
const EX_USAGE: u8 = 64;
const EX_SOFTWARE: u8 = 70;
const EX_IOERR: u8 = 74;

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
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Bench(error)) => {
            eprintln!("{error}");
            ExitCode::from(EX_SOFTWARE)
        }
        Err(Failure::NotBuilt) => {
            eprintln!("bench-syslog has to stand in the folder of the build: scripts/bench syslog starts it");
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
    let own = std::env::current_exe().map_err(BenchError::io("find", "bench-syslog"))?;
    // target/release/bench-syslog writes below target/bench/syslog.
    let programs = own.parent().ok_or(Failure::NotBuilt)?;
    let work = programs.parent().ok_or(Failure::NotBuilt)?.join("bench/syslog");
    interrupt::catch().map_err(|error| BenchError::io("catch signals of", "bench-syslog")(error))?;
    raise_open_files();
    let document = arguments.write.clone();
    let options = options(arguments, programs, &work);
    let circumstances = circumstances(&options)?;
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
            replace_section(&content, "syslog", &table).map_err(|reason| Failure::Document(path.clone(), reason))?;
        fs::write(&path, content).map_err(BenchError::io("write", &path))?;
    }
    Ok(())
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
        seed: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64),
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

/// Ten thousand connections are as many descriptors here; collectors take as many as they are allowed, for files besides.
fn raise_open_files() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Whoever needs more says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
