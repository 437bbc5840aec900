//! `answer-mix QUERIES [KIND [ASKER]]` answers so many queries in this process and prints nanoseconds a query. Under
//! callgrind the difference between two runs is what the queries alone cost in instructions.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Instant;

use ballast_benches::answers::{Asker, KINDS, queries, zones};
use dnsd_core::answer::{Client, Settings, Transport, answer};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse::<u32>().ok());
    let kind = arguments.next().unwrap_or_else(|| "mix".to_owned());
    let asker = arguments.next().unwrap_or_else(|| "load-generator".to_owned());
    let kind = KINDS.into_iter().find(|(name, _)| *name == kind);
    let asker = Asker::ALL.into_iter().find(|known| known.name() == asker);
    let (Some(count), Some(kind), Some(asker)) = (count, kind, asker) else {
        eprintln!("usage: answer-mix QUERIES [KIND [load-generator|stub|resolver]]");
        return ExitCode::from(64);
    };
    let queries = queries(kind, asker);
    let zones = zones();
    let settings = Settings::default();
    let client = Client {
        transport: Transport::Udp,
        address: Ipv4Addr::LOCALHOST.into(),
        now: 1_700_000_000,
        held_back: 0,
    };
    let mut out = [0; 1232];
    let start = Instant::now();
    for (query, _) in queries.iter().cycle().zip(0..count) {
        black_box(answer(
            &zones,
            &settings,
            &client,
            black_box(query),
            black_box(&mut out),
        ));
    }
    let elapsed = start.elapsed();
    println!("{:.1}", elapsed.as_nanos() as f64 / f64::from(count));
    ExitCode::SUCCESS
}
