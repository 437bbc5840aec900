//! PostgreSQL: a batch is one INSERT from arrays, a column each.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::row::Row;
use super::schema::{self, Dialect, Kind, Schema};
use super::secret::Password;
use super::tls::{ServerTls, certificate_problem};
use super::writer::{Committed, Connection, Failure, Target};

/// How long a server that does not answer keeps the bytes that we have sent.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// `[output.NAME.postgres]`
#[derive(Clone, PartialEq)]
pub(crate) struct Postgres {
    config: Box<Config>,
    /// Instead of the URL's.
    password: Option<Password>,
    tls: Option<ServerTls>,
    schema: Schema,
}

/// The server is what the URL says, without its secrets.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("hosts", &self.config.get_hosts())
            .field("tls", &self.tls)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl Eq for Postgres {}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It can't be read as one.
    Unreadable,
    NoHost,
    NoUser,
    /// It wants TLS, and there is no authority to verify the server by.
    TlsWithoutCa,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "not a URL such as \"postgresql://user@host/database\"",
            Self::NoHost => "the URL names no host",
            Self::NoUser => "the URL names no user",
            Self::TlsWithoutCa => "TLS is set up by `tls = { ca = \"…\" }`, which verifies the server",
        })
    }
}

impl Postgres {
    /// Of a URL as libpq has it.
    ///
    /// # Errors
    /// When it can't be used.
    pub(crate) fn new(
        url: &str,
        password: Option<Password>,
        tls: Option<ServerTls>,
        schema: Schema,
    ) -> Result<Self, UrlError> {
        let mut config: Config = url.parse().map_err(|_| UrlError::Unreadable)?;
        if config.get_hosts().is_empty() {
            return Err(UrlError::NoHost);
        }
        if config.get_user().is_none_or(str::is_empty) {
            return Err(UrlError::NoUser);
        }
        match (&tls, config.get_ssl_mode()) {
            (Some(_), _) => config.ssl_mode(SslMode::Require),
            (None, SslMode::Require) => return Err(UrlError::TlsWithoutCa),
            (None, _) => config.ssl_mode(SslMode::Disable),
        };
        if config.get_application_name().is_none() {
            config.application_name("logd");
        }
        config.tcp_user_timeout(UNACKNOWLEDGED_MAX);
        Ok(Self {
            config: Box::new(config),
            password,
            tls,
            schema,
        })
    }

    async fn client(&self) -> Result<(Client, AbortHandle), Failure> {
        let mut config = self.config.clone();
        if let Some(password) = &self.password {
            config.password(password.reveal().map_err(Failure::Passing)?.as_bytes());
        }
        match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(|error| failure(&error))?;
                Ok((client, drive(connection)))
            }
            Some(tls) => {
                let tls = tls.config().map_err(|error| Failure::Passing(error.to_string()))?;
                let connect = config.connect(MakeRustlsConnect::new(tls));
                let (client, connection) = connect.await.map_err(|error| failure(&error))?;
                Ok((client, drive(connection)))
            }
        }
    }
}

/// The library has a task of its own read and write the connection; what it dies of, the next statement tells.
fn drive(connection: impl Future<Output = Result<(), Error>> + Send + 'static) -> AbortHandle {
    tokio::spawn(async { drop(connection.await) }).abort_handle()
}

impl Target for Postgres {
    type Connection = PostgresConnection;

    const DIALECT: Dialect = Dialect::Postgres;

    fn schema(&self) -> Schema {
        self.schema
    }

    async fn connect(&self, writer: &str) -> Result<PostgresConnection, Failure> {
        let (client, task) = self.client().await?;
        let mut connection = PostgresConnection {
            client,
            _task: Task(task),
            writer: writer.to_owned(),
            statements: None,
        };
        connection.prepare(self.schema).await.map_err(|error| failure(&error))?;
        Ok(connection)
    }
}

/// A connection, and what was prepared on it.
pub(crate) struct PostgresConnection {
    client: Client,
    _task: Task,
    writer: String,
    statements: Option<Statements>,
}

struct Statements {
    number: Statement,
    entered: Statement,
    insert: Statement,
}

