//! All log files, found by their rendered paths; how many of them are open, and how much all of them buffer.

mod closing;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, gauge};
use tokio::sync::Notify;

use super::budget::Budget;
use super::log_file::{LogFile, Turn};
use super::open::Identity;
use super::output::{FileOutput, Owner};
use super::path::FilePath;
use super::rotation::{Archive, Why};
use super::volume::{Layout, Volume, Volumes};
use crate::output::{HeldBack, Patience};

/// The paths are spread over so many maps, each under a lock of its own, so that the threads seldom meet.
const SHARDS: usize = 64;

/// Of so many files that were forgotten it is remembered that they were there, by their hashes: the hosts of a large relay, most of
/// which are silent for longer than a file is kept open. Then it begins anew.
const FORGOTTEN_MAX: usize = 256 << 10;

/// How often the sweep goes through all files.
pub(super) const SWEEP: Duration = Duration::from_secs(10);

/// What the store may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    /// Bytes of lines that are not yet written, over all files.
    pub(crate) buffer_bytes_max: usize,
    /// Files open at a time.
    pub(crate) open_files_max: usize,
}

/// All log files of the process.
pub(crate) struct Store {
    shards: Box<[Mutex<HashSet<ByPath>>]>,
    hasher: RandomState,
    /// The hashes of paths that a sweep has forgotten.
    forgotten: Mutex<HashSet<u64>>,
    open_files_max: usize,
    open: AtomicUsize,
    budget: Budget,
    volumes: Volumes,
    archive: Archive,
    generation: AtomicU64,
    written: Notify,
    metrics: StoreMetrics,
}

struct StoreMetrics {
    open: Gauge,
    opened: Counter,
    evicted: Counter,
    buffered_bytes: Gauge,
}

/// A file as an element of a set that is searched by path.
struct ByPath(Arc<LogFile>);

impl Borrow<[u8]> for ByPath {
    fn borrow(&self) -> &[u8] {
        self.0.path().as_bytes()
    }
}

impl Hash for ByPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.path().as_bytes().hash(state);
    }
}

impl PartialEq for ByPath {
    fn eq(&self, other: &Self) -> bool {
        self.0.path().as_bytes() == other.0.path().as_bytes()
    }
}

impl Eq for ByPath {}

