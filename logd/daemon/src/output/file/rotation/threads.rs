//! The threads beside the writers: one rotates the files that nobody writes to when a period of `every` has ended; another
//! compresses and removes, with the lowest priority, one file at a time; a third hands over to plugins ([`hand_over`]).
//!
//! They are several because a compression may take minutes, and midnight does not wait, nor does a disk that fills for a network.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use rustix::process::setpriority_process;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

use super::super::log_file::Turn;
use super::super::output::FileOutput;
use super::super::path::FilePath;
use super::super::store::Store;
use super::compress::{CompressError, compress};
use super::hand_over::{self, HandOver};
use super::retain::go_round;
use super::tree::Tree;
use super::walk::{Found, Kind, Visitor};
use super::{Rotate, Why};

/// How often the trees are gone through for what is to be compressed or removed.
const ROUND: Duration = Duration::from_secs(600);

/// How long the thread that rotates sleeps at most: a clock that is set, or a machine that slept, is noticed then.
const LOOK: Duration = Duration::from_secs(60);

/// How many rotated files wait in line; beyond that a round through the trees finds them.
const LINE_MAX: usize = 4_096;

/// The nicest value there is (setpriority(2)).
pub(super) const NICEST: i32 = 19;

/// How often, and how far apart, a file is tried that somebody writes to at the moment.
const TRIES_MAX: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// What the threads have to do. It belongs to the [`Store`].
pub(crate) struct Archive {
    trees: ArcSwap<Vec<Arc<Tree>>>,
    work: Work,
    rotation: Wakeup,
    zone: TimeZone,
}

/// What is to be compressed and removed.
pub(super) struct Work {
    line: Mutex<Line>,
    changed: Condvar,
    stopped: AtomicBool,
    hand_over: HandOver,
}

#[derive(Default)]
struct Line {
    files: VecDeque<(Arc<FileOutput>, FilePath)>,
    wants_round: bool,
}

/// Wakes the thread that rotates.
#[derive(Default)]
struct Wakeup {
    is_due: Mutex<bool>,
    changed: Condvar,
}

/// The threads.
pub(crate) struct Archivist {
    store: Arc<Store>,
    /// Nothing is ever sent: it is closed when all have ended.
    all_ended: mpsc::Receiver<()>,
}

enum Job {
    Compress(Arc<FileOutput>, FilePath),
    Round,
    Stop,
}

impl Archivist {
    /// Starts them. The receiver learns of the end of one, by a panic too.
    pub(crate) fn start(store: Arc<Store>) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (ended, end) = oneshot::channel::<()>();
        // Dropped with the stack of the first thread that ends.
        let ended = Arc::new(Mutex::new(Some(ended)));
        let (running, all_ended) = mpsc::channel::<()>(1);
        let start = |name: &str, run: fn(&Store)| {
            let (store, ended) = (store.clone(), ended.clone());
            let ends = EndsWith(ended);
            let running = running.clone();
            thread::Builder::new().name(name.into()).spawn(move || {
                let _ends = ends;
                run(&store);
                drop(running);
            })
        };
        start("rotate", rotate)?;
        start("archive", archive)?;
        start("hand over", hand_over::run)?;
        Ok((Self { store, all_ended }, end))
    }

    /// Ends them, once the one has rotated the file at hand and the other has given up the one it compresses. That is waited
    /// for so long at most: a file system may hang.
    pub(crate) async fn stop(mut self, at_most: Duration) {
        let archive = self.store.archive();
        archive.work.stopped.store(true, Ordering::Relaxed);
        archive.work.changed.notify_all();
        archive.work.hand_over.stop();
        archive.rotation.wake();
        // What is not done by then is done again after the next start.
        let _ = timeout(at_most, self.all_ended.recv()).await;
    }
}

