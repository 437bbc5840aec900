//! The queue in front of an output that is slower than memory: records that are rendered, and that a worker has not dealt with.
//!
//! The pipeline appends, under a lock that is held for as long as rendering takes; the output's worker takes all that is there at
//! once. A record counts against the queue's limit, and against the budget of the process, until the worker lets go of it, so
//! what is on its way is bounded too. Each record has a number. *Settled* are those up to which the worker has seen to all: sent,
//! committed, in the spool, or dropped and counted; who acknowledges to its sender waits for that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use metrics::{Counter, Gauge, counter, gauge};
use tokio::sync::Notify;

use super::file::Store;
use super::settlement::Settlement;
use super::{Patience, WhenFull};

/// What a record takes beside its bytes: where it ends. It counts, so that records without any bytes are bounded too.
const RECORD_BYTES: usize = size_of::<usize>();

/// What a queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Bytes of records that the worker has not let go of.
    pub(crate) bytes_max: usize,
    pub(crate) when_full: WhenFull,
}

/// Records on their way to one output.
pub(crate) struct Queue {
    name: Arc<str>,
    limits: QueueLimits,
    store: Arc<Store>,
    waiting: Mutex<Waiting>,
    /// Bytes of the records that are waiting or with the worker.
    held: AtomicUsize,
    closed: AtomicBool,
    /// The configuration has no such output any more, or its worker has ended: nobody waits for its records.
    abandoned: AtomicBool,
    /// Of its records. Appended to under the lock of what waits.
    settlement: Settlement,
    /// Wakes the worker.
    filled: Notify,
    counters: Counters,
}

/// Records that the worker has not taken.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// When the first of them came.
    since: Option<Instant>,
    /// What the worker has and has not settled: when the first record of each part came, and the number of its last.
    taken: VecDeque<(Instant, u64)>,
    /// What the budget was charged for the room in `bytes`.
    charged: usize,
    /// The worker has come to its end, and takes nothing any more: why.
    over: Option<&'static str>,
}

struct Counters {
    records: Counter,
    bytes: Counter,
    errors: Counter,
    dropped_full: Counter,
    dropped_local: Counter,
    /// With what workers have that a reload has left.
    held: Gauge,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It waits, under this number.
    Waiting(u64),
    /// The queue is full, and drops.
    Dropped,
}

/// Records that a worker has taken; it holds their bytes until it drops this.
pub(crate) struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    charged: usize,
    /// The number of the last one.
    last: u64,
    queue: Arc<Queue>,
}

impl Queue {
    /// An empty one, and the metrics of the output of this name.
    /// One alone, with a budget that is enough for it.
    #[cfg(test)]
    pub(crate) fn of_test(bytes_max: usize, when_full: WhenFull) -> Arc<Self> {
        let store = Store::new(super::file::StoreLimits {
            buffer_bytes_max: bytes_max.max(1 << 20),
            open_files_max: 1,
        });
        let limits = QueueLimits { bytes_max, when_full };
        Arc::new(Self::new("test".into(), limits, Arc::new(store)))
    }

    pub(crate) fn new(name: Arc<str>, limits: QueueLimits, store: Arc<Store>) -> Self {
        let output = || name.to_string();
        Self {
            counters: Counters {
                records: counter!("logd_output_lines_total", "output" => output()),
                bytes: counter!("logd_output_bytes_total", "output" => output()),
                errors: counter!("logd_output_errors_total", "output" => output()),
                dropped_full: counter!("logd_output_dropped_total", "output" => output(), "reason" => "full"),
                dropped_local: counter!("logd_output_dropped_total", "output" => output(), "reason" => "local"),
                held: gauge!("logd_output_queued_bytes", "output" => output()),
            },
            name,
            limits,
            store,
            waiting: Mutex::default(),
            held: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            settlement: Settlement::default(),
            filled: Notify::new(),
        }
    }

    /// The output's name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Appends one record, which `render` writes to the end of the buffer. One that renders to nothing is one all the same.
    pub(crate) fn append(&self, patience: Patience, render: impl FnOnce(&mut Vec<u8>)) -> Queued {
        if patience == Patience::NeverWaits
            && self.limits.when_full == WhenFull::Block
            && (self.is_full() || self.store.is_reserve_spent())
        {
            self.counters.dropped_local.increment(1);
            return Queued::Dropped;
        }
        if self.is_full() && self.limits.when_full == WhenFull::Drop {
            self.counters.dropped_full.increment(1);
            return Queued::Dropped;
        }
        let mut waiting = self.waiting();
        if let Some(reason) = waiting.over {
            drop(waiting);
            self.count_dropped(reason, 1);
            return Queued::Dropped;
        }
        let before = waiting.bytes.len();
        render(&mut waiting.bytes);
        let end = waiting.bytes.len();
        waiting.ends.push(end);
        let number = self.settlement.append();
        let room = waiting.bytes.capacity();
        self.store.charge(&mut waiting.charged, room);
        let first = waiting.ends.len() == 1;
        if first {
            waiting.since = Some(Instant::now());
        }
        // Under the lock: whoever takes the record takes away what was added for it.
        let bytes = end - before + RECORD_BYTES;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.counters.held.increment(bytes as f64);
        drop(waiting);
        if first {
            self.filled.notify_one();
        }
        Queued::Waiting(number)
    }

