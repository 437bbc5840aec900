//! Varlink by hand: JSON, each message ended by a NUL.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A longer reply is none that a daemon would take.
const REPLY_BYTES_MAX: usize = 16 << 20;

/// What is said of a reply that did not come in time.
pub(super) const SILENT: &str = "it says nothing";

/// A connection to the plugin.
pub(super) struct Conversation {
    stream: UnixStream,
    /// What was read and belongs to later replies.
    read: Vec<u8>,
}

impl Conversation {
    pub(super) fn open(socket: &Path) -> io::Result<Self> {
        Ok(Self {
            stream: UnixStream::connect(socket)?,
            read: Vec::new(),
        })
    }

    /// Sends octets as they are.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| error.to_string())
    }

    pub(super) fn call(&mut self, method: &str, parameters: &Value, more: bool) -> Result<(), String> {
        let call = json!({ "method": method, "parameters": parameters, "more": more });
        self.send(format!("{call}\0").as_bytes())
    }

    /// The next reply, whole.
    pub(super) fn reply(&mut self, patience: Duration) -> Result<Value, String> {
        let end = Instant::now() + patience;
        loop {
            if let Some(length) = self.read.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.read.drain(..=length).collect();
                return serde_json::from_slice(&message[..length]).map_err(|error| format!("it says no JSON: {error}"));
            }
            if self.read.len() > REPLY_BYTES_MAX {
                return Err(format!("a reply is longer than {} MiB", REPLY_BYTES_MAX >> 20));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SILENT.into());
            }
            self.stream
                .set_read_timeout(Some(left))
                .map_err(|error| error.to_string())?;
            let mut buffer = [0; 64 << 10];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("it hangs up".into()),
                Ok(length) => self.read.extend_from_slice(&buffer[..length]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// The parameters of the next reply, which is to be no error.
    pub(super) fn parameters(&mut self, patience: Duration) -> Result<Value, String> {
        let mut reply = self.reply(patience)?;
        match &reply["error"] {
            Value::Null => Ok(reply["parameters"].take()),
            error => Err(format!("it refuses: {error} {}", reply["parameters"])),
        }
    }
}
