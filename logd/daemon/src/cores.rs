//! The threads that serve the inputs: one for each core, each with a runtime of its own.
//!
//! What is read on a connection is framed, parsed and rendered on one thread, and a connection stays on its thread: its lines
//! keep their order, what they need stays in that core's cache, and no thread wakes another. A new connection goes to the core
//! that has the fewest.
//!
//! Where there is more than one file system to write to, or other outputs than files, no thread here writes to a file, so that one
//! that hangs holds its own senders only (see [`crate::output::file`]). Where there is one file system and nothing else, it takes the
//! threads that write to it; the runtime that accepts connections and steers (see [`crate::daemon`]) goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{self, EnterGuard, Handle};
use tokio_util::sync::CancellationToken;

/// The serving threads, as those know them who hand them work.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    cores: Arc<[Core]>,
}

#[derive(Debug)]
struct Core {
    runtime: Handle,
    /// Connections and sockets that have their place here.
    seats: AtomicUsize,
}

/// A place on one of the cores; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    cores: Arc<[Core]>,
    index: usize,
}

/// The running threads. They end when this is dropped, as soon as they are not in a system call; that is not waited for.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: CancellationToken,
}

impl Serving {
    /// Starts a thread for each core that the daemon may use.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(crate) fn start() -> io::Result<(Self, Cores)> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        // Made first, so that those that were started end if one can't be.
        let serving = Self {
            stop: CancellationToken::new(),
        };
        let mut handles = Vec::new();
        for index in 0..count {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let stop = serving.stop.clone();
            thread::Builder::new().name(format!("serve-{index}")).spawn(move || {
                runtime.block_on(stop.cancelled());
                runtime.shutdown_background();
            })?;
        }
        Ok((serving, Cores::of(handles)))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Cores {
    /// The runtime at hand as the only core.
    #[cfg(test)]
    pub(crate) fn current() -> Self {
        Self::of(vec![Handle::current()])
    }

    fn of(handles: Vec<Handle>) -> Self {
        let core = |runtime| Core {
            runtime,
            seats: AtomicUsize::new(0),
        };
        Self {
            cores: handles.into_iter().map(core).collect(),
        }
    }

    /// A place on the core that has given away the fewest.
    pub(crate) fn seat(&self) -> Seat {
        let taken = |&index: &usize| self.cores[index].seats.load(Ordering::Relaxed);
        self.seat_on((0..self.cores.len()).min_by_key(taken).unwrap_or(0))
    }

    /// A place on each of the cores.
    pub(crate) fn seats(&self) -> impl Iterator<Item = Seat> {
        (0..self.cores.len()).map(|index| self.seat_on(index))
    }

    fn seat_on(&self, index: usize) -> Seat {
        self.cores[index].seats.fetch_add(1, Ordering::Relaxed);
        Seat {
            cores: self.cores.clone(),
            index,
        }
    }
}

impl Seat {
    /// The core's runtime, to start tasks on.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.cores[self.index].runtime
    }

    /// Makes sockets that are taken up meanwhile that core's.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime().enter()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.cores[self.index].seats.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(count: usize) -> (Vec<runtime::Runtime>, Cores) {
        let runtimes: Vec<_> = (0..count)
            .map(|_| runtime::Builder::new_current_thread().build().unwrap())
            .collect();
        let cores = Cores::of(runtimes.iter().map(|runtime| runtime.handle().clone()).collect());
        (runtimes, cores)
    }

    #[test]
    fn a_seat_is_on_the_core_that_has_the_fewest() {
        let (_runtimes, cores) = cores(3);
        let mut seats: Vec<Seat> = (0..6).map(|_| cores.seat()).collect();
        assert_eq!(
            seats.iter().map(|seat| seat.index).collect::<Vec<_>>(),
            [0, 1, 2, 0, 1, 2]
        );
        seats.remove(4);
        assert_eq!(cores.seat().index, 1);
    }

    #[test]
    fn work_runs_on_the_thread_of_its_seat() {
        let (serving, cores) = Serving::start().unwrap();
        let (sender, names) = std::sync::mpsc::channel();
        for seat in cores.seats() {
            let sender = sender.clone();
            seat.runtime().spawn(async move {
                let _ = sender.send(thread::current().name().map(str::to_owned));
            });
        }
        drop(sender);
        let mut names: Vec<_> = names.iter().flatten().collect();
        names.sort();
        let expected = |count: usize| (0..count).map(|index| format!("serve-{index}")).collect::<Vec<_>>();
        let mut expected = expected(names.len());
        expected.sort();
        assert_eq!(names, expected);
        drop(serving);
    }
}