    /// Whether senders are to wait.
    pub(crate) fn holds_back(&self) -> bool {
        self.limits.when_full == WhenFull::Block && self.is_full() && !self.is_closed()
    }

    /// Whether an acknowledgement waits for its records: those of an output that drops are not waited for, nor are those of one
    /// that is no more. An output whose settings have changed has its old worker still see to what it took.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.limits.when_full == WhenFull::Block && !self.abandoned.load(Ordering::Acquire)
    }

    /// Nobody is to wait for its records any more.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.settlement.wake();
    }

    /// How far its records are seen to.
    pub(crate) fn settlement(&self) -> &Settlement {
        &self.settlement
    }

    /// For the worker: all records that wait, as soon as there are any; `None` when no more will come. Nothing is lost when
    /// this is dropped before it is done.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Records> {
        loop {
            let filled = self.filled.notified();
            if let Some(records) = self.take_now() {
                return Some(records);
            }
            if self.is_closed() {
                // What was appended before it was closed and after the look.
                return self.take_now();
            }
            filled.await;
        }
    }

    /// For the worker: what waits at the moment.
    pub(crate) fn take_now(self: &Arc<Self>) -> Option<Records> {
        let mut waiting = self.waiting();
        if waiting.ends.is_empty() {
            return None;
        }
        let last = self.settlement.appended();
        if let Some(since) = waiting.since.take() {
            waiting.taken.push_back((since, last));
        }
        Some(Records {
            bytes: std::mem::take(&mut waiting.bytes),
            ends: std::mem::take(&mut waiting.ends),
            charged: std::mem::take(&mut waiting.charged),
            last,
            queue: self.clone(),
        })
    }

    /// For the worker: returns when it is to come to its end, whatever waits. Nothing is lost when this is dropped.
    pub(crate) async fn closed(&self) {
        loop {
            let closed = self.filled.notified();
            if self.is_closed() {
                return;
            }
            closed.await;
        }
    }

    /// Nothing is appended any more: the worker ends when it has dealt with what there is, and senders don't wait for that.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.filled.notify_one();
        self.store.note_written();
    }

    /// The worker has seen to all records up to this one.
    pub(crate) fn settle(&self, through: u64) {
        self.settlement.settle(through);
        let mut waiting = self.waiting();
        while waiting.taken.front().is_some_and(|(_, last)| *last <= through) {
            waiting.taken.pop_front();
        }
        drop(waiting);
        self.store.note_written();
    }

    /// The worker comes to its end, whatever it has not seen to: that is lost, which who waits for it learns, and counted as
    /// dropped for this reason, and so is what is still appended. How many records it was.
    pub(crate) fn give_up(self: &Arc<Self>, reason: &'static str) -> u64 {
        let mut waiting = self.waiting();
        waiting.over = Some(reason);
        let lost = self.settlement.unsettled();
        if lost > 0 {
            self.settlement.lose(self.settlement.appended());
        }
        drop(waiting);
        // They count against the limit until here.
        drop(self.take_now());
        if lost > 0 {
            self.count_dropped(reason, lost);
        }
        lost
    }

    /// Records that were sent, or whatever this output does with them.
    pub(crate) fn count_sent(&self, records: u64, bytes: usize) {
        self.counters.records.increment(records);
        self.counters.bytes.increment(bytes as u64);
    }

    /// Records that are given up.
    pub(crate) fn count_dropped(&self, reason: &'static str, records: u64) {
        counter!("logd_output_dropped_total", "output" => self.name.to_string(), "reason" => reason).increment(records);
    }

    /// Something went wrong that may pass.
    pub(crate) fn count_error(&self) {
        self.counters.errors.increment(1);
    }

    /// Records that the worker has not seen to.
    pub(crate) fn unsettled(&self) -> u64 {
        self.settlement.unsettled()
    }

    /// Since when the oldest record waits that the worker has not seen to.
    pub(crate) fn unsettled_since(&self) -> Option<Instant> {
        let waiting = self.waiting();
        waiting.taken.front().map(|(since, _)| *since).or(waiting.since)
    }

    /// Bytes that wait or are with the worker.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.held_bytes() >= self.limits.bytes_max
    }

    /// Whether no more will come.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    /// Each of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The one at this place.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// The number of the first one.
    pub(crate) fn first(&self) -> u64 {
        self.last + 1 - self.ends.len() as u64
    }

    /// The number of the last one: what to [`Queue::settle`] when all are seen to.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let queue = &self.queue;
        let bytes = self.bytes.len() + self.ends.len() * RECORD_BYTES;
        queue.held.fetch_sub(bytes, Ordering::Relaxed);
        queue.counters.held.decrement(bytes as f64);
        queue.store.refund(self.charged);
        queue.store.note_written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Standing;

    fn append(queue: &Queue, text: &str) -> Queued {
        queue.append(Patience::Waits, |record| record.extend_from_slice(text.as_bytes()))
    }

    #[tokio::test]
    async fn a_full_queue_that_holds_back_drops_what_comes_from_who_never_waits() {
        let queue = Queue::of_test(4, WhenFull::Block);
        let local = || queue.append(Patience::NeverWaits, |record| record.extend_from_slice(b"local"));
        assert_eq!(local(), Queued::Waiting(1));
        assert_eq!(local(), Queued::Dropped);
        assert_eq!(append(&queue, "network"), Queued::Waiting(2), "its sender waits next");
        assert!(queue.holds_back());
        drop(queue.take().await);
        assert_eq!(local(), Queued::Waiting(3));
    }

    #[tokio::test]
    async fn records_come_out_whole_in_order_and_numbered() {
        let queue = Queue::of_test(100, WhenFull::Block);
        let numbers = ["one", "", "three"].map(|text| append(&queue, text));
        assert_eq!(numbers, [1, 2, 3].map(Queued::Waiting));
        let records = queue.take().await.unwrap();
        let all: Vec<_> = records.iter().collect();
        assert_eq!(all, [&b"one"[..], b"", b"three"]);
        assert_eq!((records.last(), queue.unsettled()), (3, 3));
        queue.settle(records.last());
        assert_eq!(queue.unsettled(), 0);
    }

    #[tokio::test]
    async fn records_without_a_byte_fill_a_queue_too() {
        let queue = Queue::of_test(2 * RECORD_BYTES, WhenFull::Drop);
        let appended = [(); 3].map(|()| append(&queue, ""));
        assert_eq!(appended, [Queued::Waiting(1), Queued::Waiting(2), Queued::Dropped]);
        drop(queue.take().await.unwrap());
        assert_eq!(queue.held_bytes(), 0);
    }

    #[tokio::test]
    async fn what_the_worker_holds_counts_until_it_lets_go() {
        let queue = Queue::of_test(4, WhenFull::Block);
        append(&queue, "12345");
        assert!(queue.holds_back());
        let records = queue.take().await.unwrap();
        assert!(queue.holds_back(), "it is on its way");
        let before = queue.store.buffered_bytes();
        drop(records);
        assert!(!queue.holds_back());
        assert!(queue.store.buffered_bytes() < before, "the budget has it back");
    }

    #[tokio::test]
    async fn a_full_queue_that_drops_holds_nobody_back() {
        let queue = Queue::of_test(4, WhenFull::Drop);
        assert_eq!(append(&queue, "12345"), Queued::Waiting(1));
        assert_eq!(append(&queue, "6"), Queued::Dropped);
        assert!(!queue.holds_back());
        assert_eq!(queue.take().await.unwrap().iter().count(), 1);
    }

    #[tokio::test]
    async fn the_worker_gets_what_there_was_before_the_end() {
        let queue = Queue::of_test(4, WhenFull::Block);
        append(&queue, "last");
        queue.close();
        assert!(queue.take().await.is_some());
        assert!(queue.take().await.is_none());
    }

    #[tokio::test]
    async fn what_a_worker_gives_up_is_lost_and_counts_no_more() {
        let queue = Queue::of_test(1 << 10, WhenFull::Block);
        append(&queue, "settled");
        drop(queue.take().await);
        queue.settle(1);
        append(&queue, "with the worker");
        let taken = queue.take().await;
        append(&queue, "waiting");
        drop(taken);
        assert_eq!(queue.give_up("abandoned"), 2);
        assert_eq!(queue.settlement().standing(3), Standing::Lost);
        assert_eq!((queue.held_bytes(), queue.store.buffered_bytes()), (0, 0));
        assert_eq!(append(&queue, "late"), Queued::Dropped);
        assert_eq!(queue.held_bytes(), 0);
    }

    #[tokio::test]
    async fn what_was_all_settled_is_not_lost() {
        let queue = Queue::of_test(1 << 10, WhenFull::Block);
        append(&queue, "settled");
        drop(queue.take().await);
        queue.settle(1);
        assert_eq!(queue.give_up("abandoned"), 0);
        assert_eq!(queue.settlement().standing(1), Standing::Settled);
    }

    #[tokio::test]
    async fn a_waiting_worker_is_woken_by_a_record_and_by_the_end() {
        let queue = Queue::of_test(4, WhenFull::Block);
        let worker = tokio::spawn({
            let queue = queue.clone();
            async move {
                let mut taken = 0;
                while let Some(records) = queue.take().await {
                    taken += records.iter().count();
                    queue.settle(records.last());
                }
                taken
            }
        });
        tokio::task::yield_now().await;
        append(&queue, "1");
        while queue.unsettled() > 0 {
            tokio::task::yield_now().await;
        }
        queue.close();
        assert_eq!(worker.await.unwrap(), 1);
    }
}
