//! SQLite, for the small site: a file of our own that others read while we write (WAL).

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Error, ErrorCode, TransactionBehavior, params_from_iter};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::row::Row;
use super::schema::{self, Dialect, Schema};
use super::writer::{Committed, Connection, Failure, Target};

/// Somebody else who writes to the file, such as one who deletes old rows, keeps us waiting so long at most.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// As log files have it.
const FILE_MODE: u32 = 0o640;

/// `[output.NAME.sqlite]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sqlite {
    pub(crate) path: PathBuf,
    pub(crate) schema: Schema,
}

/// The file as a worker has it.
pub(super) struct SqliteFile {
    settings: Sqlite,
    turn: Turn,
}

/// Whose thread may wait for the file. A file system that hangs keeps a thread, and no timeout gets that back: only when it has
/// come back is another one sent there, so that attempts that are given up don't take all of them.
#[derive(Clone)]
struct Turn(Arc<Semaphore>);

impl Turn {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Does this on a thread where it may wait, once no thread is waiting any more.
    async fn take<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let turn = self.0.clone().acquire_owned().await.expect("it is never closed");
        let done = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.expect("what is done there does not panic")
    }
}

/// The file, and what the insert of a row is.
pub(crate) struct SqliteConnection {
    inner: Arc<Mutex<Inner>>,
    turn: Turn,
}

struct Inner {
    connection: rusqlite::Connection,
    writer: String,
    insert: String,
}

impl SqliteFile {
    pub(super) fn new(settings: &Sqlite) -> Self {
        Self {
            settings: settings.clone(),
            turn: Turn::new(),
        }
    }
}

impl Target for SqliteFile {
    type Connection = SqliteConnection;

    const DIALECT: Dialect = Dialect::Sqlite;

    fn schema(&self) -> Schema {
        self.settings.schema
    }

    async fn connect(&self, writer: &str) -> Result<SqliteConnection, Failure> {
        let Sqlite { path, schema } = self.settings.clone();
        let writer = writer.to_owned();
        let opened = self.turn.take(move || open(&path, schema, writer)).await;
        let inner = Arc::new(Mutex::new(opened.map_err(|error| failure(&error))?));
        Ok(SqliteConnection {
            inner,
            turn: self.turn.clone(),
        })
    }
}

fn open(path: &Path, schema: Schema, writer: String) -> Result<Inner, Error> {
    // Logs are not for everybody; the files beside it get the same mode. What is wrong is said by the next line.
    let _ = OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path);
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY_MAX)?;
    // The journal that lets others read meanwhile; with it a transaction is in the file, whole or not at all, whenever we are
    // killed, and what a power cut can take is the last of them.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    make(
        &connection,
        schema::PROBE_BATCHES,
        &[schema::create_batches(Dialect::Sqlite)],
    )?;
    make(&connection, &schema.probe(), &schema.create(Dialect::Sqlite))?;
    connection.execute(
        "DELETE FROM logd_batches WHERE committed < datetime('now', '-7 days')",
        [],
    )?;
    let enter = "INSERT OR IGNORE INTO logd_batches (writer, batch, committed) VALUES (?, 0, datetime('now'))";
    connection.execute(enter, [&writer])?;
    let places = vec!["?"; schema.columns().len()].join(", ");
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({places})",
        schema.table(),
        schema.column_names()
    );
    Ok(Inner {
        connection,
        writer,
        insert,
    })
}

/// Makes tables that are not there.
fn make(connection: &rusqlite::Connection, probe: &str, statements: &[String]) -> Result<(), Error> {
    if connection.prepare(probe).is_ok() {
        return Ok(());
    }
    // All of them or none.
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {}; COMMIT", statements.join(";")))
}

impl Inner {
    fn transact(&mut self, batch: u64, rows: &[Row]) -> Result<Committed, Error> {
        let batch = i64::try_from(batch).expect("no run has so many batches");
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = "UPDATE logd_batches SET batch = ?1, committed = datetime('now') WHERE writer = ?2 AND batch < ?1";
        if transaction.execute(number, (batch, &self.writer))? == 0 {
            let is_entered = transaction
                .prepare("SELECT 1 FROM logd_batches WHERE writer = ?")?
                .exists([&self.writer])?;
            return Ok(if is_entered {
                Committed::There
            } else {
                Committed::NotEntered
            });
        }
        {
            let mut insert = transaction.prepare(&self.insert)?;
            for row in rows {
                insert.execute(params_from_iter(row.values.iter()))?;
            }
        }
        transaction.commit()?;
        Ok(Committed::There)
    }
}

impl Connection for SqliteConnection {
    async fn commit(&mut self, batch: u64, rows: &Arc<[Row]>) -> Result<(), Failure> {
        let (inner, rows) = (self.inner.clone(), rows.clone());
        let work = move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.transact(batch, &rows)
        };
        let done = self.turn.take(work).await;
        done.map_err(|error| failure(&error))?.or_failure()
    }
}

fn failure(error: &Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            Failure::Rows(error.to_string())
        }
        _ => Failure::Passing(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime;
    use tokio::time::timeout;

    use super::*;

    const THREADS: &str = "sqlite-test";

    /// The threads of this test's runtime where things may wait.
    fn threads() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let name =
            |thread: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok();
        threads
            .filter_map(name)
            .filter(|name| name.trim_end() == THREADS)
            .count()
    }

    #[test]
    fn attempts_that_are_given_up_leave_one_thread_behind() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Sqlite {
            path: directory.path().join("logs.db"),
            schema: Schema::Own,
        };
        // Somebody who has the file for himself keeps others waiting in a system call, as a file system that hangs does.
        let other = rusqlite::Connection::open(&settings.path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name(THREADS)
            .build();
        let runtime = runtime.unwrap();
        runtime.block_on(async {
            let file = SqliteFile::new(&settings);
            for _ in 0..5 {
                let attempt = timeout(Duration::from_millis(20), file.connect("writer")).await;
                assert!(attempt.is_err(), "it has to wait");
            }
            assert_eq!(threads(), 1);
            other.execute_batch("COMMIT").unwrap();
            let attempt = timeout(2 * BUSY_MAX, file.connect("writer")).await;
            assert!(attempt.expect("it waits no more").is_ok());
        });
    }
}
