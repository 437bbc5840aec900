//! Messages over connections as fast as a collector takes them: CPU time, throughput, and whether every one is in its file.

use std::time::Instant;

use serde::Serialize;

use super::run::{REPEATS_MAX, Run, STEAL_MAX, remove};
use crate::error::BenchError;
use crate::procfs;
use crate::syslog::message::Share;
use crate::syslog::peers::Peer;
use crate::syslog::scenario::{Scenario, Service};
use crate::syslog::verify::{Found, verify};

/// One collector, one scenario, one round.
#[derive(Debug, Clone, Serialize)]
pub struct StreamRun {
    /// The round.
    pub round: u32,
    /// The scenario's name.
    pub scenario: &'static str,
    /// The collector.
    pub peer: Peer,
    /// Messages sent.
    pub messages: u64,
    /// CPU-seconds of the collector for a million of them.
    pub cpu_per_million: f64,
    /// The part of that in the kernel.
    pub system_per_million: f64,
    /// Messages a second, until the last is in its file.
    pub rate: f64,
    /// Memory at the end, in bytes.
    pub rss: u64,
    /// Cores that the hypervisor gave to others.
    pub steal: f64,
    /// What was in the files; nothing of the sink's, which has none.
    pub found: Option<Found>,
}

/// Everyone in one round.
pub(super) fn measure(run: &mut Run, scenario: &Scenario, round: u32) -> Result<Vec<StreamRun>, BenchError> {
    let mut runs = Vec::new();
    for peer in run.shuffled_peers() {
        if !peer.takes_part(scenario) {
            continue;
        }
        let mut repeats = 0;
        let done = loop {
            let done = once(run, peer, scenario, round)?;
            if done.steal <= STEAL_MAX || repeats == REPEATS_MAX {
                break done;
            }
            repeats += 1;
            eprintln!("{:.2} of a core was taken away: once more", done.steal);
        };
        eprintln!(
            "round {round}, {}: {peer} {:.2} CPU-s per million, {:.0}/s{}",
            scenario.name,
            done.cpu_per_million,
            done.rate,
            if done.found.is_some_and(|found| !found.is_exact()) {
                ", not exact"
            } else {
                ""
            }
        );
        runs.push(done);
    }
    Ok(runs)
}

fn once(run: &Run, peer: Peer, scenario: &Scenario, round: u32) -> Result<StreamRun, BenchError> {
    let layout = scenario.layout();
    let speed = if scenario.service == Service::RelpSynced {
        1
    } else {
        peer.speed()
    };
    // What rsyslog takes a minute for says as much in some seconds.
    let is_slow = scenario.hosts > 1000 && matches!(peer, Peer::Rsyslog | Peer::Imptcp);
    let messages = run.messages(scenario.messages * speed / if is_slow { 10 } else { 1 });
    let mut running = run.start(peer, scenario, false)?;
    // A message of each host first: making directories and files is another thing to measure.
    let shares = |first, count| Share::of(scenario.connections, scenario.hosts, first, count);
    let (_, connections) = run.send(scenario, &layout, shares(0, scenario.hosts.max(scenario.connections)))?;
    let primed = scenario.hosts.max(scenario.connections);
    running.settle(primed, &layout)?;
    drop(connections);

    let (start, cpu, stolen) = (Instant::now(), running.process.cpu(), procfs::steal());
    let (sent, connections) = run.send(scenario, &layout, shares(primed, messages))?;
    let (end, _) = running.settle(primed + messages, &layout)?;
    let used = running.process.cpu().since(cpu);
    let steal = procfs::steal().saturating_sub(stolen).as_secs_f64() / start.elapsed().as_secs_f64();
    let rss = running.process.memory().rss;
    if let Some(connections) = connections {
        connections.close();
    }
    let root = running.stop();
    let found = (peer != Peer::Sink)
        .then(|| verify(&root, primed + messages).map_err(BenchError::io("read", &root)))
        .transpose()?;
    remove(&root)?;
    let per_million = 1e6 / messages as f64;
    Ok(StreamRun {
        round,
        scenario: scenario.name,
        peer,
        messages,
        cpu_per_million: used.total().as_secs_f64() * per_million,
        system_per_million: used.system.as_secs_f64() * per_million,
        rate: messages as f64 / (end - sent.begin).as_secs_f64(),
        rss,
        steal,
        found,
    })
}
