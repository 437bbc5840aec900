//! Transfers in: a secondary that starts with nothing, until it serves the zone of a million records, and then the steps that
//! its primary's edits make. dnsd is the primary of all of them.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::run::{Order, Placement, Run, START_MAX, progress};
use super::transfers_out::EDITS;
use super::versions::Versions;
use crate::dns::mix::{Query, QueryType};
use crate::dns::peers::{Peer, Role, SecondaryPace};
use crate::dns::zones::MILLION;
use crate::error::BenchError;
use crate::interrupt;
use crate::procfs;

/// What a secondary still does when it serves the zone: the last of them writes it to the disk five seconds later.
const SETTLE: Duration = Duration::from_secs(7);

/// The same after steps.
const SETTLE_STEPS: Duration = Duration::from_secs(1);

/// A secondary that asks its primary a moment too soon asks again after some seconds.
const TRANSFER_MAX: Duration = Duration::from_secs(120);

/// One secondary that starts with nothing.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneInRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// From its start until it answered for the zone.
    pub seconds: f64,
    /// CPU-seconds until then.
    pub cpu: f64,
    /// CPU-seconds with what it did behind that.
    pub settled_cpu: f64,
    /// Resident memory then, in bytes.
    pub rss: u64,
    /// The same, shared pages counted once.
    pub pss: u64,
    /// Cores that the hypervisor gave to others.
    pub steal: f64,
}

/// One secondary that has a version, and takes the next one.
#[derive(Debug, Clone, Serialize)]
pub struct StepsInRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// Hosts with another address.
    pub changes: u32,
    /// From the answer of the primary to that of the secondary.
    pub seconds: f64,
    /// CPU-seconds of the secondary.
    pub cpu: f64,
}

pub(super) fn measure(
    run: &mut Run,
    versions: &Versions,
    round: u32,
) -> Result<(Vec<ZoneInRun>, Vec<StepsInRun>), BenchError> {
    let (mut zones, mut steps) = (Vec::new(), Vec::new());
    for peer in run.shuffled_peers() {
        if peer.is_secondary() {
            let (zone, its_steps) = one(run, versions, round, peer)?;
            zones.push(zone);
            steps.extend(its_steps);
        }
    }
    Ok((zones, steps))
}

fn one(run: &Run, versions: &Versions, round: u32, peer: Peer) -> Result<(ZoneInRun, Vec<StepsInRun>), BenchError> {
    let (port, primary_port) = (run.options.port, run.options.port + 1);
    let origins = [MILLION.origin.to_owned()];
    let folder = run.directory("run/zone")?;
    let zone = versions.begin(&folder)?;
    let primary_directory = run.directory("run/primary")?;
    let (mut primary, primary_client, _) = run.launch(&Order {
        peer: Peer::Dnsd,
        role: Role::Primary { told: Some(port) },
        port: primary_port,
        directory: &primary_directory,
        zones: std::slice::from_ref(&zone),
        placement: Placement::Beside,
        answer_bytes: 0,
    })?;
    primary_client.wait_for_zones(&mut primary, &origins, Duration::ZERO, START_MAX)?;
    let directory = run.directory(&format!("run/{peer}"))?;
    let stolen = procfs::steal();
    let (mut secondary, client, start) = run.launch(&Order {
        peer,
        role: Role::Secondary {
            primary: primary_port,
            pace: SecondaryPace::Default,
        },
        port,
        directory: &directory,
        zones: std::slice::from_ref(&zone),
        placement: Placement::Pinned,
        answer_bytes: 0,
    })?;
    client.wait_for_zones(&mut secondary, &origins, Duration::ZERO, TRANSFER_MAX)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = secondary.cpu().total().as_secs_f64();
    let steal = procfs::steal().saturating_sub(stolen).as_secs_f64() / seconds;
    // The zone is there as a whole, or it isn't.
    let last = Query {
        name: format!("h{:06}.{}", MILLION.hosts - 1, MILLION.origin),
        qtype: QueryType::A,
    };
    if client.answer(&last)?.is_none_or(|answer| answer.records != 1) {
        return Err(secondary.late("answer for the last host", TRANSFER_MAX));
    }
    interrupt::sleep(SETTLE)?;
    let memory = secondary.memory();
    let settled_cpu = secondary.cpu().total().as_secs_f64();
    progress(&format!(
        "round {}: {peer}, the zone in: {seconds:.2} s, {cpu:.2} CPU-s, {settled_cpu:.2} with what comes behind it, {} MB",
        round + 1,
        memory.rss / 1_000_000
    ));
    let mut steps = Vec::new();
    for (serial, changes) in (2..).zip(EDITS) {
        let cpu = secondary.cpu();
        versions.edit(&zone, serial, Peer::Dnsd, &primary)?;
        primary_client.wait_for_serial(&mut primary, &origins, serial, Duration::ZERO, START_MAX)?;
        let served = Instant::now();
        client.wait_for_serial(&mut secondary, &origins, serial, Duration::ZERO, TRANSFER_MAX)?;
        let seconds = served.elapsed().as_secs_f64();
        interrupt::sleep(SETTLE_STEPS)?;
        let cpu = secondary.cpu().since(cpu).total().as_secs_f64();
        progress(&format!(
            "round {}: {peer}, {changes} changes in: {:.0} ms, {cpu:.2} CPU-s",
            round + 1,
            seconds * 1e3
        ));
        steps.push(StepsInRun {
            round,
            peer,
            changes,
            seconds,
            cpu,
        });
    }
    let zone = ZoneInRun {
        round,
        peer,
        seconds,
        cpu,
        settled_cpu,
        rss: memory.rss,
        pss: memory.pss,
        steal,
    };
    Ok((zone, steps))
}
