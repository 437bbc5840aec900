//! A spool between the queue and the target: records are stored and settled by one task, and read, sent and acknowledged by
//! another.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logd_core::spool::{Appended, Batch, Disk, RECORD_BYTES_MAX, Salt, Spool, WhenFull};
use metrics::{Gauge, gauge};
use tokio::sync::Notify;
use tokio::task::block_in_place;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::SpoolSettings;
use crate::output::file::Sync;
use crate::output::queue::{Queue, Records};
use crate::output::spool::Files;

/// Appended with one write, unless one record is longer.
const APPEND_BYTES: usize = 1 << 20;

/// Read at once: what is sent in a few system calls.
const READ_BYTES: usize = 256 << 10;
const READ_RECORDS: usize = 4096;

/// A disk that refused is tried again after so long, and who waits for room looks that often whether there is any.
const RETRY: Duration = Duration::from_secs(1);

/// Who has it locked was told to let go of it, and does so in a moment.
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// What can't be read is tried so often before it is given up: disks come back from short absences.
const READ_TRIES: u32 = 5;

/// How often the gauges are brought up to date.
const GAUGES_EVERY: Duration = Duration::from_secs(1);

/// The spool of an output, while its worker has it.
pub(super) struct Spooled {
    queue: Arc<Queue>,
    spool: Mutex<Spool<Files>>,
    sync: Sync,
    /// Records that find no room wait for some.
    blocks: bool,
    /// No record is appended any more.
    closed: CancellationToken,
    appended: Notify,
    /// Records were acknowledged.
    freed: Notify,
    gauges: Gauges,
}

struct Gauges {
    bytes: Gauge,
    records: Gauge,
    oldest: Gauge,
}

impl Spooled {
    /// Opens the spool, as soon as that can be done; `None` if it can't be and the queue is closed.
    pub(super) async fn open(settings: &SpoolSettings, queue: &Arc<Queue>) -> Option<Arc<Self>> {
        let directory = settings.directory.display();
        let mut is_told = false;
        let mut tries = 0;
        let (spool, found) = loop {
            let opened = block_in_place(|| {
                let files = Files::open(&settings.directory)?;
                let open = match tries < READ_TRIES {
                    true => Spool::open,
                    false => Spool::open_damaged,
                };
                open(files, settings.bytes_max, settings.when_full)
            });
            let error = match opened {
                Ok(opened) => break opened,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sleep(LOCK_RETRY).await;
                    continue;
                }
                Err(error) => error,
            };
            queue.count_error();
            if !std::mem::replace(&mut is_told, true) {
                error!(output = queue.name(), "cannot open the spool {directory}: {error}");
            }
            let is_damaged = Files::is_damaged(&error);
            tries += u32::from(is_damaged);
            if queue.is_closed() && (tries > READ_TRIES || !is_damaged) {
                return None;
            }
            sleep(RETRY).await;
        };
        for (segment, why) in &found.set_aside {
            error!(
                output = queue.name(),
                "segment {segment} of the spool {directory} is set aside: {why}"
            );
        }
        if found.is_position_lost {
            warn!(
                output = queue.name(),
                "the position of the spool {directory} can't be read: records may be sent twice"
            );
        }
        if found.unreadable_bytes > 0 {
            error!(
                output = queue.name(),
                bytes = found.unreadable_bytes,
                "a part of the spool {directory} can't be read: the records in it are lost"
            );
        }
        if found.torn_bytes > 0 {
            info!(
                output = queue.name(),
                bytes = found.torn_bytes,
                "an unfinished write was cut off the spool"
            );
        }
        if spool.records() > 0 {
            info!(
                output = queue.name(),
                records = spool.records(),
                "records wait in the spool"
            );
        }
        let output = || queue.name().to_owned();
        let spooled = Self {
            queue: queue.clone(),
            spool: Mutex::new(spool),
            sync: settings.sync,
            blocks: settings.when_full == WhenFull::Block,
            closed: CancellationToken::new(),
            appended: Notify::new(),
            freed: Notify::new(),
            gauges: Gauges {
                bytes: gauge!("logd_output_spool_bytes", "output" => output()),
                records: gauge!("logd_output_spool_records", "output" => output()),
                oldest: gauge!("logd_output_spool_oldest_seconds", "output" => output()),
            },
        };
        spooled.show(&spooled.lock());
        Some(Arc::new(spooled))
    }

    /// Stores what comes through the queue, until that is closed and empty.
    pub(super) async fn store(self: Arc<Self>) {
        let mut storing = Storing {
            spooled: &self,
            sync_at: None,
            is_failing: false,
        };
        loop {
            let records = match storing.sync_at {
                None => self.queue.take().await,
                Some(at) => tokio::select! {
                    records = self.queue.take() => records,
                    () = sleep_until(at) => {
                        storing.sync();
                        continue;
                    }
                },
            };
            let Some(records) = records else { break };
            storing.store(&records).await;
        }
        if self.sync != Sync::Never {
            storing.sync();
        }
        self.closed.cancel();
    }

    /// Keeps the gauges up to date.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut ticks = interval(GAUGES_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Whoever has it is at the disk.
            if let Ok(spool) = self.spool.try_lock() {
                self.show(&spool);
            }
        }
    }

    fn show(&self, spool: &Spool<Files>) {
        self.gauges.bytes.set(spool.bytes() as f64);
        self.gauges.records.set(spool.records() as f64);
        let age = spool.oldest_ms().map_or(0, |oldest| now_ms().saturating_sub(oldest));
        self.gauges.oldest.set(age as f64 / 1000.0);
    }

    fn lock(&self) -> MutexGuard<'_, Spool<Files>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that stores.
