//! Latency at the same offered load for all servers: a server that waits to collect a batch is cheaper a query and slower.
//!
//! A 99th percentile of some ten microseconds is that of the machine as soon as the machine stops a server for some hundred
//! microseconds now and then, as every one does. So it is taken of many short intervals over all rounds, and their median tells what
//! is usual. Nothing is left out: what was not usual stands in the table as the longest latency of all.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::data::Data;
use super::rates::{answers_of_dnsd, start};
use super::run::{LOAD_CORE, Run, load_directory, measured, progress};
use crate::dns::paced::{Figures, PacedRun};
use crate::dns::peers::Peer;
use crate::dns::zones::HOSTS;
use crate::error::BenchError;

/// What latencies are taken of.
const INTERVAL: Duration = Duration::from_secs(1);

/// One server at one rate in one interval.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "name")]
    pub peer: Peer,
    /// Queries a second.
    pub rate: u32,
    /// What came of them.
    pub figures: Figures,
    /// CPU-seconds of the server for a million answers.
    pub cpu_per_million: f64,
    /// Cores that the hypervisor gave to others.
    pub steal: f64,
}

/// A server by its name.
pub(super) fn name<S: Serializer>(peer: &Peer, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(peer.name())
}

pub(super) fn measure(run: &mut Run) -> Result<Vec<LatencyRun>, BenchError> {
    let data = Data::hosts(&run.directory("hosts")?)?;
    let expected = answers_of_dnsd(run, &data)?;
    let directory = load_directory(&run.options.work)?;
    let mut runs = Vec::new();
    let intervals = (run.options.seconds / 2).max(1);
    for round in 0..run.options.rounds {
        for peer in run.shuffled_peers() {
            let mut server = start(run, peer, &data, &expected)?;
            let rates = (0..intervals).flat_map(|_| run.options.rates.iter().copied());
            for rate in rates {
                let paced = PacedRun {
                    programs: &run.options.programs,
                    port: run.options.port,
                    core: Some(LOAD_CORE),
                    origin: HOSTS.origin,
                    rate,
                    time: INTERVAL,
                };
                let (figures, usage) = measured(&mut server.process, || paced.finish(paced.start(&directory)?))?;
                progress(&format!(
                    "round {}: {peer}, {rate} queries/s: p50 {:.0} µs, p99 {:.0} µs, {} lost",
                    round + 1,
                    figures.p50,
                    figures.p99,
                    figures.lost()
                ));
                runs.push(LatencyRun {
                    round,
                    peer,
                    rate,
                    figures,
                    cpu_per_million: usage.cpu.total().as_secs_f64() * 1e6 / figures.answered.max(1) as f64,
                    steal: usage.steal,
                });
            }
        }
    }
    Ok(runs)
}
