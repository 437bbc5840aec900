//! The file systems, each with what it takes to keep one that hangs from all others: threads of its own for what is due, a
//! share of the budget and of the descriptors, and its own look at the room that is left.
//!
//! # What counts as one
//! The files below one directory that the administrator named. Its device would be nearer to the truth, but the file system has to be
//! asked for that, and asking is what hangs. Two such directories on one device have two threads, which does no harm; a file system
//! that is mounted below one of them, among the folders that messages name, shares its thread, and is synced apart ([`super::sync`]).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tracing::error;

use super::log_file::LogFile;
use super::schedule::Schedule;
use super::space::Space;

/// A configuration has a handful of directories, and each volume two threads. Those beyond share them with the others.
const VOLUMES_MAX: usize = 16;

/// A task that takes this long is one that a file system holds.
const STUCK: Duration = Duration::from_secs(1);

/// Of the budget, what is for files however much the queues may hold.
const FILES_SHARE: usize = 4;

/// Of its share, what senders that never wait may use beyond it.
const RESERVE_SHARE: usize = 8;

/// The files below one directory.
pub(super) struct Volume {
    /// What its flusher has to do.
    pub(super) schedule: Schedule,
    /// What is to be brought to the device, which may take long: apart from what is to be written soon.
    pub(super) syncs: Schedule,
    /// Who syncs. Two at a time could call lines safe that the one has, and the other not.
    syncing: Mutex<Syncing>,
    pub(super) space: Space,
    /// Its open files in the order in which the hand of the clock visits them: one that was appended to since the last visit is
    /// passed over once. That is the order of least recent use to within a turn, for the price of a flag per line.
    clock: Mutex<VecDeque<Arc<LogFile>>>,
    /// Of those on the clock, how many have a descriptor.
    pub(super) open: AtomicUsize,
    /// Files that were closed, whose descriptors wait for their sync.
    pub(super) closing: AtomicUsize,
    /// Bytes of the budget that its lines have, and how many they may.
    used: AtomicUsize,
    share: AtomicUsize,
    retired: AtomicBool,
    began: Instant,
    /// When the flusher began what it is at, in milliseconds since then and one; zero while it waits.
    busy_since_ms: AtomicU64,
}

/// How a volume is synced.
#[derive(Debug, Default)]
pub(super) struct Syncing {
    /// It has lost pages. A file system says so once for all of it; only each file knows whether it was one of its own.
    pub(super) has_failed: bool,
}

/// The thread of a volume is at work for as long as this lives.
pub(super) struct AtWork<'v>(&'v Volume);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.busy_since_ms.store(0, Ordering::Relaxed);
    }
}

impl Volume {
    fn new() -> Self {
        Self {
            schedule: Schedule::default(),
            syncs: Schedule::default(),
            syncing: Mutex::default(),
            space: Space::default(),
            clock: Mutex::default(),
            open: AtomicUsize::new(0),
            closing: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            share: AtomicUsize::new(usize::MAX),
            retired: AtomicBool::new(false),
            began: Instant::now(),
            busy_since_ms: AtomicU64::new(0),
        }
    }

    /// The right to sync.
    pub(super) fn syncing(&self) -> MutexGuard<'_, Syncing> {
        self.syncing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> MutexGuard<'_, VecDeque<Arc<LogFile>>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that its thread begins something.
    pub(super) fn at_work(&self) -> AtWork<'_> {
        let now_ms = self.began.elapsed().as_millis() as u64;
        self.busy_since_ms.store(now_ms + 1, Ordering::Relaxed);
        AtWork(self)
    }

    /// Whether its file system has not answered for a while.
    pub(super) fn is_stuck(&self) -> bool {
        let since_ms = self.busy_since_ms.load(Ordering::Relaxed);
        since_ms > 0 && self.began.elapsed() >= Duration::from_millis(since_ms - 1) + STUCK
    }

    /// Its lines have so many bytes more of the budget.
    pub(super) fn note_charged(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        if self.is_short() {
            self.schedule.relieve();
        }
    }

    pub(super) fn note_refunded(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Its lines have all that they may: those who send more of them wait.
    pub(super) fn is_spent(&self) -> bool {
        self.used() >= self.share()
    }

    /// The reserve is spent too, that they have who never wait.
    pub(super) fn is_reserve_spent(&self) -> bool {
        let share = self.share();
        self.used() >= share.saturating_add(share / RESERVE_SHARE)
    }

    fn is_short(&self) -> bool {
        self.used() >= self.share() / 4 * 3
    }

    /// Enough was written early.
    pub(super) fn is_relieved(&self) -> bool {
        self.used() < self.share() / 2
    }

    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn share(&self) -> usize {
        self.share.load(Ordering::Relaxed)
    }

    /// It was taken off the list, as it had no files.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.schedule.stop();
        self.syncs.stop();
    }
}

