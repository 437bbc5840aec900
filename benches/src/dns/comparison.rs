//! The comparison: what is measured of which server, round by round. In each round the servers come in a new random order and
//! are started afresh, so that a machine whose speed drifts, or a place in the order, favours none of them.

mod core_cost;
mod data;
mod latency;
mod load;
mod rates;
mod reload;
mod run;

pub use core_cost::CoreCost;
pub use latency::LatencyRun;
pub use load::{LoadRun, Loaded};
pub use rates::{RateRun, Scenario};
pub use reload::ReloadRun;

use std::path::PathBuf;

use serde::Serialize;

use super::peers::Peer;
use crate::error::BenchError;
use run::Run;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// CPU time and rate at full load: the mix, a flood, TCP.
    Qps,
    /// The same for the mix over the zone of a million records.
    Million,
    /// Latency at rates that all servers can keep.
    Latency,
    /// From start to first answer, and memory: a million records, 10,000 zones.
    Load,
    /// dnsd's answers while the zone of a million records is reloaded.
    Reload,
    /// dnsd's reader and its answer function, without sockets.
    Core,
}

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where our programs were built.
    pub programs: PathBuf,
    /// Where zones, configurations and logs go.
    pub work: PathBuf,
    /// Of 127.0.0.1.
    pub port: u16,
    /// Who takes part; dnsd is what the others are compared with.
    pub peers: Vec<Peer>,
    /// What.
    pub parts: Vec<Part>,
    /// How often each server is measured over the zone of the mix.
    pub rounds: u32,
    /// How long each measurement takes; the shorter ones take half of it.
    pub seconds: u64,
    /// Queries a second at which latency is measured.
    pub rates: Vec<u32>,
    /// How often the zone of a million records is reloaded.
    pub reloads: u32,
    /// The order of the servers.
    pub seed: u64,
}

impl Options {
    /// How often in all other parts, in which most of the time goes into loading zones.
    #[must_use]
    pub fn other_rounds(&self) -> u32 {
        self.rounds.div_ceil(2)
    }
}

/// All that was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Results {
    /// At full load.
    pub rates: Vec<RateRun>,
    /// At a fixed rate.
    pub latencies: Vec<LatencyRun>,
    /// Starts.
    pub loads: Vec<LoadRun>,
    /// Reloads.
    pub reloads: Vec<ReloadRun>,
    /// Without sockets.
    pub core: Option<CoreCost>,
}

/// Measures, and tells on stderr how far it is.
///
/// # Errors
/// The first thing that goes wrong.
pub fn measure(options: Options) -> Result<Results, BenchError> {
    let parts = options.parts.clone();
    let mut run = Run::new(options)?;
    let mut results = Results::default();
    if parts.contains(&Part::Core) {
        results.core = Some(core_cost::measure(&run)?);
    }
    if parts.contains(&Part::Load) {
        results.loads = load::measure(&mut run)?;
    }
    if parts.contains(&Part::Qps) {
        results.rates = rates::measure_mix(&mut run)?;
    }
    if parts.contains(&Part::Million) {
        results.rates.extend(rates::measure_million(&mut run)?);
    }
    if parts.contains(&Part::Latency) {
        results.latencies = latency::measure(&mut run)?;
    }
    if parts.contains(&Part::Reload) {
        results.reloads = reload::measure(&mut run)?;
    }
    Ok(results)
}
