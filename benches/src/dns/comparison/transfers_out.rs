//! Transfers out: the zone of a million records as a whole, to one client and to several at once while others ask, and the steps
//! between its versions.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::run::{LOAD_CORE, Order, Placement, Run, START_MAX, load_directory, measured, progress};
use super::versions::Versions;
use crate::dns::paced::{Figures, PacedRun};
use crate::dns::peers::{Peer, Role};
use crate::dns::stream::{Kind, Transfer, TransferLoad, Wanted};
use crate::dns::zones::MILLION;
use crate::error::BenchError;
use crate::interrupt;
use crate::process::Process;
use crate::statistics::median;

/// Changed hosts of each version; each change takes a record away and adds one.
pub(super) const EDITS: [u32; 3] = [1000, 100, 10];

/// Transfers of the whole zone one after the other: the kernel tells CPU time in hundredths of a second.
const TRANSFERS: usize = 5;

/// Transfers of steps, for the same reason.
const STEP_TRANSFERS: usize = 500;

/// Clients at the same time. One client more than dnsd gives to one address would have to come again.
const CLIENTS: usize = 7;

/// Queries a second beside those.
const RATE: u32 = 1000;

/// For how long these are asked.
const RATE_TIME: Duration = Duration::from_secs(2);

/// All transfers of a measurement end within this time on any machine.
const TRANSFERS_MAX: Duration = Duration::from_secs(300);

/// What a server still does after a new version is served: dnsd writes a copy of it five seconds later.
const SETTLE: Duration = Duration::from_millis(6500);

/// One server that sends its zone.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneOutRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// Seconds of a transfer, alone.
    pub seconds: f64,
    /// CPU-seconds of the server for it.
    pub cpu: f64,
    /// What came.
    pub transfer: Transfer,
    /// Clients at the same time.
    pub clients: usize,
    /// Seconds until the last of them had the zone.
    pub together_seconds: f64,
    /// CPU-seconds of the server for each of them.
    pub together_cpu: f64,
    /// Answers to queries meanwhile.
    pub beside: Figures,
    /// Cores that the hypervisor gave to others.
    pub steal: f64,
}

/// One server that makes a step of an edited file, and sends it.
#[derive(Debug, Clone, Serialize)]
pub struct StepsOutRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// Hosts with another address.
    pub changes: u32,
    /// CPU-seconds from the edited file to the step, and what is done behind that.
    pub edit_cpu: f64,
    /// Seconds of a transfer.
    pub seconds: f64,
    /// CPU-seconds of the server for it.
    pub cpu: f64,
    /// What came.
    pub transfer: Transfer,
}

pub(super) fn measure(
    run: &mut Run,
    versions: &Versions,
    round: u32,
) -> Result<(Vec<ZoneOutRun>, Vec<StepsOutRun>), BenchError> {
    let (mut zones, mut steps) = (Vec::new(), Vec::new());
    for peer in run.shuffled_peers() {
        // PowerDNS has a message for each set of records and takes a hundred times as long, which nobody needs to wait for.
        if !peer.keeps_steps() {
            continue;
        }
        let directory = run.directory(&format!("run/{peer}"))?;
        let folder = run.directory("run/zone")?;
        let zone = versions.begin(&folder)?;
        let order = Order {
            peer,
            role: Role::Primary { told: None },
            port: run.options.port,
            directory: &directory,
            zones: std::slice::from_ref(&zone),
            placement: Placement::Pinned,
            answer_bytes: 0,
        };
        let (mut process, client, _) = run.launch(&order)?;
        client.wait_for_zones(&mut process, &[MILLION.origin.to_owned()], Duration::ZERO, START_MAX)?;
        zones.push(whole(run, round, peer, &mut process)?);
        for (serial, changes) in (2..).zip(EDITS) {
            let cpu = process.cpu();
            versions.edit(&zone, serial, peer, &process)?;
            client.wait_for_serial(
                &mut process,
                &[MILLION.origin.to_owned()],
                serial,
                Duration::ZERO,
                START_MAX,
            )?;
            interrupt::sleep(SETTLE)?;
            let edit_cpu = process.cpu().since(cpu).total().as_secs_f64();
            steps.push(step(run, round, peer, &mut process, (serial, changes, edit_cpu))?);
        }
    }
    Ok((zones, steps))
}

