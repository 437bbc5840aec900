//! One log file: the buffer that owns it, and its descriptor.
//!
//! Lines are appended under the lock of the buffer and written under the lock of the descriptor. Who writes takes the whole
//! buffer away and lets go of its lock before the system call, so that others append meanwhile; order holds, because what
//! was taken is written out before more is taken. A file has an entry here, and its lines a buffer, whether or not it is open:
//! eviction closes the descriptor and loses nothing.

mod appending;
mod rotating;
mod syncing;
mod writing;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::open::Opened;
use super::output::{FileOutput, Owner};
use super::path::FilePath;
use super::schedule::Task;
use super::store::Store;
use super::volume::Volume;
use crate::output::settlement::Settlement;

pub(super) use rotating::Turn;
pub(super) use syncing::Unsynced;

/// The first and the longest wait before a full file system is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(2);

/// When a file that another thread was writing to is flushed instead.
const BUSY: Duration = Duration::from_millis(10);

/// How many batches one visit writes: a file that fills faster than it is written must not keep the flusher from the others.
/// What is left has its flush on the schedule.
const BATCHES_MAX: u32 = 4;

/// A path that messages are written to.
pub(crate) struct LogFile {
    path: FilePath,
    volume: Arc<Volume>,
    /// Exchanged under the lock of the buffer, like `held_up`, so that each output counts the files that it has held up.
    output: ArcSwap<FileOutput>,
    /// Of the configuration whose message made it the output's.
    generation: AtomicU64,
    /// The file system takes nothing for it at the moment.
    held_up: AtomicBool,
    /// How often that has begun.
    times_held_up: AtomicU64,
    /// More was appended than is being written.
    behind: AtomicBool,
    /// Lines of the batch, for the account while somebody is in a write.
    batch_lines: AtomicU64,
    /// It was appended to since the hand of the eviction clock passed.
    referenced: AtomicBool,
    /// Sweeps since it was appended to.
    idle_sweeps: AtomicU8,
    /// Of its lines. Appended to under the lock of the buffer.
    settlement: Settlement,
    /// A flush is on the schedule that somebody waits for.
    hastened: AtomicBool,
    buffer: Mutex<Buffer>,
    disk: Mutex<Disk>,
}

/// Lines that nobody has begun to write.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
    /// When the first of them came.
    since: Option<Instant>,
    /// When the first line came of the batch that is being written.
    batch_since: Option<Instant>,
    /// What the budget was charged for the room in `bytes`.
    charged: usize,
    /// A flush is on the schedule.
    scheduled: bool,
    /// The store has forgotten this file; a new one may have taken its place.
    gone: bool,
    /// Length of the last batch: the room that the next one will probably need.
    expected: usize,
}

/// The file, and the lines that are being written.
struct Disk {
    file: Option<Opened>,
    /// The output that the file was opened for, which counts it until it is closed.
    opened_for: Option<Arc<FileOutput>>,
    batch: Batch,
    path_checked: Instant,
    refused_until: Option<Instant>,
    /// Written to since the last sync, of an output that syncs.
    unsynced: bool,
    /// What was closed and is not synced yet, the oldest first.
    closed: Vec<Unsynced>,
    /// The number of the last line that was written.
    written_through: u64,
    sync_scheduled: bool,
    /// The eviction clock has an entry for it.
    on_clock: bool,
    /// It could not be rotated; when that is tried again.
    rotate_again: Option<Instant>,
}

/// Lines taken from the buffer, of which `written` bytes are in the file.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    charged: usize,
    written: usize,
    /// The number of its last line.
    through: u64,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is in the buffer.
    Buffered,
    /// The file is full and its output drops.
    Dropped,
    /// This file is no more; the store has or makes another for the path.
    Gone,
}

/// How far writing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All that was there.
    Written,
    /// The file system takes no more.
    HeldUp,
    /// Another thread is at it.
    Busy,
}

