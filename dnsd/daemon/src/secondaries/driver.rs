//! The task that has the state machines of all zones that come from elsewhere.
//!
//! A zone is looked at when its time has come, when a primary says that it has changed, and when something that is under way
//! for it has ended. Of those whose time has come only so many a second are looked at (`serial-query-rate`): the rest wait
//! in their order, so that ten thousand zones neither ask at once nor find their questions too old when they are sent.

mod acting;
mod results;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dnsd_core::secondary::{Attempt, Role, first_refresh_within};
use dnsd_core::zone::Zone;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::asking::Asked;
use super::follower::Follower;
use super::transfer::{Brought, TransferError};
use super::turns::Turns;
use super::{Command, Followed, Inputs, Keeping, SecondaryBoard, SecondaryStatus};
use crate::config::TransfersConfig;
use crate::remotes::{AskError, Pace};
use crate::server::NotifyReceived;
use crate::zones::key::ZoneKey;
use crate::zones::{Changed, MembersChanged};

/// With nothing to wait for it wakes up all the same: a sleep without end is none that a timer has.
const SLEEP_MAX: Duration = Duration::from_secs(3600);
/// Changes taken before anything else is looked at: at the start there is one for each zone, of others than ours too.
const CHANGES_AT_ONCE_MAX: usize = 256;

/// What ended that was under way. `E`: why the keeper didn't take a zone.
pub(super) struct Event<E> {
    zone: Tag,
    attempt: Attempt,
    what: Ended<E>,
}

/// Which zone, of which configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    key: ZoneKey,
    id: u64,
}

enum Ended<E> {
    /// A primary was asked for its SOA record.
    Asked(Result<Asked, AskError>),
    /// A transfer.
    Transferred(Result<Box<Brought>, TransferError>),
    /// What was transferred was given to the keeper.
    Stored(Result<Arc<Zone>, E>),
    /// What was transferred was compared with this version.
    Compared { with: Arc<Zone>, is_same: bool },
}

/// All zones.
pub(super) struct Driver<K: Keeping> {
    keeper: K,
    board: Arc<SecondaryBoard>,
    events: mpsc::UnboundedSender<Event<K::NotTaken>>,
    followers: HashMap<ZoneKey, Follower>,
    /// When which zone is to be looked at.
    timers: BTreeSet<(Duration, ZoneKey)>,
    /// Whose time has come, in their order.
    ready: VecDeque<ZoneKey>,
    pace: Pace,
    per_second: usize,
    turns: Turns<Tag>,
    clock: Clock,
    /// Threads that a large zone is compiled on.
    threads: usize,
    followers_made: u64,
}

/// The time since the start.
struct Clock {
    start: Instant,
}

impl Clock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// What the wall clock shows at a time, as it is set now: a machine may learn what time it is long after the start.
    fn wall(&self, at: Duration) -> Option<SystemTime> {
        let (now, wall) = (self.now(), SystemTime::now());
        match at.checked_sub(now) {
            Some(ahead) => wall.checked_add(ahead),
            None => wall.checked_sub(now.saturating_sub(at)),
        }
    }
}

impl<K: Keeping> Driver<K> {
    /// Without zones yet; with it comes what tells it how things ended.
    pub(super) fn new(
        keeper: K,
        board: Arc<SecondaryBoard>,
        limits: TransfersConfig,
    ) -> (Self, mpsc::UnboundedReceiver<Event<K::NotTaken>>) {
        // One for each thing that is under way, of which each zone has one.
        let (events, ended) = mpsc::unbounded_channel();
        let driver = Self {
            keeper,
            board,
            events,
            followers: HashMap::new(),
            timers: BTreeSet::new(),
            ready: VecDeque::new(),
            pace: Pace::per_second(limits.serial_queries_per_second),
            per_second: limits.serial_queries_per_second,
            turns: Turns::new(limits),
            clock: Clock { start: Instant::now() },
            threads: 1,
            followers_made: 0,
        };
        (driver, ended)
    }