/// Tells of a thread's end.
struct EndsWith(Arc<Mutex<Option<oneshot::Sender<()>>>>);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Archive {
    pub(in super::super) fn new() -> Self {
        Self {
            trees: ArcSwap::default(),
            work: Work {
                line: Mutex::default(),
                changed: Condvar::new(),
                stopped: AtomicBool::new(false),
                hand_over: HandOver::default(),
            },
            rotation: Wakeup::default(),
            zone: TimeZone::system(),
        }
    }

    /// The zone of `every` and of the names of rotated files.
    pub(in super::super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The trees of the configuration that runs from now on.
    pub(crate) fn set_trees(&self, trees: Vec<Arc<Tree>>) {
        self.trees.store(Arc::new(trees));
        self.rotation.wake();
        self.work.ask_for_round();
        self.work.hand_over.ask_for_round();
    }

    /// Those of the running configuration.
    pub(super) fn trees(&self) -> arc_swap::Guard<Arc<Vec<Arc<Tree>>>> {
        self.trees.load()
    }

    /// What is to be handed over to plugins.
    pub(super) fn hand_over(&self) -> &HandOver {
        &self.work.hand_over
    }

    /// A file has the name of a rotated one from now on.
    pub(in super::super) fn note_rotated(&self, output: &Arc<FileOutput>, path: FilePath) {
        if output.settings().rotate.and_then(|rotate| rotate.compress).is_none() {
            self.work.hand_over.push(output, path);
            return;
        }
        let mut line = self.work.line();
        if line.files.len() < LINE_MAX {
            line.files.push_back((output.clone(), path));
        } else {
            line.wants_round = true;
        }
        self.work.changed.notify_one();
    }

    /// Rotates the files of the output of this name, or of all that rotate; how many there were. `None`: there is no such output.
    pub(crate) fn rotate_now(&self, store: &Store, name: Option<&str>) -> Option<u64> {
        let trees = self.trees.load();
        let meant = trees.iter().filter(|tree| {
            let output = &tree.owner.output;
            output.settings().rotate.is_some() && name.is_none_or(|name| output.name() == name)
        });
        let mut rotated = None;
        for tree in meant {
            // What came before belongs into the old file, and a file is found where it is on the disk.
            store.write_out_of(&tree.owner.output);
            let round = rotate_tree(store, tree, Why::Asked, i64::MAX);
            rotated = Some(rotated.unwrap_or(0) + round);
        }
        self.work.ask_for_round();
        if name.is_none() { rotated.or(Some(0)) } else { rotated }
    }

    /// Goes through all trees once.
    pub(super) fn round(&self, store: &Store) {
        for tree in self.trees.load().iter() {
            // What hangs is left to a later round: this thread is all that keeps the other disks from filling.
            if !tree.is_stuck(store) {
                go_round(tree, store, &self.work, unix_s());
            }
        }
    }

    /// Rotates the files of trees whose period has ended, except in those that hang: they are looked at again. When the next look
    /// is due.
    pub(super) fn rotate_due(&self, store: &Store, now_s: i64) -> i64 {
        let mut next_s = now_s + i64::try_from(LOOK.as_secs()).unwrap_or_default();
        for tree in self.trees.load().iter() {
            let every = tree.owner.output.settings().rotate.and_then(|rotate| rotate.every);
            let Some(every) = every else { continue };
            let start_s = every.start(now_s, &self.zone);
            if !tree.is_stuck(store) && tree.enters_period(start_s) {
                rotate_tree(store, tree, Why::Time, start_s);
            }
            next_s = next_s.min(every.next(now_s, &self.zone));
        }
        next_s
    }

    fn is_stopped(&self) -> bool {
        self.work.is_stopped()
    }
}

impl Work {
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Compresses a file, if its output wants that. Whether it was done.
    pub(super) fn compress(&self, output: &Arc<FileOutput>, path: &FilePath) -> bool {
        let settings = output.settings();
        let Some(by) = settings.rotate.and_then(|rotate| rotate.compress) else {
            return false;
        };
        match compress(path, by, settings.min_free_bytes, &|| self.is_stopped()) {
            Ok(()) => {
                output.count_compressed();
                let name = [path.file_name(), by.suffix()].concat();
                self.hand_over.push(output, path.beside(&name));
                true
            }
            Err(CompressError::Stopped) => false,
            Err(error) => {
                output.warn_not_compressed(path, &error);
                false
            }
        }
    }

