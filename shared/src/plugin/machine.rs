//! What a client of a plugin knows and does next (PLUGIN.md, "In the daemons"). It has no clock, no socket and no file: the time
//! since it was made, the plugin's replies and what became of the connection come in, [`Action`]s go out.
//!
//! What is known ([`Inventory`]) is what the daemon was given. A complete snapshot replaces it unless the guard holds it
//! (`guard.rs`); then the deltas that follow go to the one that is held, and what is known stays.

pub mod backoff;
mod guard;
mod inventory;
mod pending;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::SILENCE_MAX;
use super::host::HostError;
use super::news::{Held, State, Update};
use super::wire::{WatchCall, WatchReply};
use backoff::Backoff;
use guard::{Candidate, Reported};
use pending::Pending;

pub use inventory::{Inventory, Position};
pub use trouble::{Notice, Trouble};

/// A unix socket is connected to at once, unless its server has stopped accepting.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Rejected hosts that are named in the log, one line each.
const REJECTED_NAMED_MAX: usize = 1_000;

/// How much is taken from a plugin.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Hosts of an inventory.
    pub hosts_max: usize,
    /// Octets of the replies that make a snapshot or delta.
    pub pending_bytes_max: usize,
}

impl Default for Limits {
    /// The largest clouds of one owner, and a thousand octets for each host.
    fn default() -> Self {
        Self {
            hosts_max: 1_000_000,
            pending_bytes_max: 1 << 30,
        }
    }
}

/// What was kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The hosts.
    pub inventory: Inventory,
    /// Where the plugin was then.
    pub position: Option<Position>,
    /// How long ago it last said something.
    pub age: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect, and tell what becomes of it.
    Connect,
    /// Close the connection, or give up making one.
    Disconnect,
    /// What is known has changed so.
    Update(Update),
    /// The state is this now.
    State(State),
    /// Say so.
    Notice(Notice),
}

#[derive(Debug)]
enum Link {
    Waiting {
        until: Duration,
    },
    Connecting {
        since: Duration,
    },
    Up {
        /// When it last said something.
        heard: Duration,
        /// Where the replies stand; `None`: a snapshot has to come first.
        at: Option<Position>,
        /// Since when it is in order.
        complete_since: Option<Duration>,
    },
}

/// A client of a plugin. Times are those since it was made.
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
    max_stale: Duration,
    known: Inventory,
    position: Option<Position>,
    held: Option<Candidate>,
    reported: Reported,
    pending: Option<Pending>,
    link: Link,
    backoff: Backoff,
    /// A new snapshot is needed.
    must_resync: bool,
    /// The age of what was kept, when this was made.
    kept_age: Option<Duration>,
    last_complete: Option<Duration>,
    state: State,
    actions: VecDeque<Action>,
    trouble: Option<Trouble>,
    connections: u64,
    rejected_hosts: u64,
    rejected_named: HashSet<(String, &'static str)>,
}

