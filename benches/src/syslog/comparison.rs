//! The comparison: what is measured of which collector, round by round. In each round the collectors come in a new random order
//! and are started afresh, so that a machine whose speed drifts, or a place in the order, favours none of them.

mod datagrams;
mod latency;
mod memory;
mod run;
mod streams;

pub use datagrams::{AccountRun, FixedRateRun, HighestRateRun};
pub use latency::LatencyRun;
pub use memory::MemoryRun;
pub use streams::StreamRun;

use std::path::PathBuf;

use serde::Serialize;

use super::peers::Peer;
use super::scenario::Scenario;
use super::secure::Certificates;
use crate::error::BenchError;
use run::Run;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// CPU time and throughput over TCP: connections, hosts, lengths, formats.
    Tcp,
    /// The same over TLS.
    Tls,
    /// The same over RELP, acknowledged when written and when synced.
    Relp,
    /// The same over TCP with every write synced.
    Sync,
    /// The highest rate of datagrams without loss, CPU time at a fixed one, and the account of what is lost.
    Udp,
    /// Memory with 10,000 connections.
    Memory,
    /// How long until a line is in its file.
    Latency,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Tcp,
        Self::Tls,
        Self::Relp,
        Self::Sync,
        Self::Udp,
        Self::Memory,
        Self::Latency,
    ];
}

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where our programs were built.
    pub programs: PathBuf,
    /// The program that starts syslog-ng.
    pub syslog_ng: PathBuf,
    /// Where trees, configurations and logs go.
    pub work: PathBuf,
    /// Of 127.0.0.1; the one above it is for metrics.
    pub port: u16,
    /// Who takes part; logd is what the others are compared with.
    pub peers: Vec<Peer>,
    /// What.
    pub parts: Vec<Part>,
    /// How often each collector is measured.
    pub rounds: u32,
    /// How long datagrams are sent at a rate.
    pub seconds: u64,
    /// Everything with a small part of the messages.
    pub quick: bool,
    /// The order of the collectors.
    pub seed: u64,
}

/// All that was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Results {
    /// Streams.
    pub streams: Vec<StreamRun>,
    /// Datagrams as fast as goes.
    pub highest_rates: Vec<HighestRateRun>,
    /// Datagrams at a rate that all can keep.
    pub fixed_rates: Vec<FixedRateRun>,
    /// Datagrams at a rate that nobody can keep.
    pub accounts: Vec<AccountRun>,
    /// Memory.
    pub memory: Vec<MemoryRun>,
    /// Latency.
    pub latencies: Vec<LatencyRun>,
}

/// Measures, and tells on stderr how far it is.
///
/// # Errors
/// The first thing that goes wrong.
pub fn measure(options: Options) -> Result<Results, BenchError> {
    let parts = options.parts.clone();
    let rounds = options.rounds;
    let mut run = Run::new(options)?;
    run.certificates = Certificates::make(&run.directory("certificates")?)?;
    let mut results = Results::default();
    let has = |part| parts.contains(&part);
    for round in 0..rounds {
        let mut streams = Vec::new();
        if has(Part::Tcp) {
            streams.extend(Scenario::PLAIN);
        }
        if has(Part::Tls) {
            streams.push(Scenario::TLS);
        }
        if has(Part::Relp) {
            streams.extend([Scenario::RELP, Scenario::RELP_SYNCED]);
        }
        if has(Part::Sync) {
            streams.push(Scenario::SYNCED);
        }
        for scenario in streams {
            results.streams.extend(streams::measure(&mut run, &scenario, round)?);
        }
        if has(Part::Udp) {
            datagrams::measure(&mut run, round, &mut results)?;
        }
        if has(Part::Memory) {
            results.memory.extend(memory::measure(&mut run, round)?);
        }
        if has(Part::Latency) {
            results.latencies.extend(latency::measure(&mut run, round)?);
        }
    }
    Ok(results)
}
