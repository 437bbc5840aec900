//! The file's side of a log file: the path is opened and looked at again, batches are written, and trouble is told apart.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::write;

use super::super::WRITE_BYTES;
use super::super::open::{Identity, OpenError, Opened, open_log};
use super::super::schedule::Task;
use super::super::settings::Sync;
use super::super::space::Space;
use super::super::spare;
use super::super::store::Store;
use super::super::trouble::{Cause, Trouble};
use super::{Batch, Disk, LogFile, Progress, RETRY_FIRST};

/// A file looks whether its path still leads to it when it is written to and has not looked for so long. A line that is
/// written to a renamed file in this time is where `mv` has put the file, not lost. The look is a walk of the path: half of
/// what a small write costs, ten times a second at most.
pub(super) const PATH_CHECK: Duration = Duration::from_millis(100);

/// How long a file that could not be opened for a reason that does not pass is left alone.
const REFUSAL: Duration = Duration::from_secs(10);

/// How often one batch is written again because its file was deleted under it.
const REWRITES_MAX: usize = 4;

impl LogFile {
    pub(super) fn write_all(self: &Arc<Self>, disk: &mut Disk, store: &Store) -> Progress {
        self.write_batches(disk, store, u32::MAX)
    }

    pub(super) fn write_batches(self: &Arc<Self>, disk: &mut Disk, store: &Store, batches_max: u32) -> Progress {
        for _ in 0..batches_max {
            if disk.batch.bytes.is_empty() && !self.take_batch(disk) {
                return Progress::Written;
            }
            if disk.refused_until.is_some_and(|until| Instant::now() < until) {
                self.output
                    .load()
                    .count_refused(self.batch_lines.load(Ordering::Relaxed));
                self.discard(&mut disk.batch, store);
                self.settle_dropped(disk);
                // Its buffer is empty: who was held back by that may go on.
                store.note_written();
                continue;
            }
            match self.write_batch(disk, store) {
                Ok(()) => self.finish_batch(disk, store),
                Err(Trouble::Passing(cause)) => {
                    self.note_held_up(&cause);
                    return Progress::HeldUp;
                }
                Err(Trouble::Lasting(cause)) => self.drop_batch(disk, store, &cause),
            }
        }
        Progress::Written
    }

    /// Takes the buffer's lines for writing; `false` if there are none.
    fn take_batch(&self, disk: &mut Disk) -> bool {
        let mut buffer = self.buffer();
        if buffer.bytes.is_empty() {
            return false;
        }
        // What the last batch leaves behind is the empty vector that the buffer goes on with.
        std::mem::swap(&mut buffer.bytes, &mut disk.batch.bytes);
        self.batch_lines
            .store(std::mem::take(&mut buffer.lines), Ordering::Relaxed);
        disk.batch.charged = std::mem::take(&mut buffer.charged);
        buffer.batch_since = buffer.since.take();
        self.behind.store(false, Ordering::Relaxed);
        disk.batch.written = 0;
        disk.batch.through = self.settlement.appended();
        // A batch ends with the line that makes it full: that one shall not make the buffer grow.
        buffer.expected = (disk.batch.bytes.len() / 16 * 17).min(WRITE_BYTES / 16 * 17);
        true
    }

