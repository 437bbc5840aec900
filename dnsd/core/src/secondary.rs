//! When a secondary asks its primaries, and how long it serves what it has (RFC 1034 §4.3.5, RFC 1035 §3.3.13).
//!
//! [`Secondary`] is one zone's state machine. It has no clock and no socket: what happened comes in through the
//! `handle_*` functions, and [`Secondary::next`] says what is to be done now, until there is nothing but to wait. A
//! time is how long after a moment of the caller's choice, the same for all calls: a clock that never goes back.
//!
//! A refresh walks through the primaries: it asks one for its SOA record, over UDP and then over TCP, transfers the zone
//! when the serial is newer, and goes on to the next primary when anything of that fails. It ends with the first that
//! has the zone as it is here or newer. A NOTIFY starts one with the primary that sent it.

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

use jitter::Jitter;
use notified::Notified;
use round::{Round, Step};
use timers::{Timers, first_retry};

/// How many zones ask for the first time in a second when a server starts: BIND's `serial-query-rate`.
const FIRST_REFRESHES_PER_SECOND: usize = 20;
/// Refreshes that NOTIFY starts are this far apart at least: a primary that changes its zone all the time, or that
/// repeats itself, is asked five times a second.
const NOTIFIED_GAP: Duration = Duration::from_millis(200);

/// How long a transfer may take unless the configuration says otherwise; BIND's default.
pub const TRANSFER_TIME_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// What a secondary is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many primaries there are; they are known here by their number in the configuration's order, from 0.
    pub primaries: NonZeroUsize,
    /// What the zone's SOA record may ask for.
    pub bounds: Bounds,
    /// Whether the zone is given up when no primary has confirmed it for as long as it says. A primary that takes its
    /// peer's newer versions serves its own without end.
    pub expires: bool,
    /// How long a transfer may take, BIND's `max-transfer-time-in`. Whoever runs it ends it sooner when nothing comes.
    pub transfer_time_max: Duration,
    /// The first refresh is within this time; see [`first_refresh_within`].
    pub first_within: Duration,
    /// Where the jitter starts: random, another one for each zone.
    pub seed: u64,
}

/// The time over which so many zones that start together spread their first refresh.
pub fn first_refresh_within(zones: usize) -> Duration {
    // A whole number of seconds, so that a single zone asks at once.
    Duration::from_secs((zones / FIRST_REFRESHES_PER_SECOND) as u64)
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
    /// Transfer the zone and tell [`Secondary::handle_transfer`].
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
                expires_at: settings
                    .expires
                    .then(|| now + timers.expire.saturating_sub(confirmed_ago)),
            }
        });
        Self {
            notified: Notified::new(settings.primaries),
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
            *waiting = Some((attempt, now + round.step.patience(self.settings.transfer_time_max)));
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
    /// the notification waits, and starts another unless the first brings what it named.
    pub fn handle_notify(&mut self, primary: usize, serial: Option<Serial>) -> bool {
        let known = self
            .held
            .zip(serial)
            .is_some_and(|(held, serial)| !serial.is_after(held.soa.serial));
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
    /// numbers.
    pub fn handle_change(&mut self, now: Duration, soa: Soa) {
        self.hold(now, soa);
        self.notified.forget_known(soa.serial);
    }

    /// What a primary answered.
    pub fn handle_answer(&mut self, now: Duration, attempt: Attempt, answer: SoaAnswer) -> Verdict {
        let Some(round) = self.expected(attempt) else {
            return Verdict::Late;
        };
        let asked_over = match round.step {
            Step::Udp { .. } => Transport::Udp,
            Step::Tcp => Transport::Tcp,
            Step::Transfer { .. } => return Verdict::Late,
        };
        match (answer, asked_over) {
            (SoaAnswer::Truncated, Transport::Udp) => self.again(Step::Tcp),
            (SoaAnswer::Soa(soa), _) => self.compare(now, soa.serial),
            (SoaAnswer::Truncated | SoaAnswer::Failed, _) => self.failed(now),
        }
    }

    /// How a transfer ended. What was transferred is served only if this says [`Verdict::Replaced`].
    pub fn handle_transfer(&mut self, now: Duration, attempt: Attempt, end: TransferEnd) -> Verdict {
        let Some(round) = self.expected(attempt) else {
            return Verdict::Late;
        };
        let Step::Transfer { from } = round.step else {
            return Verdict::Late;
        };
        let any_serial = round.forced;
        match end {
            TransferEnd::Complete(soa) if any_serial || self.is_newer(soa.serial) => {
                self.succeed(now, soa);
                Verdict::Replaced
            }
            TransferEnd::Complete(Soa { serial, .. }) | TransferEnd::UpToDate(serial) => match self.held {
                Some(held) if held.soa.serial == serial => self.confirm(now, held.soa),
                _ => self.older(now, serial),
            },
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
            Some(held) if held.soa.serial == serial => self.confirm(now, held.soa),
            held if self.is_newer(serial) => {
                self.again(Step::Transfer {
                    from: held.map(|held| held.soa.serial),
                });
                Verdict::Newer(serial)
            }
            _ => self.older(now, serial),
        }
    }

    fn confirm(&mut self, now: Duration, soa: Soa) -> Verdict {
        self.succeed(now, soa);
        Verdict::Confirmed
    }

    fn older(&mut self, now: Duration, serial: Serial) -> Verdict {
        self.next_primary(now);
        Verdict::Older(serial)
    }

    fn failed(&mut self, now: Duration) -> Verdict {
        self.next_primary(now);
        Verdict::Failed
    }

    fn hold(&mut self, now: Duration, soa: Soa) {
        let timers = Timers::new(soa, self.settings.bounds);
        self.held = Some(Held {
            soa,
            timers,
            confirmed_at: now,
            expires_at: self.settings.expires.then(|| now + timers.expire),
        });
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
        self.running = None;
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
