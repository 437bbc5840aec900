//! The thread that writes the last good copies, and what waits for it: for each copy the newest order, whatever came before.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use dnsd_core::zone::Zone;
use tracing::warn;

use super::super::priority::{self, Beside};

/// What is to become of a copy.
#[derive(Debug)]
pub(super) enum Job {
    /// It is this version, made from files of this digest.
    Write { zone: Arc<Zone>, made_from: u64 },
    /// It is no more.
    Remove,
}

/// The thread's owner. Dropping it waits until all that was ordered is done.
#[derive(Debug)]
pub(super) struct Writer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Desk {
    orders: Mutex<Orders>,
    news: Condvar,
}

/// The copies that wait, in the order in which they began to.
#[derive(Debug, Default)]
struct Orders {
    paths: VecDeque<PathBuf>,
    jobs: HashMap<PathBuf, Job>,
    no_more: bool,
}

impl Orders {
    /// A zone that is edited faster than it is written keeps one version alive here, not each of them.
    fn put(&mut self, path: PathBuf, job: Job) {
        if self.jobs.insert(path.clone(), job).is_none() {
            self.paths.push_back(path);
        }
    }

    fn take(&mut self) -> Option<(PathBuf, Job)> {
        let path = self.paths.pop_front()?;
        let job = self.jobs.remove(&path)?;
        Some((path, job))
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn start() -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let at_desk = desk.clone();
        let thread = thread::Builder::new().name("last-good".into()).spawn(move || {
            priority::lower(Beside::Copy);
            at_desk.work();
        })?;
        Ok(Self {
            desk,
            thread: Some(thread),
        })
    }

    /// Has a copy written or removed, soon.
    pub(super) fn order(&self, path: PathBuf, job: Job) {
        self.desk.orders().put(path, job);
        self.desk.news.notify_one();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.desk.orders().no_more = true;
        self.desk.news.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the writer of the last good copies has failed");
        }
    }
}

impl Desk {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        // Every change of the orders is whole, whoever panics between two.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some((path, job)) = self.next() {
            job.carry_out(&path);
        }
    }

    /// `None` once there is nothing more to come.
    fn next(&self) -> Option<(PathBuf, Job)> {
        let idle = |orders: &mut Orders| orders.paths.is_empty() && !orders.no_more;
        let orders = self.news.wait_while(self.orders(), idle);
        orders.unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Job {
    fn carry_out(self, path: &Path) {
        match self {
            Self::Write { zone, made_from } => {
                let is_there = super::header(path).is_some_and(|header| header.made_from == made_from);
                if !is_there && let Err(error) = super::write(path, &zone, made_from) {
                    warn!(%error, "the last good copy {} could not be written", path.display());
                }
            }
            Self::Remove => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    warn!(%error, "the last good copy {} could not be removed", path.display());
                }
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::test_zone::zone;
    use super::*;

    fn version(serial: u32) -> Job {
        let text = format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\n");
        Job::Write {
            zone: Arc::new(zone("net", &text)),
            made_from: u64::from(serial),
        }
    }

    #[test]
    fn the_newest_order_for_a_copy_is_the_only_one() {
        let mut orders = Orders::default();
        orders.put("a".into(), version(1));
        orders.put("b".into(), Job::Remove);
        let first = match &orders.jobs[Path::new("a")] {
            Job::Write { zone, .. } => Arc::downgrade(zone),
            Job::Remove => panic!("it was to be written"),
        };
        orders.put("a".into(), version(2));
        assert!(first.upgrade().is_none(), "a version that nobody waits for is let go");
        let (path, job) = orders.take().unwrap();
        assert_eq!(path, Path::new("a"));
        assert!(matches!(job, Job::Write { made_from: 2, .. }));
        assert!(matches!(orders.take(), Some((_, Job::Remove))));
        assert!(orders.take().is_none());
    }

    #[test]
    fn who_drops_the_writer_waits_for_the_last_copy() {
        let dir = tempfile::tempdir().unwrap();
        let path = |number: u32| dir.path().join(format!("{number}.last"));
        let writer = Writer::start().unwrap();
        for number in 0..200 {
            writer.order(path(number), version(number));
        }
        writer.order(path(7), Job::Remove);
        drop(writer);
        let made_from = |number| super::super::header(&path(number)).map(|header| header.made_from);
        for number in (0..200).filter(|number| *number != 7) {
            assert_eq!(made_from(number), Some(u64::from(number)));
        }
        assert!(!path(7).exists());
    }
}
