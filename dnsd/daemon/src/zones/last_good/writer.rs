//! The thread that writes the last good copies, and what waits for it: for each copy the newest order, whatever came before.
//!
//! A copy is not written at once. At a start the processors and the disk have first to answer for the zones, and ten thousand
//! of them are ten thousand files; a zone that is edited again and again is written once in a while.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dnsd_core::zone::Zone;
use tracing::warn;

use super::super::key::ZoneKey;
use super::super::priority::{self, Beside};
use super::Transferred;

/// How long an order waits, but for the end of the daemon. A daemon that is killed meanwhile has the copy of a version before,
/// and the file that this one was read from.
const DELAY: Duration = Duration::from_secs(5);

/// When an order is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// In some seconds: what is to be kept is elsewhere, too.
    Later,
    /// At once, before all others: nothing else on this machine has it.
    Now,
}

/// What is to become of a copy.
#[derive(Debug)]
pub(super) enum Job {
    /// It is this version, made from files of this digest.
    Write { zone: Arc<Zone>, made_from: u64 },
    /// It is this version, which was transferred.
    WriteTransferred { zone: Arc<Zone>, copy: Transferred },
    /// A primary said that it is the zone.
    Confirm(Transferred),
    /// It is no more, nor is the one in a file of its own.
    Remove(Option<PathBuf>),
}

/// The thread's owner. Dropping it waits until all that was ordered is done.
#[derive(Debug)]
pub(super) struct Writer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Desk {
    folder: PathBuf,
    orders: Mutex<Orders>,
    news: Condvar,
}

/// The zones whose copies wait, in the order in which they began to.
#[derive(Debug, Default)]
struct Orders {
    waiting: VecDeque<(Instant, ZoneKey)>,
    jobs: HashMap<ZoneKey, Job>,
    no_more: bool,
}

impl Orders {
    /// A zone that is edited faster than it is written keeps one version alive here, not each of them.
    fn put(&mut self, zone: &ZoneKey, job: Job, when: When, now: Instant) {
        let is_waiting = match self.jobs.get_mut(zone) {
            Some(waiting) => {
                waiting.follow_with(job);
                true
            }
            None => {
                self.jobs.insert(zone.clone(), job);
                false
            }
        };
        match when {
            When::Later if is_waiting => {}
            When::Later => self.waiting.push_back((now, zone.clone())),
            When::Now => {
                if is_waiting {
                    self.waiting.retain(|(_, waiting)| waiting != zone);
                }
                self.waiting
                    .push_front((now.checked_sub(DELAY).unwrap_or(now), zone.clone()));
            }
        }
    }

    /// When there is something to be done; `None` while nothing is ordered.
    fn due_at(&self) -> Option<Instant> {
        let (since, _) = self.waiting.front()?;
        Some(if self.no_more { *since } else { *since + DELAY })
    }

    fn take(&mut self) -> Option<(ZoneKey, Job)> {
        let (_, zone) = self.waiting.pop_front()?;
        let job = self.jobs.remove(&zone)?;
        Some((zone, job))
    }
}

