//! What a collector is compared with: see [`ballast_benches::syslog::floor`]. Ends on SIGTERM, everything written.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ballast_benches::syslog::floor::{Work, serve};
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Writes what comes by TCP to files below a directory, with the least work that this takes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the files go.
    #[arg(long)]
    out: PathBuf,
    /// What is done.
    #[arg(long)]
    work: Work,
}

fn main() -> ExitCode {
    let Arguments { listen, out, work } = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        if let Err(error) = signal_hook::flag::register(signal, stop.clone()) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    match serve(listen, &out, work, &stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{listen}: {error}");
            ExitCode::FAILURE
        }
    }
}
