//! The buffer's side of a log file: lines are appended, within the budget, by senders that wait and by those that never do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::WRITE_BYTES;
use super::super::output::Owner;
use super::super::schedule::Task;
use super::super::spare;
use super::super::store::Store;
use super::{Appended, LogFile};
use crate::output::{Patience, WhenFull};

/// What senders that never wait may leave in the buffer of a file that is held up, for when it is written to again: thousands of
/// messages, and little of the budget, which the network's senders wait for.
const HELD_UP_BYTES_MAX: usize = 1 << 20;

/// From so much on the senders of a file that is written to wait, as the file system takes it more slowly than it comes, or not at all:
/// what is buffered is lost with the process.
const BEHIND_BYTES: usize = 1 << 20;

/// What senders that don't wait for this file may leave in its buffer while it is written to, and those of an output that drops. More
/// than this is not a burst but a file system that does not answer.
const UNWRITTEN_BYTES_MAX: usize = 8 << 20;

/// The part of `flush-interval` that is kept for the write itself and for those of other files before it: a line is to be in its
/// file when the interval is over.
const FLUSH_MARGIN: u32 = 5;

impl LogFile {
    /// Appends one line, newline included, that `render` writes to the end of the buffer.
    pub(crate) fn append(
        self: &Arc<Self>,
        store: &Store,
        owner: &Owner,
        patience: Patience,
        render: impl FnOnce(&mut Vec<u8>),
    ) -> Appended {
        if self.generation.load(Ordering::Relaxed) < owner.generation {
            self.adopt(owner);
        }
        let mut buffer = self.buffer();
        if buffer.gone {
            return Appended::Gone;
        }
        let before = buffer.bytes.len();
        let is_full = if self.is_held_up() {
            before >= WRITE_BYTES
        } else {
            before >= UNWRITTEN_BYTES_MAX || self.volume.is_spent()
        };
        if is_full {
            let output = self.output.load();
            let waits_for_others =
                patience == Patience::WaitsWithOthers && !self.is_held_up() && before >= UNWRITTEN_BYTES_MAX;
            if output.settings().when_full == WhenFull::Drop || waits_for_others {
                output.count_dropped_full(1);
                return Appended::Dropped;
            }
        }
        if patience == Patience::NeverWaits && !self.has_room_at_once(before, store) {
            drop(buffer);
            self.output.load().drop_local(&self.path);
            return Appended::Dropped;
        }
        let since = match buffer.since {
            Some(since) if before > 0 => since,
            _ => Instant::now(),
        };
        if before == 0 {
            buffer.bytes = spare::take(buffer.expected);
        }
        render(&mut buffer.bytes);
        let holds = buffer.bytes.len();
        if holds == before {
            if before == 0 {
                buffer.bytes = Vec::new();
            }
            return Appended::Buffered;
        }
        buffer.lines += 1;
        self.settlement.append();
        buffer.since = Some(since);
        let room = buffer.bytes.capacity();
        self.charge(&mut buffer.charged, room, store);
        // The output's settings are looked at once for each flush, not for each line.
        let mut at_once = false;
        // Once for all that depends on it: a reload can change it.
        let writes = patience != Patience::NeverWaits && store.volumes().servers_write();
        if !buffer.scheduled {
            at_once = self.output.load().settings().flush_interval.is_zero();
            // Who does not write leaves its line to the flusher.
            if !at_once || !writes {
                buffer.scheduled = true;
                let due = self.due(since);
                self.volume.schedule.push(due, self.clone(), Task::FlushIfDue);
            }
        }
        if before < BEHIND_BYTES && holds >= BEHIND_BYTES {
            self.behind.store(true, Ordering::Relaxed);
        }
        drop(buffer);
        self.referenced.store(true, Ordering::Relaxed);
        self.idle_sweeps.store(0, Ordering::Relaxed);
        if self.is_held_up() {
            return Appended::Buffered;
        }
        if holds < WRITE_BYTES && !at_once {
            return Appended::Buffered;
        }
        if !writes {
            // The flusher does: a write may take as long as the file system likes.
            if before < WRITE_BYTES && holds >= WRITE_BYTES {
                self.volume.schedule.push(Instant::now(), self.clone(), Task::Flush);
            }
        } else if at_once {
            // No flush is on the schedule that would come after somebody who is about to be done.
            self.write_all(&mut self.disk(), store);
        } else {
            self.write_out(store);
        }
        Appended::Buffered
    }

    /// When a line that came at this time is to be written.
    pub(super) fn due(&self, since: Instant) -> Instant {
        let interval = self.output.load().settings().flush_interval;
        since + (interval - interval / FLUSH_MARGIN)
    }

    /// Whether a line of who never waits has a place in the buffer, which holds so much.
    fn has_room_at_once(&self, holds: usize, store: &Store) -> bool {
        if self.is_held_up() {
            holds < HELD_UP_BYTES_MAX && !store.budget().is_spent() && !self.volume.is_spent()
        } else {
            holds < UNWRITTEN_BYTES_MAX && !store.is_reserve_spent() && !self.volume.is_reserve_spent()
        }
    }

    /// Charges the budget, and the volume's share of it, for what a buffer holds now.
    fn charge(&self, charged: &mut usize, holds: usize, store: &Store) {
        let before = *charged;
        store.budget().charge(charged, holds);
        if *charged > before {
            self.volume.note_charged(*charged - before);
        }
    }

    /// Gives back what a buffer was charged.
    pub(super) fn refund(&self, charged: usize, store: &Store) {
        store.budget().refund(charged);
        self.volume.note_refunded(charged);
    }

    /// Gives it to the output that a newer configuration has write to it: the path may have been another one's.
    #[cold]
    fn adopt(self: &Arc<Self>, owner: &Owner) {
        let _buffer = self.buffer();
        let newer = self.generation.fetch_max(owner.generation, Ordering::Relaxed) < owner.generation;
        if newer && !Arc::ptr_eq(&self.output.load(), &owner.output) {
            self.set_output(&owner.output);
            self.volume.schedule.push(Instant::now(), self.clone(), Task::Close);
        }
    }

    /// Drops what a full file of an output that drops has buffered, because the budget needs it.
    pub(in super::super) fn shed(&self, store: &Store) {
        let output = self.output.load();
        if output.settings().when_full == WhenFull::Block {
            return;
        }
        let mut buffer = self.buffer();
        output.count_dropped_full(std::mem::take(&mut buffer.lines));
        self.refund(std::mem::take(&mut buffer.charged), store);
        buffer.bytes = Vec::new();
        buffer.since = None;
        self.behind.store(false, Ordering::Relaxed);
    }
}
