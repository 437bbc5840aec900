//! MySQL and MariaDB: a batch is a few INSERTs of many rows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, SslOpts, TxOpts, Value};

use super::row::Row;
use super::schema::{self, Dialect, Schema};
use super::secret::Password;
use super::tls::{ServerTls, certificate_problem};
use super::writer::{Committed, Connection, Failure, Target};

/// Rows of one INSERT. Batches are cut into powers of two up to this, so few statements are prepared for all of them.
const ROWS_MAX: usize = 256;

/// One for each power of two, and those of the batches' numbers.
const STATEMENTS_MAX: usize = 16;

/// Bits on the wire while nothing else is: a server whose machine is gone is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// `[output.NAME.mysql]`
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MySql {
    options: Opts,
    /// Instead of the URL's.
    password: Option<Password>,
    schema: Schema,
}

/// The server is what the URL says, without its secrets.
impl fmt::Debug for MySql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySql")
            .field("host", &self.options.ip_or_hostname())
            .field("port", &self.options.tcp_port())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It can't be read as one.
    Unreadable,
    NoUser,
    NoDatabase,
    /// It wants TLS, and there is no authority to verify the server by.
    TlsWithoutCa,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "not a URL such as \"mysql://user@host/database\"",
            Self::NoUser => "the URL names no user",
            Self::NoDatabase => "the URL names no database",
            Self::TlsWithoutCa => "TLS is set up by `tls = { ca = \"…\" }`, which verifies the server",
        })
    }
}

impl MySql {
    /// Of a URL.
    ///
    /// # Errors
    /// When it can't be used.
    pub(crate) fn new(
        url: &str,
        password: Option<Password>,
        tls: Option<&ServerTls>,
        schema: Schema,
    ) -> Result<Self, UrlError> {
        let options = Opts::from_url(url).map_err(|_| UrlError::Unreadable)?;
        if options.user().is_none_or(str::is_empty) {
            return Err(UrlError::NoUser);
        }
        if options.db_name().is_none_or(str::is_empty) {
            return Err(UrlError::NoDatabase);
        }
        if options.ssl_opts().is_some() {
            return Err(UrlError::TlsWithoutCa);
        }
        // With a connection of our own choice no other one is made beside it.
        let mut builder = OptsBuilder::from_opts(options)
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .stmt_cache_size(STATEMENTS_MAX)
            // A transaction of ours whose connection has died unnoticed holds the lock of our row until the server ends it; and
            // what does not fit into its column is an error, whatever the server's default is.
            .setup(vec![
                "SET SESSION wait_timeout = 60, sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00'",
            ]);
        if let Some(tls) = tls {
            let mut options = SslOpts::default()
                .with_root_certs(vec![tls.ca.clone().into()])
                .with_disable_built_in_roots(true);
            if let Some((certificate, key)) = tls.identity.clone() {
                let identity = mysql_async::ClientIdentity::new(certificate.into(), key.into());
                options = options.with_client_identity(Some(identity));
            }
            builder = builder.ssl_opts(options);
        }
        Ok(Self {
            options: builder.into(),
            password,
            schema,
        })
    }
}

impl Target for MySql {
    type Connection = MySqlConnection;

    const DIALECT: Dialect = Dialect::MySql;

    fn schema(&self) -> Schema {
        self.schema
    }

    async fn connect(&self, writer: &str) -> Result<MySqlConnection, Failure> {
        let mut options = self.options.clone();
        if let Some(password) = &self.password {
            let password = password.reveal().map_err(Failure::Passing)?;
            options = OptsBuilder::from_opts(options).pass(Some(password.as_str())).into();
        }
        let connect = async {
            let mut connection = Conn::new(options).await?;
            make(
                &mut connection,
                schema::PROBE_BATCHES,
                &[schema::create_batches(Dialect::MySql)],
            )
            .await?;
            make(
                &mut connection,
                &self.schema.probe(),
                &self.schema.create(Dialect::MySql),
            )
            .await?;
            // Runs that have ended long ago have nothing in flight.
            let forget = "DELETE FROM logd_batches WHERE committed < NOW() - INTERVAL 7 DAY";
            connection.query_drop(forget).await?;
            let enter = "INSERT IGNORE INTO logd_batches (writer, batch, committed) VALUES (?, 0, NOW())";
            connection.exec_drop(enter, (writer,)).await?;
            Ok(MySqlConnection {
                connection,
                writer: writer.to_owned(),
                schema: self.schema,
            })
        };
        connect.await.map_err(|error| failure(&error))
    }
}