    /// Runs until it is to stop.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::UnboundedReceiver<Event<K::NotTaken>>,
        mut inputs: Inputs,
        stop: CancellationToken,
    ) {
        let mut changes = Vec::new();
        loop {
            let wakes_at = self.clock.start + self.wakes_at();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.handle_command(command).await,
                Some(event) = events.recv() => self.handle_event(event),
                Some(notify) = inputs.notifies.recv() => self.handle_notify(&notify),
                1.. = inputs.changes.recv_many(&mut changes, CHANGES_AT_ONCE_MAX) => {
                    for changed in changes.drain(..) {
                        self.handle_changed(changed);
                    }
                }
                Some(changed) = inputs.members.recv() => self.handle_members(changed).await,
                () = tokio::time::sleep_until(wakes_at) => {}
            }
            self.look_at_due();
            self.start_transfers();
        }
        for follower in self.followers.values_mut() {
            acting::end(follower, &mut self.turns);
        }
    }

    fn wakes_at(&self) -> Duration {
        let timer = self.timers.first().map(|(at, _)| *at);
        let ready = (!self.ready.is_empty()).then(|| self.pace.ready_at());
        let first = timer.into_iter().chain(ready).min();
        let latest = self.clock.now() + SLEEP_MAX;
        first.map_or(latest, |at| at.min(latest))
    }

    fn look_at_due(&mut self) {
        let now = self.clock.now();
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.timers.pop_first() else { break };
            let Some(follower) = self.followers.get_mut(&key) else {
                continue;
            };
            follower.wakes_at = None;
            // It asks nobody to serve a zone no more.
            if follower.machine.status().expires_at.is_some_and(|at| at <= now) {
                self.look_at(&key, now);
            } else {
                self.make_ready(&key);
            }
        }
        while self.pace.ready_at() <= now {
            let Some(key) = self.ready.pop_front() else { break };
            if let Some(follower) = self.followers.get_mut(&key) {
                follower.is_ready = false;
                self.look_at(&key, now);
            }
        }
    }

    /// Has a zone looked at in its turn.
    fn make_ready(&mut self, key: &ZoneKey) {
        if let Some(follower) = self.followers.get_mut(key)
            && !follower.is_ready
        {
            follower.is_ready = true;
            self.ready.push_back(key.clone());
        }
    }

    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Apply {
                followed,
                limits,
                threads,
                done,
            } => {
                self.per_second = limits.serial_queries_per_second;
                self.pace.set_per_second(self.per_second);
                self.turns.set_limits(limits);
                self.threads = threads;
                self.apply(followed).await;
                // Who asked may be gone.
                let _ = done.send(());
            }
            Command::Retransfer(key, reply) => {
                let _ = reply.send(self.ask_now(&key, |follower| follower.machine.handle_retransfer()));
            }
            Command::Refresh(key, reply) => {
                let refresh = |follower: &mut Follower| {
                    // Without a serial it is never known already.
                    let _ = follower.machine.handle_notify(0, None);
                };
                let _ = reply.send(self.ask_now(&key, refresh));
            }
        }
    }

    /// What an administrator wants doesn't wait for its turn.
    fn ask_now(&mut self, key: &ZoneKey, ask: impl FnOnce(&mut Follower)) -> bool {
        let now = self.clock.now();
        let Some(follower) = self.followers.get_mut(key) else {
            return false;
        };
        ask(follower);
        self.look_at(key, now);
        true
    }

    /// Takes over the zones of a configuration. Those of catalogs come and go otherwise.
    async fn apply(&mut self, followed: Vec<Followed>) {
        let configured: HashSet<&ZoneKey> = followed.iter().map(|zone| &zone.key).collect();
        let (members, mut former): (HashMap<_, _>, HashMap<_, _>) = std::mem::take(&mut self.followers)
            .into_iter()
            .partition(|(key, follower)| follower.followed.is_member && !configured.contains(key));
        self.followers = members;
        let mut new = Vec::new();
        for followed in followed {
            let known = former.remove(&followed.key);
            new.extend(self.take_on(followed, known));
        }
        let gone: Vec<(ZoneKey, Follower)> = former.into_iter().collect();
        self.let_go(gone);
        self.follow_all(new).await;
    }

    /// Takes over which zones catalogs bring and take away.
    async fn handle_members(&mut self, changed: MembersChanged) {
        let mut gone = Vec::new();
        for key in changed.gone {
            // One that is the configuration's by now stays.
            if self
                .followers
                .get(&key)
                .is_some_and(|follower| follower.followed.is_member)
            {
                gone.extend(self.followers.remove_entry(&key));
            }
        }
        self.let_go(gone);
        let mut new = Vec::new();
        for (key, zone) in changed.there {
            let mut known = self.followers.remove(&key);
            // What is there of a zone that was had otherwise so far may be another version by now.
            if let Some(mut former) = known.take_if(|known| !known.followed.is_member) {
                acting::end(&mut former, &mut self.turns);
            }
            new.extend(self.take_on(Followed::of_catalog(key, zone), known));
        }
        self.follow_all(new).await;
    }

    /// Goes on with a zone as it is had now; gives it back when it has to be begun with.
    fn take_on(&mut self, followed: Followed, known: Option<Follower>) -> Option<Followed> {
        let Some(mut follower) = known else {
            return Some(followed);
        };
        if follower.adopt(&followed) {
            self.followers.insert(followed.key, follower);
            return None;
        }
        acting::end(&mut follower, &mut self.turns);
        Some(followed)
    }

    fn let_go(&mut self, gone: Vec<(ZoneKey, Follower)>) {
        for (key, mut follower) in gone {
            acting::end(&mut follower, &mut self.turns);
            self.board.remove(&key);
        }
    }

    async fn follow_all(&mut self, new: Vec<Followed>) {
        self.timers.retain(|(_, key)| self.followers.contains_key(key));
        self.ready.retain(|key| self.followers.contains_key(key));
        let first_within = first_refresh_within(new.len(), self.per_second);
        for followed in new {
            self.follow(followed, first_within).await;
        }
    }

    async fn follow(&mut self, followed: Followed, first_within: Duration) {
        let key = followed.key.clone();
        let stored = self.keeper.stored(&key).await;
        let now = self.clock.now();
        self.followers_made += 1;
        // Zones that start together differ in this at least.
        let seed = getrandom::u64().unwrap_or(self.followers_made);
        if let Some(follower) = Follower::new(self.followers_made, followed, stored, first_within, seed, now) {
            self.followers.insert(key.clone(), follower);
            self.make_ready(&key);
        }
    }

    fn handle_notify(&mut self, notify: &NotifyReceived) {
        let NotifyReceived { key, from, serial } = notify;
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        let says = serial.map_or_else(|| "no serial".to_owned(), |serial| format!("serial {serial}"));
        if follower.machine.handle_notify(follower.primary_at(*from), *serial) {
            // Whoever writes a primary's address onto datagrams could fill the log.
            if follower.may_tell_of_notify(self.clock.now()) {
                info!("zone {key}: notify from {from}: {says}");
            }
            self.make_ready(key);
        } else {
            debug!("zone {key}: notify from {from}: {says}: zone is up to date");
        }
    }

    /// A version that didn't come by a transfer of ours starts the zone's times anew.
    fn handle_changed(&mut self, changed: Changed) {
        let now = self.clock.now();
        let Some(follower) = self.followers.get_mut(&changed.key) else {
            return;
        };
        // A peer may have taken the serial that it had before.
        let is_other = |zone: &Arc<Zone>| !Arc::ptr_eq(zone, &changed.zone);
        let is_peers = follower.followed.role == Role::Peer && follower.zone.as_ref().is_some_and(is_other);
        // What is being stored is told of by the end of its transfer, which also says whose version it is.
        let is_being_stored = follower.under_way.stores(changed.zone.serial());
        if !is_being_stored && (follower.machine.serial() != Some(changed.zone.serial()) || is_peers) {
            debug!("zone {}: serial {} is served", changed.key, changed.zone.serial());
            follower.machine.handle_change(now, changed.zone.soa());
        }
        follower.zone = Some(changed.zone);
        self.look_at(&changed.key, now);
    }

    fn tell_board(&mut self, key: &ZoneKey) {
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        let status = follower.machine.status();
        follower.note_conflict(status.conflict_with);
        let wall = |at: Duration| self.clock.wall(at);
        self.board.set(
            key,
            SecondaryStatus {
                primaries: follower.places.iter().map(ToString::to_string).collect(),
                confirmed_at: status.confirmed_at.and_then(wall),
                expires_at: status.expires_at.and_then(wall),
                expires: status.expires_at.map(|at| (self.clock.start + at).into_std()),
                refresh_at: wall(status.refresh_at),
                refreshing: status.refreshing,
                failures: status.failures,
                problem: follower.problem.clone(),
                is_peer: follower.followed.role == Role::Peer,
                conflict: follower.conflict.clone(),
                transferred: follower.transferred.clone(),
            },
        );
    }
}

#[cfg(test)]
mod tests;
