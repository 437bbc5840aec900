//! What a pair of groups remembers, in memory and in its record.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;

use super::memory::{Line, Memory};
use super::record::Record;
use crate::queue::Verdict;

/// What a pair of groups remembers. It outlives a reload.
#[derive(Debug)]
pub struct State {
    /// Never held while something is waited for, so that those who look on don't wait either.
    memory: Mutex<Memory>,
    pub(super) turn: Turn<Doing>,
}

/// Whoever has it has the turn: one thing is done at a time.
#[derive(Debug)]
pub(super) struct Doing {
    pub(super) record: Option<Record>,
    /// Of messages whose work is not done, and not remembered over a restart: a new start is a good time to try again.
    pub(super) tries: HashMap<String, Tries>,
}

/// The tries of one message.
#[derive(Debug, Default)]
pub(super) struct Tries {
    pub(super) count: u32,
    /// In seconds since 1970.
    pub(super) not_before: i64,
}

impl State {
    /// With what a record has.
    pub(super) fn new(record: Record, lines: Vec<Line>) -> Self {
        Self {
            memory: Mutex::new(Memory::of(lines)),
            turn: Turn::new(Doing {
                record: Some(record),
                tries: HashMap::new(),
            }),
        }
    }

    /// What has been decided and done.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doing {
    /// When a message is to come again whose last try was not long ago.
    pub(super) fn later(&self, key: &str, now: i64) -> Option<Verdict> {
        let seconds = u64::try_from(self.tries.get(key)?.not_before.saturating_sub(now)).ok()?;
        (seconds > 0).then_some(Verdict::Later(Duration::from_secs(seconds)))
    }
}