struct Storing<'s> {
    spooled: &'s Spooled,
    /// When what was written is to be synced.
    sync_at: Option<Instant>,
    is_failing: bool,
}

impl Storing<'_> {
    /// Stores all of these, or drops them if that is what a full spool does.
    async fn store(&mut self, records: &Records) {
        let queue = &self.spooled.queue;
        let mut from = 0;
        while from < records.len() {
            let to = batch_end(records, from);
            let done = block_in_place(|| self.append(records, from, to));
            let last = records.first() + to as u64 - 1;
            match done {
                Ok(Appended::Stored { dropped }) => {
                    if dropped > 0 {
                        queue.count_dropped("full", dropped);
                    }
                    match self.spooled.sync {
                        Sync::Never => self.recovered(),
                        // The records are there and are sent, but nobody is told that they are safe: the system reports a lost
                        // page once and forgets it (fsync(2)).
                        Sync::Always => {
                            if !self.sync() {
                                queue.settlement().lose(last);
                            }
                        }
                        Sync::Every(interval) => {
                            self.sync_at.get_or_insert_with(|| Instant::now() + interval);
                        }
                    }
                }
                Ok(Appended::Full) if self.spooled.blocks => {
                    if queue.is_closed() {
                        // No more than the queue holds, and nobody makes room for it who sends to a target that hangs.
                        block_in_place(|| self.spooled.lock().lift_limit());
                    } else {
                        self.wait().await;
                    }
                    continue;
                }
                Ok(Appended::Full) => queue.count_dropped("full", (to - from) as u64),
                Err(error) => {
                    queue.count_error();
                    self.failed(&error);
                    if self.spooled.blocks {
                        self.wait().await;
                        continue;
                    }
                    queue.count_dropped("refused", (to - from) as u64);
                }
            }
            queue.settle(last);
            from = to;
        }
    }

    fn append(&mut self, records: &Records, from: usize, to: usize) -> io::Result<Appended> {
        let mut salt = Salt::default();
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let contents = (from..to).map(|index| {
            let record = records.get(index);
            &record[..record.len().min(RECORD_BYTES_MAX)]
        });
        let appended = self.spooled.lock().append(contents, now_ms(), salt)?;
        if let Appended::Stored { .. } = appended {
            self.spooled.appended.notify_one();
        }
        Ok(appended)
    }

    /// Waits until there may be room: a disk gets some without telling us. What is to be synced meanwhile is.
    async fn wait(&mut self) {
        let queue = &self.spooled.queue;
        let was_closed = queue.is_closed();
        let sync_at = self.sync_at;
        tokio::select! {
            () = self.spooled.freed.notified() => {}
            () = queue.closed(), if !was_closed => {}
            () = sleep(RETRY) => {}
            () = sleep_until(sync_at.unwrap_or_else(Instant::now)), if sync_at.is_some() => {}
        }
        // Whoever frees room again and again puts it off no longer.
        if sync_at.is_some_and(|at| at <= Instant::now()) {
            // It says nothing of whether more can be written.
            self.try_sync();
        }
    }

    /// Whether what was written is synced.
    fn sync(&mut self) -> bool {
        let is_synced = self.try_sync();
        if is_synced {
            self.recovered();
        }
        is_synced
    }

    fn try_sync(&mut self) -> bool {
        self.sync_at = None;
        match block_in_place(|| self.spooled.lock().sync()) {
            Ok(()) => true,
            Err(error) => {
                self.spooled.queue.count_error();
                self.failed(&error);
                false
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_failing, true) {
            error!(output = self.spooled.queue.name(), %error, "cannot write to the spool");
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            info!(output = self.spooled.queue.name(), "the spool is written to again");
        }
    }
}

