//! A secondary of 10,000 zones: a start with nothing, a change of all of them at once, and a start with what is there. What it asks
//! its primary is seen there, which is a part of this program.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::data::small_zones;
use super::run::{Order, Placement, Run, progress};
use crate::dns::client::Client;
use crate::dns::peers::{Peer, Role, SecondaryPace, ServedZone};
use crate::dns::primary::Primary;
use crate::error::BenchError;
use crate::interrupt;
use crate::process::Process;

/// Ten thousand transfers, at the pace of whoever does the fewest a second.
const ALL_MAX: Duration = Duration::from_secs(600);

/// How often is looked which zones are there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A secondary still writes its copies; dnsd begins after five seconds. What it has not written when it is ended it has to
/// transfer again.
const SETTLE: Duration = Duration::from_secs(20);

/// What a secondary asks after a start with copies is watched for so long.
const WATCHED: Duration = Duration::from_secs(12);

/// What happens to the secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// It starts without copies.
    First,
    /// All zones have changed, and it is told so.
    Change,
    /// It starts with copies.
    Restart,
}

/// One secondary on one occasion.
#[derive(Debug, Clone, Serialize)]
pub struct SecondariesRun {
    /// The round, from 0.
    pub round: u32,
    /// The secondary.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// What happened.
    pub occasion: Occasion,
    /// Until it answered for all zones, or for all new versions.
    pub seconds: f64,
    /// CPU-seconds of the secondary, at a restart for as long as was watched.
    pub cpu: f64,
    /// Resident memory, in bytes.
    pub rss: u64,
    /// Questions for serials.
    pub questions: usize,
    /// The most of them in a second.
    pub most_questions: usize,
    /// Transfers.
    pub transfers: usize,
    /// Connections.
    pub connections: usize,
    /// The most at the same time.
    pub most_connections: usize,
}

pub(super) fn measure(run: &mut Run) -> Result<Vec<SecondariesRun>, BenchError> {
    let zones = small_zones(&run.directory("small")?)?;
    let origins: Vec<String> = zones.iter().map(|zone| zone.origin.clone()).collect();
    let primary = Primary::start(run.options.port + 1)?;
    let mut runs = Vec::new();
    for round in 0..run.options.other_rounds() {
        for peer in run.shuffled_peers() {
            // NSD takes all zones at its first start, and had not taken all changed ones minutes after it was told of them.
            if peer.is_secondary() && peer != Peer::Nsd {
                primary.serve(1);
                runs.extend(one(run, round, peer, &primary, &zones, &origins)?);
            }
        }
    }
    Ok(runs)
}

fn one(
    run: &Run,
    round: u32,
    peer: Peer,
    primary: &Primary,
    zones: &[ServedZone],
    origins: &[String],
) -> Result<Vec<SecondariesRun>, BenchError> {
    let directory = run.directory(&format!("run/{peer}"))?;
    let seen = |occasion, seconds: f64, cpu: f64, process: &Process| {
        let asked = primary.take_asked();
        let result = SecondariesRun {
            round,
            peer,
            occasion,
            seconds,
            cpu,
            rss: process.memory().rss,
            questions: asked.questions.len(),
            most_questions: asked.most_in_a_second(),
            transfers: asked.transfers,
            connections: asked.connections,
            most_connections: asked.most_connections,
        };
        tell(&result);
        result
    };
    drop(primary.take_asked());
    let (mut process, client, start) = launch(run, peer, &directory, zones)?;
    client.wait_for_serial(&mut process, origins, 1, LOOK_EVERY, ALL_MAX)?;
    let cpu = process.cpu();
    let first = seen(
        Occasion::First,
        start.elapsed().as_secs_f64(),
        cpu.total().as_secs_f64(),
        &process,
    );
    primary.serve(2);
    let start = Instant::now();
    primary.notify(run.options.port)?;
    client.wait_for_serial(&mut process, origins, 2, LOOK_EVERY, ALL_MAX)?;
    let change = seen(
        Occasion::Change,
        start.elapsed().as_secs_f64(),
        process.cpu().since(cpu).total().as_secs_f64(),
        &process,
    );
    interrupt::sleep(SETTLE)?;
    drop(process);
    drop(primary.take_asked());
    let (mut process, client, start) = launch(run, peer, &directory, zones)?;
    // With whichever version: one that it had not written down comes again when its time has come.
    client.wait_for_zones(&mut process, origins, LOOK_EVERY, ALL_MAX)?;
    let seconds = start.elapsed();
    interrupt::sleep(WATCHED.saturating_sub(seconds))?;
    let restart = seen(
        Occasion::Restart,
        seconds.as_secs_f64(),
        process.cpu().total().as_secs_f64(),
        &process,
    );
    Ok(vec![first, change, restart])
}

fn launch(
    run: &Run,
    peer: Peer,
    directory: &Path,
    zones: &[ServedZone],
) -> Result<(Process, Client, Instant), BenchError> {
    run.launch(&Order {
        peer,
        role: Role::Secondary {
            primary: run.options.port + 1,
            pace: SecondaryPace::ManyZones,
        },
        port: run.options.port,
        directory,
        zones,
        placement: Placement::Free,
        answer_bytes: 0,
    })
}

fn tell(run: &SecondariesRun) {
    let SecondariesRun {
        round,
        peer,
        occasion,
        seconds,
        cpu,
        questions,
        most_questions,
        transfers,
        most_connections,
        ..
    } = run;
    progress(&format!(
        "round {}: {peer}, 10,000 secondary zones, {occasion:?}: {seconds:.1} s, {cpu:.2} CPU-s, {questions} questions, \
         {most_questions} in a second at most; {transfers} transfers, {most_connections} connections at most",
        round + 1
    ));
}
