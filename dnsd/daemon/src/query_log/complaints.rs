//! What the daemon's own log hears of queries that have no line.

use std::io;
use std::time::{Duration, Instant};

use tracing::warn;

/// How often it hears of them: a disk that is full is full for a while.
const INTERVAL: Duration = Duration::from_secs(10);

/// Gathers what went wrong.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    /// As many as were told of.
    told: u64,
    told_at: Option<Instant>,
    cause: Option<io::Error>,
}

impl Complaints {
    /// Keeps the latest reason.
    pub(super) fn note(&mut self, cause: io::Error) {
        self.cause = Some(cause);
    }

    /// Tells what there is to be told, if it is time; `dropped` is the number of queries without a line since the start.
    pub(super) fn tell(&mut self, dropped: u64, now: Instant) {
        if self.told_at.is_none_or(|at| now >= at + INTERVAL) {
            self.tell_now(dropped, now);
        }
    }

    /// The same at the end, when there is no later.
    pub(super) fn tell_now(&mut self, dropped: u64, now: Instant) {
        let queries = dropped - self.told;
        match self.cause.take() {
            Some(cause) => warn!("the query log can't be written: {cause}; queries without a line: {queries}"),
            None if queries > 0 => warn!("the query log doesn't keep up; queries without a line: {queries}"),
            None => return,
        }
        self.told = dropped;
        self.told_at = Some(now);
    }
}
