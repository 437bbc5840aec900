//! From start to answers, and what the zones hold of memory then: one zone of a million records, and 10,000 of ten.

use std::time::Duration;

use serde::Serialize;

use super::data::{Data, small_zones};
use super::run::{Placement, Run, progress};
use crate::dns::peers::{Peer, ServedZone};
use crate::error::BenchError;
use crate::interrupt;
use crate::procfs;

/// What a server still does after its first answers, such as giving memory back, has this time before its memory is looked at.
const SETTLE: Duration = Duration::from_millis(500);

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loaded {
    /// One zone.
    Million,
    /// Many zones.
    Small,
}

/// One start of one server.
#[derive(Debug, Clone, Serialize)]
pub struct LoadRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// What it loaded.
    pub loaded: Loaded,
    /// From its start until it answered for all zones.
    pub seconds: f64,
    /// CPU-seconds until it was settled.
    pub cpu: f64,
    /// Resident memory, in bytes.
    pub rss: u64,
    /// The same, shared pages counted once.
    pub pss: u64,
    /// Cores that the hypervisor gave to others.
    pub steal: f64,
}

pub(super) fn measure(run: &mut Run) -> Result<Vec<LoadRun>, BenchError> {
    let million = Data::million(&run.directory("million")?)?;
    let small = small_zones(&run.directory("small")?)?;
    let small_origins: Vec<String> = small.iter().map(|zone| zone.origin.clone()).collect();
    let mut runs = Vec::new();
    for round in 0..run.options.other_rounds() {
        for peer in run.shuffled_peers() {
            if peer.is_name_server() {
                let (zones, origins) = (&million.zones, &million.origins);
                runs.push(start(run, round, peer, Loaded::Million, zones, origins)?);
                runs.push(start(run, round, peer, Loaded::Small, &small, &small_origins)?);
            }
        }
    }
    Ok(runs)
}

fn start(
    run: &Run,
    round: u32,
    peer: Peer,
    loaded: Loaded,
    zones: &[ServedZone],
    origins: &[String],
) -> Result<LoadRun, BenchError> {
    let stolen = procfs::steal();
    let server = run.start(peer, zones, origins, Placement::Free, 0)?;
    let seconds = server.until_serving.as_secs_f64();
    let steal = procfs::steal().saturating_sub(stolen).as_secs_f64() / seconds;
    interrupt::sleep(SETTLE)?;
    let memory = server.process.memory();
    progress(&format!(
        "round {}: {peer}, load {loaded:?}: {seconds:.2} s, {} MB",
        round + 1,
        memory.rss / 1_000_000
    ));
    Ok(LoadRun {
        round,
        peer,
        loaded,
        seconds,
        cpu: server.process.cpu().total().as_secs_f64(),
        rss: memory.rss,
        pss: memory.pss,
        steal,
    })
}
