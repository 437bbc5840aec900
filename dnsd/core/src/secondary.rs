//! When a secondary asks its primaries, and how long it serves what it has (RFC 1034 §4.3.5, RFC 1035 §3.3.13).
//!
//! [`Secondary`] is one zone's state machine. It has no clock and no socket: what happened comes in through the
//! `handle_*` functions, and [`Secondary::next`] says what is to be done now, until there is nothing but to wait. A
//! time is how long after a moment of the caller's choice, the same for all calls: a clock that never goes back.
//!
//! A refresh walks through the primaries: it asks one for its SOA record, over UDP and then over TCP, transfers the zone
//! when the serial is newer, and goes on to the next primary when anything of that fails. It ends with the first that
//! has the zone as it is here or newer. A NOTIFY starts one with the primary that sent it.
//!
//! A primary that has peers ([`Role::Peer`]) follows them by the same machine: a refresh asks all of them, a newer version is
//! taken from whoever has it, an older one is none of its concern, and of an equal serial it finds out, by transferring the
//! zone once, whether it stands for the same data.

mod agreement;
mod exchange;
mod jitter;
mod notified;
mod round;
mod timers;

pub use exchange::{SoaAnswer, read_soa_answer, write_soa_query};
pub(crate) use exchange::{read_soa, write_with_question};
pub use timers::Bounds;

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::serial::Serial;
use crate::zone::Soa;

use agreement::Agreement;
use jitter::Jitter;
use notified::Notified;
use round::{Round, Step};
use timers::{Timers, first_retry};

/// Refreshes that NOTIFY starts are this far apart at least: a primary that changes its zone all the time, or that
/// repeats itself, is asked five times a second.
const NOTIFIED_GAP: Duration = Duration::from_millis(200);

/// Versions are compared with a peer's so seldom that it takes one part of so many of the time: those of small zones at once,
/// those of a zone that takes seconds every few minutes.
const COMPARING_PART: u32 = 50;

/// How long a transfer may take unless the configuration says otherwise; BIND's default.
pub const TRANSFER_TIME_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// What a secondary is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many primaries there are; they are known here by their number in the configuration's order, from 0.
    pub primaries: NonZeroUsize,
    /// What the zone's SOA record may ask for.
    pub bounds: Bounds,
    /// What the primaries are to this server.
    pub role: Role,
    /// How long a transfer may take once it has begun, BIND's `max-transfer-time-in`. Whoever runs it ends it sooner when nothing
    /// comes.
    pub transfer_time_max: Duration,
    /// The first refresh is within this time; see [`first_refresh_within`].
    pub first_within: Duration,
    /// Where the jitter starts: random, another one for each zone.
    pub seed: u64,
}

/// What the servers that are followed are to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The zone is theirs: it is given up when none of them has confirmed it for as long as it says.
    Secondary,
    /// This server is a primary of the zone like them: it serves its own version without end, and takes newer ones.
    Peer,
}

/// The time over which so many zones that start together, with copies of theirs to serve meanwhile, spread their first refresh
/// when so many questions a second are sent. A zone without a copy has nothing to wait for.
pub fn first_refresh_within(zones: usize, questions_per_second: usize) -> Duration {
    // A whole number of seconds, so that a single zone asks at once.
    Duration::from_secs((zones / questions_per_second.max(1)) as u64)
}

/// How long a zone is served without a primary that confirms it.
pub fn expires_after(soa: Soa, bounds: Bounds) -> Duration {
    Timers::new(soa, bounds).expire
}

/// The copy of the zone that a secondary starts with, from its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedCopy {
    /// Its SOA record.
    pub soa: Soa,
    /// How long ago a primary confirmed that this is the zone, the time included for which the server wasn't running.
    pub confirmed_ago: Duration,
}

/// A request's number: what came of it is told with it, and is not heeded when nobody waits for it any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt(u64);

