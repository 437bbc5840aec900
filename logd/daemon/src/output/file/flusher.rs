//! The thread that writes what is due: buffers by age, retries of full disks, syncs, and the sweep of idle files.
//!
//! A thread rather than a task, because it waits for devices.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::schedule::{Next, Task};
use super::store::{SWEEP, Store};

/// The running thread.
pub(crate) struct Flusher {
    store: Arc<Store>,
}

impl Flusher {
    /// Starts it. The receiver learns of its end, by a panic too.
    pub(crate) fn start(store: Arc<Store>) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (ended, end) = oneshot::channel::<()>();
        let of_thread = store.clone();
        thread::Builder::new().name("flusher".into()).spawn(move || {
            // Dropped with the thread's stack, however it ends.
            let _ended = ended;
            run(&of_thread);
        })?;
        Ok((Self { store }, end))
    }

    /// Ends it once it has done what it is at. That is not waited for: it may be a write that never returns.
    pub(crate) fn stop(self) {
        self.store.schedule().stop();
    }
}

fn run(store: &Store) {
    let mut sweep_at = Instant::now() + SWEEP;
    loop {
        match store.schedule().next(sweep_at) {
            Next::Due(file, Task::Flush) => file.flush(store),
            Next::Due(file, Task::Retry { after }) => file.retry(store, after),
            Next::Due(file, Task::Sync) => file.sync(store),
            Next::Due(file, Task::Close) => file.close_when_free(store),
            Next::Relieve => store.relieve(),
            Next::Sweep => {
                store.sweep();
                sweep_at = Instant::now() + SWEEP;
            }
            Next::Stop => return,
        }
    }
}