impl LogFile {
    pub(super) fn new(path: FilePath, volume: Arc<Volume>, owner: &Owner, now: Instant) -> Self {
        Self {
            path,
            volume,
            output: ArcSwap::new(owner.output.clone()),
            generation: AtomicU64::new(owner.generation),
            held_up: AtomicBool::new(false),
            times_held_up: AtomicU64::new(0),
            behind: AtomicBool::new(false),
            batch_lines: AtomicU64::new(0),
            referenced: AtomicBool::new(true),
            idle_sweeps: AtomicU8::new(0),
            settlement: Settlement::default(),
            hastened: AtomicBool::new(false),
            buffer: Mutex::default(),
            disk: Mutex::new(Disk {
                file: None,
                opened_for: None,
                batch: Batch::default(),
                path_checked: now,
                refused_until: None,
                unsynced: false,
                closed: Vec::new(),
                written_through: 0,
                sync_scheduled: false,
                on_clock: false,
                rotate_again: None,
            }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &FilePath {
        &self.path
    }

    /// The file system it is on.
    pub(super) fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    /// Whether it belongs to this output.
    pub(super) fn is_of(&self, output: &Arc<FileOutput>) -> bool {
        Arc::ptr_eq(&self.output.load(), output)
    }

    /// The output it belongs to.
    pub(super) fn output(&self) -> Arc<FileOutput> {
        self.output.load_full()
    }

    /// Gives it to the output that has taken the place of `old`, if it is still that one's. Doesn't wait for who writes to it.
    pub(super) fn hand_over(&self, old: &Arc<FileOutput>, new: &Arc<FileOutput>) {
        let _buffer = self.buffer();
        if Arc::ptr_eq(&self.output.load(), old) {
            self.set_output(new);
        }
    }

    /// To be called under the lock of the buffer.
    fn set_output(&self, new: &Arc<FileOutput>) {
        let old = self.output.swap(new.clone());
        if self.is_held_up() {
            new.take_over(&old);
        }
        self.settlement.wake();
    }

    /// Whether its senders are to wait.
    pub(crate) fn holds_back(&self) -> bool {
        let has_no_room = self.has_no_room_for_any() || self.behind.load(Ordering::Relaxed);
        has_no_room && self.output.load().holds_back()
    }

    /// Whether even those of its senders are to wait that wait together with the senders to other files: not for this file alone.
    pub(crate) fn holds_back_all(&self) -> bool {
        self.has_no_room_for_any() && self.output.load().holds_back()
    }

    /// The file system is full, or has its share of the budget.
    fn has_no_room_for_any(&self) -> bool {
        self.is_held_up() || self.volume.is_spent()
    }

    pub(super) fn is_held_up(&self) -> bool {
        self.held_up.load(Ordering::Relaxed)
    }

    /// Whether an acknowledgement waits for its lines: those of an output that drops are not waited for, nor are those of one that
    /// is no more.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.output.load().holds_back()
    }

    /// How far its lines are safe.
    pub(crate) fn settlement(&self) -> &Settlement {
        &self.settlement
    }

    /// Writes what is buffered now, because somebody waits for it. A file that another thread is writing to is left to the flusher,
    /// and so is every file where who serves does not write; one that is held up has its retry on the schedule.
    pub(crate) fn hasten(self: &Arc<Self>, store: &Store) {
        if self.is_held_up() || store.volumes().servers_write() && self.write_out(store) != Progress::Busy {
            return;
        }
        if !self.hastened.swap(true, Ordering::Relaxed) {
            self.volume.schedule.push(Instant::now(), self.clone(), Task::Flush);
        }
    }

    /// Bytes that wait in the buffer.
    pub(super) fn buffered(&self) -> usize {
        self.buffer().bytes.len()
    }

    /// Writes what is buffered, unless somebody is at it.
    pub(super) fn write_out(self: &Arc<Self>, store: &Store) -> Progress {
        match self.try_disk() {
            Some(mut disk) => self.write_batches(&mut disk, store, BATCHES_MAX),
            None => Progress::Busy,
        }
    }

    /// Writes what is buffered, because somebody waits for it.
    pub(super) fn flush(self: &Arc<Self>, store: &Store) {
        self.hastened.store(false, Ordering::Relaxed);
        // A file that is held up has its retry on the schedule.
        if !self.is_held_up() && self.write_out(store) == Progress::Busy {
            // Who is at it may have looked at the buffer for the last time already.
            let at = Instant::now() + BUSY;
            self.volume.schedule.push(at, self.clone(), Task::Flush);
        }
    }

    /// Writes what is buffered, if the oldest line is as old as a line may be. Lines that came after others filled the buffer, and
    /// had it written, have their own time: a busy file is never written half full.
    pub(super) fn flush_if_due(self: &Arc<Self>, store: &Store) {
        let buffer = self.buffer();
        if let Some(since) = buffer.since {
            let due = self.due(since);
            if Instant::now() < due {
                drop(buffer);
                return self.volume.schedule.push(due, self.clone(), Task::FlushIfDue);
            }
        }
        drop(buffer);
        let Some(mut disk) = self.try_disk() else {
            // This visit stays on the schedule: nobody puts another beside it meanwhile.
            let at = Instant::now() + BUSY;
            return self.volume.schedule.push(at, self.clone(), Task::FlushIfDue);
        };
        // What is appended from now on needs another.
        self.buffer().scheduled = false;
        if !self.is_held_up() {
            self.write_batches(&mut disk, store, BATCHES_MAX);
        }
    }

    /// Tries again after the file system had no room. It may have had some since, and none again: then there is another attempt on the
    /// schedule, which goes on instead of this one.
    pub(super) fn retry(self: &Arc<Self>, store: &Store, after: Duration, times: u64) {
        let is_the_last = || self.is_held_up() && self.times_held_up.load(Ordering::Relaxed) == times;
        if is_the_last() && self.write_out(store) != Progress::Written && is_the_last() {
            let after = (after * 2).min(RETRY_LONGEST);
            self.volume
                .schedule
                .push(Instant::now() + after, self.clone(), Task::Retry { after, times });
        }
    }

    /// Writes what is buffered and closes the descriptor, so that the next line opens the path anew. A line that is half
    /// written keeps its file open until it is whole; who is in a write is not waited for.
    pub(super) fn close(self: &Arc<Self>, store: &Store) -> Progress {
        let Some(mut disk) = self.try_disk() else {
            return Progress::Busy;
        };
        let progress = self.write_all(&mut disk, store);
        if disk.batch.written == 0 {
            self.close_file(&mut disk, store);
        }
        progress
    }

    /// Closes it, as soon as nobody is in a write.
    pub(super) fn close_when_free(self: &Arc<Self>, store: &Store) {
        if self.close(store) == Progress::Busy {
            self.volume
                .schedule
                .push(Instant::now() + BUSY, self.clone(), Task::Close);
        }
    }

    /// Has the flusher close it.
    pub(super) fn ask_to_close(self: &Arc<Self>) {
        self.volume.schedule.push(Instant::now(), self.clone(), Task::Close);
    }

    /// Closes the descriptor for the sake of another file. Whether there was one and it could be closed.
    pub(super) fn evict(self: &Arc<Self>, store: &Store) -> Evicted {
        let Some(mut disk) = self.try_disk() else {
            return Evicted::InUse;
        };
        if disk.file.is_none() {
            disk.on_clock = false;
            return Evicted::WasClosed;
        }
        if self.referenced.swap(false, Ordering::Relaxed) {
            return Evicted::InUse;
        }
        if self.write_all(&mut disk, store) != Progress::Written {
            return Evicted::InUse;
        }
        self.close_file(&mut disk, store);
        disk.on_clock = false;
        Evicted::Closed
    }

    /// Whether the eviction clock can drop its entry, because the file is closed.
    pub(super) fn leave_clock_if_closed(&self) -> bool {
        let Some(mut disk) = self.try_disk() else {
            return false;
        };
        disk.on_clock = disk.file.is_some();
        !disk.on_clock
    }

    /// Memory that its lines take, wherever they are.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.disk().batch.bytes.capacity() + self.buffer().bytes.capacity()
    }

    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.disk().file.is_some()
    }

