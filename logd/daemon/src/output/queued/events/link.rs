//! The connection to the plugin, over which one call after the other goes.

use std::io;
use std::time::Duration;

use ballast_shared::plugin::Settings;
use ballast_shared::varlink::{ClientError, Connection};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Event;

const METHOD: &str = "io.ballast.Events1.Emit";

/// A plugin takes an event at once, or after writing it down.
const REPLY_MAX: Duration = Duration::from_secs(10);

/// A reply says nothing, or which error.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// Why the plugin has not taken an event, or may not have.
#[derive(Debug)]
pub(super) enum Failure {
    /// It says so.
    Refused(String),
    /// It is not there.
    Away(String),
    /// It is, and has not answered.
    BrokenOff(String),
}

/// The connection, when there is one.
pub(super) struct Link<'l> {
    plugin: &'l Settings,
    connection: Option<Connection>,
}

#[derive(Serialize)]
struct Parameters<'c> {
    event: &'c Event<'c>,
}

impl<'l> Link<'l> {
    /// Without a connection yet.
    pub(super) fn new(plugin: &'l Settings) -> Self {
        Self {
            plugin,
            connection: None,
        }
    }

    /// Tells the plugin of an event, and waits for its reply.
    pub(super) async fn emit(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        let parameters = Parameters { event };
        if let Some(connection) = self.connection.take() {
            match self.exchange(connection, &parameters).await {
                // One that the plugin has closed meanwhile, as when it was started again, is no sign of anything.
                Err(Failure::BrokenOff(_)) if self.connection.is_none() => {}
                told => return told,
            }
        }
        let connection = self.connect().await.map_err(|cause| {
            let socket = self.plugin.socket.display();
            Failure::Away(format!("{socket}: {cause}"))
        })?;
        self.exchange(connection, &parameters).await
    }

    /// Sends a call and takes its reply; keeps a connection over which that was possible.
    async fn exchange(&mut self, mut connection: Connection, parameters: &Parameters<'_>) -> Result<(), Failure> {
        let told = timeout(REPLY_MAX, connection.call::<Map<String, Value>>(METHOD, parameters)).await;
        let told = told.unwrap_or_else(|_| Err(ClientError::Io(io::ErrorKind::TimedOut.into())));
        let refused = match told {
            Ok(_) => None,
            Err(ClientError::Refused(error, parameters)) => Some(format!("{error} {}", Value::Object(parameters))),
            Err(error) => return Err(Failure::BrokenOff(error.to_string())),
        };
        self.connection = Some(connection);
        refused.map_or(Ok(()), |cause| Err(Failure::Refused(cause)))
    }

    async fn connect(&self) -> io::Result<Connection> {
        let opened = timeout(REPLY_MAX, Connection::open(&self.plugin.socket, REPLY_BYTES_MAX)).await?;
        let connection = opened.map_err(|error| match error {
            ClientError::Connect { cause, .. } => cause,
            error => io::Error::other(error.to_string()),
        })?;
        let user = connection.server().uid;
        match self.plugin.user {
            Some(wanted) if wanted != user => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("the socket is of user {user}, not of the plugin's"),
            )),
            _ => Ok(connection),
        }
    }
}