/// Ends with the connection, also when the server doesn't read what we have to say at its end.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl PostgresConnection {
    async fn prepare(&mut self, schema: Schema) -> Result<(), Error> {
        // A transaction of ours whose connection has died unnoticed holds the lock of our row until the server ends it.
        let settings = "SET idle_in_transaction_session_timeout = '30s'; SET statement_timeout = '60s'";
        self.client.batch_execute(settings).await?;
        self.make(schema::PROBE_BATCHES, &[schema::create_batches(Dialect::Postgres)])
            .await?;
        self.make(&schema.probe(), &schema.create(Dialect::Postgres)).await?;
        // Runs that have ended long ago have nothing in flight.
        let forget = "DELETE FROM logd_batches WHERE committed < now() - interval '7 days'";
        self.client.batch_execute(forget).await?;
        let enter = "INSERT INTO logd_batches (writer, batch, committed) VALUES ($1, 0, now()) ON CONFLICT DO NOTHING";
        self.client.execute(enter, &[&self.writer]).await?;
        let number = "UPDATE logd_batches SET batch = $2, committed = now() WHERE writer = $1 AND batch < $2";
        let types = vec![Type::TEXT_ARRAY; schema.columns().len()];
        self.statements = Some(Statements {
            number: self.client.prepare_typed(number, &[Type::VARCHAR, Type::INT8]).await?,
            entered: self
                .client
                .prepare_typed("SELECT 1 FROM logd_batches WHERE writer = $1", &[Type::VARCHAR])
                .await?,
            insert: self.client.prepare_typed(&insert(schema), &types).await?,
        });
        Ok(())
    }

    /// Makes tables that are not there. A user who may not make any can use those that are.
    async fn make(&self, probe: &str, statements: &[String]) -> Result<(), Error> {
        match self.client.batch_execute(probe).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                self.client.batch_execute(&statements.join(";")).await
            }
            other => other,
        }
    }

    async fn transact(&mut self, batch: u64, rows: &[Row]) -> Result<Committed, Error> {
        let statements = self.statements.as_ref().expect("prepared when it was made");
        let batch = i64::try_from(batch).expect("no run has so many batches");
        let transaction = self.client.transaction().await?;
        if transaction.execute(&statements.number, &[&self.writer, &batch]).await? == 0 {
            let is_entered = transaction
                .query_opt(&statements.entered, &[&self.writer])
                .await?
                .is_some();
            return Ok(if is_entered {
                Committed::There
            } else {
                Committed::NotEntered
            });
        }
        let columns: Vec<Vec<&str>> = (0..statements.insert.params().len())
            .map(|column| rows.iter().map(|row| row.values[column].as_str()).collect())
            .collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        transaction.execute(&statements.insert, &parameters).await?;
        transaction.commit().await?;
        Ok(Committed::There)
    }
}

impl Connection for PostgresConnection {
    async fn commit(&mut self, batch: u64, rows: &Arc<[Row]>) -> Result<(), Failure> {
        let done = self.transact(batch, rows).await;
        done.map_err(|error| failure(&error))?.or_failure()
    }
}

/// The INSERT of rows that come as an array for each column, in their order.
fn insert(schema: Schema) -> String {
    let columns = schema.columns();
    let values: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(n, column)| match column.kind {
            Kind::Number => format!("c{n}::smallint"),
            Kind::Instant => format!("c{n}::timestamptz"),
            Kind::LocalTime => format!("c{n}::timestamp"),
            Kind::Text(_) | Kind::Message | Kind::RawMessage => format!("c{n}"),
        })
        .collect();
    let arrays: Vec<_> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let names: Vec<_> = (0..columns.len()).map(|n| format!("c{n}")).collect();
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM unnest({}) WITH ORDINALITY AS rows ({}, number) ORDER BY number",
        schema.table(),
        schema.column_names(),
        values.join(", "),
        arrays.join(", "),
        names.join(", ")
    )
}

/// The classes of errors (their SQLSTATE's first two characters) that are about the values of a row: cardinality, data,
/// constraints, views' conditions, limits such as that of an index's key, and what triggers raise.
const ROW_CLASSES: [&str; 6] = ["21", "22", "23", "44", "54", "P0"];

fn failure(error: &Error) -> Failure {
    let Some(said) = error.as_db_error() else {
        if let Some(problem) = certificate_problem(error) {
            return Failure::Passing(problem);
        }
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        return Failure::Passing(format!("{error}{cause}"));
    };
    let code = said.code().code();
    let text = format!("{} ({code})", said.message());
    if code.get(..2).is_some_and(|class| ROW_CLASSES.contains(&class)) {
        Failure::Rows(text)
    } else {
        Failure::Passing(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> Result<Postgres, UrlError> {
        Postgres::new(url, None, None, Schema::Own)
    }

    #[test]
    fn a_url_needs_a_host_and_a_user_and_tls_an_authority() {
        assert!(url("postgresql://logd@127.0.0.1/logs").is_ok());
        assert_eq!(url("postgresql:///logs").unwrap_err(), UrlError::NoHost);
        assert_eq!(url("postgresql://127.0.0.1/logs").unwrap_err(), UrlError::NoUser);
        assert_eq!(url("127.0.0.1").unwrap_err(), UrlError::Unreadable);
        assert_eq!(
            url("postgresql://logd@127.0.0.1/logs?sslmode=require").unwrap_err(),
            UrlError::TlsWithoutCa
        );
    }

    #[test]
    fn what_is_shown_of_it_has_no_password() {
        let shown = format!("{:?}", url("postgresql://logd:hidden@127.0.0.1/logs").unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
