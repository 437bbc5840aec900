//! What is to be done to which file, and when: one queue for all files of a volume, rather than a timer for each.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::log_file::LogFile;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Write what its buffer holds, if that has waited for as long as a line may.
    FlushIfDue,
    /// Write what its buffer holds.
    Flush,
    /// Try again to write what the file system had no room for.
    Retry {
        /// How long was waited before this attempt.
        after: Duration,
        /// How often the file had been held up then: each time has attempts of its own.
        times: u64,
    },
    /// Sync what was written.
    Sync,
    /// Write what its buffer holds and close it, so that the next line opens its path anew.
    Close,
}

/// What the flusher is to do next.
pub(super) enum Next {
    /// This, to this file.
    Due(Arc<LogFile>, Task),
    /// Close so many files, for the sake of others.
    Evict(usize),
    /// Write all files, the largest first: the budget is short.
    Relieve,
    /// The time of the sweep has come.
    Sweep,
    /// End.
    Stop,
}

#[derive(Default)]
pub(super) struct Schedule {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: BinaryHeap<Entry>,
    /// Entries of the same instant keep their order.
    sequence: u64,
    /// Until when the flusher sleeps.
    sleeps_until: Option<Instant>,
    relieve: bool,
    evict: usize,
    stop: bool,
}

struct Entry {
    at: Instant,
    sequence: u64,
    file: Arc<LogFile>,
    task: Task,
}

impl Schedule {
    /// Puts a task on the queue.
    pub(super) fn push(&self, at: Instant, file: Arc<LogFile>, task: Task) {
        let mut state = self.state();
        let sequence = state.sequence;
        state.sequence += 1;
        state.queue.push(Entry {
            at,
            sequence,
            file,
            task,
        });
        if state.sleeps_until.is_some_and(|until| at < until) {
            self.changed.notify_one();
        }
    }

    /// Asks for what frees the budget.
    pub(super) fn relieve(&self) {
        let mut state = self.state();
        if !state.relieve {
            state.relieve = true;
            self.changed.notify_one();
        }
    }

    /// Asks for another descriptor. At most so many are asked for at a time.
    pub(super) fn evict_one(&self, at_most: usize) {
        let mut state = self.state();
        if state.evict < at_most {
            state.evict += 1;
            self.changed.notify_one();
        }
    }

    /// How many tasks wait.
    pub(super) fn len(&self) -> usize {
        self.state().queue.len()
    }

    /// Takes all files off it, whenever they are due.
    pub(super) fn take_all(&self) -> Vec<Arc<LogFile>> {
        let queue = std::mem::take(&mut self.state().queue);
        queue.into_iter().map(|entry| entry.file).collect()
    }

    /// Takes the files off it that are due.
    pub(super) fn take_due(&self) -> Vec<Arc<LogFile>> {
        let mut state = self.state();
        let now = Instant::now();
        let mut due = Vec::new();
        while state.queue.peek().is_some_and(|entry| entry.at <= now)
            && let Some(entry) = state.queue.pop()
        {
            due.push(entry.file);
        }
        due
    }

    /// Ends the flusher.
    pub(super) fn stop(&self) {
        self.state().stop = true;
        self.changed.notify_one();
    }

    /// Waits for the next task, at most until the sweep.
    pub(super) fn next(&self, sweep_at: Instant) -> Next {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.stop {
                return Next::Stop;
            }
            if sweep_at <= now {
                return Next::Sweep;
            }
            // Before relief, which may be asked for without end: what is due frees the budget too.
            if state.queue.peek().is_some_and(|entry| entry.at <= now)
                && let Some(entry) = state.queue.pop()
            {
                return Next::Due(entry.file, entry.task);
            }
            if state.evict > 0 {
                return Next::Evict(std::mem::take(&mut state.evict));
            }
            if std::mem::take(&mut state.relieve) {
                return Next::Relieve;
            }
            let until = state.queue.peek().map_or(sweep_at, |entry| entry.at.min(sweep_at));
            state.sleeps_until = Some(until);
            let waited = self.changed.wait_timeout(state, until - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.sleeps_until = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The earliest is the greatest, as the heap is one of maxima.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