    fn write_batch(self: &Arc<Self>, disk: &mut Disk, store: &Store) -> Result<(), Trouble> {
        for _ in 0..REWRITES_MAX {
            let now = Instant::now();
            self.check_path(disk, store, now);
            self.ensure_open(disk, store, now)?;
            if self.rotate_if_due(disk, store, now) {
                self.ensure_open(disk, store, now)?;
            }
            let Some(file) = &mut disk.file else { break };
            self.check_room(file, &self.volume.space, now)?;
            while disk.batch.written < disk.batch.bytes.len() {
                match write(&file.fd, &disk.batch.bytes[disk.batch.written..]) {
                    Ok(written) => {
                        disk.batch.written += written;
                        file.size += written as u64;
                    }
                    Err(Errno::EINTR) => {}
                    Err(Errno::ESTALE) => {
                        // A file server has forgotten the handle, and a descriptor never gets another.
                        disk.batch.leave_descriptor(self.output.load().settings().sync);
                        self.close_file(disk, store);
                        return Err(Trouble::of(OpenError::System(Errno::ESTALE)));
                    }
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
        Err(Trouble::Lasting(Cause::Deleted))
    }

    /// Closes a file that its path no longer leads to. Not in the middle of a line, which belongs to one file.
    fn check_path(self: &Arc<Self>, disk: &mut Disk, store: &Store, now: Instant) {
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
        let output = self.output.load_full();
        store.make_room_for_one_more(&output, &self.volume);
        let mut opened = open_log(&self.path, output.settings()).map_err(Trouble::of)?;
        if let Some(errno) = opened.unmarked {
            output.unmarked(&self.path, errno);
        }
        if let Some(rotate) = &output.settings().rotate {
            let due_in = rotate.due_in(opened.since_s, store.archive().zone());
            opened.rotate_at = due_in.map(|due_in| now + due_in);
        }
        if let Some(errno) = opened.owner_refused {
            output.owner_refused(&self.path, errno);
        }
        if opened.ends_mid_line {
            write(&opened.fd, b"\n").map_err(|errno| Trouble::of(OpenError::System(errno)))?;
        }
        disk.path_checked = now;
        disk.refused_until = None;
        disk.file = Some(opened);
        output.note_opened();
        disk.opened_for = Some(output);
        let is_new = !std::mem::replace(&mut disk.on_clock, true);
        store.note_opened(&self.volume, is_new.then(|| self.clone()));
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
        output.count_written(self.batch_lines.load(Ordering::Relaxed), disk.batch.bytes.len());
        self.discard(&mut disk.batch, store);
        let sync_after = match output.settings().sync {
            Sync::Never => None,
            Sync::Every(interval) => Some(interval),
            Sync::Always => Some(Duration::ZERO),
        };
        // What was written under settings that synced stays to be synced.
        disk.unsynced |= sync_after.is_some();
        disk.written_through = disk.batch.through;
        if sync_after != Some(Duration::ZERO) {
            self.settlement.settle(disk.written_through);
        }
        if let (Some(after), false) = (sync_after, disk.sync_scheduled) {
            disk.sync_scheduled = true;
            self.volume.syncs.push(Instant::now() + after, self.clone(), Task::Sync);
        }
        self.note_released();
        store.note_written();
    }

    fn drop_batch(self: &Arc<Self>, disk: &mut Disk, store: &Store, cause: &Cause) {
        let output = self.output.load();
        output.count_refused(self.batch_lines.load(Ordering::Relaxed));
        output.warn_refused(&self.path, cause);
        disk.refused_until = Some(Instant::now() + REFUSAL);
        self.discard(&mut disk.batch, store);
        self.close_file(disk, store);
        self.settle_dropped(disk);
        self.note_released();
        store.note_written();
    }

    fn note_held_up(self: &Arc<Self>, cause: &Cause) {
        let buffer = self.buffer();
        if self.held_up.swap(true, Ordering::Relaxed) {
            return;
        }
        let times = self.times_held_up.fetch_add(1, Ordering::Relaxed) + 1;
        let output = self.output.load_full();
        let is_first = output.hold_up();
        drop(buffer);
        output.warn_held_up(&self.path, is_first, cause);
        let after = RETRY_FIRST;
        self.volume
            .schedule
            .push(Instant::now() + after, self.clone(), Task::Retry { after, times });
    }

    fn note_released(&self) {
        if !self.is_held_up() {
            return;
        }
        let buffer = self.buffer();
        self.held_up.store(false, Ordering::Relaxed);
        let output = self.output.load_full();
        let was_last = output.release();
        drop(buffer);
        if was_last {
            output.tell_released();
        }
    }

    fn discard(&self, batch: &mut Batch, store: &Store) {
        // The file keeps nothing: a sender can name more hosts than there is memory for, even if each kept only a little.
        spare::give(std::mem::take(&mut batch.bytes));
        self.refund(std::mem::take(&mut batch.charged), store);
        batch.written = 0;
        self.batch_lines.store(0, Ordering::Relaxed);
        self.buffer().batch_since = None;
    }

    /// Closes the descriptor; what is not synced is left to who syncs, with it.
    pub(super) fn close_file(self: &Arc<Self>, disk: &mut Disk, store: &Store) {
        if let Some(file) = disk.file.take() {
            store.note_closed(&self.volume);
            if std::mem::take(&mut disk.unsynced) {
                self.sync_closed(disk, file);
            }
        }
        if let Some(output) = disk.opened_for.take() {
            output.note_closed();
        }
    }
}

impl Batch {
    /// Goes back for another descriptor: to the beginning of a line that was written in half, as it can't be continued there. What is
    /// there of it becomes a line of its own, and those before it are not written again; except where they are to be synced, which
    /// the old descriptor is of no more use for: rather twice than called safe and lost.
    fn leave_descriptor(&mut self, sync: Sync) {
        if sync != Sync::Never {
            self.written = 0;
            return;
        }
        let written = &self.bytes[..self.written];
        self.written = memchr::memrchr(b'\n', written).map_or(0, |newline| newline + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_cut_goes_on_with_the_line_that_was() {
        let cut = |written, sync| {
            let mut batch = Batch {
                bytes: b"one\ntwo\n".to_vec(),
                written,
                ..Batch::default()
            };
            batch.leave_descriptor(sync);
            batch.written
        };
        let places = [0, 2, 4, 5, 8];
        assert_eq!(places.map(|written| cut(written, Sync::Never)), [0, 0, 4, 4, 8]);
        for sync in [Sync::Always, Sync::Every(Duration::from_secs(1))] {
            assert_eq!(places.map(|written| cut(written, sync)), [0; 5], "it is synced whole");
        }
    }
}