    #[cfg(test)]
    pub(super) fn is_refused(&self) -> bool {
        self.disk().refused_until.is_some()
    }

    #[cfg(test)]
    pub(super) fn make_path_check_due(&self) {
        self.disk().path_checked -= writing::PATH_CHECK;
    }

    /// A sweep passes by.
    pub(super) fn pass_sweep(&self) {
        let before = self.idle_sweeps.load(Ordering::Relaxed);
        self.idle_sweeps.store(before.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether so many sweeps have passed by since it was appended to.
    pub(super) fn is_idle_for(&self, sweeps: u8) -> bool {
        self.idle_sweeps.load(Ordering::Relaxed) >= sweeps
    }

    /// Whether it is closed and holds nothing; then it takes nothing from now on, and the store may forget it.
    pub(super) fn forget_if_empty(&self) -> bool {
        let Some(disk) = self.try_disk() else {
            return false;
        };
        let mut buffer = self.buffer();
        let empty =
            disk.file.is_none() && disk.closed.is_empty() && disk.batch.bytes.is_empty() && buffer.bytes.is_empty();
        buffer.gone = empty;
        empty
    }

    /// Since when the oldest line waits that is not in the file.
    pub(super) fn unwritten_since(&self) -> Option<Instant> {
        let buffer = self.buffer();
        buffer.batch_since.or(buffer.since)
    }

    /// Lines that are not in the file, those of a write that has not returned among them; for the account at the end.
    pub(super) fn unwritten_lines(&self) -> u64 {
        let buffer = self.buffer();
        buffer.lines + self.batch_lines.load(Ordering::Relaxed)
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptor's lock, unless somebody is in a write, which may take as long as the file system likes.
    fn try_disk(&self) -> Option<MutexGuard<'_, Disk>> {
        match self.disk.try_lock() {
            Ok(disk) => Some(disk),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Stands for a write that does not return for as long as the answer is held.
    #[cfg(test)]
    pub(super) fn stuck(&self) -> impl Sized + '_ {
        self.disk()
    }
}

/// What came of an attempt to evict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evicted {
    /// Its descriptor is free.
    Closed,
    /// It had none.
    WasClosed,
    /// It is written to; another one then.
    InUse,
}