/// The end of the records from this one on that are appended with one write.
fn batch_end(records: &Records, from: usize) -> usize {
    let mut bytes = 0;
    let longer = (from..records.len()).find(|index| {
        bytes += records.get(*index).len();
        bytes > APPEND_BYTES
    });
    longer.map_or(records.len(), |index| index.max(from + 1))
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Reads what is to be sent.
pub(super) struct Reader {
    spooled: Arc<Spooled>,
    batch: Batch,
    /// How many of the batch were handed out.
    used: usize,
    /// The number of the first that is not acknowledged.
    position: u64,
    /// How often the disk has refused to read the place that is next.
    failures: u32,
    /// When it is tried again.
    retry_at: Option<Instant>,
    /// That it refuses was told.
    is_failing: bool,
}

impl Reader {
    pub(super) fn new(spooled: Arc<Spooled>) -> Self {
        Self {
            spooled,
            batch: Batch::default(),
            used: 0,
            position: 0,
            failures: 0,
            retry_at: None,
            is_failing: false,
        }
    }

    /// What tells that nothing is stored any more.
    pub(super) fn closed(&self) -> &CancellationToken {
        &self.spooled.closed
    }

    /// Waits for records; `false`: none are to be read any more. What is left is for the next worker. A disk that refuses is left
    /// alone for as long as it is to be, however often this is dropped meanwhile.
    pub(super) async fn ready(&mut self) -> bool {
        loop {
            if self.spooled.closed.is_cancelled() {
                return false;
            }
            if self.used < self.batch.len() {
                return true;
            }
            if let Some(at) = self.retry_at {
                tokio::select! {
                    () = sleep_until(at) => self.retry_at = None,
                    () = self.spooled.closed.cancelled() => return false,
                }
            }
            match self.read() {
                Ok(()) if self.batch.is_empty() => tokio::select! {
                    () = self.spooled.appended.notified() => {}
                    () = self.spooled.closed.cancelled() => return false,
                },
                Ok(()) => {}
                Err(error) => {
                    self.spooled.queue.count_error();
                    if !std::mem::replace(&mut self.is_failing, true) {
                        error!(output = self.spooled.queue.name(), %error, "cannot read the spool");
                    }
                    self.failures += 1;
                    if self.failures >= READ_TRIES && Files::is_damaged(&error) && self.pass_over() {
                        self.failures = 0;
                    } else {
                        self.retry_at = Some(Instant::now() + RETRY);
                    }
                }
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        self.used = 0;
        let done = block_in_place(|| self.spooled.lock().read(READ_BYTES, READ_RECORDS, &mut self.batch));
        let lost = self.batch.lost();
        if lost > 0 {
            self.spooled.queue.count_dropped("damaged", lost);
            error!(
                output = self.spooled.queue.name(),
                records = lost,
                "records in the spool are damaged and lost"
            );
        }
        done?;
        self.failures = 0;
        self.is_failing = false;
        Ok(())
    }

    /// Gives up the place that can't be read. A disk that refuses even that is tried on: it may come back with all of it.
    fn pass_over(&mut self) -> bool {
        block_in_place(|| self.spooled.lock().pass_over()).is_ok()
    }

    /// Hands out the next records, so many at most, and no more when `take` has enough.
    pub(super) fn feed(&mut self, records_max: usize, mut take: impl FnMut(u64, &[u8]) -> bool) {
        let used = self.used;
        for (number, record) in self.batch.records().skip(used).take(records_max) {
            self.used += 1;
            // Records that are given up may be acknowledged before they are come to again.
            if number >= self.position && !take(number, record) {
                break;
            }
        }
    }

    pub(super) fn acknowledge(&mut self, position: u64) {
        self.position = self.position.max(position);
        let done = block_in_place(|| self.spooled.lock().acknowledge(position));
        if let Err(error) = done {
            self.spooled.queue.count_error();
            warn!(output = self.spooled.queue.name(), %error, "cannot write down what was sent");
        }
        self.spooled.freed.notify_one();
    }

    /// Hands out what is not acknowledged again.
    pub(super) fn rewind(&mut self) {
        block_in_place(|| self.spooled.lock().rewind());
        self.batch = Batch::default();
        self.used = 0;
    }
}

#[cfg(test)]
mod tests;