    fn ask_for_round(&self) {
        self.line().wants_round = true;
        self.changed.notify_one();
    }

    fn next(&self, round_at: Instant) -> Job {
        let mut line = self.line();
        loop {
            if self.is_stopped() {
                return Job::Stop;
            }
            if let Some((output, path)) = line.files.pop_front() {
                return Job::Compress(output, path);
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

impl Wakeup {
    fn wake(&self) {
        *self.is_due.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self, at_most: Duration) {
        let due = self.is_due.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(due, at_most, |due| !*due);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// The thread that compresses and removes.
fn archive(store: &Store) {
    if let Err(error) = setpriority_process(None, NICEST) {
        debug!(%error, "the priority of a thread could not be lowered");
    }
    let archive = store.archive();
    let mut round_at = Instant::now() + ROUND;
    loop {
        match archive.work.next(round_at) {
            Job::Compress(output, path) => {
                if !store.volumes().is_stuck(path.trusted_directory()) {
                    archive.work.compress(&output, &path);
                }
            }
            Job::Round => {
                archive.round(store);
                round_at = Instant::now() + ROUND;
            }
            Job::Stop => return,
        }
    }
}

/// The thread that rotates by time.
fn rotate(store: &Store) {
    let archive = store.archive();
    while !archive.is_stopped() {
        let next_s = archive.rotate_due(store, unix_s());
        archive.rotation.wait(until(next_s));
    }
}

/// How long it is until this second begins.
fn until(unix_s: i64) -> Duration {
    let at = UNIX_EPOCH + Duration::from_secs(unix_s.unsigned_abs());
    // Not before it: a millisecond early would be in the period that is about to end.
    at.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_millis(1)
}

/// Rotates what was begun before this time, in unix seconds. How many files.
pub(super) fn rotate_tree(store: &Store, tree: &Tree, why: Why, before_s: i64) -> u64 {
    let mut rotating = Rotating {
        store,
        tree,
        why,
        before_s,
        rotated: 0,
    };
    tree.walk(&mut rotating, unix_s());
    rotating.rotated
}

struct Rotating<'r> {
    store: &'r Store,
    tree: &'r Tree,
    why: Why,
    before_s: i64,
    rotated: u64,
}

impl Visitor for Rotating<'_> {
    fn is_done(&self) -> bool {
        self.store.archive().is_stopped()
    }

    fn visit(&mut self, found: &Found<'_>) {
        let Kind::Live { since_s } = found.kind else { return };
        // Nothing in it: it was opened and not written to yet.
        if since_s >= self.before_s || found.stat.st_size == 0 && self.why == Why::Time {
            return;
        }
        for _ in 0..TRIES_MAX {
            let turn = self
                .store
                .rotate(found.path, self.tree.trusted(), &self.tree.owner, self.why);
            match turn {
                Turn::Rotated => {
                    self.rotated += 1;
                    return;
                }
                Turn::Kept => return,
                // Who writes to it rotates it with the next batch where it is due by time.
                Turn::Busy => thread::sleep(PAUSE),
            }
        }
    }
}

impl Rotate {
    /// When a file that is written to since then is due by time: `Some(0)` seconds: at once.
    pub(in super::super) fn due_in(&self, since_s: i64, zone: &TimeZone) -> Option<Duration> {
        let every = self.every?;
        let now_s = unix_s();
        if since_s < every.start(now_s, zone) {
            return Some(Duration::ZERO);
        }
        Some(until(every.next(now_s, zone)))
    }
}

/// The time of the machine's clock.
pub(in super::super) fn unix_s() -> i64 {
    // A clock before 1970 is not set yet.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