fn load<'a>(run: &'a Run, wanted: Wanted, repeat: usize, at_once: usize) -> TransferLoad<'a> {
    TransferLoad {
        programs: &run.options.programs,
        port: run.options.port,
        core: LOAD_CORE,
        origin: MILLION.origin,
        wanted,
        repeat,
        at_once,
    }
}

fn whole(run: &Run, round: u32, peer: Peer, process: &mut Process) -> Result<ZoneOutRun, BenchError> {
    let directory = load_directory(&run.options.work)?;
    // The first touches what the others find in the caches.
    load(run, Wanted::Zone, 1, 1).run(&directory, TRANSFERS_MAX)?;
    let alone = load(run, Wanted::Zone, TRANSFERS, 1);
    let (taken, usage) = measured(process, || alone.run(&directory, TRANSFERS_MAX))?;
    let seconds = median(taken.iter().map(|transfer| transfer.seconds)).unwrap_or(0.0);
    let cpu = usage.cpu.total().as_secs_f64() / TRANSFERS as f64;
    let paced = PacedRun {
        programs: &run.options.programs,
        port: run.options.port,
        core: None,
        origin: MILLION.origin,
        rate: RATE,
        time: RATE_TIME,
    };
    let together = load(run, Wanted::Zone, 1, CLIENTS);
    let ((beside, together_seconds), together_usage) = measured(process, || {
        let asking = paced.start(&directory)?;
        let start = Instant::now();
        together.run(&directory, TRANSFERS_MAX)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((paced.finish(asking)?, seconds))
    })?;
    let transfer = taken[0];
    progress(&format!(
        "round {}: {peer}, the zone out: {seconds:.3} s, {cpu:.3} CPU-s, {} octets in {} messages; {CLIENTS} at once: {together_seconds:.2} s, p99 {:.0} µs",
        round + 1,
        transfer.octets,
        transfer.messages,
        beside.p99,
    ));
    Ok(ZoneOutRun {
        round,
        peer,
        seconds,
        cpu,
        transfer,
        clients: CLIENTS,
        together_seconds,
        together_cpu: together_usage.cpu.total().as_secs_f64() / CLIENTS as f64,
        beside,
        steal: usage.steal,
    })
}

fn step(
    run: &Run,
    round: u32,
    peer: Peer,
    process: &mut Process,
    (serial, changes, edit_cpu): (u32, u32, f64),
) -> Result<StepsOutRun, BenchError> {
    let directory = load_directory(&run.options.work)?;
    let load = load(run, Wanted::StepsFrom(serial - 1), STEP_TRANSFERS, 1);
    let (taken, usage) = measured(process, || load.run(&directory, TRANSFERS_MAX))?;
    let seconds = median(taken.iter().map(|transfer| transfer.seconds)).unwrap_or(0.0);
    let cpu = usage.cpu.total().as_secs_f64() / STEP_TRANSFERS as f64;
    let transfer = taken[0];
    let kind = match transfer.kind {
        Kind::Steps => "steps",
        Kind::Zone => "the whole zone",
    };
    progress(&format!(
        "round {}: {peer}, {changes} changes out: {edit_cpu:.2} CPU-s for the edit, {:.0} µs and {:.0} CPU-µs for {kind} of {} octets",
        round + 1,
        seconds * 1e6,
        cpu * 1e6,
        transfer.octets
    ));
    Ok(StepsOutRun {
        round,
        peer,
        changes,
        edit_cpu,
        seconds,
        cpu,
        transfer,
    })
}
