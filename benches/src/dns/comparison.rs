//! The comparison: what is measured of which server, round by round. In each round the servers come in a new random order and
//! are started afresh, so that a machine whose speed drifts, or a place in the order, favours none of them.

mod core_cost;
mod data;
mod edits;
mod latency;
mod load;
mod machines;
mod rates;
mod reload;
mod run;
mod secondaries;
mod transfers_in;
mod transfers_out;
mod versions;

pub use core_cost::CoreCost;
pub use edits::EditRun;
pub use latency::LatencyRun;
pub use load::{LoadRun, Loaded};
pub use machines::MachinesRun;
pub use rates::{RateRun, Scenario};
pub use reload::ReloadRun;
pub use secondaries::{Occasion, SecondariesRun};
pub use transfers_in::{StepsInRun, ZoneInRun};
pub use transfers_out::{StepsOutRun, ZoneOutRun};

use std::path::PathBuf;

use serde::Serialize;

use super::peers::Peer;
use super::zones::MILLION;
use crate::error::BenchError;
use run::Run;
use versions::Versions;

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
    /// The zone of a million records from server to server, whole and in steps.
    Transfer,
    /// From an edited file to the answer at a secondary.
    Edit,
    /// 10,000 secondary zones.
    Secondaries,
    /// Zones of 100,000 machines that a plugin knows.
    Machines,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Qps,
        Self::Million,
        Self::Latency,
        Self::Load,
        Self::Reload,
        Self::Core,
        Self::Transfer,
        Self::Edit,
        Self::Secondaries,
        Self::Machines,
    ];
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
    /// How often a file is edited in each round.
    pub edits: u32,
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
    /// The zone of a million records out.
    pub zones_out: Vec<ZoneOutRun>,
    /// Steps of it out.
    pub steps_out: Vec<StepsOutRun>,
    /// The zone of a million records in.
    pub zones_in: Vec<ZoneInRun>,
    /// Steps of it in.
    pub steps_in: Vec<StepsInRun>,
    /// Edited files.
    pub edits: Vec<EditRun>,
    /// 10,000 secondary zones.
    pub secondaries: Vec<SecondariesRun>,
    /// Machines of a plugin.
    pub machines: Vec<MachinesRun>,
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
    if parts.contains(&Part::Transfer) {
        measure_transfers(&mut run, &mut results)?;
    }
    if parts.contains(&Part::Edit) {
        results.edits = edits::measure(&mut run)?;
    }
    if parts.contains(&Part::Secondaries) {
        results.secondaries = secondaries::measure(&mut run)?;
    }
    if parts.contains(&Part::Machines) {
        results.machines = machines::measure(&run)?;
    }
    Ok(results)
}

fn measure_transfers(run: &mut Run, results: &mut Results) -> Result<(), BenchError> {
    let versions = Versions::write(run.directory("versions")?, &MILLION, &transfers_out::EDITS)?;
    for round in 0..run.options.other_rounds() {
        let (zones, steps) = transfers_out::measure(run, &versions, round)?;
        results.zones_out.extend(zones);
        results.steps_out.extend(steps);
        let (zones, steps) = transfers_in::measure(run, &versions, round)?;
        results.zones_in.extend(zones);
        results.steps_in.extend(steps);
    }
    Ok(())
}
