//! Rotation, as the file's own side has it: under the lock of the descriptor, between two batches, so that every line is whole
//! in one file or the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logd_core::rotation::When;

use super::super::open::{Opened, open_existing};
use super::super::rotation::{Mark, Why, set_aside, unix_s};
use super::super::store::Store;
use super::{BATCHES_MAX, Disk, LogFile};

/// How long a file is left alone that could not be rotated: lines go on into it.
const AGAIN: Duration = Duration::from_secs(60);

/// What came of an attempt to rotate a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Turn {
    /// The next line opens a new one.
    Rotated,
    /// It is not due, or can't be renamed, which was said.
    Kept,
    /// Somebody writes to it, or a line is written in half.
    Busy,
}

impl LogFile {
    /// Rotates it, whether it is open or not. Lines that came before somebody asked for it go into the old file.
    pub(in super::super) fn rotate(self: &Arc<Self>, store: &Store, why: Why) -> Turn {
        let Some(mut disk) = self.try_disk() else {
            return Turn::Busy;
        };
        if why == Why::Asked {
            self.write_batches(&mut disk, store, BATCHES_MAX);
        }
        if disk.batch.written > 0 {
            return Turn::Busy;
        }
        if disk.file.is_some() {
            return self.set_aside(&mut disk, store, why);
        }
        match open_existing(&self.path) {
            Some(file) if file.size > 0 => self.rename(&file, store, why),
            _ => Turn::Kept,
        }
    }

    /// Rotates it before a batch is written that would make it too long, or that is of a new period.
    pub(super) fn rotate_if_due(self: &Arc<Self>, disk: &mut Disk, store: &Store, now: Instant) -> bool {
        let Some(file) = &disk.file else { return false };
        let output = self.output.load();
        let Some(rotate) = output.settings().rotate else {
            return false;
        };
        let batch = disk.batch.bytes.len() as u64;
        let why = if file.rotate_at.is_some_and(|at| at <= now) {
            Why::Time
        } else if rotate.size_bytes.is_some_and(|size| file.size + batch > size) {
            Why::Size
        } else {
            return false;
        };
        // Not in the middle of a line, which belongs to one file.
        if file.size == 0 || disk.batch.written > 0 || disk.rotate_again.is_some_and(|again| now < again) {
            return false;
        }
        self.set_aside(disk, store, why) == Turn::Rotated
    }

    fn set_aside(self: &Arc<Self>, disk: &mut Disk, store: &Store, why: Why) -> Turn {
        let Some(file) = &disk.file else { return Turn::Kept };
        if file.size == 0 {
            return Turn::Kept;
        }
        let turn = self.rename(file, store, why);
        disk.rotate_again = match turn {
            Turn::Rotated => None,
            Turn::Kept | Turn::Busy => Some(Instant::now() + AGAIN),
        };
        if turn == Turn::Rotated {
            self.close_file(disk, store);
        }
        turn
    }

    fn rename(&self, file: &Opened, store: &Store, why: Why) -> Turn {
        let output = self.output.load();
        let by_date = why == Why::Time
            && output
                .settings()
                .rotate
                .and_then(|rotate| rotate.every)
                .is_some_and(logd_core::rotation::Every::is_days);
        let when = When::at(unix_s(), store.archive().zone());
        // Before it has the name: a crash in between leaves a live file, which is told by its name.
        let marked = Mark::Rotated.leave_on(&file.fd);
        match set_aside(&self.path, file.identity, &when, by_date) {
            Ok(Some(path)) => {
                output.count_rotated();
                store.archive().note_rotated(&output, path);
                return Turn::Rotated;
            }
            // Renamed or deleted by somebody: the next batch finds out.
            Ok(None) => {}
            Err(error) => output.warn_not_rotated(&self.path, &error),
        }
        if marked.is_ok() {
            // The file system takes it as it took the other one.
            let _ = Mark::Live { since_s: file.since_s }.leave_on(&file.fd);
        }
        Turn::Kept
    }
}
