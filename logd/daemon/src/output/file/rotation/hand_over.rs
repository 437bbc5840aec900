//! `archive`: rotated files are handed to a plugin, which keeps them elsewhere, one after the other, by a thread of its own: what one
//! takes is up to a network.
//!
//! A file that the plugin has is marked so ([`Mark::Archived`]), which is all that is remembered: what a crash or a plugin that is
//! away leaves undone is found by a round through the trees. A file that the plugin has, and whose mark was not left any more, is
//! handed over again under the same key with the same digest, and is stored once (io.ballast.Archive1). `keep` passes over files that
//! are still to be handed over, until `total` forces it.

mod put;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ballast_shared::plugin::Settings;
use rustix::process::setpriority_process;
use tracing::{debug, info};

use self::put::{PutError, put};
use super::super::open::open_directory;
use super::super::output::FileOutput;
use super::super::path::FilePath;
use super::super::store::Store;
use super::mark::Mark;
use super::threads::{NICEST, unix_s};
use super::tree::Tree;
use super::walk::{Found, Kind, Visitor, open_file};

/// How often the trees are gone through for what was not handed over.
const ROUND: Duration = Duration::from_secs(600);

/// A plugin that is away or has no room is asked again after so long, then after twice as long, up to the maximum.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// How many files wait in line; beyond that a round through the trees finds them.
const LINE_MAX: usize = 4_096;

/// How many files are remembered that the plugin does not take; they are tried again after the next start, or once there are more.
const REFUSED_MAX: usize = 10_000;

/// What the plugin keeps a key in (io.ballast.Archive1).
const KEY_BYTES_MAX: usize = 1_024;

/// `archive`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchiveTo {
    pub(crate) plugin: Settings,
    /// What stands in a file's key before its path below the root of its tree.
    pub(crate) prefix: Box<str>,
}

impl ArchiveTo {
    /// The key of a file: octets that are no text are written as in URLs, and so is the percent sign.
    fn key(&self, path: &FilePath) -> Option<String> {
        let mut key = self.prefix.to_string();
        for chunk in path.below_root().utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '%' => key.push_str("%25"),
                    c if c.is_control() => c
                        .encode_utf8(&mut [0; 4])
                        .bytes()
                        .for_each(|byte| push_hex(&mut key, byte)),
                    c => key.push(c),
                }
            }
            chunk.invalid().iter().for_each(|byte| push_hex(&mut key, *byte));
        }
        (key.len() <= KEY_BYTES_MAX).then_some(key)
    }
}

fn push_hex(key: &mut String, byte: u8) {
    write!(key, "%{byte:02X}").expect("a string takes all");
}

/// What is to be handed over.
#[derive(Default)]
pub(super) struct HandOver {
    line: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    files: VecDeque<(Arc<FileOutput>, FilePath)>,
    wants_round: bool,
    is_stopped: bool,
}

enum Job {
    File(Arc<FileOutput>, FilePath),
    Round,
    Stop,
}

impl HandOver {
    /// A file of an output has the name and the form in which it is kept.
    pub(super) fn push(&self, output: &Arc<FileOutput>, path: FilePath) {
        if output.settings().archive.is_none() {
            return;
        }
        let mut line = self.line();
        if line.files.len() < LINE_MAX {
            line.files.push_back((output.clone(), path));
        } else {
            line.wants_round = true;
        }
        self.changed.notify_one();
    }

    /// Goes through the trees soon.
    pub(super) fn ask_for_round(&self) {
        self.line().wants_round = true;
        self.changed.notify_one();
    }

    pub(super) fn stop(&self) {
        self.line().is_stopped = true;
        self.changed.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.line().is_stopped
    }