/// How a primary is asked for its SOA record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// Over a connection: the datagrams stayed without an answer, or the answer was truncated.
    Tcp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask a primary for the zone's SOA record and tell [`Secondary::handle_answer`].
    Ask {
        /// The request.
        attempt: Attempt,
        /// The primary.
        primary: usize,
        /// How to ask.
        transport: Transport,
    },
    /// Transfer the zone, tell [`Secondary::handle_transfer_going_on`] when that begins, and [`Secondary::handle_transfer`] when
    /// it has ended. It is waited for until its turn comes, however long that is.
    Transfer {
        /// The request.
        attempt: Attempt,
        /// The primary.
        primary: usize,
        /// The version to ask for the changes since (RFC 1995); `None` for the whole zone.
        from: Option<Serial>,
        /// Somebody asked for it: what comes is taken whatever its serial is.
        forced: bool,
    },
    /// Transfer the whole zone to see whether it is the one that is served, whose serial it has, and tell
    /// [`Secondary::handle_transfer`].
    Compare {
        /// The request.
        attempt: Attempt,
        /// The peer.
        primary: usize,
    },
    /// Nobody waits for this request any longer: what is under way for it can be ended.
    Abandon(Attempt),
    /// Nobody has confirmed the zone for too long: it is served no more (RFC 1034 §4.3.5), and the next transfer is that
    /// of a whole zone.
    Expire,
    /// Nothing, up to this time or until something happens.
    Wait(Duration),
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEnd {
    /// A zone has come and can be served; this is its SOA record.
    Complete(Soa),
    /// The primary has no newer version than this.
    UpToDate(Serial),
    /// The zone that was to be compared has the serial of the one here, and these are the same data or aren't.
    Compared {
        /// Whether they are.
        is_same: bool,
    },
    /// This version came and waits for somebody to accept it.
    HeldBack(Serial),
    /// The changes that came don't lead from the version here to another one: the whole zone may.
    IncrementUnusable,
    /// It failed, or what came will not be served.
    Failed,
}

/// What an answer or a transfer meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The primary has this version, which is newer: it is being transferred.
    Newer(Serial),
    /// The version here is the primary's.
    Confirmed,
    /// What was transferred is the zone from now on: it is to be served.
    Replaced,
    /// The primary has this version, which is not newer than the one here (RFC 1982): nothing is taken from it.
    Older(Serial),
    /// The peer has other data under the serial of the version here.
    Conflict(Serial),
    /// The primary has this version, which came once and waits for somebody to accept it: it isn't transferred again, and the
    /// one here is served meanwhile.
    HeldBack(Serial),
    /// The same primary is asked again another way.
    Again,
    /// It brought nothing.
    Failed,
    /// Nobody was waiting for it.
    Late,
}

/// Where a secondary stands, for its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The version that is served, if one is.
    pub serial: Option<Serial>,
    /// When a primary confirmed it.
    pub confirmed_at: Option<Duration>,
    /// When it is served no more unless a primary confirms it.
    pub expires_at: Option<Duration>,
    /// When the primaries are asked next; while they are being asked, when they would be without that.
    pub refresh_at: Duration,
    /// Whether they are being asked.
    pub refreshing: bool,
    /// How many refreshes in a row have failed.
    pub failures: u32,
    /// A peer that has other data under the serial of the version that is served.
    pub conflict_with: Option<usize>,
}

/// One secondary zone.
#[derive(Debug)]
pub struct Secondary {
    settings: Settings,
    held: Option<Held>,
    refresh_at: Duration,
    failures: u32,
    notified: Notified,
    /// No refresh that a NOTIFY asks for starts before this.
    notified_from: Duration,
    /// Somebody asked for a whole transfer.
    retransfer: bool,
    /// A version that waits for somebody to accept it.
    held_back: Option<Serial>,
    agreement: Agreement,
    running: Option<Running>,
    attempts: u64,
    jitter: Jitter,
}

/// The version that is served.
#[derive(Debug, Clone, Copy)]
struct Held {
    soa: Soa,
    timers: Timers,
    confirmed_at: Duration,
    expires_at: Option<Duration>,
}

/// A refresh under way.
#[derive(Debug)]
struct Running {
    round: Round,
    /// The request that is waited for, and until when; `None` when it is still to be made.
    waiting: Option<(Attempt, Duration)>,
}

impl Secondary {
    /// A secondary that starts `now`, with a copy of the zone if there is one.
    pub fn new(now: Duration, settings: Settings, copy: Option<SavedCopy>) -> Self {
        let mut jitter = Jitter::new(settings.seed);
        let refresh_at = now + jitter.up_to(settings.first_within);
        let held = copy.map(|SavedCopy { soa, confirmed_ago }| {
            let timers = Timers::new(soa, settings.bounds);
            Held {
                soa,
                timers,
                confirmed_at: now.saturating_sub(confirmed_ago),
                expires_at: (settings.role == Role::Secondary)
                    .then(|| now + timers.expire.saturating_sub(confirmed_ago)),
            }
        });
        Self {
            notified: Notified::new(settings.primaries),
            agreement: Agreement::new(settings.primaries),
            held_back: None,
            settings,
            held,
            refresh_at,
            failures: 0,
            notified_from: now,
            retransfer: false,
            running: None,
            attempts: 0,
            jitter,
        }
    }

