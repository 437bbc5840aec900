//! One `[output.NAME.file]`: its settings, its counters, and whether it is held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, gauge};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid};
use tracing::{error, info, warn};

use super::path::FilePath;
use crate::output::WhenFull;
use crate::throttle::Throttle;

/// A warning that every one of many files can give is given for so many of them in so long.
const WARNINGS_MAX: u32 = 10;
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// How an output makes and writes its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSettings {
    /// Owner of new files; `None`: the daemon's own user.
    pub(crate) owner: Option<Uid>,
    /// Group of new files.
    pub(crate) group: Option<Gid>,
    /// Permission bits of new files, before the umask.
    pub(crate) file_mode: u32,
    /// Owner of new directories.
    pub(crate) dir_owner: Option<Uid>,
    /// Group of new directories.
    pub(crate) dir_group: Option<Gid>,
    /// Permission bits of new directories, before the umask.
    pub(crate) dir_mode: u32,
    /// How long a line may wait in its buffer. Zero: every line is written at once.
    pub(crate) flush_interval: Duration,
    /// When what was written is made to survive a power cut.
    pub(crate) sync: Sync,
    /// What happens to lines that the file system has no room for.
    pub(crate) when_full: WhenFull,
    /// A file system with less free bytes than this counts as full.
    pub(crate) min_free_bytes: u64,
    /// Files open at a time; `None`: as many as the process may have.
    pub(crate) open_files_max: Option<usize>,
}

impl FileSettings {
    /// Whether files or directories are given to somebody.
    pub(crate) fn gives_away(&self) -> bool {
        self.owner.is_some() || self.group.is_some() || self.dir_owner.is_some() || self.dir_group.is_some()
    }
}

/// Whose a file is: an output, as one configuration has it.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) output: Arc<FileOutput>,
    /// Greater for a newer configuration, from [`Store::next_generation`](super::Store::next_generation). A file becomes the
    /// output's that the newest configuration has write to it, and of several the first one's.
    pub(crate) generation: u64,
}

/// When files are synced to their device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// When the system sees fit.
    Never,
    /// At most so long after a write.
    Every(Duration),
    /// After every write.
    Always,
}

/// As on a log server of the usual kind: readable for a group of readers, not for everybody.
impl Default for FileSettings {
    fn default() -> Self {
        Self {
            owner: None,
            group: None,
            file_mode: 0o640,
            dir_owner: None,
            dir_group: None,
            dir_mode: 0o755,
            flush_interval: Duration::from_millis(100),
            sync: Sync::Never,
            when_full: WhenFull::Block,
            min_free_bytes: 0,
            open_files_max: None,
        }
    }
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
    owner_refusals: Throttle,
}

struct Counters {
    lines: Counter,
    bytes: Counter,
    errors: Counter,
    dropped_full: Counter,
    dropped_refused: Counter,
    held_up: Gauge,
}

impl FileOutput {
    /// The output of this name, and its metrics.
    pub(crate) fn new(name: &str, settings: FileSettings) -> Self {
        let dropped = |reason: &'static str| counter!("logd_output_dropped_total", "output" => name.to_owned(), "reason" => reason);
        Self {
            counters: Counters {
                lines: counter!("logd_output_lines_total", "output" => name.to_owned()),
                bytes: counter!("logd_output_bytes_total", "output" => name.to_owned()),
                errors: counter!("logd_output_errors_total", "output" => name.to_owned()),
                dropped_full: dropped("full"),
                dropped_refused: dropped("refused"),
                held_up: gauge!("logd_output_held_up_files", "output" => name.to_owned()),
            },
            name: name.into(),
            settings,
            held_up: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            owner_refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
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

    /// The owner of a new file could not be set.
    pub(super) fn owner_refused(&self, path: &FilePath, errno: Errno) {
        self.counters.errors.increment(1);
        if let Some(others) = self.owner_refusals.admit(Instant::now()) {
            let path = path.as_path().display();
            warn!(output = %self.name, %path, cause = errno.desc(), others, "the owner of a new file could not be set");
        }
    }
}
