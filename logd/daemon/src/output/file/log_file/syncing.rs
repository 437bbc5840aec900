//! What was written and is to be brought to the device: taken from the file under the lock of its descriptor, and synced without, so
//! that lines are written meanwhile.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use nix::errno::Errno;
use nix::unistd::fdatasync;

use super::super::open::Opened;
use super::super::schedule::Task;
use super::super::settings::Sync;
use super::super::sync::sync_one;
use super::{BUSY, Disk, LogFile};

/// How many closed files of a volume wait for their sync with their descriptors; who closes more syncs them.
const CLOSING_MAX: usize = 256;

/// A descriptor with lines that are not known to be on the device.
pub(in super::super) struct Unsynced {
    /// `None`: lines that were dropped and counted; they are settled when those before them are.
    fd: Option<Arc<OwnedFd>>,
    /// The file system that it is on, which need not be that of other files of the volume.
    pub(in super::super) device: u64,
    /// When it was opened: it is told of what was lost since then.
    pub(in super::super) opened: Instant,
    /// The number of its last line.
    through: u64,
    is_closed: bool,
}

impl Unsynced {
    /// Brings it to the device.
    pub(in super::super) fn sync(&self) -> Result<(), Errno> {
        self.fd.as_ref().map_or(Ok(()), fdatasync)
    }

    pub(in super::super) fn fd(&self) -> Option<&OwnedFd> {
        self.fd.as_deref()
    }

    /// One of this file system that was opened at this time.
    #[cfg(test)]
    pub(in super::super) fn on(device: u64, opened: Instant, fd: &Arc<OwnedFd>) -> Self {
        Self {
            fd: Some(fd.clone()),
            device,
            opened,
            through: 0,
            is_closed: false,
        }
    }
}

impl LogFile {
    /// What is to be synced, the oldest first. Empty where another sync was faster, or somebody is in a write: then it is on the
    /// schedule again.
    pub(in super::super) fn take_unsynced(self: &Arc<Self>) -> Vec<Unsynced> {
        let Some(mut disk) = self.try_disk() else {
            self.volume.syncs.push(Instant::now() + BUSY, self.clone(), Task::Sync);
            return Vec::new();
        };
        disk.sync_scheduled = false;
        let mut unsynced = std::mem::take(&mut disk.closed);
        let is_written_to = std::mem::take(&mut disk.unsynced);
        if let Some(file) = disk.file.as_ref().filter(|_| is_written_to) {
            unsynced.push(Unsynced {
                fd: Some(file.fd.clone()),
                device: file.identity.device(),
                opened: file.opened,
                through: disk.written_through,
                is_closed: false,
            });
        }
        unsynced
    }

    /// What came of a sync.
    pub(in super::super) fn note_synced(&self, unsynced: &Unsynced, done: Result<(), Errno>) {
        if unsynced.is_closed {
            self.volume.closing.fetch_sub(1, Ordering::Relaxed);
        }
        match done {
            Ok(()) => self.settlement.settle(unsynced.through),
            Err(errno) => {
                // The system reports a lost page once and forgets it (fsync(2)): there is nothing to try again here. Who still has
                // the lines may send them once more.
                self.output.load().sync_failed(&self.path, errno);
                self.settlement.lose(unsynced.through);
            }
        }
    }

    /// Settles lines of the batch that were dropped and counted: waiting for them would help nobody. Their number settles all lines
    /// before them too, so that waits for those to be synced.
    pub(super) fn settle_dropped(self: &Arc<Self>, disk: &mut Disk) {
        let through = disk.batch.through;
        let is_synced = self.output.load().settings().sync == Sync::Never && !disk.sync_scheduled;
        if is_synced && disk.closed.is_empty() {
            self.settlement.settle(through);
            return;
        }
        match disk.closed.last_mut().filter(|last| last.fd.is_none()) {
            Some(last) => last.through = through,
            None => disk.closed.push(Unsynced {
                fd: None,
                device: 0,
                opened: Instant::now(),
                through,
                is_closed: false,
            }),
        }
        if !std::mem::replace(&mut disk.sync_scheduled, true) {
            self.volume.syncs.push(Instant::now(), self.clone(), Task::Sync);
        }
    }

    /// Has a file synced that its path does not lead to any more, or that gives way to another.
    pub(super) fn sync_closed(self: &Arc<Self>, disk: &mut Disk, file: Opened) {
        disk.closed.push(Unsynced {
            fd: Some(file.fd),
            device: file.identity.device(),
            opened: file.opened,
            through: disk.written_through,
            is_closed: true,
        });
        if self.volume.closing.fetch_add(1, Ordering::Relaxed) >= CLOSING_MAX {
            for unsynced in std::mem::take(&mut disk.closed) {
                sync_one(self, &unsynced);
            }
        } else {
            disk.sync_scheduled = true;
            self.volume.syncs.push(Instant::now(), self.clone(), Task::Sync);
        }
    }
}
