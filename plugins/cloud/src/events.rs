//! What happened: told by the providers, the scaling and the secrets, and by daemons whose rules noticed something; remembered
//! for those who follow it (`io.ballast.Events1`).
//!
//! To tell is to write into memory: nobody waits for those who follow, and one that is too slow misses what has been forgotten.

mod log;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballast_shared::plugin::event::WireEvent;
use metrics::counter;
use tokio::sync::watch;
use tracing::{info, warn};

use log::Log;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What no other event has; one that comes twice has the same one.
    pub id: String,
    /// Seconds since 1970.
    pub time: i64,
    /// What kind of event.
    pub kind: Kind,
    /// The machine that it is about.
    pub host: Option<String>,
    /// A sentence for people.
    pub message: String,
    /// What it says to programs.
    pub fields: BTreeMap<String, String>,
}

/// What an event is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The capacity of a spot machine is taken away.
    Interruption,
    /// It may be.
    Rebalance,
    /// Something is too much or too little.
    Alarm,
    /// The scaling has decided something, or decided to do nothing.
    Decision,
    /// A machine is in another state.
    State,
    /// What came of a stack's request for a secret.
    Secret,
    /// A rule of logd.
    Log,
}

impl Kind {
    /// All that there are.
    pub const ALL: [Self; 7] = [
        Self::Interruption,
        Self::Rebalance,
        Self::Alarm,
        Self::Decision,
        Self::State,
        Self::Secret,
        Self::Log,
    ];

    /// As it stands on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interruption => "interruption",
            Self::Rebalance => "rebalance",
            Self::Alarm => "alarm",
            Self::Decision => "decision",
            Self::State => "state",
            Self::Secret => "secret",
            Self::Log => "log",
        }
    }

    /// Whether others may tell of it. What the cloud or we ourselves have to say nobody else says.
    fn is_others(self) -> bool {
        matches!(self, Self::Alarm | Self::Log)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Event> for WireEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            time: event.time,
            kind: event.kind.as_str().to_owned(),
            host: event.host,
            message: event.message,
            fields: event.fields,
        }
    }
}

/// The events that are remembered.
#[derive(Debug)]
pub struct Events {
    log: Mutex<Log>,
    /// How many have been told.
    told: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self::new(log::EVENTS_MAX, log::BYTES_MAX)
    }
}

/// Where a reader is: behind so many of the events that were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

impl Events {
    fn new(events_max: usize, bytes_max: usize) -> Self {
        Self {
            log: Mutex::new(Log::new(events_max, bytes_max)),
            told: watch::Sender::new(0),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of an event, and says so in the daemon's own log. It waits for nobody. One that is remembered already is told once,
    /// and one that breaks the interface's limits not at all; whether it was told.
    pub fn tell(&self, event: Event) -> bool {
        let kind = event.kind;
        let event = WireEvent::from(event);
        // A cloud may have said anything, and who follows passes over what is not within the interface's limits.
        if let Err(wrong) = event.check() {
            warn!(%kind, "an event is left out: {wrong}");
            return false;
        }
        let is_new = self.add(kind, &event);
        if is_new {
            info!(%kind, host = event.host, "{}", event.message);
        }
        is_new
    }

    /// Takes an event that a daemon tells of. It is not said in our own log: a rule of logd may be about that.
    ///
    /// # Errors
    /// When it is of a kind that is not for others to tell of.
    pub fn take(&self, event: &WireEvent) -> Result<bool, UnknownKind> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == event.kind);
        let kind = kind.filter(|kind| kind.is_others()).ok_or(UnknownKind)?;
        Ok(self.add(kind, event))
    }

    fn add(&self, kind: Kind, event: &WireEvent) -> bool {
        let Some(count) = self.log().add(event) else {
            counter!("cloudd_events_repeated_total").increment(1);
            return false;
        };
        counter!("cloudd_events_total", "kind" => kind.as_str()).increment(1);
        // Two may come here in another order than the one in which they were added.
        self.told
            .send_if_modified(|told| std::mem::replace(told, count.max(*told)) < count);
        true
    }

    /// Hears of each new event: how many there have been.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Where one begins who wants those from now on, or those behind the one of this id: all that are remembered, if it is not.
    #[must_use]
    pub fn position(&self, after: Option<&str>) -> Position {
        Position(self.log().position(after))
    }

    /// The next events, as JSON, as many as go into a reply, and where a reader is who has had them. Nothing: there are none. What
    /// was forgotten before a reader came to it is counted.
    #[must_use]
    pub fn next(&self, position: Position) -> (Vec<Arc<str>>, Position) {
        let (events, next) = self.log().next(position.0);
        let missed = next - events.len() as u64 - position.0;
        if missed > 0 {
            counter!("cloudd_events_missed_total").increment(missed);
        }
        (events, Position(next))
    }

    /// How many are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.log().len()
    }
}

/// It is not for others to tell of events of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownKind;

#[cfg(test)]
mod tests;
