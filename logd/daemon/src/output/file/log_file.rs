//! One log file: the buffer that owns it, and its descriptor.
//!
//! Lines are appended under the lock of the buffer and written under the lock of the descriptor. Who writes takes the whole
//! buffer away and lets go of its lock before the system call, so that others append meanwhile; order holds, because what
//! was taken is written out before more is taken. A file has an entry here, and its lines a buffer, whether or not it is open:
//! eviction closes the descriptor and loses nothing.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::{fdatasync, write};

use super::open::{Identity, OpenError, Opened, open_log};
use super::output::{FileOutput, Sync, WhenFull};
use super::path::FilePath;
use super::schedule::Task;
use super::store::Store;
use super::{WRITE_BYTES, space::Space};

/// A file looks whether its path still leads to it when it is written to and has not looked for so long. A line that is
/// written to a renamed file in this time is where `mv` has put the file, not lost. The look is a walk of the path: half of
/// what a small write costs, ten times a second at most.
const PATH_CHECK: Duration = Duration::from_millis(100);

/// A buffer that is empty keeps its memory up to this.
const KEPT_BYTES_MAX: usize = 8 << 10;

/// How long a file that could not be opened for a reason that does not pass is left alone.
const REFUSAL: Duration = Duration::from_secs(10);

/// The first and the longest wait before a full file system is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(2);

/// When a file that another thread was writing to is flushed instead.
const BUSY: Duration = Duration::from_millis(10);

/// How many batches one visit writes: a file that fills faster than it is written must not keep the flusher from the others.
/// What is left has its flush on the schedule.
const BATCHES_MAX: u32 = 4;

/// How often one batch is written again because its file was deleted under it.
const REWRITES_MAX: usize = 4;

/// A path that messages are written to.
pub(crate) struct LogFile {
    path: FilePath,
    output: ArcSwap<FileOutput>,
    /// The file system takes nothing for it at the moment.
    held_up: AtomicBool,
    /// It was appended to since the hand of the eviction clock passed.
    referenced: AtomicBool,
    /// Sweeps since it was appended to.
    idle_sweeps: AtomicU8,
    buffer: Mutex<Buffer>,
    disk: Mutex<Disk>,
}

/// Lines that nobody has begun to write.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
    /// What the budget was charged for `bytes`.
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
    batch: Batch,
    path_checked: Instant,
    refused_until: Option<Instant>,
    /// Written to since the last sync, of an output that syncs.
    unsynced: bool,
    sync_scheduled: bool,
    /// The eviction clock has an entry for it.
    on_clock: bool,
}

