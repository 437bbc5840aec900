//! One `[output.NAME.file]`: its settings, its counters, and whether it is held up.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, gauge};
use nix::errno::Errno;
use tracing::{error, info, warn};

use super::new_files::NewFiles;
use super::path::FilePath;
use super::rotation::{Keep, Mark};
use super::settings::FileSettings;
use crate::output::WhenFull;
use crate::throttle::Throttle;

/// A warning that every one of many files can give is given for so many of them in so long.
const WARNINGS_MAX: u32 = 10;
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Whose a file is: an output, as one configuration has it.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) output: Arc<FileOutput>,
    /// Greater for a newer configuration, from [`Store::next_generation`](super::Store::next_generation). A file becomes the
    /// output's that the newest configuration has write to it, and of several the first one's.
    pub(crate) generation: u64,
}

/// An output that messages are routed to; it has as many files as its path template renders.
pub(crate) struct FileOutput {
    name: Box<str>,
    settings: FileSettings,
    counters: Counters,
    /// Files of this output that the file system takes nothing for at the moment.
    held_up: AtomicUsize,
    /// Files that were opened for this output and are open.
    open: AtomicUsize,
    /// The configuration has it no more.
    retired: AtomicBool,
    refusals: Throttle,
    local_drops: Throttle,
    owner_refusals: Throttle,
    rotation_failures: Throttle,
    diversions: Throttle,
    new_files: NewFiles,
    /// It was said that files can't be marked.
    unmarked_said: AtomicBool,
}

/// Why a file was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    /// Its last line is older than `age`.
    Age,
    /// It was the oldest, and all files together took more than `total`.
    Total,
    /// The same, although it was not archived yet.
    Unarchived,
}

impl Removed {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Total => "total",
            Self::Unarchived => "unarchived",
        }
    }
}

struct Counters {
    lines: Counter,
    bytes: Counter,
    errors: Counter,
    dropped_full: Counter,
    dropped_refused: Counter,
    dropped_local: Counter,
    held_up: Gauge,
    rotated: Counter,
    compressed: Counter,
    removed_age: Counter,
    removed_total: Counter,
    removed_unarchived: Counter,
    archived: Counter,
    archived_bytes: Counter,
    unarchived: Gauge,
    diverted: Counter,
}