/// What a configuration writes to. Its volumes come with their first files, which is too late to find out how many they are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    /// Directories that its files are below.
    pub(crate) directories: usize,
    /// What the queues of its other outputs may hold together; `None` without any.
    pub(crate) queued_bytes_max: Option<usize>,
}

/// All volumes, found by their directories.
pub(super) struct Volumes {
    buffer_bytes_max: usize,
    table: Mutex<Table>,
    all: ArcSwap<Vec<Arc<Volume>>>,
    servers_write: AtomicBool,
}

/// Starts the threads of a volume.
pub(super) type Starter = Box<dyn Fn(&Arc<Volume>) -> io::Result<()> + Send>;

#[derive(Default)]
struct Table {
    by_directory: HashMap<Box<Path>, Arc<Volume>>,
    layout: Layout,
    /// From the start of the flusher to its end.
    starter: Option<Starter>,
}

impl Volumes {
    pub(super) fn new(buffer_bytes_max: usize) -> Self {
        Self {
            buffer_bytes_max,
            table: Mutex::default(),
            all: ArcSwap::default(),
            servers_write: AtomicBool::new(true),
        }
    }

    /// The volume of the files below this directory.
    pub(super) fn of(&self, directory: &Path) -> Arc<Volume> {
        let mut table = self.table();
        if let Some(volume) = table.by_directory.get(directory) {
            return volume.clone();
        }
        let known = self.all.load();
        let shared = || known[table.by_directory.len() % known.len()].clone();
        let volume = if known.len() >= VOLUMES_MAX {
            shared()
        } else {
            let new = Arc::new(Volume::new());
            match table.starter.as_ref().map_or(Ok(()), |start| start(&new)) {
                Ok(()) => {
                    let all = known.iter().chain([&new]).cloned().collect();
                    self.set_all(table.layout, all);
                    new
                }
                Err(error) if known.is_empty() => {
                    error!(%error, "no thread writes files: lines are written when a buffer is full");
                    self.set_all(table.layout, vec![new.clone()]);
                    new
                }
                Err(error) => {
                    error!(%error, "a directory has no thread of its own, which waits for another's file system");
                    shared()
                }
            }
        };
        table.by_directory.insert(directory.into(), volume.clone());
        volume
    }

    /// Whether the file system below this directory is known not to answer at the moment.
    pub(super) fn is_stuck(&self, directory: &Path) -> bool {
        let table = self.table();
        table
            .by_directory
            .get(directory)
            .is_some_and(|volume| volume.is_stuck())
    }

    /// Starts the threads of all volumes there are, and of those that come.
    ///
    /// # Errors
    /// When the system has no thread for one.
    pub(super) fn start(&self, starter: Starter) -> io::Result<()> {
        let mut table = self.table();
        self.all.load().iter().try_for_each(&starter)?;
        table.starter = Some(starter);
        Ok(())
    }

    /// Tells all threads to end.
    pub(super) fn stop(&self) {
        self.table().starter = None;
        self.all.load().iter().for_each(|volume| volume.stop());
    }

    /// Ends the threads of a volume that no file is of any more, as after a reload. Whether it was so.
    pub(super) fn retire(&self, volume: &Arc<Volume>) -> bool {
        // Two threads, and the list of all.
        const BESIDE_FILES: usize = 3;
        let mut table = self.table();
        let names = table.by_directory.values();
        let names = names.filter(|known| Arc::ptr_eq(known, volume)).count();
        // Nobody takes it up meanwhile: who does has to ask for it here.
        if table.starter.is_none() || Arc::strong_count(volume) > names + BESIDE_FILES {
            return false;
        }
        table.by_directory.retain(|_, known| !Arc::ptr_eq(known, volume));
        let others = self
            .all
            .load()
            .iter()
            .filter(|known| !Arc::ptr_eq(known, volume))
            .cloned()
            .collect();
        self.set_all(table.layout, others);
        volume.retired.store(true, Ordering::Relaxed);
        volume.stop();
        true
    }

    /// All of them.
    pub(super) fn all(&self) -> arc_swap::Guard<Arc<Vec<Arc<Volume>>>> {
        self.all.load()
    }

    /// Takes up what the configuration writes to.
    pub(super) fn set_layout(&self, layout: Layout) {
        let mut table = self.table();
        table.layout = layout;
        self.set_all(layout, self.all.load().to_vec());
    }

    /// Whether who serves the network writes full buffers itself, which costs the least: only where all that it serves goes to one
    /// file system. Elsewhere a write that hangs would keep its thread from senders that have nothing to do with it.
    pub(super) fn servers_write(&self) -> bool {
        self.servers_write.load(Ordering::Relaxed)
    }