    /// What is to be done now. Called until it says to wait: when that time has come, and after every `handle_*`.
    pub fn next(&mut self, now: Duration) -> Action {
        let expires_at = self.held.and_then(|held| held.expires_at);
        if expires_at.is_some_and(|at| at <= now) {
            self.held = None;
            // Its retry time was that of a zone that is served; without it the zone is asked for as one that never came.
            let soon = now + self.jitter.shorten(first_retry(self.failures));
            self.refresh_at = self.refresh_at.min(soon);
            return Action::Expire;
        }
        let expires_at = expires_at.unwrap_or(Duration::MAX);
        if self.running.is_none() {
            let starts_at = self.starts_at(now);
            if starts_at > now {
                return Action::Wait(starts_at.min(expires_at));
            }
            self.start(now);
        }
        self.advance(now, expires_at)
    }

    /// What a running refresh needs done.
    fn advance(&mut self, now: Duration, expires_at: Duration) -> Action {
        let Some(Running { round, waiting }) = &mut self.running else {
            return Action::Wait(self.refresh_at.min(expires_at));
        };
        let Some((attempt, until)) = *waiting else {
            self.attempts += 1;
            let attempt = Attempt(self.attempts);
            let until = round.step.patience().map_or(Duration::MAX, |patience| now + patience);
            *waiting = Some((attempt, until));
            return round.action(attempt);
        };
        if until > now {
            return Action::Wait(until.min(expires_at));
        }
        *waiting = None;
        if !round.repeat() {
            self.next_primary(now);
        }
        Action::Abandon(attempt)
    }

    /// When the next refresh starts, if nothing happens before.
    fn starts_at(&self, now: Duration) -> Duration {
        if self.retransfer {
            return now;
        }
        let notified_at = self.notified.any().then_some(self.notified_from);
        notified_at.map_or(self.refresh_at, |at| at.min(self.refresh_at))
    }

    fn start(&mut self, now: Duration) {
        let round = if std::mem::take(&mut self.retransfer) {
            Round::of_transfers()
        } else if let Some(primary) = self.notified.take() {
            self.notified_from = now + NOTIFIED_GAP;
            if self.settings.role == Role::Peer {
                // All of them are asked.
                self.notified.forget_all();
            }
            Round::starting_with(primary)
        } else {
            Round::starting_with(0)
        };
        self.running = Some(Running { round, waiting: None });
    }

    /// A primary said that the zone has changed, with the serial that its message may name (RFC 1996 §3.7). Whether it
    /// was allowed to say so is decided before.
    ///
    /// Gives whether a refresh follows: not when the serial is no newer than what is here (RFC 1996 §3.11). During one
    /// the notification waits, and starts another unless the first brings what it named. A peer that names the serial of
    /// the version here may mean other data.
    pub fn handle_notify(&mut self, primary: usize, serial: Option<Serial>) -> bool {
        let is_peer = self.settings.role == Role::Peer;
        let known = self.held.zip(serial).is_some_and(|(held, serial)| {
            let may_conflict = is_peer && serial == held.soa.serial && !self.agreement.is_with(primary);
            !serial.is_after(held.soa.serial) && !may_conflict
        });
        if !known {
            self.notified.note(primary, serial);
        }
        !known
    }

    /// Somebody wants the whole zone transferred, whatever its serial is (`dnsd retransfer`). What runs is finished first.
    pub fn handle_retransfer(&mut self) {
        self.retransfer = true;
    }

    /// Another version came in another way: an update, an edited file, a load that was accepted. Timers start from its
    /// numbers. Peers are asked for theirs: who changes the zone in two places at once is to hear of it soon.
    pub fn handle_change(&mut self, now: Duration, soa: Soa) {
        self.hold(now, soa);
        self.notified.forget_known(soa.serial);
        if self.settings.role == Role::Peer {
            self.notified.note(0, None);
        }
    }

