//! The threads that write what is due: buffers by age, retries of full disks, and the sweep of idle files. Each [`Volume`] has one,
//! so that a file system that hangs keeps the lines of its own files only; and another that syncs, as that waits for the device.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::schedule::{Next, Task};
use super::store::{SWEEP, Store};
use super::sync::sync_files;
use super::volume::Volume;

/// The running threads.
pub(crate) struct Flusher {
    store: Arc<Store>,
}

/// Learns of the first thread that ends.
type Ended = Arc<Mutex<Option<oneshot::Sender<()>>>>;

impl Flusher {
    /// Starts them, those of volumes that come later too. The receiver learns of the end of one, by a panic too.
    pub(crate) fn start(store: Arc<Store>) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (ended, end) = oneshot::channel::<()>();
        let ended: Ended = Arc::new(Mutex::new(Some(ended)));
        let of_threads = Arc::downgrade(&store);
        store.volumes().start(Box::new(move |volume| {
            let Some(store) = of_threads.upgrade() else {
                return Ok(());
            };
            start(store.clone(), volume, &ended, "flush", flush)?;
            start(store, volume, &ended, "sync", sync)
        }))?;
        Ok((Self { store }, end))
    }

    /// Ends them once they have done what they are at. That is not waited for: it may be a write that never returns.
    pub(crate) fn stop(self) {
        self.store.volumes().stop();
    }
}

/// Tells of a thread's end, unless that was in order.
struct EndsWith {
    ended: Ended,
    is_in_order: bool,
}

impl Drop for EndsWith {
    fn drop(&mut self) {
        if !self.is_in_order {
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

/// Why a thread ends.
#[derive(PartialEq, Eq)]
enum End {
    Told,
    /// There are no files for it.
    Retired,
}

impl End {
    fn of(volume: &Volume) -> Self {
        if volume.is_retired() { Self::Retired } else { Self::Told }
    }
}

fn start(
    store: Arc<Store>,
    volume: &Arc<Volume>,
    ended: &Ended,
    name: &str,
    run: fn(&Store, &Arc<Volume>) -> End,
) -> io::Result<()> {
    let (volume, ended) = (volume.clone(), ended.clone());
    thread::Builder::new().name(name.into()).spawn(move || {
        let mut ends = EndsWith {
            ended,
            is_in_order: false,
        };
        ends.is_in_order = run(&store, &volume) == End::Retired;
    })?;
    Ok(())
}

fn flush(store: &Store, volume: &Arc<Volume>) -> End {
    let mut sweep_at = Instant::now() + SWEEP;
    loop {
        let next = volume.schedule.next(sweep_at);
        let was_stuck = {
            let _at_work = volume.at_work();
            match next {
                Next::Due(file, Task::FlushIfDue) => file.flush_if_due(store),
                Next::Due(file, Task::Flush) => file.flush(store),
                Next::Due(file, Task::Retry { after, times }) => file.retry(store, after, times),
                Next::Due(file, Task::Close) => file.close_when_free(store),
                Next::Due(file, Task::Sync) => sync_files(store, volume, file),
                Next::Evict(count) => store.evict(volume, count),
                Next::Relieve => store.relieve(volume),
                Next::Sweep => {
                    store.sweep(volume);
                    sweep_at = Instant::now() + SWEEP;
                    if store.volumes().retire(volume) {
                        return End::Retired;
                    }
                }
                Next::Stop => return End::of(volume),
            }
            volume.is_stuck()
        };
        if was_stuck {
            // Who was held back meanwhile may look again.
            store.note_written();
        }
    }
}

fn sync(store: &Store, volume: &Arc<Volume>) -> End {
    loop {
        match volume.syncs.next(Instant::now() + SWEEP) {
            Next::Due(file, _) => sync_files(store, volume, file),
            Next::Evict(_) | Next::Relieve | Next::Sweep => {}
            Next::Stop => return End::of(volume),
        }
    }
}