impl Store {
    /// Without files yet.
    pub(crate) fn new(limits: StoreLimits) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            forgotten: Mutex::default(),
            open_files_max: limits.open_files_max.max(1),
            open: AtomicUsize::new(0),
            budget: Budget::new(limits.buffer_bytes_max),
            volumes: Volumes::new(limits.buffer_bytes_max),
            archive: Archive::new(),
            generation: AtomicU64::new(0),
            written: Notify::new(),
            metrics: StoreMetrics {
                open: gauge!("logd_files_open"),
                opened: counter!("logd_files_opened_total"),
                evicted: counter!("logd_files_evicted_total"),
                buffered_bytes: gauge!("logd_buffered_bytes"),
            },
        }
    }

    /// The generation of another configuration.
    pub(crate) fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The file of a path, which belongs to `owner` if it is new, and whether it was known. `trusted` is as in
    /// [`FilePath::new`].
    pub(crate) fn file(&self, path: &[u8], trusted: usize, owner: &Owner) -> (Arc<LogFile>, bool) {
        let mut shard = self.shard(path);
        if let Some(ByPath(file)) = shard.get(path) {
            return (file.clone(), true);
        }
        let path = FilePath::new(path, trusted);
        let volume = self.volumes.of(path.trusted_directory());
        let file = Arc::new(LogFile::new(path, volume, owner, Instant::now()));
        shard.insert(ByPath(file.clone()));
        (file, false)
    }

    /// The same for a sender's message. `None`: there is no such file, and the sender has made as many as it may.
    pub(crate) fn file_of_sender(
        &self,
        path: &[u8],
        trusted: usize,
        owner: &Owner,
        sender: Option<IpAddr>,
        patience: Patience,
    ) -> Option<(Arc<LogFile>, bool)> {
        // Looking waits for the file system, for as long as that likes: only where who serves does so anyway, and only if it matters.
        let is_there = || {
            let path = FilePath::new(path, trusted);
            patience != Patience::NeverWaits
                && self.volumes.servers_write()
                && !self.volumes.is_stuck(path.trusted_directory())
                && Identity::at(&path).is_some()
        };
        (self.knows(path) || self.knew(path) || owner.output.admits_new_file(sender) || is_there())
            .then(|| self.file(path, trusted, owner))
    }

    /// Whether lines went to the file of this path, which was forgotten since.
    fn knew(&self, path: &[u8]) -> bool {
        lock(&self.forgotten).contains(&self.hasher.hash_one(path))
    }

    /// A path is forgotten, whose file is no new one when it is back.
    fn note_forgotten(&self, path: &[u8]) {
        let mut forgotten = lock(&self.forgotten);
        if forgotten.len() >= FORGOTTEN_MAX {
            forgotten.clear();
        }
        forgotten.insert(self.hasher.hash_one(path));
    }

    /// Whether lines go to the file of this path, or went there a short while ago.
    pub(super) fn knows(&self, path: &[u8]) -> bool {
        self.shard(path).contains(path)
    }

    /// Rotates the file of this path, known or not. One that was not is forgotten again.
    pub(super) fn rotate(&self, path: &[u8], trusted: usize, owner: &Owner, why: Why) -> Turn {
        let (file, was_known) = self.file(path, trusted, owner);
        let turn = file.rotate(self, why);
        if !was_known {
            let mut shard = self.shard(path);
            if file.forget_if_empty() {
                shard.remove(path);
            }
        }
        turn
    }

    /// Writes what is buffered for the files of an output, as far as they take it.
    pub(super) fn write_out_of(&self, output: &Arc<FileOutput>) {
        for file in self.all().iter().filter(|file| file.is_of(output)) {
            file.write_out(self);
        }
    }

    /// What is done to files that nobody writes to.
    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Waits until there is room for more, for a sender that is held back by nothing or by an output.
    pub(crate) async fn room(&self, held_back: &mut HeldBack) {
        // Nearly always, and without the lock that all who wait share.
        if !held_back.look() && !self.is_short_of_budget() {
            return;
        }
        loop {
            let written = self.written.notified();
            tokio::pin!(written);
            // Before the look, so that what is written between the look and the wait is not missed.
            written.as_mut().enable();
            if !held_back.look() && !self.is_short_of_budget() {
                return;
            }
            written.await;
        }
    }

    /// Hands the files over from the outputs of the old configuration to those of the new one, and wakes the senders that
    /// these don't hold back. Files whose settings change are written out and opened anew with the next line.
    pub(crate) fn hand_over(&self, successor: impl Fn(&str) -> Option<Arc<FileOutput>>) {
        let mut changed = Vec::new();
        for file in self.all() {
            let old = file.output();
            let new = successor(old.name());
            match &new {
                Some(new) if Arc::ptr_eq(&old, new) => continue,
                Some(new) => file.hand_over(&old, new),
                None => {
                    old.retire();
                    file.settlement().wake();
                }
            }
            if new.is_none_or(|new| old.settings() != new.settings()) {
                changed.push(file);
            }
        }
        self.written.notify_waiters();
        // After all of them have their outputs: a write may take as long as the file system likes.
        self.close_all(changed);
    }

    /// An output that is full and holds its senders back.
    pub(crate) fn holding_back(&self) -> Option<Arc<FileOutput>> {
        let holds_back = |entry: &&ByPath| entry.0.holds_back();
        let found = |shard: &Mutex<HashSet<ByPath>>| lock(shard).iter().find(holds_back).map(|entry| entry.0.output());
        self.shards.iter().find_map(found)
    }

    /// Lines that are in no file yet.
    pub(crate) fn unwritten_lines(&self) -> u64 {
        self.all().iter().map(|file| file.unwritten_lines()).sum()
    }

    /// Since when the oldest line waits of each output that has such lines, by its name.
    pub(crate) fn unwritten_since(&self) -> HashMap<String, Instant> {
        let mut oldest: HashMap<String, Instant> = HashMap::new();
        for file in self.all() {
            let Some(since) = file.unwritten_since() else { continue };
            let output = file.output();
            match oldest.get_mut(output.name()) {
                Some(known) => *known = since.min(*known),
                None => {
                    oldest.insert(output.name().to_owned(), since);
                }
            }
        }
        oldest
    }

    /// Files with a descriptor.
    pub(crate) fn open_files(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Bytes that are rendered and not yet written, to a step per file.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.budget.used()
    }

    /// Writes buffers of a volume early, the largest first, until enough is free.
    pub(super) fn relieve(&self, volume: &Arc<Volume>) {
        let mut files = self.all();
        files.retain(|file| Arc::ptr_eq(file.volume(), volume));
        files.sort_by_cached_key(|file| std::cmp::Reverse(file.buffered()));
        for file in files {
            if self.budget.is_relieved() && volume.is_relieved() || file.buffered() == 0 {
                break;
            }
            if file.is_held_up() {
                file.shed(self);
            } else {
                file.write_out(self);
            }
        }
        // Who waits for room would ask for this again at once. What is written wakes them by itself.
        if !self.budget.is_spent() {
            self.written.notify_waiters();
        }
    }

    /// A batch has left the buffers: who waits for room may look again.
    pub(crate) fn note_written(&self) {
        self.metrics.buffered_bytes.set(self.budget.used() as f64);
        self.written.notify_waiters();
    }

    /// Charges the budget of the process for what a buffer holds now, given what it was charged for, which is brought up to
    /// date.
    pub(crate) fn charge(&self, charged: &mut usize, holds: usize) {
        self.budget.charge(charged, holds);
    }

    /// Gives back what a buffer was charged.
    pub(crate) fn refund(&self, charged: usize) {
        self.budget.refund(charged);
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Whether there is no room even for who never waits.
    pub(crate) fn is_reserve_spent(&self) -> bool {
        self.relieve_if_short();
        self.budget.is_reserve_spent()
    }

    /// The file systems.
    pub(super) fn volumes(&self) -> &Volumes {
        &self.volumes
    }

    /// Whether who serves the network writes.
    #[cfg(test)]
    pub(crate) fn servers_write(&self) -> bool {
        self.volumes.servers_write()
    }

    /// Takes up what the configuration writes to, which decides who writes, and how the budget is shared out.
    pub(crate) fn set_layout(&self, layout: Layout) {
        self.volumes.set_layout(layout);
    }

    fn relieve_if_short(&self) {
        if self.budget.is_short() {
            self.volumes.all().iter().for_each(|volume| volume.schedule.relieve());
        }
    }

    /// Whether nothing more may be taken in; while it is not so yet but soon will be, buffers are written early.
    fn is_short_of_budget(&self) -> bool {
        self.relieve_if_short();
        self.budget.is_spent()
    }

    pub(super) fn all(&self) -> Vec<Arc<LogFile>> {
        let of_shard = |shard: &Mutex<HashSet<ByPath>>| lock(shard).iter().map(|f| f.0.clone()).collect::<Vec<_>>();
        self.shards.iter().flat_map(of_shard).collect()
    }

    fn shard(&self, path: &[u8]) -> MutexGuard<'_, HashSet<ByPath>> {
        // The upper half: the set within the shard uses the lower bits of its own hash.
        let index = (self.hasher.hash_one(path) >> 32) as usize % SHARDS;
        lock(&self.shards[index])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