    /// What a primary answered.
    pub fn handle_answer(&mut self, now: Duration, attempt: Attempt, answer: SoaAnswer) -> Verdict {
        let Some(round) = self.expected(attempt) else {
            return Verdict::Late;
        };
        let asked_over = match round.step {
            Step::Udp { .. } => Transport::Udp,
            Step::Tcp => Transport::Tcp,
            Step::Transfer { .. } | Step::Compare { .. } => return Verdict::Late,
        };
        match (answer, asked_over) {
            (SoaAnswer::Truncated | SoaAnswer::Refused, Transport::Udp) => self.again(Step::Tcp),
            (SoaAnswer::Soa(soa), _) => self.compare(now, soa.serial),
            (SoaAnswer::Truncated | SoaAnswer::Refused | SoaAnswer::Failed, _) => self.failed(now),
        }
    }

    /// A transfer goes on to its next part: it waited for its turn among others, which has come, or it has come as a whole and is
    /// stored. From now on that may take as long as a transfer may.
    pub fn handle_transfer_going_on(&mut self, now: Duration, attempt: Attempt) {
        if let Some(Running {
            waiting: Some((waited_for, until)),
            round,
        }) = &mut self.running
            && *waited_for == attempt
            && matches!(round.step, Step::Transfer { .. } | Step::Compare { .. })
        {
            *until = now + self.settings.transfer_time_max;
        }
    }

    /// How a transfer ended. What was transferred is served only if this says [`Verdict::Replaced`].
    pub fn handle_transfer(&mut self, now: Duration, attempt: Attempt, end: TransferEnd) -> Verdict {
        let Some(round) = self.expected(attempt) else {
            return Verdict::Late;
        };
        let (from, compared_since) = match round.step {
            Step::Transfer { from } => (from, None),
            Step::Compare { since } => (None, Some(since)),
            Step::Udp { .. } | Step::Tcp => return Verdict::Late,
        };
        let (any_serial, primary) = (round.forced, round.primary());
        match end {
            TransferEnd::Complete(soa) if any_serial || self.is_newer(soa.serial) => {
                self.succeed(now, soa);
                self.agreement.note(primary, true);
                Verdict::Replaced
            }
            TransferEnd::Complete(Soa { serial, .. }) | TransferEnd::UpToDate(serial) => match self.held {
                Some(held) if held.soa.serial == serial => self.confirm(now, held.soa),
                _ => self.older(now, serial),
            },
            TransferEnd::Compared { is_same } => match self.held {
                Some(Held { soa, .. }) => {
                    self.agreement.note(primary, is_same);
                    let took = compared_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
                    self.agreement
                        .put_off(now + (took * COMPARING_PART).min(self.compare_gap_max()));
                    let verdict = self.confirm(now, soa);
                    if is_same {
                        verdict
                    } else {
                        Verdict::Conflict(soa.serial)
                    }
                }
                None => self.failed(now),
            },
            TransferEnd::HeldBack(serial) => {
                self.held_back = Some(serial);
                self.keep_back(now, serial)
            }
            TransferEnd::IncrementUnusable if from.is_some() => self.again(Step::Transfer { from: None }),
            TransferEnd::IncrementUnusable | TransferEnd::Failed => self.failed(now),
        }
    }

    /// The version that is served, if one is.
    pub fn serial(&self) -> Option<Serial> {
        self.held.map(|held| held.soa.serial)
    }

    /// Where the zone stands.
    pub fn status(&self) -> Status {
        Status {
            serial: self.serial(),
            confirmed_at: self.held.map(|held| held.confirmed_at),
            expires_at: self.held.and_then(|held| held.expires_at),
            refresh_at: self.refresh_at,
            refreshing: self.running.is_some(),
            failures: self.failures,
            conflict_with: self.agreement.conflict(),
        }
    }

    /// The refresh, if it waits for this request; it waits no longer then.
    fn expected(&mut self, attempt: Attempt) -> Option<&mut Round> {
        let running = self.running.as_mut()?;
        running.waiting.take_if(|(waited_for, _)| *waited_for == attempt)?;
        Some(&mut running.round)
    }

    fn again(&mut self, step: Step) -> Verdict {
        if let Some(running) = &mut self.running {
            running.round.step = step;
        }
        Verdict::Again
    }

    fn is_newer(&self, serial: Serial) -> bool {
        self.held.is_none_or(|held| serial.is_after(held.soa.serial))
    }

    fn compare(&mut self, now: Duration, serial: Serial) -> Verdict {
        match self.held {
            Some(held) if held.soa.serial == serial => self.compare_data(now, held.soa),
            _ if self.held_back == Some(serial) => self.keep_back(now, serial),
            held if self.is_newer(serial) => {
                // Steps lead on from a peer's version: from one of ours that only has its serial they would lead to a mixture.
                let leads_on = self.settings.role == Role::Secondary
                    || self.primary().is_some_and(|primary| self.agreement.is_with(primary));
                self.again(Step::Transfer {
                    from: held.filter(|_| leads_on).map(|held| held.soa.serial),
                });
                Verdict::Newer(serial)
            }
            _ => self.older(now, serial),
        }
    }

