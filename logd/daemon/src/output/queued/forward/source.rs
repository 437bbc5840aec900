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
        while self.held.front().is_some_and(|first| first.last() < self.position) {
            self.held.pop_front();
            self.at = self.at.0.checked_sub(1).map_or((0, 0), |of| (of, self.at.1));
        }
        // Records that are given up may be acknowledged before they are come to again.
        if self.at.0 == 0 {
            self.at.1 = self.at.1.max(self.unacknowledged());
        }
        self.queue.settle(position - 1);
    }

    fn rewind(&mut self) {
        self.at = (0, self.unacknowledged());
    }

    /// Where in the first records that are held the first one is that is not acknowledged.
    fn unacknowledged(&self) -> usize {
        let behind = |records: &Records| self.position.saturating_sub(records.first());
        let index = self.held.front().map_or(0, behind);
        usize::try_from(index).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Patience, WhenFull};

    fn memory() -> Memory {
        Memory::new(Queue::of_test(1 << 20, WhenFull::Block))
    }

    /// Appends records that are their numbers.
    fn append(memory: &Memory, count: usize) {
        for _ in 0..count {
            let number = memory.queue.settlement().appended() + 1;
            memory
                .queue
                .append(Patience::Waits, |record| record.extend(number.to_string().bytes()));
        }
    }

    /// The numbers of the next records, so many at most.
    fn feed(memory: &mut Memory, records_max: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        memory.feed(records_max, |number, record| {
            assert_eq!(record, number.to_string().as_bytes());
            numbers.push(number);
            true
        });
        numbers
    }

    /// The same of all that there is, some at least.
    async fn feed_all(memory: &mut Memory) -> Vec<u64> {
        assert!(memory.ready().await);
        feed(memory, usize::MAX)
    }

    #[tokio::test]
    async fn after_a_reconnect_with_nothing_on_its_way_the_next_records_are_handed_out_from_the_first_on() {
        // As many as were acknowledged, fewer, and more.
        for more in [1, 10, 100] {
            let mut memory = memory();
            append(&memory, 10);
            assert_eq!(feed_all(&mut memory).await, Vec::from_iter(1..=10));
            memory.acknowledge(11);
            memory.rewind();
            append(&memory, more);
            assert_eq!(feed_all(&mut memory).await, Vec::from_iter(11..11 + more as u64));
            assert_eq!(memory.queue.unsettled(), more as u64);
        }
    }

    #[tokio::test]
    async fn what_came_while_no_target_was_there_is_handed_out_too() {
        let mut memory = memory();
        append(&memory, 10);
        feed_all(&mut memory).await;
        memory.acknowledge(11);
        append(&memory, 2);
        let over = tokio::time::timeout(std::time::Duration::ZERO, memory.over()).await;
        assert!(over.is_err(), "there is something to be sent");
        memory.rewind();
        assert_eq!(feed_all(&mut memory).await, [11, 12]);
    }

    #[tokio::test]
    async fn after_a_reconnect_what_is_not_acknowledged_is_handed_out_again() {
        let mut memory = memory();
        for _ in 0..3 {
            append(&memory, 3);
            feed_all(&mut memory).await;
        }
        memory.acknowledge(6);
        memory.rewind();
        append(&memory, 1);
        assert_eq!(feed_all(&mut memory).await, [6, 7, 8, 9]);
        assert_eq!(feed_all(&mut memory).await, [10]);
        assert_eq!(memory.queue.unsettled(), 5);
    }

    #[tokio::test]
    async fn what_is_acknowledged_before_it_is_handed_out_again_is_not_handed_out() {
        // Up to one of the records that were taken together, and all of them.
        for position in [8, 11] {
            let mut memory = memory();
            append(&memory, 10);
            assert!(memory.ready().await);
            assert_eq!(feed(&mut memory, 5), [1, 2, 3, 4, 5]);
            memory.acknowledge(position);
            append(&memory, 20);
            let mut numbers = feed_all(&mut memory).await;
            if numbers.last() == Some(&10) {
                numbers.extend(feed_all(&mut memory).await);
            }
            assert_eq!(numbers, Vec::from_iter(position..=30));
        }
    }
}
