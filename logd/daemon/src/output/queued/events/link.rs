//! The connection to the plugin, over which one call after the other goes.

use std::fmt;
use std::io;
use std::time::Duration;

use ballast_shared::plugin::Settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Event;

const METHOD: &str = "io.ballast.Events1.Emit";

/// A plugin takes an event at once, or after writing it down.
const REPLY_MAX: Duration = Duration::from_secs(10);

/// A reply says nothing, or which error.
const REPLY_BYTES_MAX: u64 = 64 << 10;

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
    stream: Option<BufReader<UnixStream>>,
}

#[derive(Serialize)]
struct Call<'c> {
    method: &'static str,
    parameters: Parameters<'c>,
}

#[derive(Serialize)]
struct Parameters<'c> {
    event: &'c Event<'c>,
}

#[derive(Deserialize)]
struct Reply {
    error: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
}

impl<'l> Link<'l> {
    /// Without a connection yet.
    pub(super) fn new(plugin: &'l Settings) -> Self {
        Self { plugin, stream: None }
    }

    /// Tells the plugin of an event, and waits for its reply.
    pub(super) async fn emit(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        let call = Call {
            method: METHOD,
            parameters: Parameters { event },
        };
        let mut bytes = serde_json::to_vec(&call).expect("texts and maps of them are always JSON");
        bytes.push(0);
        // One that the plugin has closed meanwhile, as when it was started again, is no sign of anything.
        if let Some(stream) = self.stream.take() {
            match exchange(stream, &bytes).await {
                Ok((stream, reply)) => return self.heed(stream, reply),
                Err(cause) if cause.kind() == io::ErrorKind::TimedOut => return Err(broken_off(cause)),
                Err(_) => {}
            }
        }
        let stream = self.connect().await.map_err(|cause| {
            let socket = self.plugin.socket.display();
            Failure::Away(format!("{socket}: {cause}"))
        })?;
        let (stream, reply) = exchange(BufReader::new(stream), &bytes).await.map_err(broken_off)?;
        self.heed(stream, reply)
    }

    fn heed(&mut self, stream: BufReader<UnixStream>, reply: Reply) -> Result<(), Failure> {
        self.stream = Some(stream);
        match reply.error {
            None => Ok(()),
            Some(error) => {
                let parameters = Value::Object(reply.parameters);
                Err(Failure::Refused(format!("{error} {parameters}")))
            }
        }
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let stream = timeout(REPLY_MAX, UnixStream::connect(&self.plugin.socket)).await??;
        Ok(stream)
    }
}

/// Sends a call and reads its reply.
async fn exchange(mut stream: BufReader<UnixStream>, call: &[u8]) -> io::Result<(BufReader<UnixStream>, Reply)> {
    let exchanged = timeout(REPLY_MAX, async {
        stream.get_mut().write_all(call).await?;
        let mut reply = Vec::new();
        (&mut stream).take(REPLY_BYTES_MAX).read_until(0, &mut reply).await?;
        match reply.pop() {
            Some(0) => serde_json::from_slice(&reply).map_err(io::Error::from),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    });
    let reply = exchanged.await??;
    Ok((stream, reply))
}

fn broken_off(cause: impl fmt::Display) -> Failure {
    Failure::BrokenOff(cause.to_string())
}
