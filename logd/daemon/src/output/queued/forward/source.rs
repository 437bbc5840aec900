//! Where the records that are sent come from: the queue, or the spool behind it. They are numbered in ascending order and kept
//! until they are acknowledged.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::spooled::Reader;
use crate::output::queue::{Queue, Records};

/// Records to be sent.
pub(super) enum Source {
    Memory(Memory),
    Spool(Reader),
}

impl Source {
    /// Waits until there are records to be sent; `false`: there will be no more. Nothing is lost when this is dropped before it
    /// is done.
    pub(super) async fn ready(&mut self) -> bool {
        match self {
            Self::Memory(memory) => memory.ready().await,
            Self::Spool(reader) => reader.ready().await,
        }
    }

    /// Hands out the next records with their numbers, so many at most, and no more when `take` has enough.
    pub(super) fn feed(&mut self, records_max: usize, take: impl FnMut(u64, &[u8]) -> bool) {
        match self {
            Self::Memory(memory) => memory.feed(records_max, take),
            Self::Spool(reader) => reader.feed(records_max, take),
        }
    }

    /// A target has all records before this number.
    pub(super) fn acknowledge(&mut self, position: u64) {
        match self {
            Self::Memory(memory) => memory.acknowledge(position),
            Self::Spool(reader) => reader.acknowledge(position),
        }
    }

    /// What is not acknowledged is to be sent again.
    pub(super) fn rewind(&mut self) {
        match self {
            Self::Memory(memory) => memory.rewind(),
            Self::Spool(reader) => reader.rewind(),
        }
    }

    /// Waits until there is no more to be sent, while nothing can be. Nothing is lost when this is dropped before it is done.
    pub(super) async fn over(&mut self) {
        match self {
            Self::Memory(memory) => memory.over().await,
            Self::Spool(reader) => reader.closed().cancelled().await,
        }
    }

    /// What tells that the end has come, where it doesn't wait until a target has all records.
    pub(super) fn closed(&self) -> Option<CancellationToken> {
        match self {
            Self::Memory(_) => None,
            Self::Spool(reader) => Some(reader.closed().clone()),
        }
    }
}

/// Records that are only in memory; they count against the queue's limit until they are acknowledged.
pub(super) struct Memory {
    queue: Arc<Queue>,
    held: VecDeque<Records>,
    /// The next one to be handed out: of which of those held, and which of these.
    at: (usize, usize),
    /// The number of the first that is not acknowledged.
    position: u64,
}

impl Memory {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            held: VecDeque::new(),
            at: (0, 0),
            position: 0,
        }
    }

    async fn ready(&mut self) -> bool {
        if self.at.0 < self.held.len() {
            return true;
        }
        match self.queue.take().await {
            Some(records) => self.held.push_back(records),
            None => return false,
        }
        true
    }

    async fn over(&mut self) {
        while self.held.is_empty() {
            match self.queue.take().await {
                Some(records) => self.held.push_back(records),
                None => return,
            }
        }
        // Only a target takes these away.
        pending::<()>().await;
    }

    fn feed(&mut self, records_max: usize, mut take: impl FnMut(u64, &[u8]) -> bool) {
        for _ in 0..records_max {
            let Some(records) = self.held.get(self.at.0) else {
                return;
            };
            let index = self.at.1;
            self.at = if index + 1 < records.len() {
                (self.at.0, index + 1)
            } else {
                (self.at.0 + 1, 0)
            };
            if !take(records.first() + index as u64, records.get(index)) {
                return;
            }
        }
    }

    fn acknowledge(&mut self, position: u64) {
        self.position = self.position.max(position);
        while self.held.front().is_some_and(|first| first.last() < position) {
            self.held.pop_front();
            self.at.0 = self.at.0.saturating_sub(1);
        }
        self.queue.settle(position - 1);
    }

    fn rewind(&mut self) {
        let first = self.held.front().map_or(0, Records::first);
        let index = self.position.saturating_sub(first);
        self.at = (0, usize::try_from(index).unwrap_or(0));
    }
}
