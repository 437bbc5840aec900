//! Takes a zone from a name server on this machine again and again, and prints how each transfer was as JSON. `bench-dns` runs it.

use std::process::ExitCode;

use ballast_benches::dns::stream::{Wanted, take_many};
use clap::Parser;

/// Takes a zone from the server at 127.0.0.1.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server's port.
    #[arg(long)]
    port: u16,
    /// The zone.
    #[arg(long)]
    zone: String,
    /// Only the steps from this version on (IXFR).
    #[arg(long)]
    from: Option<u32>,
    /// How often, one after the other.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// How many at the same time.
    #[arg(long, default_value_t = 1)]
    at_once: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let wanted = arguments.from.map_or(Wanted::Zone, Wanted::StepsFrom);
    match take_many(
        arguments.port,
        &arguments.zone,
        wanted,
        arguments.repeat,
        arguments.at_once.max(1),
    ) {
        Ok(transfers) => {
            println!("{}", serde_json::json!(transfers));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no transfer from 127.0.0.1:{}: {error}", arguments.port);
            ExitCode::from(71)
        }
    }
}