impl Writer {
    /// Starts the thread, for copies in this folder.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn start(folder: PathBuf) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            folder,
            orders: Mutex::default(),
            news: Condvar::new(),
        });
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

    /// Has a copy written or removed.
    pub(super) fn order(&self, zone: &ZoneKey, job: Job, when: When) {
        let is_first = {
            let mut orders = self.desk.orders();
            orders.put(zone, job, when, Instant::now());
            orders.waiting.len() == 1
        };
        // The thread knows when the first one is due, and takes the others with it.
        if is_first || when == When::Now {
            self.desk.news.notify_one();
        }
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
        while let Some((zone, job)) = self.next() {
            if zone.view.is_some() {
                // Without it the copy can't be written, and that is said.
                let _ = fs::create_dir_all(self.folder.join(super::path(&zone)).parent().unwrap_or(&self.folder));
            }
            job.carry_out(&self.folder.join(super::path(&zone)));
        }
    }

    /// Waits for what is due; `None` once there is nothing more to come.
    fn next(&self) -> Option<(ZoneKey, Job)> {
        let mut orders = self.orders();
        loop {
            let left = orders
                .due_at()
                .map(|due_at| due_at.saturating_duration_since(Instant::now()));
            orders = match left {
                Some(Duration::ZERO) => return orders.take(),
                Some(left) => {
                    let waited = self.news.wait_timeout(orders, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None if orders.no_more => return None,
                None => self.news.wait(orders).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Job {
    /// Takes what is ordered after it, which comes instead; but a primary's word for a copy leaves it as it is.
    fn follow_with(&mut self, next: Self) {
        match (self, next) {
            (Self::WriteTransferred { copy, .. }, Self::Confirm(confirmed)) => {
                copy.confirmed_at = confirmed.confirmed_at;
            }
            (Self::Write { .. } | Self::Remove(_), Self::Confirm(_)) => {}
            (waiting, next) => *waiting = next,
        }
    }

    fn carry_out(self, path: &Path) {
        match self {
            Self::Write { zone, made_from } => {
                let is_there = super::header(path).is_some_and(|header| header.made_from == made_from);
                if !is_there && let Err(error) = super::write(path, &zone, made_from) {
                    warn!(%error, "the last good copy {} could not be written", path.display());
                }
            }
            Self::WriteTransferred { zone, copy } => {
                let path = copy.file.as_deref().unwrap_or(path);
                if let Err(error) = super::write_transferred(path, &zone, copy.confirmed_at) {
                    warn!(%error, "the copy {} of a secondary zone could not be written", path.display());
                }
            }
            Self::Confirm(copy) => {
                let path = copy.file.as_deref().unwrap_or(path);
                if let Err(error) = super::confirm(path, copy.confirmed_at) {
                    warn!(%error, "the time of the copy {} could not be set", path.display());
                }
            }
            Self::Remove(file) => {
                remove(path);
                file.iter().for_each(|file| remove(file));
            }
        }
    }
}

/// Removes a copy.
pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(%error, "the last good copy {} could not be removed", path.display());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::test_zone::zone;
    use super::super::{header, path};
    use super::*;
    use std::time::SystemTime;

    fn version(serial: u32) -> Job {
        let text = format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\n");
        Job::Write {
            zone: Arc::new(zone("net", &text)),
            made_from: u64::from(serial),
        }
    }

    fn name(text: &str) -> ZoneKey {
        ZoneKey::outside(text.parse().unwrap())
    }

    #[test]
    fn the_newest_order_for_a_copy_is_the_only_one() {
        let (mut orders, now) = (Orders::default(), Instant::now());
        orders.put(&name("a"), version(1), When::Later, now);
        orders.put(&name("b"), Job::Remove(None), When::Later, now);
        let first = match &orders.jobs[&name("a")] {
            Job::Write { zone, .. } => Arc::downgrade(zone),
            _ => panic!("it was to be written"),
        };
        orders.put(&name("a"), version(2), When::Later, now);
        assert!(first.upgrade().is_none(), "a version that nobody waits for is let go");
        let (taken, job) = orders.take().unwrap();
        assert_eq!(taken, name("a"));
        assert!(matches!(job, Job::Write { made_from: 2, .. }));
        assert!(matches!(orders.take(), Some((_, Job::Remove(None)))));
        assert!(orders.take().is_none());
    }

    #[test]
    fn a_primarys_word_for_a_copy_leaves_what_was_ordered_of_it() {
        let (mut orders, now) = (Orders::default(), Instant::now());
        let copy = |secs| Transferred {
            file: None,
            confirmed_at: SystemTime::UNIX_EPOCH + Duration::from_secs(secs),
        };
        let Job::Write { zone, .. } = version(1) else {
            unreachable!()
        };
        orders.put(
            &name("a"),
            Job::WriteTransferred { zone, copy: copy(1) },
            When::Later,
            now,
        );
        orders.put(&name("b"), Job::Remove(None), When::Later, now);
        for zone in ["a", "b"] {
            orders.put(&name(zone), Job::Confirm(copy(2)), When::Later, now);
        }
        assert!(matches!(orders.take(), Some((_, Job::WriteTransferred { copy: written, .. })) if written == copy(2)));
        assert!(matches!(orders.take(), Some((_, Job::Remove(None)))));
    }

    #[test]
    fn an_order_waits_from_the_first_one_for_its_copy_on_and_not_at_the_end() {
        let (mut orders, now) = (Orders::default(), Instant::now());
        assert_eq!(orders.due_at(), None);
        orders.put(&name("a"), version(1), When::Later, now);
        orders.put(&name("a"), version(2), When::Later, now + DELAY / 2);
        assert_eq!(orders.due_at(), Some(now + DELAY));
        orders.no_more = true;
        assert_eq!(orders.due_at(), Some(now));
    }

    #[test]
    fn what_nothing_else_has_is_written_at_once_and_before_what_waits() {
        let (mut orders, now) = (Orders::default(), Instant::now() + DELAY);
        for zone in ["a", "b"] {
            orders.put(&name(zone), version(1), When::Later, now);
        }
        orders.put(&name("b"), version(2), When::Now, now);
        assert_eq!(orders.due_at(), Some(now));
        let (taken, job) = orders.take().unwrap();
        assert_eq!(taken, name("b"));
        assert!(matches!(job, Job::Write { made_from: 2, .. }));
        assert_eq!(orders.due_at(), Some(now + DELAY));
        assert_eq!(orders.take().map(|(zone, _)| zone), Some(name("a")));
        assert!(orders.take().is_none());
    }

    #[test]
    fn who_drops_the_writer_waits_for_the_last_copy() {
        let dir = tempfile::tempdir().unwrap();
        let zone = |number: u32| name(&format!("z{number}"));
        let copy = |number| dir.path().join(path(&zone(number)));
        let writer = Writer::start(dir.path().to_owned()).unwrap();
        for number in 0..200 {
            writer.order(&zone(number), version(number), When::Later);
        }
        writer.order(&zone(7), Job::Remove(None), When::Later);
        drop(writer);
        for number in (0..200).filter(|number| *number != 7) {
            assert_eq!(header(&copy(number)).unwrap().made_from, u64::from(number));
        }
        assert!(!copy(7).exists());
    }
}
