//! `answer-mix QUERIES [KIND [ASKER [BATCH]]]` answers so many queries in this process, by the batch if they are to be, as the
//! daemon's sockets give them, and prints nanoseconds a query. Under callgrind the difference between two runs is what the queries
//! alone cost in instructions.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Instant;

use ballast_benches::answers::{Asker, KINDS, queries, zones};
use dnsd_core::answer::{Client, LookAhead, Settings, Transport, answer_ready};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse::<u32>().ok());
    let kind = arguments.next().unwrap_or_else(|| "mix".to_owned());
    let asker = arguments.next().unwrap_or_else(|| "load-generator".to_owned());
    let batch = arguments.next().map_or(Some(1), |batch| batch.parse::<usize>().ok());
    let kind = KINDS.into_iter().find(|(name, _)| *name == kind);
    let asker = Asker::ALL.into_iter().find(|known| known.name() == asker);
    let (Some(count), Some(kind), Some(asker), Some(batch @ 1..)) = (count, kind, asker, batch) else {
        eprintln!("usage: answer-mix QUERIES [KIND [load-generator|stub|resolver [BATCH]]]");
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
    let mut ahead = LookAhead::new();
    let start = Instant::now();
    let mut left = count as usize;
    for batch in queries.chunks(batch).cycle() {
        let batch = &batch[..batch.len().min(left)];
        if batch.len() > 1 {
            ahead.look(&zones, batch.iter().map(Vec::as_slice));
        }
        for (place, query) in batch.iter().enumerate() {
            black_box(answer_ready(
                &zones,
                &settings,
                &client,
                black_box(query),
                ahead.name(place),
                black_box(&mut out),
            ));
        }
        left -= batch.len();
        if left == 0 {
            break;
        }
    }
    let elapsed = start.elapsed();
    println!("{:.1}", elapsed.as_nanos() as f64 / f64::from(count));
    ExitCode::SUCCESS
}