    fn next(&self, round_at: Instant) -> Job {
        let mut line = self.line();
        loop {
            if line.is_stopped {
                return Job::Stop;
            }
            if let Some((output, path)) = line.files.pop_front() {
                return Job::File(output, path);
            }
            let now = Instant::now();
            if std::mem::take(&mut line.wants_round) || round_at <= now {
                return Job::Round;
            }
            let waited = self.changed.wait_timeout(line, round_at - now);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread.
pub(super) fn run(store: &Store) {
    if let Err(error) = setpriority_process(None, NICEST) {
        debug!(%error, "the priority of a thread could not be lowered");
    }
    let archive = store.archive();
    let hand_over = archive.hand_over();
    let mut hands = Hands::new(hand_over);
    let mut round_at = Instant::now() + ROUND;
    loop {
        match hand_over.next(round_at.min(hands.again_at())) {
            Job::File(output, path) => {
                if !store.volumes().is_stuck(path.trusted_directory()) {
                    hands.file(&output, &path);
                }
            }
            Job::Round => {
                for tree in archive.trees().iter() {
                    if tree.owner.output.settings().archive.is_some() && !tree.is_stuck(store) {
                        hands.tree(tree);
                    }
                }
                hands.forget_untried();
                round_at = Instant::now() + ROUND;
            }
            Job::Stop => return,
        }
    }
}

/// Hands files over, and knows which plugins and files are not to be tried now.
pub(super) struct Hands<'h> {
    hand_over: &'h HandOver,
    /// By their sockets: plugins that did not take the last file.
    away: HashMap<PathBuf, Away>,
    /// Files that a plugin does not take, by device and inode.
    refused: HashSet<(u64, u64)>,
    retry_first: Duration,
}

struct Away {
    failures: u32,
    until: Instant,
}

impl<'h> Hands<'h> {
    pub(super) fn new(hand_over: &'h HandOver) -> Self {
        Self {
            hand_over,
            away: HashMap::new(),
            refused: HashSet::new(),
            retry_first: RETRY_FIRST,
        }
    }

    /// When a plugin that is away is to be asked again.
    fn again_at(&self) -> Instant {
        let soonest = self.away.values().map(|away| away.until).min();
        soonest.unwrap_or_else(|| Instant::now() + ROUND)
    }

    /// Hands over what was not yet of a tree, and counts what stays.
    pub(super) fn tree(&mut self, tree: &Tree) {
        let mut walk = Walk {
            tree,
            hands: self,
            left: 0,
        };
        tree.walk(&mut walk, unix_s());
        let left = walk.left;
        if !self.hand_over.is_stopped() {
            tree.owner.output.set_unarchived(left);
        }
    }

    /// Hands a file over. Whether the plugin has it, or it is gone.
    pub(super) fn file(&mut self, output: &Arc<FileOutput>, path: &FilePath) -> bool {
        let Some(to) = &output.settings().archive else {
            return true;
        };
        if !self.may_try(&to.plugin) {
            return false;
        }
        let opened = open_directory(path)
            .map_err(|errno| rustix::io::Errno::from_raw_os_error(errno as i32))
            .and_then(|directory| open_file(std::os::fd::AsFd::as_fd(&directory), path.file_name()));
        let (mut file, stat) = match opened {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT) => return true,
            Err(errno) => {
                output.warn_not_archived(path, &errno);
                return false;
            }
        };
        match Mark::of(&file) {
            Some(Mark::Archived) => return true,
            Some(Mark::Rotated | Mark::Live { .. }) => {}
            Some(Mark::Partial) | None => return false,
        }
        let identity = (stat.st_dev, stat.st_ino);
        if self.refused.contains(&identity) {
            return false;
        }
        let done = match to.key(path) {
            Some(key) => put(&to.plugin, &mut file, &key, &|| self.hand_over.is_stopped()),
            None => Err(PutError::Refused(
                "its key would be longer than 1,024 octets".to_owned(),
            )),
        };
        match done {
            Ok(bytes) => {
                if self.away.remove(&to.plugin.socket).is_some() {
                    info!(output = output.name(), "the plugin takes files again");
                }
                output.count_archived(bytes);
                if let Err(errno) = Mark::Archived.leave_on(&file) {
                    // A file of an owner on whose files we may not change the mark: remembered for as long as we run.
                    debug!(path = %path.as_path().display(), %errno, "a file could not be marked as archived");
                    self.refuse(identity);
                }
                true
            }
            Err(PutError::Refused(cause)) => {
                output.warn_not_archived(path, &cause);
                self.refuse(identity);
                false
            }
            Err(PutError::Later(cause)) => {
                self.note_away(output, &to.plugin, path, &cause);
                false
            }
            Err(PutError::File(error)) => {
                output.warn_not_archived(path, &error);
                false
            }
            Err(PutError::Stopped) => false,
        }
    }

    /// After a round: a plugin that was due and was not asked has nothing to be asked for.
    fn forget_untried(&mut self) {
        let now = Instant::now();
        self.away.retain(|_, away| away.until > now);
    }

    fn may_try(&self, plugin: &Settings) -> bool {
        let away = self.away.get(&plugin.socket);
        away.is_none_or(|away| away.until <= Instant::now())
    }

    fn note_away(&mut self, output: &FileOutput, plugin: &Settings, path: &FilePath, cause: &str) {
        let retry_first = self.retry_first;
        let away = self.away.entry(plugin.socket.clone()).or_insert(Away {
            failures: 0,
            until: Instant::now(),
        });
        // Once is said; what goes on is seen in the metrics.
        if away.failures == 0 {
            output.warn_not_archived(path, &cause);
        }
        away.until = Instant::now() + RETRY_MAX.min(retry_first * 2_u32.saturating_pow(away.failures));
        away.failures = away.failures.saturating_add(1);
    }

    fn refuse(&mut self, identity: (u64, u64)) {
        if self.refused.len() >= REFUSED_MAX {
            self.refused.clear();
        }
        self.refused.insert(identity);
    }
}

struct Walk<'w, 'h> {
    tree: &'w Tree,
    hands: &'w mut Hands<'h>,
    /// Files that the plugin does not have.
    left: u64,
}

impl Visitor for Walk<'_, '_> {
    fn is_done(&self) -> bool {
        self.hands.hand_over.is_stopped()
    }

    fn visit(&mut self, found: &Found<'_>) {
        let Kind::Rotated(rotated) = found.kind else { return };
        if found.is_archived {
            return;
        }
        let output = &self.tree.owner.output;
        let compress = output.settings().rotate.and_then(|rotate| rotate.compress);
        // One that is about to be compressed comes in its last form.
        let is_in_last_form = compress.is_none() || rotated.compression.is_some();
        if !is_in_last_form || !self.hands.file(output, &self.tree.found(found.path)) {
            self.left += 1;
        }
    }
}
