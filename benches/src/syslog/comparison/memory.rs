//! Memory with 10,000 connections: each has sent a message and is silent; then all of them send.

use serde::Serialize;

use super::run::{Run, remove};
use crate::error::BenchError;
use crate::syslog::load::Connections;
use crate::syslog::message::Share;
use crate::syslog::peers::Peer;
use crate::syslog::scenario::Scenario;

/// The load of this part.
const SCENARIO: Scenario = Scenario {
    name: "10,000 connections",
    connections: 10_000,
    hosts: 1000,
    messages: 1_000_000,
    ..Scenario::MIX
};

/// One collector in one round.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryRun {
    /// The round.
    pub round: u32,
    /// The collector.
    pub peer: Peer,
    /// Resident bytes when all are silent.
    pub idle: u64,
    /// The most that was resident until all was written.
    pub busy: u64,
}

/// Everyone in one round.
pub(super) fn measure(run: &mut Run, round: u32) -> Result<Vec<MemoryRun>, BenchError> {
    let mut runs = Vec::new();
    for peer in run.shuffled_peers() {
        if !peer.is_collector() {
            continue;
        }
        let layout = SCENARIO.layout();
        let shares = |first, count| Share::of(SCENARIO.connections, SCENARIO.hosts, first, count);
        let mut running = run.start(peer, &SCENARIO, false)?;
        let mut connections = Connections::open(run.options.port, SCENARIO.connections)?;
        connections.send(&layout, shares(0, SCENARIO.connections))?;
        running.settle(SCENARIO.connections, &layout)?;
        let idle = running.process.memory().rss;
        let messages = run.messages(SCENARIO.messages);
        connections.send(&layout, shares(SCENARIO.connections, messages))?;
        let (_, complete) = running.settle(SCENARIO.connections + messages, &layout)?;
        let busy = running.process.memory_max().max(idle);
        eprintln!(
            "round {round}, 10,000 connections: {peer} {:.0} MB idle, {:.0} MB busy{}",
            idle as f64 / 1e6,
            busy as f64 / 1e6,
            if complete { "" } else { ", lines are missing" }
        );
        connections.close();
        remove(&running.stop())?;
        runs.push(MemoryRun {
            round,
            peer,
            idle,
            busy,
        });
    }
    Ok(runs)
}
