//! From the rename of an edited zone file at a primary, which is dnsd, to the changed answer at a secondary.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::run::{Order, Placement, Run, START_MAX, progress};
use super::versions::Versions;
use crate::dns::peers::{Peer, Role, SecondaryPace};
use crate::dns::zones::THOUSAND;
use crate::error::BenchError;
use crate::interrupt;
use crate::statistics::median;

/// Between two edits: longer than what servers wait with a second change that follows the first at once.
const GAP: Duration = Duration::from_secs(1);

/// A secondary that was not told asks after hours; this is an error.
const EDIT_MAX: Duration = Duration::from_secs(60);

/// One secondary of dnsd.
#[derive(Debug, Clone, Serialize)]
pub struct EditRun {
    /// The round, from 0.
    pub round: u32,
    /// The secondary.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// Seconds from each rename to the changed answer.
    pub seconds: Vec<f64>,
}

pub(super) fn measure(run: &mut Run) -> Result<Vec<EditRun>, BenchError> {
    let edits = vec![1; run.options.edits as usize];
    let versions = Versions::write(run.directory("thousand")?, &THOUSAND, &edits)?;
    let mut runs = Vec::new();
    for round in 0..run.options.other_rounds() {
        for peer in run.shuffled_peers() {
            if peer.is_secondary() {
                runs.push(one(run, &versions, round, peer)?);
            }
        }
    }
    Ok(runs)
}

fn one(run: &Run, versions: &Versions, round: u32, peer: Peer) -> Result<EditRun, BenchError> {
    let (port, primary_port) = (run.options.port, run.options.port + 1);
    let origins = [THOUSAND.origin.to_owned()];
    let folder = run.directory("run/zone")?;
    let zone = versions.begin(&folder)?;
    let primary_directory = run.directory("run/primary")?;
    let (mut primary, primary_client, _) = run.launch(&Order {
        peer: Peer::Dnsd,
        role: Role::Primary { told: Some(port) },
        port: primary_port,
        directory: &primary_directory,
        zones: std::slice::from_ref(&zone),
        placement: Placement::Free,
        answer_bytes: 0,
    })?;
    primary_client.wait_for_zones(&mut primary, &origins, Duration::ZERO, START_MAX)?;
    let directory = run.directory(&format!("run/{peer}"))?;
    let (mut secondary, client, _) = run.launch(&Order {
        peer,
        role: Role::Secondary {
            primary: primary_port,
            pace: SecondaryPace::Default,
        },
        port,
        directory: &directory,
        zones: std::slice::from_ref(&zone),
        placement: Placement::Free,
        answer_bytes: 0,
    })?;
    client.wait_for_zones(&mut secondary, &origins, Duration::ZERO, EDIT_MAX)?;
    let mut seconds = Vec::new();
    for serial in (2..).take(run.options.edits as usize) {
        interrupt::sleep(GAP)?;
        let start = Instant::now();
        versions.edit(&zone, serial, Peer::Dnsd, &primary)?;
        client.wait_for_serial(&mut secondary, &origins, serial, Duration::ZERO, EDIT_MAX)?;
        seconds.push(start.elapsed().as_secs_f64());
        primary.running()?;
    }
    progress(&format!(
        "round {}: {peer}, from the edited file to its answer: {:.0} ms",
        round + 1,
        median(seconds.iter().copied()).unwrap_or(0.0) * 1e3
    ));
    Ok(EditRun { round, peer, seconds })
}
