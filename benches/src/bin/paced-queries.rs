//! Asks a name server on this machine at a fixed rate, and prints what came of it as JSON. `bench-dns` runs it.

use std::process::ExitCode;
use std::time::Duration;

use ballast_benches::dns::mix::mix;
use ballast_benches::dns::paced::{Waiting, ask};
use ballast_benches::dns::zones;
use clap::Parser;

/// Different queries; more would not fit the processor's caches any worse.
const QUERIES: usize = 100_000;

/// Asks the server at 127.0.0.1 at a fixed rate.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server's port.
    #[arg(long)]
    port: u16,
    /// Queries a second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// How long.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// The zone whose names are asked for: bench.example or million.example.
    #[arg(long, default_value = zones::HOSTS.origin)]
    zone: String,
    /// Sleep between the queries, and leave the core to the server.
    #[arg(long)]
    asleep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(layout) = [zones::HOSTS, zones::MILLION]
        .into_iter()
        .find(|layout| layout.origin == arguments.zone)
    else {
        eprintln!("no such zone: {}", arguments.zone);
        return ExitCode::from(64);
    };
    let queries = mix(&layout, QUERIES);
    match ask(
        arguments.port,
        &queries,
        arguments.rate,
        Duration::from_secs(arguments.seconds),
        if arguments.asleep {
            Waiting::Asleep
        } else {
            Waiting::Busy
        },
    ) {
        Ok(figures) => {
            println!("{}", serde_json::json!(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot ask 127.0.0.1:{}: {error}", arguments.port);
            ExitCode::from(71)
        }
    }
}