impl FileOutput {
    /// The output of this name, and its metrics.
    pub(crate) fn new(name: &str, settings: FileSettings) -> Self {
        let dropped = |reason: &'static str| counter!("logd_output_dropped_total", "output" => name.to_owned(), "reason" => reason);
        // What an output never does is not shown for it.
        let rotates = |metric: &'static str| match settings.rotate {
            Some(_) => counter!(metric, "output" => name.to_owned()),
            None => Counter::noop(),
        };
        let archives = |metric: &'static str| match settings.archive {
            Some(_) => counter!(metric, "output" => name.to_owned()),
            None => Counter::noop(),
        };
        let removed = |why: Removed| match settings.keep == Keep::default() {
            true => Counter::noop(),
            false => counter!("logd_output_files_removed_total", "output" => name.to_owned(), "reason" => why.key()),
        };
        Self {
            counters: Counters {
                lines: counter!("logd_output_lines_total", "output" => name.to_owned()),
                bytes: counter!("logd_output_bytes_total", "output" => name.to_owned()),
                errors: counter!("logd_output_errors_total", "output" => name.to_owned()),
                dropped_full: dropped("full"),
                dropped_refused: dropped("refused"),
                dropped_local: dropped("local"),
                held_up: gauge!("logd_output_held_up_files", "output" => name.to_owned()),
                rotated: rotates("logd_output_files_rotated_total"),
                compressed: rotates("logd_output_files_compressed_total"),
                removed_age: removed(Removed::Age),
                removed_total: removed(Removed::Total),
                removed_unarchived: match settings.archive {
                    Some(_) => removed(Removed::Unarchived),
                    None => Counter::noop(),
                },
                archived: archives("logd_output_files_archived_total"),
                archived_bytes: archives("logd_output_archived_bytes_total"),
                unarchived: match settings.archive {
                    Some(_) => gauge!("logd_output_files_unarchived", "output" => name.to_owned()),
                    None => Gauge::noop(),
                },
                diverted: counter!("logd_output_diverted_total", "output" => name.to_owned()),
            },
            name: name.into(),
            settings,
            held_up: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            local_drops: Throttle::new(1, WARN_INTERVAL),
            owner_refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            rotation_failures: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            diversions: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            new_files: NewFiles::default(),
            unmarked_said: AtomicBool::new(false),
        }
    }

    /// Its name in the configuration; for a direct path, the path.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How it makes and writes its files.
    pub(crate) fn settings(&self) -> &FileSettings {
        &self.settings
    }

    /// How many of its files are held up.
    pub(crate) fn held_up_files(&self) -> usize {
        self.held_up.load(Ordering::Relaxed)
    }

    /// Whether the senders to its files wait while these are held up. Nobody waits for an output that is no more.
    pub(super) fn holds_back(&self) -> bool {
        self.settings.when_full == WhenFull::Block && !self.retired.load(Ordering::Relaxed)
    }

    /// The configuration has it no more; files that nothing is sent to may stay with it.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// A file was opened for it.
    pub(super) fn note_opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A file that was opened for it was closed.
    pub(super) fn note_closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it has as many files open as it may.
    pub(super) fn has_its_open_files(&self) -> bool {
        let max = self.settings.open_files_max;
        max.is_some_and(|max| self.open.load(Ordering::Relaxed) >= max)
    }

    pub(super) fn count_written(&self, lines: u64, bytes: usize) {
        self.counters.lines.increment(lines);
        self.counters.bytes.increment(bytes as u64);
    }

    /// Lines that a full file system had no room for.
    pub(super) fn count_dropped_full(&self, lines: u64) {
        self.counters.dropped_full.increment(lines);
    }

    /// A line of a program of this machine, which must not wait for the file.
    #[cold]
    pub(super) fn drop_local(&self, path: &FilePath) {
        self.counters.dropped_local.increment(1);
        if let Some(others) = self.local_drops.admit(Instant::now()) {
            let path = path.as_path().display();
            warn!(output = %self.name, %path, others, "output has no room: lines of this machine's programs, which don't wait, are dropped");
        }
    }

    /// Lines of a file that cannot be opened or written, whatever room there is.
    pub(super) fn count_refused(&self, lines: u64) {
        self.counters.dropped_refused.increment(lines);
    }

    /// A file cannot be opened or written, whatever room there is. What is in its place may come from a sender's choice of
    /// names, so this is said once in a while only.
    pub(super) fn warn_refused(&self, path: &FilePath, cause: &dyn std::fmt::Display) {
        self.counters.errors.increment(1);
        if let Some(others) = self.refusals.admit(Instant::now()) {
            let path = path.as_path().display();
            warn!(output = %self.name, %path, %cause, others, "lines for a file are dropped");
        }
    }

    /// The device did not take what was written.
    pub(super) fn sync_failed(&self, path: &FilePath, errno: Errno) {
        self.counters.errors.increment(1);
        error!(output = %self.name, path = %path.as_path().display(), cause = errno.desc(), "sync failed: lines may be lost");
    }

    /// A file that is held up comes from another output, which may have this one's name and gauge.
    pub(super) fn take_over(&self, from: &Self) {
        from.release();
        self.hold_up();
    }

    /// A file of this output is held up from now on. Whether it is the first.
    pub(super) fn hold_up(&self) -> bool {
        self.counters.held_up.increment(1.0);
        self.held_up.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Says that a file is held up, once for all files of the output: a full disk has many.
    pub(super) fn warn_held_up(&self, path: &FilePath, is_first: bool, cause: &dyn std::fmt::Display) {
        self.counters.errors.increment(1);
        if !is_first {
            return;
        }
        let path = path.as_path().display();
        match self.settings.when_full {
            WhenFull::Block => warn!(output = %self.name, %path, %cause, "output is full: holding back its senders"),
            WhenFull::Drop => warn!(output = %self.name, %path, %cause, "output is full: dropping new lines"),
        }
    }

    /// A file of this output is held up no more. Whether it was the last.
    pub(super) fn release(&self) -> bool {
        self.counters.held_up.decrement(1.0);
        self.held_up.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Says that no file is held up any more.
    pub(super) fn tell_released(&self) {
        info!(output = %self.name, "output is written to again");
    }

    /// Whether this sender may make another file.
    pub(super) fn admits_new_file(&self, sender: Option<IpAddr>) -> bool {
        let per_minute = self.settings.new_files_max;
        per_minute == 0 || self.new_files.admit(sender, per_minute, Instant::now())
    }

    /// A line goes to the sender's own file, because its sender has made as many files as it may.
    pub(crate) fn count_diverted(&self, sender: &dyn std::fmt::Display) {
        self.counters.diverted.increment(1);
        if let Some(others) = self.diversions.admit(Instant::now()) {
            warn!(
                output = %self.name, %sender, others,
                "a sender makes more files than `new-files-max`: its lines go to a file of its address"
            );
        }
    }

    /// A file has the name of a rotated one from now on.
    pub(super) fn count_rotated(&self) {
        self.counters.rotated.increment(1);
    }

    /// A rotated file was compressed.
    pub(super) fn count_compressed(&self) {
        self.counters.compressed.increment(1);
    }

    /// A file was removed, as `keep` has it.
    pub(super) fn count_removed(&self, why: Removed) {
        match why {
            Removed::Age => self.counters.removed_age.increment(1),
            Removed::Total => self.counters.removed_total.increment(1),
            Removed::Unarchived => self.counters.removed_unarchived.increment(1),
        }
    }

    /// A plugin keeps a file of so many octets.
    pub(super) fn count_archived(&self, bytes: u64) {
        self.counters.archived.increment(1);
        self.counters.archived_bytes.increment(bytes);
    }

    /// So many rotated files are still to be archived.
    pub(super) fn set_unarchived(&self, files: u64) {
        self.counters.unarchived.set(files as f64);
    }

    /// A rotated file is not archived; this is tried again, unless the plugin does not take it.
    pub(super) fn warn_not_archived(&self, path: &FilePath, cause: &dyn std::fmt::Display) {
        self.warn_of_rotation(path, cause, "a rotated file could not be archived");
    }

    /// A file keeps its name, and is written to all the same.
    pub(super) fn warn_not_rotated(&self, path: &FilePath, cause: &dyn std::fmt::Display) {
        self.warn_of_rotation(path, cause, "a file could not be rotated and is written to further");
    }

    /// A file stays although `keep` is over for it; this is tried again.
    pub(super) fn warn_not_removed(&self, path: &FilePath, cause: &dyn std::fmt::Display) {
        self.warn_of_rotation(path, cause, "a file that is not to be kept could not be removed");
    }

    /// A rotated file stays as it is; this is tried again.
    pub(super) fn warn_not_compressed(&self, path: &FilePath, cause: &dyn std::fmt::Display) {
        self.warn_of_rotation(path, cause, "a rotated file could not be compressed and stays as it is");
    }

    fn warn_of_rotation(&self, path: &FilePath, cause: &dyn std::fmt::Display, what: &'static str) {
        self.counters.errors.increment(1);
        if let Some(others) = self.rotation_failures.admit(Instant::now()) {
            let path = path.as_path().display();
            warn!(output = %self.name, %path, %cause, others, "{what}");
        }
    }

    /// A file could not be marked as ours. It is rotated all the same while it is open.
    pub(super) fn unmarked(&self, path: &FilePath, errno: rustix::io::Errno) {
        if self.unmarked_said.swap(true, Ordering::Relaxed) {
            return;
        }
        self.counters.errors.increment(1);
        let path = path.as_path().display();
        let why = if Mark::is_unsupported(errno) {
            "the file system has no user's extended attributes"
        } else {
            "it could not be marked"
        };
        warn!(
            output = %self.name, %path, cause = %errno, why,
            "files can't be told from those of others: those that nobody writes to are not rotated, and none is compressed or removed"
        );
    }

    /// The owner of a new file could not be set.
    pub(super) fn owner_refused(&self, path: &FilePath, errno: Errno) {
        self.counters.errors.increment(1);
        if let Some(others) = self.owner_refusals.admit(Instant::now()) {
            let path = path.as_path().display();
            warn!(output = %self.name, %path, cause = errno.desc(), others, "the owner of a new file could not be set");
        }
    }
}
