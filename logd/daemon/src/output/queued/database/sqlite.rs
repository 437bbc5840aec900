//! SQLite, for the small site: a file of our own that others read while we write (WAL).

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Error, ErrorCode, TransactionBehavior, params_from_iter};
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

/// The file, and what the insert of a row is.
pub(crate) struct SqliteConnection {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    connection: rusqlite::Connection,
    writer: String,
    insert: String,
}

impl Target for Sqlite {
    type Connection = SqliteConnection;

    const DIALECT: Dialect = Dialect::Sqlite;

    fn schema(&self) -> Schema {
        self.schema
    }

    async fn connect(&self, writer: &str) -> Result<SqliteConnection, Failure> {
        let (path, schema, writer) = (self.path.clone(), self.schema, writer.to_owned());
        let opened = spawn_blocking(move || open(&path, schema, writer))
            .await
            .expect("opening does not panic");
        let inner = Arc::new(Mutex::new(opened.map_err(|error| failure(&error))?));
        Ok(SqliteConnection { inner })
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
        let done = spawn_blocking(work).await.expect("a transaction does not panic");
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