    /// Each has a share of the budget, so that those that hang leave the others theirs, and the queues what they may hold. To be called
    /// under the lock of the table.
    fn set_all(&self, layout: Layout, all: Vec<Arc<Volume>>) {
        let count = all.len().max(layout.directories.min(VOLUMES_MAX)).max(1);
        let is_all_there_is = count == 1 && layout.queued_bytes_max.is_none();
        let share = if is_all_there_is {
            usize::MAX
        } else {
            let queued = layout.queued_bytes_max.unwrap_or(0);
            let max = self.buffer_bytes_max;
            max.saturating_sub(queued).max(max / FILES_SHARE) / count
        };
        for volume in &all {
            volume.share.store(share, Ordering::Relaxed);
        }
        self.servers_write.store(is_all_there_is, Ordering::Relaxed);
        self.all.store(Arc::new(all));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts threads that only hold on to their volume.
    fn held(volumes: &Volumes) -> Arc<Mutex<Vec<Arc<Volume>>>> {
        let held = Arc::new(Mutex::new(Vec::new()));
        let threads = held.clone();
        let starter = move |volume: &Arc<Volume>| {
            threads.lock().unwrap().extend([volume.clone(), volume.clone()]);
            Ok(())
        };
        volumes.start(Box::new(starter)).unwrap();
        held
    }

    #[test]
    fn who_serves_writes_only_where_one_file_system_is_all_there_is() {
        let volumes = Volumes::new(100);
        let first = volumes.of(Path::new("/var/log/"));
        let write_with = |directories, queued_bytes_max| {
            volumes.set_layout(Layout {
                directories,
                queued_bytes_max,
            });
            volumes.servers_write()
        };
        assert!(write_with(1, None));
        assert!(!write_with(1, Some(10)), "with other outputs");
        assert!(
            !write_with(2, None),
            "with another directory, whose files are yet to come"
        );
        assert!(write_with(1, None));
        assert!(Arc::ptr_eq(&first, &volumes.of(Path::new("/var/log/"))));
        volumes.of(Path::new("/srv/log/"));
        assert!(!volumes.servers_write(), "with what a reload has left");
        assert!(!write_with(1, None));
    }

    #[test]
    fn volumes_and_queues_never_have_more_than_the_budget_together() {
        let shares = |volumes: usize, directories, queued_bytes_max| {
            let all = Volumes::new(1000);
            let first: Vec<_> = (0..volumes).map(|n| all.of(Path::new(&format!("/{n}/")))).collect();
            all.set_layout(Layout {
                directories,
                queued_bytes_max,
            });
            first.iter().map(|volume| volume.share()).sum::<usize>()
        };
        assert_eq!(shares(2, 2, Some(400)), 600);
        assert_eq!(shares(1, 2, Some(400)), 300, "the other's is kept for it");
        assert_eq!(shares(1, 1, Some(400)), 600);
        assert_eq!(shares(1, 1, Some(5000)), 250, "files have a quarter in any case");
        assert_eq!(shares(1, 1, None), usize::MAX);
    }

    #[test]
    fn each_has_a_share_and_one_alone_has_all() {
        let volumes = Volumes::new(100);
        let [first, second] = ["/a/", "/b/"].map(|directory| volumes.of(Path::new(directory)));
        first.note_charged(50);
        second.note_charged(49);
        assert!(first.is_spent() && !second.is_spent());
        first.note_refunded(1);
        assert!(!first.is_spent());
        let alone = Volumes::new(100).of(Path::new("/a/"));
        alone.note_charged(1000);
        assert!(!alone.is_spent() && !alone.is_reserve_spent());
    }

    #[test]
    fn a_volume_without_files_ends_and_one_beyond_the_limit_shares() {
        let volumes = Volumes::new(100);
        let held = held(&volumes);
        let count = |volumes: &Volumes| volumes.all().len();
        let all: Vec<_> = (0..VOLUMES_MAX + 3)
            .map(|n| volumes.of(Path::new(&format!("/{n}/"))))
            .collect();
        assert_eq!(count(&volumes), VOLUMES_MAX);
        assert!(
            all[VOLUMES_MAX..]
                .iter()
                .all(|one| all[..VOLUMES_MAX].iter().any(|known| Arc::ptr_eq(known, one)))
        );
        let of_thread = |n: usize| held.lock().unwrap()[2 * n].clone();
        let (kept, gone) = (of_thread(0), of_thread(5));
        let _file = all[0].clone();
        drop(all);
        // Beside the two threads' that this test holds in another place.
        let retire = |volume: Arc<Volume>| {
            held.lock().unwrap().retain({
                let mut is_first = true;
                let volume = volume.clone();
                move |one| !Arc::ptr_eq(one, &volume) || !std::mem::replace(&mut is_first, false)
            });
            volumes.retire(&volume)
        };
        assert!(!retire(kept));
        assert!(retire(gone));
        assert_eq!(count(&volumes), VOLUMES_MAX - 1);
        volumes.of(Path::new("/new/"));
        assert_eq!(count(&volumes), VOLUMES_MAX);
    }
}
