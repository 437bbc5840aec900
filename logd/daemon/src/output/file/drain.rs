//! The end: everything that is buffered is written and closed by a deadline, whatever hangs.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::log_file::{LogFile, Progress};
use super::store::Store;
use super::sync::sync_all;

/// Files of one directory of the configuration are written by one thread, as they are on one file system as a rule: one that
/// hangs keeps its thread and no other. A configuration has few such directories.
const THREADS_MAX: usize = 16;

/// Between attempts at a full disk, or at a file that somebody else is writing to.
const PAUSE: Duration = Duration::from_millis(50);

/// The files that are left, by directory.
type Groups = Mutex<VecDeque<Vec<Arc<LogFile>>>>;

impl Store {
    /// Writes and syncs everything, trying again until the deadline where there is no room. How many lines remain. Threads
    /// whose write does not return by then are left to it.
    pub(crate) fn drain(self: &Arc<Self>, deadline: Instant) -> u64 {
        let files = self.all();
        let mut by_directory: HashMap<&Path, Vec<Arc<LogFile>>> = HashMap::new();
        for file in &files {
            let directory = file.path().trusted_directory();
            by_directory.entry(directory).or_default().push(file.clone());
        }
        let threads = by_directory.len().min(THREADS_MAX);
        let groups: Arc<Groups> = Arc::new(Mutex::new(by_directory.into_values().collect()));
        let (running, ended) = mpsc::channel::<()>();
        for started in 0..threads {
            let (store, of_thread, running) = (self.clone(), groups.clone(), running.clone());
            let work = move || {
                write_groups(&store, &of_thread, deadline);
                drop(running);
            };
            if thread::Builder::new().name("drain".into()).spawn(work).is_err() {
                // Those that were started write these files too; this thread, if there is none.
                if started == 0 {
                    write_groups(self, &groups, deadline);
                }
                break;
            }
        }
        drop(running);
        // Nothing is ever sent: this returns when all threads have ended.
        let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        self.unwritten_lines()
    }
}

fn write_groups(store: &Store, groups: &Groups, deadline: Instant) {
    let queue = || groups.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let next = queue().pop_front();
        let Some(files) = next else { return };
        let (done, left): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|file| file.close(store) == Progress::Written);
        sync_all(done);
        if left.is_empty() {
            continue;
        }
        if Instant::now() + PAUSE >= deadline {
            return;
        }
        queue().push_back(left);
        thread::sleep(PAUSE);
    }
}
