//! The machine under a clock of ours.

mod guard;
mod replies;
mod simulation;
mod states;

use std::collections::BTreeSet;

use super::super::host::WireHost;
use super::*;

pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn wire(id: &str, name: &str) -> WireHost {
    WireHost {
        id: id.into(),
        name: Some(name.into()),
        ..WireHost::default()
    }
}

pub(super) fn snapshot(epoch: &str, seq: u64, ids: &[&str]) -> WatchReply {
    WatchReply {
        epoch: epoch.into(),
        seq,
        full: true,
        hosts: ids.iter().map(|id| wire(id, "1")).collect(),
        gone: Vec::new(),
        complete: true,
    }
}

pub(super) fn delta(epoch: &str, seq: u64, ids: &[&str], gone: &[&str]) -> WatchReply {
    WatchReply {
        full: false,
        gone: gone.iter().map(|id| (*id).to_owned()).collect(),
        ..snapshot(epoch, seq, ids)
    }
}

pub(super) fn keep_alive(epoch: &str, seq: u64) -> WatchReply {
    delta(epoch, seq, &[], &[])
}

pub(super) fn part(reply: WatchReply) -> WatchReply {
    WatchReply {
        complete: false,
        ..reply
    }
}

/// A machine that starts with nothing.
pub(super) fn machine() -> Machine {
    Machine::new(Limits::default(), DAY, None, 1)
}

pub(super) fn actions(machine: &mut Machine) -> Vec<Action> {
    std::iter::from_fn(|| machine.next_action()).collect()
}

pub(super) fn known(machine: &Machine) -> BTreeSet<&str> {
    machine.known().hosts().map(|host| &*host.id).collect()
}

/// Lets the time come that it waits for, and connects.
pub(super) fn connect(machine: &mut Machine, now: &mut Duration) -> WatchCall {
    loop {
        if actions(machine).contains(&Action::Connect) {
            return machine.handle_connected(*now);
        }
        *now = machine.poll_timeout().unwrap().max(*now);
        machine.handle_timeout(*now);
    }
}

pub(super) fn hear(machine: &mut Machine, now: Duration, reply: WatchReply) {
    machine.handle_reply(now, reply, 100);
}

/// Whether the connection has been given up, and why.
pub(super) fn lost(machine: &mut Machine) -> Option<Trouble> {
    let actions = actions(machine);
    let is_down = actions.contains(&Action::Disconnect);
    is_down.then(|| machine.trouble().cloned().unwrap())
}
