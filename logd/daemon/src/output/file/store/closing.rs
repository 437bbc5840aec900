//! Which files are open, and what is closed: for another file, for being idle, or because its path is to be opened anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::super::log_file::{Evicted, LogFile, Progress};
use super::super::output::FileOutput;
use super::super::volume::Volume;
use super::{ByPath, Store, lock};

/// A file that nothing was written to for so many sweeps is closed and forgotten: that of a yesterday's date, or one that
/// was deleted and would keep its blocks.
const IDLE_SWEEPS: u8 = 6;

/// Of the files that may be open, how many more are while other volumes are asked to close theirs.
const OVERSHOOT_SHARE: usize = 8;

impl Store {
    /// Writes everything and closes every file, so that the next line opens its path anew. A file that somebody is writing to
    /// is waited for a little, then left to the flusher.
    pub(crate) fn reopen(&self) {
        self.close_all(self.all());
    }

    /// Closes files, those last that somebody is writing to; what is not free in time is left to the flusher. The files of each volume
    /// by a thread of their own, so that one that hangs keeps the others from nothing.
    pub(super) fn close_all(&self, files: Vec<Arc<LogFile>>) {
        let mut by_volume: Vec<(Arc<Volume>, Vec<Arc<LogFile>>)> = Vec::new();
        for file in files {
            match by_volume
                .iter_mut()
                .find(|(volume, _)| Arc::ptr_eq(volume, file.volume()))
            {
                Some((_, of_volume)) => of_volume.push(file),
                None => by_volume.push((file.volume().clone(), vec![file])),
            }
        }
        thread::scope(|scope| {
            for (volume, files) in by_volume {
                if volume.is_stuck() {
                    // Nobody has to wait with its thread.
                    files.iter().for_each(LogFile::ask_to_close);
                } else {
                    scope.spawn(move || self.close_files(files));
                }
            }
        });
    }

    fn close_files(&self, mut files: Vec<Arc<LogFile>>) {
        const PATIENCE: Duration = Duration::from_secs(1);
        const PAUSE: Duration = Duration::from_millis(1);
        let deadline = Instant::now() + PATIENCE;
        loop {
            files.retain(|file| file.close(self) == Progress::Busy);
            if files.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                return files.iter().for_each(LogFile::ask_to_close);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Of a volume: files that are closed for being idle, and entries of files that hold nothing: forgotten.
    pub(in super::super) fn sweep(&self, volume: &Arc<Volume>) {
        self.metrics.buffered_bytes.set(self.budget.used() as f64);
        for shard in &self.shards {
            let idle: Vec<Arc<LogFile>> = lock(shard)
                .iter()
                .filter(|entry| Arc::ptr_eq(entry.0.volume(), volume))
                .inspect(|entry| entry.0.pass_sweep())
                .filter(|entry| entry.0.is_idle_for(IDLE_SWEEPS))
                .map(|entry| entry.0.clone())
                .collect();
            for file in &idle {
                file.close(self);
            }
            if !idle.is_empty() {
                let is_meant = |entry: &ByPath| Arc::ptr_eq(entry.0.volume(), volume);
                let is_idle = |entry: &ByPath| entry.0.is_idle_for(IDLE_SWEEPS) && entry.0.forget_if_empty();
                let is_over = |entry: &ByPath| is_meant(entry) && is_idle(entry);
                lock(shard).retain(|entry| {
                    let is_over = is_over(entry);
                    if is_over {
                        self.note_forgotten(entry.0.path().as_bytes());
                    }
                    !is_over
                });
            }
        }
        volume.clock().retain(|file| !file.leave_clock_if_closed());
    }

    /// Closes files until one more of this volume may be opened for this output, as far as they are not in use. Files of other
    /// volumes are closed by their own threads, which is not waited for.
    pub(in super::super) fn make_room_for_one_more(&self, output: &Arc<FileOutput>, volume: &Volume) {
        self.evict_while(volume, || output.has_its_open_files(), |file| file.is_of(output));
        let volumes = self.volumes.all();
        let share = self.open_files_max / volumes.len().max(1);
        let has_its_share = || volume.open.load(Ordering::Relaxed) >= share;
        // That others do not give way in time may be because their file system hangs.
        let is_far_beyond = || self.open_files() >= self.open_files_max + self.open_files_max / OVERSHOOT_SHARE;
        let is_too_many = || self.open_files() >= self.open_files_max;
        self.evict_while(
            volume,
            || is_too_many() && (has_its_share() || is_far_beyond()),
            |_| true,
        );
        if is_too_many() {
            let open = |volume: &&Arc<Volume>| volume.open.load(Ordering::Relaxed);
            if let Some(largest) = volumes.iter().max_by_key(open) {
                largest.schedule.evict_one(self.open_files_max);
            }
        }
    }

    /// Closes so many files of a volume for the sake of others, as far as they are not in use.
    pub(in super::super) fn evict(&self, volume: &Volume, count: usize) {
        let open = || volume.open.load(Ordering::Relaxed);
        let wanted = open().saturating_sub(count);
        self.evict_while(
            volume,
            || open() > wanted && self.open_files() >= self.open_files_max,
            |_| true,
        );
    }

    /// Moves the hand of the clock on, which closes what it finds not in use among the files that are `meant`.
    fn evict_while(&self, volume: &Volume, too_many: impl Fn() -> bool, meant: impl Fn(&LogFile) -> bool) {
        if !too_many() {
            return;
        }
        // Two turns of the hand: the first takes the flags away.
        let mut visits = volume.clock().len() * 2;
        while visits > 0 && too_many() {
            visits -= 1;
            // Not in the `while let`: the lock would be held during the write.
            let next = volume.clock().pop_front();
            let Some(file) = next else { return };
            if !meant(&file) {
                volume.clock().push_back(file);
                continue;
            }
            match file.evict(self) {
                Evicted::Closed => self.metrics.evicted.increment(1),
                Evicted::WasClosed => {}
                Evicted::InUse => volume.clock().push_back(file),
            }
        }
    }

    /// A file was opened; it is given where the clock does not know it.
    pub(in super::super) fn note_opened(&self, volume: &Volume, new_on_clock: Option<Arc<LogFile>>) {
        self.metrics.opened.increment(1);
        volume.open.fetch_add(1, Ordering::Relaxed);
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        self.metrics.open.set((before + 1) as f64);
        if let Some(file) = new_on_clock {
            volume.clock().push_back(file);
        }
    }

    pub(in super::super) fn note_closed(&self, volume: &Volume) {
        volume.open.fetch_sub(1, Ordering::Relaxed);
        let before = self.open.fetch_sub(1, Ordering::Relaxed);
        self.metrics.open.set((before - 1) as f64);
    }
}