impl Machine {
    /// With what was kept, if anything was. `seed` is for the waits, and may be any number.
    #[must_use]
    pub fn new(limits: Limits, max_stale: Duration, kept: Option<Kept>, seed: u64) -> Self {
        let mut machine = Self {
            limits,
            max_stale,
            known: Inventory::default(),
            position: None,
            held: None,
            reported: Reported::new(),
            pending: None,
            link: Link::Connecting { since: Duration::ZERO },
            backoff: Backoff::new(seed),
            must_resync: false,
            kept_age: None,
            last_complete: None,
            state: State::Cold,
            actions: VecDeque::new(),
            trouble: None,
            connections: 0,
            rejected_hosts: 0,
            rejected_named: HashSet::new(),
        };
        if let Some(kept) = kept {
            if !kept.inventory.is_empty() {
                machine.actions.push_back(Action::Update(kept.inventory.to_update()));
            }
            machine.known = kept.inventory;
            machine.position = kept.position;
            machine.kept_age = Some(kept.age);
        }
        machine.state = machine.state_at(Duration::ZERO);
        machine.actions.push_back(Action::State(machine.state));
        machine.actions.push_back(Action::Connect);
        machine
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Machine::handle_timeout`] is to be called, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let link = match &self.link {
            Link::Waiting { until } => *until,
            Link::Connecting { since } => *since + CONNECT_MAX,
            Link::Up { heard, .. } => *heard + SILENCE_MAX,
        };
        let state = match (self.state, self.last_complete, self.kept_age) {
            (State::Fresh, Some(at), _) => Some(at + SILENCE_MAX.min(self.max_stale)),
            (State::Stale, Some(at), _) => Some(at.saturating_add(self.max_stale)),
            (State::Cold, None, Some(age)) => Some(self.max_stale.saturating_sub(age)),
            _ => None,
        };
        Some(state.map_or(link, |state| state.min(link)))
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        match &self.link {
            Link::Waiting { until } if *until <= now => {
                self.link = Link::Connecting { since: now };
                self.actions.push_back(Action::Connect);
            }
            Link::Connecting { since } if *since + CONNECT_MAX <= now => {
                self.lose(now, Trouble::Connect(std::io::ErrorKind::TimedOut));
            }
            Link::Up { heard, .. } if *heard + SILENCE_MAX <= now => self.lose(now, Trouble::Silent),
            Link::Waiting { .. } | Link::Connecting { .. } | Link::Up { .. } => {}
        }
        self.note_state(now);
    }

    /// A connection was made: what is to be asked over it.
    pub fn handle_connected(&mut self, now: Duration) -> WatchCall {
        let at = match (self.must_resync, &self.held) {
            (true, _) => None,
            (false, Some(held)) => Some(held.position.clone()),
            (false, None) => self.position.clone(),
        };
        let call = WatchCall {
            epoch: at.as_ref().map(|at| at.epoch.to_string()),
            seq: at.as_ref().map(|at| at.seq),
        };
        self.connections += 1;
        self.pending = None;
        self.link = Link::Up {
            heard: now,
            at,
            complete_since: None,
        };
        call
    }

    /// The connection has ended, or none could be made.
    pub fn handle_closed(&mut self, now: Duration, why: Trouble) {
        if !matches!(self.link, Link::Waiting { .. }) {
            self.lose(now, why);
        }
        self.note_state(now);
    }

    /// The plugin has said this, in a message of so many octets.
    pub fn handle_reply(&mut self, now: Duration, reply: WatchReply, bytes: usize) {
        if let Err(why) = self.take(now, reply, bytes) {
            self.lose(now, why);
        }
        self.note_state(now);
    }

    /// An administrator says that what is held is right. Whether anything was.
    pub fn confirm(&mut self) -> bool {
        match self.held.take() {
            Some(held) => {
                self.actions.push_back(Action::Notice(Notice::Released));
                self.release(held);
                true
            }
            None => false,
        }
    }

    /// What the daemon was given.
    #[must_use]
    pub fn known(&self) -> &Inventory {
        &self.known
    }

    /// Where the plugin was when it said that.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when the plugin has not said anything complete; `None`: it never has.
    #[must_use]
    pub fn silence(&self, now: Duration) -> Option<Duration> {
        match self.last_complete {
            Some(at) => Some(now.saturating_sub(at)),
            None => self.kept_age.map(|age| age.saturating_add(now)),
        }
    }

    /// What is held, if anything is.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        self.held
            .as_ref()
            .and_then(|held| held.held(&self.known, &self.reported))
    }

    /// Why there is no connection, or there was none last.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Connections after the first.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }

    /// Hosts that were left out, each as often as it came.
    #[must_use]
    pub fn rejected_hosts(&self) -> u64 {
        self.rejected_hosts
    }

    fn take(&mut self, now: Duration, reply: WatchReply, bytes: usize) -> Result<(), Trouble> {
        let Link::Up { heard, at, .. } = &mut self.link else {
            return Ok(());
        };
        *heard = now;
        if self.pending.as_ref().is_some_and(|pending| !pending.is_of(&reply)) {
            return Err(Trouble::Incomplete);
        }
        let mut is_keep_alive = false;
        match at {
            // It may start anew at any time, but not go back.
            Some(at) if reply.full && *at.epoch == *reply.epoch && reply.seq <= at.seq => {
                return Err(Trouble::Gap {
                    came: reply.seq,
                    after: at.seq,
                });
            }
            Some(_) | None if reply.full => {}
            None => return Err(Trouble::OtherEpoch),
            Some(at) if *at.epoch != *reply.epoch => return Err(Trouble::OtherEpoch),
            Some(at) => {
                let is_empty = reply.hosts.is_empty() && reply.gone.is_empty();
                is_keep_alive = self.pending.is_none() && is_empty && reply.complete;
                // Of a delta that was lost the next keep-alive tells.
                let wanted = if is_keep_alive {
                    Some(at.seq)
                } else {
                    at.seq.checked_add(1)
                };
                if wanted != Some(reply.seq) {
                    return Err(Trouble::Gap {
                        came: reply.seq,
                        after: at.seq,
                    });
                }
            }
        }
        if !is_keep_alive {
            let is_complete = reply.complete;
            let mut pending = self.pending.take().unwrap_or_else(|| Pending::new(&reply));
            let mut errors = Vec::new();
            let added = pending.add(reply, bytes, &self.limits, &mut errors);
            self.note_rejected(errors);
            added?;
            if !is_complete {
                self.pending = Some(pending);
                return Ok(());
            }
            let position = Position {
                epoch: pending.epoch.clone(),
                seq: pending.seq,
            };
            match pending.full {
                true => self.take_snapshot(pending, position.clone())?,
                false => self.take_delta(pending, position.clone())?,
            }
            if let Link::Up { at, .. } = &mut self.link {
                *at = Some(position);
            }
        }
        self.note_complete(now);
        Ok(())
    }

    fn take_snapshot(&mut self, mut pending: Pending, position: Position) -> Result<(), Trouble> {
        // Of a host in which something is wrong the version before stays.
        for id in std::mem::take(&mut pending.rejected) {
            let held = self.held.as_ref().and_then(|held| held.inventory.host(&id));
            if let Some(before) = held.or_else(|| self.known.host(&id)) {
                pending.hosts.insert(id, before.clone());
            }
        }
        if pending.hosts.len() > self.limits.hosts_max {
            return Err(Trouble::TooManyHosts(self.limits.hosts_max));
        }
        let inventory: Inventory = pending.hosts.into_values().collect();
        self.note_reported(&pending.gone, &inventory);
        let candidate = Candidate::new(inventory, position, &self.known);
        // The one that was held is worth nothing any more, whatever becomes of this.
        let was_held = self.held.take().is_some();
        self.judge(candidate, was_held);
        if let Some(held) = self.held() {
            self.actions.push_back(Action::Notice(Notice::Held(held)));
        }
        Ok(())
    }

    fn take_delta(&mut self, pending: Pending, position: Position) -> Result<(), Trouble> {
        let target = self.held.as_ref().map_or(&self.known, |held| &held.inventory);
        let new = pending.hosts.keys().filter(|id| target.host(id).is_none()).count();
        let gone = pending.gone.iter().filter(|id| target.host(id).is_some()).count();
        if (target.len() + new).saturating_sub(gone) > self.limits.hosts_max {
            return Err(Trouble::TooManyHosts(self.limits.hosts_max));
        }
        match self.held.take() {
            Some(mut held) => {
                held.note_delta(pending.hosts.keys(), pending.gone.iter(), &self.known);
                let gone = pending.gone.clone();
                held.inventory.apply(pending.hosts, pending.gone);
                held.position = position;
                self.note_reported(&gone, &held.inventory);
                self.judge(held, true);
            }
            None => {
                let update = self.known.apply(pending.hosts, pending.gone);
                self.position = Some(position);
                self.actions.extend(update.map(Action::Update));
            }
        }
        Ok(())
    }

    /// Uses a snapshot or holds it.
    fn judge(&mut self, candidate: Candidate, was_held: bool) {
        if candidate.held(&self.known, &self.reported).is_some() {
            self.held = Some(candidate);
            return;
        }
        if was_held {
            self.actions.push_back(Action::Notice(Notice::Released));
        }
        self.release(candidate);
    }

    fn release(&mut self, candidate: Candidate) {
        self.reported.clear();
        self.position = Some(candidate.position);
        let update = self.known.replace(candidate.inventory);
        self.actions.extend(update.map(Action::Update));
    }

    /// Remembers which of the known hosts the plugin says are gone, as long as it does not bring them back.
    fn note_reported(&mut self, gone: &HashSet<Arc<str>>, now_there: &Inventory) {
        let known = gone.iter().filter(|id| self.known.host(id).is_some());
        self.reported.extend(known.cloned());
        self.reported.retain(|id| now_there.host(id).is_none());
    }

    fn note_rejected(&mut self, errors: Vec<HostError>) {
        for error in errors {
            self.rejected_hosts += 1;
            if self.rejected_named.len() >= REJECTED_NAMED_MAX {
                continue;
            }
            if self.rejected_named.insert((error.id.clone(), error.field)) {
                self.actions.push_back(Action::Notice(Notice::Rejected(error)));
                if self.rejected_named.len() == REJECTED_NAMED_MAX {
                    self.actions.push_back(Action::Notice(Notice::RejectedMany));
                }
            }
        }
    }

    fn note_complete(&mut self, now: Duration) {
        self.last_complete = Some(now);
        self.must_resync = false;
        self.trouble = None;
        let Link::Up { complete_since, .. } = &mut self.link else {
            return;
        };
        match *complete_since {
            None => {
                *complete_since = Some(now);
                self.actions.push_back(Action::Notice(Notice::Following));
            }
            // One that is lost soon after each snapshot is not asked for them at short intervals.
            Some(since) if since + SILENCE_MAX <= now => self.backoff.reset(),
            Some(_) => {}
        }
    }

    fn lose(&mut self, now: Duration, why: Trouble) {
        self.pending = None;
        self.must_resync |= why.is_fault();
        self.actions.push_back(Action::Disconnect);
        self.link = Link::Waiting {
            until: now + self.backoff.next(),
        };
        if self.trouble.as_ref() != Some(&why) {
            self.actions.push_back(Action::Notice(Notice::Lost(why.clone())));
            self.trouble = Some(why);
        }
    }

    fn note_state(&mut self, now: Duration) {
        let state = self.state_at(now);
        if state != self.state {
            self.state = state;
            self.actions.push_back(Action::State(state));
        }
    }

    fn state_at(&self, now: Duration) -> State {
        match self.silence(now) {
            Some(silence) if silence >= self.max_stale => State::Expired,
            Some(silence) if self.last_complete.is_some() && silence < SILENCE_MAX => State::Fresh,
            Some(_) if self.last_complete.is_some() => State::Stale,
            Some(_) | None => State::Cold,
        }
    }
}