/// Lines taken from the buffer, of which `written` bytes are in the file.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    charged: usize,
    written: usize,
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
    pub(super) fn new(path: FilePath, output: Arc<FileOutput>, now: Instant) -> Self {
        Self {
            path,
            output: ArcSwap::new(output),
            held_up: AtomicBool::new(false),
            referenced: AtomicBool::new(true),
            idle_sweeps: AtomicU8::new(0),
            buffer: Mutex::default(),
            disk: Mutex::new(Disk {
                file: None,
                batch: Batch::default(),
                path_checked: now,
                refused_until: None,
                unsynced: false,
                sync_scheduled: false,
                on_clock: false,
            }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &FilePath {
        &self.path
    }

    /// The output it belongs to.
    pub(super) fn output(&self) -> Arc<FileOutput> {
        self.output.load_full()
    }

    /// Gives it to the output that has taken its own one's place.
    pub(super) fn set_output(&self, output: Arc<FileOutput>) {
        // Nobody is held up or released under the lock of the descriptor.
        let _disk = self.disk();
        if self.is_held_up() {
            output.take_over_held_up();
            self.output.swap(output).release();
        } else {
            self.output.store(output);
        }
    }

    /// Whether its senders are to wait.
    pub(crate) fn holds_back(&self) -> bool {
        self.is_held_up() && self.output.load().settings().when_full == WhenFull::Block
    }

    pub(super) fn is_held_up(&self) -> bool {
        self.held_up.load(Ordering::Relaxed)
    }

    /// Bytes that wait in the buffer.
    pub(super) fn buffered(&self) -> usize {
        self.buffer().bytes.len()
    }

    /// Appends one line, newline included, that `render` writes to the end of the buffer.
    pub(crate) fn append(self: &Arc<Self>, store: &Store, render: impl FnOnce(&mut Vec<u8>)) -> Appended {
        let output = self.output.load();
        let settings = output.settings();
        let mut buffer = self.buffer();
        if buffer.gone {
            return Appended::Gone;
        }
        let before = buffer.bytes.len();
        if before >= WRITE_BYTES && self.is_held_up() && settings.when_full == WhenFull::Drop {
            output.count_dropped_full(1);
            return Appended::Dropped;
        }
        if before == 0 {
            let expected = buffer.expected;
            buffer.bytes.reserve(expected);
        }
        render(&mut buffer.bytes);
        let holds = buffer.bytes.len();
        if holds == before {
            return Appended::Buffered;
        }
        buffer.lines += 1;
        store.budget().charge(&mut buffer.charged, holds);
        let at_once = settings.flush_interval.is_zero();
        if !buffer.scheduled && !at_once {
            buffer.scheduled = true;
            store
                .schedule()
                .push(Instant::now() + settings.flush_interval, self.clone(), Task::Flush);
        }
        drop(buffer);
        self.referenced.store(true, Ordering::Relaxed);
        self.idle_sweeps.store(0, Ordering::Relaxed);
        if self.is_held_up() {
            return Appended::Buffered;
        }
        if at_once {
            // No flush is on the schedule that would come after somebody who is about to be done.
            self.write_all(&mut self.disk(), store);
        } else if holds >= WRITE_BYTES {
            self.write_out(store);
        }
        Appended::Buffered
    }

    /// Writes what is buffered, unless somebody is at it.
    pub(super) fn write_out(self: &Arc<Self>, store: &Store) -> Progress {
        match self.disk.try_lock() {
            Ok(mut disk) => self.write_batches(&mut disk, store, BATCHES_MAX),
            Err(TryLockError::Poisoned(poisoned)) => self.write_batches(&mut poisoned.into_inner(), store, BATCHES_MAX),
            Err(TryLockError::WouldBlock) => Progress::Busy,
        }
    }

    /// The flush of the schedule has come: what is appended from now on needs another.
    pub(super) fn flush(self: &Arc<Self>, store: &Store) {
        self.buffer().scheduled = false;
        // A file that is held up has its retry on the schedule.
        if self.is_held_up() || self.write_out(store) != Progress::Busy {
            return;
        }
        // Who is at it may have looked at the buffer for the last time already.
        self.buffer().scheduled = true;
        store.schedule().push(Instant::now() + BUSY, self.clone(), Task::Flush);
    }

    /// Tries again after the file system had no room.
    pub(super) fn retry(self: &Arc<Self>, store: &Store, after: Duration) {
        if self.write_out(store) != Progress::Written && self.is_held_up() {
            let after = (after * 2).min(RETRY_LONGEST);
            store
                .schedule()
                .push(Instant::now() + after, self.clone(), Task::Retry { after });
        }
    }

    /// Writes what is buffered and closes the descriptor, so that the next line opens the path anew. A line that is half
    /// written keeps its file open until it is whole.
    pub(super) fn close(self: &Arc<Self>, store: &Store) -> Progress {
        let mut disk = self.disk();
        let progress = self.write_all(&mut disk, store);
        if disk.batch.written == 0 {
            self.close_file(&mut disk, store);
        }
        progress
    }

    /// Closes the descriptor for the sake of another file. Whether there was one and it could be closed.
    pub(super) fn evict(self: &Arc<Self>, store: &Store) -> Evicted {
        let mut disk = match self.disk.try_lock() {
            Ok(disk) => disk,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Evicted::InUse,
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
        let Ok(mut disk) = self.disk.try_lock() else {
            return false;
        };
        disk.on_clock = disk.file.is_some();
        !disk.on_clock
    }

    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.disk().file.is_some()
    }

    #[cfg(test)]
    pub(super) fn make_path_check_due(&self) {
        self.disk().path_checked -= PATH_CHECK;
    }

    /// A sweep passes by: whether the file was idle for so many of them.
    pub(super) fn is_idle_for(&self, sweeps: u8) -> bool {
        let before = self.idle_sweeps.load(Ordering::Relaxed);
        self.idle_sweeps.store(before.saturating_add(1), Ordering::Relaxed);
        before >= sweeps
    }

    /// Whether it is closed and holds nothing; then it takes nothing from now on, and the store may forget it.
    pub(super) fn forget_if_empty(&self) -> bool {
        let Ok(disk) = self.disk.try_lock() else {
            return false;
        };
        let mut buffer = self.buffer();
        let empty = disk.file.is_none() && disk.batch.bytes.is_empty() && buffer.bytes.is_empty();
        buffer.gone = empty;
        empty
    }

    /// Brings what was written to the device.
    pub(super) fn sync(&self) {
        let mut disk = self.disk();
        disk.sync_scheduled = false;
        self.sync_file(&mut disk);
    }

    /// Drops what a full file of an output that drops has buffered, because the budget needs it.
    pub(super) fn shed(&self, store: &Store) {
        let output = self.output.load();
        if output.settings().when_full == WhenFull::Block {
            return;
        }
        let mut buffer = self.buffer();
        output.count_dropped_full(std::mem::take(&mut buffer.lines));
        store.budget().refund(std::mem::take(&mut buffer.charged));
        buffer.bytes = Vec::new();
    }

    /// Lines that are not in the file, as far as nobody is in a write; for the account at the end.
    pub(super) fn unwritten_lines(&self) -> u64 {
        let in_batch = self.disk.try_lock().map_or(0, |disk| disk.batch.lines);
        in_batch + self.buffer().lines
    }

    fn write_all(self: &Arc<Self>, disk: &mut Disk, store: &Store) -> Progress {
        self.write_batches(disk, store, u32::MAX)
    }

    fn write_batches(self: &Arc<Self>, disk: &mut Disk, store: &Store, batches_max: u32) -> Progress {
        for _ in 0..batches_max {
            if disk.batch.bytes.is_empty() && !self.take_batch(disk, store) {
                return Progress::Written;
            }
            match self.write_batch(disk, store) {
                Ok(()) => self.finish_batch(disk, store),
                Err(Trouble::Passing(cause)) => {
                    self.note_held_up(store, &cause);
                    return Progress::HeldUp;
                }
                Err(Trouble::Lasting(cause)) => self.drop_batch(disk, store, &cause),
            }
        }
        Progress::Written
    }

    /// Takes the buffer's lines for writing; `false` if there are none.
    fn take_batch(&self, disk: &mut Disk, store: &Store) -> bool {
        let mut buffer = self.buffer();
        if buffer.bytes.is_empty() {
            return false;
        }
        // What the last batch leaves behind is the empty vector that the buffer goes on with.
        std::mem::swap(&mut buffer.bytes, &mut disk.batch.bytes);
        disk.batch.lines = std::mem::take(&mut buffer.lines);
        disk.batch.charged = std::mem::take(&mut buffer.charged);
        disk.batch.written = 0;
        buffer.expected = disk.batch.bytes.len().min(WRITE_BYTES);
        drop(buffer);
        if disk.refused_until.is_some_and(|until| Instant::now() < until) {
            let output = self.output.load();
            output.count_refused(disk.batch.lines);
            discard(&mut disk.batch, store);
            return self.take_batch(disk, store);
        }
        true
    }

    fn write_batch(self: &Arc<Self>, disk: &mut Disk, store: &Store) -> Result<(), Trouble> {
        for _ in 0..REWRITES_MAX {
            let now = Instant::now();
            self.check_path(disk, store, now);
            self.ensure_open(disk, store, now)?;
            let Some(file) = &disk.file else { break };
            self.check_room(file, store.space(), now)?;
            while disk.batch.written < disk.batch.bytes.len() {
                match write(&file.fd, &disk.batch.bytes[disk.batch.written..]) {
                    Ok(written) => disk.batch.written += written,
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(Trouble::of(OpenError::System(errno))),
                }
            }
            // Deleted while it was open: these lines would go with it. They go once more, to the file that is there now.
            if fstat(&file.fd).is_ok_and(|stat| stat.st_nlink == 0) {
                disk.batch.written = 0;
                self.close_file(disk, store);
                continue;
            }
            return Ok(());
        }
        // Somebody deletes the file as fast as it is made, and has seen to it that the lines are not kept.
        Ok(())
    }

    /// Closes a file that its path no longer leads to. Not in the middle of a line, which belongs to one file.
    fn check_path(&self, disk: &mut Disk, store: &Store, now: Instant) {
        if disk.batch.written > 0 || now.duration_since(disk.path_checked) < PATH_CHECK {
            return;
        }
        disk.path_checked = now;
        let Some(file) = &disk.file else { return };
        if Identity::at(&self.path) != Some(file.identity) {
            self.close_file(disk, store);
        }
    }

    fn ensure_open(self: &Arc<Self>, disk: &mut Disk, store: &Store, now: Instant) -> Result<(), Trouble> {
        if disk.file.is_some() {
            return Ok(());
        }
        store.make_room_for_one_more();
        let output = self.output.load();
        let opened = open_log(&self.path, output.settings()).map_err(Trouble::of)?;
        if let Some(errno) = opened.owner_refused {
            output.owner_refused(&self.path, errno);
        }
        if opened.ends_mid_line {
            write(&opened.fd, b"\n").map_err(|errno| Trouble::of(OpenError::System(errno)))?;
        }
        disk.path_checked = now;
        disk.refused_until = None;
        disk.file = Some(opened);
        let is_new = !std::mem::replace(&mut disk.on_clock, true);
        store.note_opened(is_new.then(|| self.clone()));
        Ok(())
    }

    fn check_room(&self, file: &Opened, space: &Space, now: Instant) -> Result<(), Trouble> {
        let wanted = self.output.load().settings().min_free_bytes;
        if wanted > 0 && space.free_bytes(&file.fd, file.identity.device(), now) < wanted {
            return Err(Trouble::Passing(Cause::MinFree));
        }
        Ok(())
    }

    fn finish_batch(self: &Arc<Self>, disk: &mut Disk, store: &Store) {
        let output = self.output.load();
        output.count_written(disk.batch.lines, disk.batch.bytes.len());
        discard(&mut disk.batch, store);
        let sync_after = match output.settings().sync {
            Sync::Never => None,
            Sync::Every(interval) => Some(interval),
            Sync::Always => Some(Duration::ZERO),
        };
        disk.unsynced = sync_after.is_some();
        if let (Some(after), false) = (sync_after, disk.sync_scheduled) {
            disk.sync_scheduled = true;
            store.schedule().push(Instant::now() + after, self.clone(), Task::Sync);
        }
        if self.held_up.swap(false, Ordering::Relaxed) {
            output.release();
        }
        store.note_written();
    }

    fn drop_batch(&self, disk: &mut Disk, store: &Store, cause: &Cause) {
        let output = self.output.load();
        output.count_refused(disk.batch.lines);
        output.warn_refused(&self.path, cause);
        disk.refused_until = Some(Instant::now() + REFUSAL);
        discard(&mut disk.batch, store);
        self.close_file(disk, store);
        if self.held_up.swap(false, Ordering::Relaxed) {
            output.release();
        }
        store.note_written();
    }

    fn note_held_up(self: &Arc<Self>, store: &Store, cause: &Cause) {
        if self.held_up.swap(true, Ordering::Relaxed) {
            return;
        }
        self.output.load().hold_up(&self.path, cause);
        let after = RETRY_FIRST;
        store
            .schedule()
            .push(Instant::now() + after, self.clone(), Task::Retry { after });
    }

    fn close_file(&self, disk: &mut Disk, store: &Store) {
        self.sync_file(disk);
        if disk.file.take().is_some() {
            store.note_closed();
        }
    }

    fn sync_file(&self, disk: &mut Disk) {
        if let (Some(file), true) = (&disk.file, std::mem::take(&mut disk.unsynced))
            && let Err(errno) = fdatasync(&file.fd)
        {
            // The system reports a lost page once and forgets it (fsync(2)): there is nothing to try again.
            self.output.load().sync_failed(&self.path, errno);
        }
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Why a batch could not be written.
enum Trouble {
    /// There will be room again, or the device will come back: the lines are kept.
    Passing(Cause),
    /// Nothing that waiting helps against: the lines are dropped, and the path is left alone for a while.
    Lasting(Cause),
}

/// What the system said, or our own limit.
enum Cause {
    File(OpenError),
    MinFree,
}

impl Trouble {
    fn of(error: OpenError) -> Self {
        let passing = matches!(
            error,
            OpenError::System(
                Errno::ENOSPC
                    | Errno::EDQUOT
                    | Errno::EIO
                    | Errno::EROFS
                    | Errno::EMFILE
                    | Errno::ENFILE
                    | Errno::ENOMEM
                    | Errno::ESTALE
                    | Errno::EAGAIN
            )
        );
        if passing {
            Self::Passing(Cause::File(error))
        } else {
            Self::Lasting(Cause::File(error))
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::MinFree => f.write_str("less than min-free is left on the file system"),
        }
    }
}

fn discard(batch: &mut Batch, store: &Store) {
    store.budget().refund(std::mem::take(&mut batch.charged));
    batch.bytes.clear();
    if batch.bytes.capacity() > KEPT_BYTES_MAX {
        batch.bytes = Vec::new();
    }
    batch.lines = 0;
    batch.written = 0;
}