/// Makes tables that are not there. A user who may not make any can use those that are.
async fn make(connection: &mut Conn, probe: &str, statements: &[String]) -> Result<(), Error> {
    const NO_SUCH_TABLE: u16 = 1146;
    match connection.query_drop(probe).await {
        Err(Error::Server(error)) if error.code == NO_SUCH_TABLE => {
            for statement in statements {
                connection.query_drop(statement).await?;
            }
            Ok(())
        }
        other => other,
    }
}

/// A connection, with statements prepared on it as they are needed.
pub(crate) struct MySqlConnection {
    connection: Conn,
    writer: String,
    schema: Schema,
}

impl MySqlConnection {
    async fn transact(&mut self, batch: u64, rows: &[Row]) -> Result<Committed, Error> {
        let mut transaction = self.connection.start_transaction(TxOpts::default()).await?;
        let number = "UPDATE logd_batches SET batch = ?, committed = NOW() WHERE writer = ? AND batch < ?";
        transaction.exec_drop(number, (batch, &self.writer, batch)).await?;
        if transaction.affected_rows() == 0 {
            let entered = "SELECT 1 FROM logd_batches WHERE writer = ?";
            let entered: Option<u8> = transaction.exec_first(entered, (&self.writer,)).await?;
            transaction.rollback().await?;
            return Ok(entered.map_or(Committed::NotEntered, |_| Committed::There));
        }
        let mut rest = rows;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(largest_power(rest.len()).min(ROWS_MAX));
            let values = now.iter().flat_map(|row| row.values.iter());
            let values: Vec<Value> = values.map(|value| Value::Bytes(value.clone().into_bytes())).collect();
            let inserted = transaction
                .exec_drop(insert(self.schema, now.len()), Params::Positional(values))
                .await;
            if let Err(error) = inserted {
                // What the server refuses leaves the transaction open; a connection that is dead has none.
                if !error.is_fatal() {
                    transaction.rollback().await?;
                }
                return Err(error);
            }
            rest = later;
        }
        transaction.commit().await?;
        Ok(Committed::There)
    }
}

impl Connection for MySqlConnection {
    async fn commit(&mut self, batch: u64, rows: &Arc<[Row]>) -> Result<(), Failure> {
        let done = self.transact(batch, rows).await;
        done.map_err(|error| failure(&error))?.or_failure()
    }
}

/// The greatest power of two that is not above this, which is not 0.
fn largest_power(number: usize) -> usize {
    1 << number.ilog2()
}

/// The INSERT of so many rows.
fn insert(schema: Schema, rows: usize) -> String {
    let row = format!("({})", vec!["?"; schema.columns().len()].join(", "));
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        schema.table(),
        schema.column_names(),
        vec![row; rows].join(", ")
    )
}

/// The classes of errors (their SQLSTATE's first two characters) that are about the values of a row: cardinality, data,
/// constraints, views' conditions, and what triggers signal.
const ROW_CLASSES: [&str; 5] = ["21", "22", "23", "44", "45"];

/// The same without a class of their own: a string or a number that its column can't hold, a condition that it doesn't meet.
const ROW_CODES: [u16; 4] = [1264, 1366, 1406, 3819];

fn failure(error: &Error) -> Failure {
    match error {
        Error::Server(said)
            if ROW_CODES.contains(&said.code)
                || said.state.get(..2).is_some_and(|class| ROW_CLASSES.contains(&class)) =>
        {
            Failure::Rows(format!("{} ({})", said.message, said.code))
        }
        Error::Server(said) => Failure::Passing(format!("{} ({})", said.message, said.code)),
        other => Failure::Passing(certificate_problem(other).unwrap_or_else(|| other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> Result<MySql, UrlError> {
        MySql::new(url, None, None, Schema::Own)
    }

    #[test]
    fn a_url_needs_a_user_and_a_database() {
        assert!(url("mysql://logd@127.0.0.1/logs").is_ok());
        assert_eq!(url("mysql://127.0.0.1/logs").unwrap_err(), UrlError::NoUser);
        assert_eq!(url("mysql://logd@127.0.0.1").unwrap_err(), UrlError::NoDatabase);
        assert_eq!(url("127.0.0.1").unwrap_err(), UrlError::Unreadable);
    }

    #[test]
    fn what_is_shown_of_it_has_no_password() {
        let shown = format!("{:?}", url("mysql://logd:hidden@127.0.0.1/logs").unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn any_number_of_rows_is_few_statements() {
        let sizes: std::collections::BTreeSet<_> = (1..=1000).map(|n| largest_power(n).min(ROWS_MAX)).collect();
        assert!(sizes.len() < STATEMENTS_MAX, "{sizes:?}");
    }
}