    /// A server has the serial of the version here. Of a peer that says nothing of its data: they are compared once for each
    /// version, and as long as they are others once a refresh.
    fn compare_data(&mut self, now: Duration, soa: Soa) -> Verdict {
        let peer = self.primary().filter(|_| self.settings.role == Role::Peer);
        self.held_back = None;
        let unknown = peer.filter(|peer| !self.agreement.is_with(*peer));
        if unknown.is_none() {
            return self.confirm(now, soa);
        }
        if !self.agreement.may_compare(now) {
            let is_due = self.agreement.conflict().is_none();
            if let Some(running) = &mut self.running {
                running.round.must_compare |= is_due;
            }
            return self.confirm(now, soa);
        }
        // If it fails.
        self.agreement.put_off(now + self.compare_gap_max());
        self.again(Step::Compare { since: now })
    }

    fn compare_gap_max(&self) -> Duration {
        Duration::from_secs(self.settings.bounds.refresh_secs_min.into())
    }

    /// A primary has the version here. That of a peer is no reason not to ask the others.
    fn confirm(&mut self, now: Duration, soa: Soa) -> Verdict {
        match self.settings.role {
            Role::Secondary => self.succeed(now, soa),
            Role::Peer => self.answered(now),
        }
        Verdict::Confirmed
    }

    /// The primary is alive, and what it has waits to be accepted: until then the zone is the one that is here.
    fn keep_back(&mut self, now: Duration, serial: Serial) -> Verdict {
        match (self.held, self.settings.role) {
            (Some(_), Role::Peer) => self.answered(now),
            (Some(held), Role::Secondary) => {
                self.succeed(now, held.soa);
                self.held_back = Some(serial);
            }
            (None, _) => self.next_primary(now),
        }
        Verdict::HeldBack(serial)
    }

    fn older(&mut self, now: Duration, serial: Serial) -> Verdict {
        match self.settings.role {
            Role::Secondary => self.next_primary(now),
            // It will take the one here.
            Role::Peer => self.answered(now),
        }
        Verdict::Older(serial)
    }

    /// A peer is there, and has nothing that is to be taken.
    fn answered(&mut self, now: Duration) {
        if let Some(running) = &mut self.running {
            running.round.has_answer = true;
        }
        self.next_primary(now);
    }

    fn failed(&mut self, now: Duration) -> Verdict {
        self.next_primary(now);
        Verdict::Failed
    }

    /// Who is being asked.
    fn primary(&self) -> Option<usize> {
        self.running.as_ref().map(|running| running.round.primary())
    }

    fn hold(&mut self, now: Duration, soa: Soa) {
        let timers = Timers::new(soa, self.settings.bounds);
        self.held = Some(Held {
            soa,
            timers,
            confirmed_at: now,
            expires_at: (self.settings.role == Role::Secondary).then(|| now + timers.expire),
        });
        self.held_back = None;
        self.agreement.forget();
        self.failures = 0;
        self.refresh_at = now + self.jitter.shorten(timers.refresh);
    }

    fn succeed(&mut self, now: Duration, soa: Soa) {
        self.hold(now, soa);
        self.notified.forget_known(soa.serial);
        self.running = None;
    }

    /// Goes on with the next primary; when none is left the refresh has failed.
    fn next_primary(&mut self, now: Duration) {
        let Some(running) = &mut self.running else { return };
        running.waiting = None;
        if running.round.next_primary(self.settings.primaries) {
            return;
        }
        let Round {
            has_answer,
            must_compare,
            ..
        } = running.round;
        self.running = None;
        if let Some(held) = self.held.as_mut().filter(|_| has_answer) {
            held.confirmed_at = now;
            self.failures = 0;
            self.refresh_at = now + self.jitter.shorten(held.timers.refresh);
            if must_compare {
                self.refresh_at = self.refresh_at.min(self.agreement.put_off_until());
            }
            return;
        }
        let retry = match self.held {
            Some(held) => held.timers.retry,
            None => first_retry(self.failures),
        };
        self.failures = self.failures.saturating_add(1);
        self.refresh_at = now + self.jitter.shorten(retry);
    }
}

#[cfg(test)]
mod tests;
