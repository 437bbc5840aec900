//! The query log: a line for each query, in the form that BIND's category `queries` has, so that what reads BIND's reads
//! ours.
//!
//! Who answers doesn't write. Each answering thread puts what it was asked, as a few octets (`entry.rs`), into a ring of its
//! own (`recorder.rs`). One thread (`writer.rs`) looks into the rings, makes lines of what is there (`line.rs`) and hands
//! them (`output.rs`) to a file (`file.rs`) or to the system's log (`syslog.rs`). When that is too slow, rings run full, and what finds no
//! room is counted instead of waited for.

mod clock;
mod complaints;
mod entry;
mod file;
mod line;
mod output;
mod recorder;
mod syslog;
mod target;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rtrb::Consumer;
use tracing::warn;

pub(crate) use entry::{CookieState, Query};
pub(crate) use recorder::Recorder;
pub(crate) use target::Target;

use crate::config::QueryLogConfig;

/// How long the last lines may take when the daemon ends.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// The log of all queries, on or off. It is the same over reloads, so that threads keep their rings.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryLog {
    rings: Arc<Rings>,
    /// How the thread that writes is told; there is none until there is something to write.
    writer: Arc<Mutex<Option<Sender<Order>>>>,
}

/// What the answering threads and the writer share.
#[derive(Debug, Default)]
struct Rings {
    is_on: AtomicBool,
    /// The ends that are read, of rings that the writer doesn't know yet.
    new: Mutex<Vec<Ring>>,
    made: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
}

/// The end of a ring that the writer has.
#[derive(Debug)]
struct Ring {
    /// Tells the threads apart in the lines.
    number: u64,
    queries: Consumer<u8>,
}

/// What the writer is told.
#[derive(Debug)]
enum Order {
    /// Lines go here from now on, and look like this.
    Write(Box<Target>, QueryLogConfig),
    /// Lines go nowhere.
    Off,
    /// Write what there is, say so, and end.
    Finish(Sender<()>),
}

/// What became of the queries since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Lines that were written.
    pub(crate) written: u64,
    /// Queries that have no line.
    pub(crate) dropped: u64,
}

impl QueryLog {
    /// What one thread, or the connections of one listener, put their queries into.
    pub(crate) fn recorder(&self) -> Recorder {
        Recorder::new(self.rings.clone())
    }

    /// Logs to `target` from now on.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub(crate) fn turn_on(&self, target: Target, config: &QueryLogConfig) -> io::Result<()> {
        let mut writer = lock(&self.writer);
        let orders = match &*writer {
            Some(orders) => orders,
            None => writer.insert(start_writer(self.rings.clone())?),
        };
        send(orders, Order::Write(Box::new(target), config.clone()));
        self.rings.is_on.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Logs nothing from now on.
    pub(crate) fn turn_off(&self) {
        self.rings.is_on.store(false, Ordering::Relaxed);
        if let Some(orders) = &*lock(&self.writer) {
            send(orders, Order::Off);
        }
    }

    /// What became of the queries.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            written: self.rings.written.load(Ordering::Relaxed),
            dropped: self.rings.dropped.load(Ordering::Relaxed),
        }
    }

    /// Waits until the queries of threads that have ended are written; not for a file system that hangs.
    pub(crate) fn finish(&self) {
        let Some(orders) = lock(&self.writer).take() else {
            return;
        };
        let (done, is_done) = mpsc::channel();
        send(&orders, Order::Finish(done));
        if is_done.recv_timeout(FINISH_MAX).is_err() {
            warn!("the last lines of the query log could not be written");
        }
    }
}

fn start_writer(rings: Arc<Rings>) -> io::Result<Sender<Order>> {
    let (orders, given) = mpsc::channel();
    thread::Builder::new()
        .name("query-log".to_owned())
        .spawn(move || writer::run(&rings, &given))?;
    Ok(orders)
}

/// The writer takes orders until it is told to finish, after which there is nobody to give one.
fn send(orders: &Sender<Order>, order: Order) {
    let _ = orders.send(order);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
