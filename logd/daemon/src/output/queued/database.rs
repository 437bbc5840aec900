//! The outputs `postgres`, `mysql` and `sqlite`: each message a row, many rows a transaction.
//!
//! Rows are committed in the order in which they came, each batch with a number that is written in the same transaction
//! ([`schema`]). A commit whose reply was lost is asked for by that number before its rows are sent again, so nothing is there
//! twice; and nothing is settled before the server has said that it is there. Rows that a server refuses are searched for by
//! halves, so that one of them keeps no other out ([`writer`]).

mod mysql;
mod postgres;
mod row;
mod schema;
mod secret;
mod sqlite;
mod tls;
mod writer;

pub(crate) use mysql::MySql;
pub(crate) use postgres::Postgres;
pub(crate) use schema::Schema;
pub(crate) use secret::Password;
pub(crate) use sqlite::Sqlite;
pub(crate) use tls::ServerTls;

use std::sync::Arc;
use std::time::Duration;

use crate::output::queue::Queue;

/// A database that messages are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) kind: DatabaseKind,
    /// A server that has not answered for so long is taken for dead.
    pub(crate) timeout: Duration,
}

/// Which one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    Postgres(Postgres),
    MySql(MySql),
    Sqlite(Sqlite),
}

/// Writes until the queue is closed and all that was in it is seen to.
pub(super) async fn run(database: &Database, queue: &Arc<Queue>) {
    let timeout = database.timeout;
    match &database.kind {
        DatabaseKind::Postgres(postgres) => writer::run(postgres, timeout, queue).await,
        DatabaseKind::MySql(mysql) => writer::run(mysql, timeout, queue).await,
        DatabaseKind::Sqlite(sqlite) => writer::run(&sqlite::SqliteFile::new(sqlite), timeout, queue).await,
    }
}
