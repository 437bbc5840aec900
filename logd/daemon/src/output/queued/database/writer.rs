//! Rows into a database, each once: batches, their numbers, what is tried again and what is given up.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, counter};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::row::Row;
use super::schema::{Dialect, Schema};
use crate::output::fields;
use crate::output::queue::Queue;
use crate::throttle::Throttle;

/// Rows of a transaction. Beyond this a commit's cost is spread thin enough.
const BATCH_ROWS_MAX: usize = 1000;

/// Bytes of a transaction, which is one statement: see [`super::row`] for what a server takes.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// After a failure the next attempt waits so long, then twice as long, up to the maximum.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A connection that was idle for so long is not used again: servers and firewalls close those without a word.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A row that is refused may come as often as a sender likes.
const WARNINGS_MAX: u32 = 10;
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Where rows are written.
pub(crate) trait Target: Send + Sync + 'static {
    type Connection: Connection;

    const DIALECT: Dialect;

    fn schema(&self) -> Schema;

    /// A connection on which the tables are there, and the row of this writer in `logd_batches`.
    fn connect(&self, writer: &str) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;
}

/// A connection to it.
pub(crate) trait Connection: Send {
    /// Commits the rows and, in the same transaction, the number of their batch; if the number is there already, or a greater
    /// one, the rows are too, and nothing is done.
    fn commit(&mut self, batch: u64, rows: &Arc<[Row]>) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why rows were not committed, or may not have been.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server does not take what is in them. Nothing of the batch is there.
    Rows(String),
    /// Everything else: waiting may help. Whether the batch is there is not known.
    Passing(String),
}

/// What has become of a batch, as far as it could be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// It is there, by this transaction or by one before.
    There,
    /// The row of this writer in `logd_batches` is gone: somebody has emptied the table. Nothing was done.
    NotEntered,
}

impl Committed {
    /// Who connects anew is entered anew.
    pub(super) fn or_failure(self) -> Result<(), Failure> {
        match self {
            Self::There => Ok(()),
            Self::NotEntered => Err(Failure::Passing(
                "the row of this logd in logd_batches is gone".to_owned(),
            )),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(cause) | Self::Passing(cause) => f.write_str(cause),
        }
    }
}

/// Writes until the queue is closed and all that was in it is seen to.
pub(super) async fn run<T: Target>(target: &T, timeout: Duration, queue: &Arc<Queue>) {
    let cut = counter!("logd_output_cut_rows_total", "output" => queue.name().to_owned());
    let mut writer = Writer::new(target, timeout, queue);
    while let Some(records) = queue.take().await {
        let before = records.last() - records.iter().count() as u64;
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut lengths = 0;
        for (number, record) in (before + 1..).zip(records.iter()) {
            let (row, was_cut) = Row::of(target.schema(), T::DIALECT, fields::of(record));
            cut.increment(u64::from(was_cut));
            bytes += row.bytes();
            lengths += record.len();
            rows.push(row);
            if rows.len() == BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX {
                writer.write(std::mem::take(&mut rows).into(), lengths).await;
                (bytes, lengths) = (0, 0);
                queue.settle(number);
            }
        }
        if !rows.is_empty() {
            writer.write(rows.into(), lengths).await;
        }
        queue.settle(records.last());
    }
}

struct Writer<'w, T: Target> {
    target: &'w T,
    /// A server that has not answered for so long is taken for dead.
    timeout: Duration,
    queue: &'w Queue,
    /// Tells this run of this output from all others.
    id: String,
    connection: Option<(T::Connection, Instant)>,
    /// The number of the last batch.
    batch: u64,
    failures: u32,
    refusals: Throttle,
    refused: Counter,
}

impl<'w, T: Target> Writer<'w, T> {
    fn new(target: &'w T, timeout: Duration, queue: &'w Queue) -> Self {
        Self {
            target,
            timeout,
            queue,
            id: random_id(),
            connection: None,
            batch: 0,
            failures: 0,
            refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            refused: counter!("logd_output_dropped_total", "output" => queue.name().to_owned(), "reason" => "refused"),
        }
    }

    /// Returns when all rows are in the database, or refused by it one by one.
    async fn write(&mut self, rows: Arc<[Row]>, bytes: usize) {
        let mut refused = 0;
        let mut batches = VecDeque::from([rows.clone()]);
        while let Some(batch) = batches.pop_front() {
            self.batch += 1;
            let Err(cause) = self.commit(&batch).await else {
                continue;
            };
            if batch.len() > 1 {
                // In front, in their order.
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.push_front(second.into());
                batches.push_front(first.into());
                continue;
            }
            refused += 1;
            self.refused.increment(1);
            if let Some(others) = self.refusals.admit(std::time::Instant::now()) {
                warn!(output = self.queue.name(), %cause, others, "the database refuses a message, which is dropped");
            }
        }
        self.queue.count_sent(rows.len() as u64 - refused, bytes);
    }

    /// Tries until the batch is there; the cause, if the rows are refused.
    async fn commit(&mut self, rows: &Arc<[Row]>) -> Result<(), String> {
        loop {
            match self.attempt(rows).await {
                Ok(()) => {
                    if std::mem::take(&mut self.failures) > 0 {
                        info!(output = self.queue.name(), "the database takes messages again");
                    }
                    return Ok(());
                }
                Err(Failure::Rows(cause)) => return Err(cause),
                Err(Failure::Passing(cause)) => {
                    self.connection = None;
                    self.failures += 1;
                    self.queue.count_error();
                    let wait = RETRY_MAX.min(RETRY_FIRST * 2_u32.saturating_pow(self.failures - 1));
                    // Once is said; what goes on is seen in the metrics.
                    if self.failures == 1 {
                        warn!(output = self.queue.name(), %cause, "the database does not take messages: trying on");
                    }
                    sleep(wait).await;
                }
            }
        }
    }

    async fn attempt(&mut self, rows: &Arc<[Row]>) -> Result<(), Failure> {
        let now = Instant::now();
        if self
            .connection
            .as_ref()
            .is_some_and(|(_, used)| now.duration_since(*used) > IDLE_MAX)
        {
            self.connection = None;
        }
        if self.connection.is_none() {
            let connection = in_time(self.timeout, self.target.connect(&self.id)).await;
            // No row has been looked at: whatever a server says of an option or a table is not theirs.
            let connection = connection.map_err(|failure| Failure::Passing(failure.to_string()))?;
            self.connection = Some((connection, now));
        }
        let (connection, used) = self.connection.as_mut().expect("it was made if it was not there");
        let done = in_time(self.timeout, connection.commit(self.batch, rows)).await;
        *used = Instant::now();
        done
    }
}

async fn in_time<T>(at_most: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let no_answer = |_| Failure::Passing(format!("no answer within {at_most:?}"));
    timeout(at_most, work).await.map_err(no_answer)?
}

/// 128 bits, in hexadecimal.
fn random_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
