//! The command line's side of a socket: it waits for each answer.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::frame::{MESSAGE_BYTES_MAX, Request, encode, read_reply};

/// Why a running daemon could not be asked, or what it answered instead.
#[derive(Debug)]
pub enum ClientError {
    /// There is nobody at the socket, or we may not connect.
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The conversation broke off.
    Io(io::Error),
    /// What came back is not an answer.
    Garbled,
    /// The daemon refused: the error's full name and its parameters.
    Refused(String, Map<String, Value>),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { socket, cause } => match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    write!(f, "no daemon is running at {}", socket.display())
                }
                _ => write!(f, "{}: {cause}", socket.display()),
            },
            Self::Io(cause) => write!(f, "the daemon broke off: {cause}"),
            Self::Garbled => write!(f, "the daemon's answer could not be read"),
            Self::Refused(error, parameters) => match parameters.get("message").and_then(Value::as_str) {
                Some(message) => f.write_str(message),
                None => write!(f, "refused: {error} {}", Value::Object(parameters.clone())),
            },
        }
    }
}

impl std::error::Error for ClientError {}

/// Calls a method, given by its full name, and waits for its one answer.
///
/// # Errors
/// When there is no daemon, or it refuses.
pub fn call(socket: &Path, method: &str, parameters: Map<String, Value>) -> Result<Map<String, Value>, ClientError> {
    let mut replies = send(socket, method, parameters, false)?;
    Ok(next_reply(&mut replies)?.0)
}

/// Calls a method that has several answers, and hands over one after the other.
///
/// # Errors
/// When there is no daemon, it refuses or breaks off, or `take` fails.
pub fn call_more(
    socket: &Path,
    method: &str,
    parameters: Map<String, Value>,
    mut take: impl FnMut(Map<String, Value>) -> io::Result<()>,
) -> Result<(), ClientError> {
    let mut replies = send(socket, method, parameters, true)?;
    loop {
        let (parameters, continues) = next_reply(&mut replies)?;
        take(parameters).map_err(ClientError::Io)?;
        if !continues {
            return Ok(());
        }
    }
}

/// Sends a call, and gives what its replies are read from.
pub(super) fn send(
    socket: &Path,
    method: &str,
    parameters: Map<String, Value>,
    more: bool,
) -> Result<BufReader<UnixStream>, ClientError> {
    let mut stream = UnixStream::connect(socket).map_err(|cause| ClientError::Connect {
        socket: socket.to_owned(),
        cause,
    })?;
    let request = Request {
        method: method.to_owned(),
        parameters: (!parameters.is_empty()).then_some(parameters),
        oneway: false,
        more,
    };
    stream.write_all(&encode(&request)).map_err(ClientError::Io)?;
    Ok(BufReader::new(stream))
}

fn next_reply(replies: &mut BufReader<UnixStream>) -> Result<(Map<String, Value>, bool), ClientError> {
    let mut message = Vec::new();
    replies
        .take(MESSAGE_BYTES_MAX as u64)
        .read_until(0, &mut message)
        .map_err(ClientError::Io)?;
    if message.pop() != Some(0) {
        return Err(ClientError::Garbled);
    }
    read_reply(&message)
}
