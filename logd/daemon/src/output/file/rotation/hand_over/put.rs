//! One call of io.ballast.Archive1.Put: the file's digest is computed, and its descriptor goes with the call, so that the plugin needs
//! no right to the tree.

use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ballast_shared::plugin::Settings;
use data_encoding::HEXLOWER;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{ControlMessage, MsgFlags, getsockopt, sendmsg};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const METHOD: &str = "io.ballast.Archive1.Put";

/// How much is read at a time; between two reads it is looked whether to stop.
const CHUNK_BYTES: usize = 256 << 10;

/// A plugin that has not stored a file after so long hangs: ten gigabytes at three megabytes a second.
const REPLY_MAX: Duration = Duration::from_secs(3_600);

/// How long it may take to take the call.
const SEND_MAX: Duration = Duration::from_secs(10);

/// How often it is looked meanwhile whether to stop.
const LOOK: Duration = Duration::from_millis(200);

/// A reply says nothing, or which error.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// Errors that say that it may be taken later.
const UNAVAILABLE: &str = "io.ballast.Archive1.Unavailable";

/// Why the plugin does not have a file.
#[derive(Debug)]
pub(super) enum PutError {
    /// It says that it doesn't take it.
    Refused(String),
    /// It is not there, or has no room.
    Later(String),
    /// The file can't be read.
    File(io::Error),
    /// The daemon ends.
    Stopped,
}

/// Hands a file over. Returns when the plugin has stored it: how many octets it had.
pub(super) fn put(
    plugin: &Settings,
    file: &mut File,
    key: &str,
    is_stopped: &dyn Fn() -> bool,
) -> Result<u64, PutError> {
    // Before the digest, which costs more.
    let mut stream = connect(plugin).map_err(|cause| {
        let socket = plugin.socket.display();
        PutError::Later(format!("{socket}: {cause}"))
    })?;
    let (bytes, digest) = digest(file, is_stopped)?;
    // The plugin reads through the same description.
    file.rewind().map_err(PutError::File)?;
    let call = json!({
        "method": METHOD,
        "parameters": {"fd": 0, "key": key, "size": bytes, "sha256": digest},
    });
    send(&mut stream, &call, file).map_err(|cause| later(&cause))?;
    let reply = receive(&mut stream, is_stopped)?;
    match reply["error"].as_str() {
        None => Ok(bytes),
        Some(error) => {
            let cause = format!("{error} {}", reply["parameters"]);
            match error {
                UNAVAILABLE => Err(PutError::Later(cause)),
                _ => Err(PutError::Refused(cause)),
            }
        }
    }
}

fn later(cause: &io::Error) -> PutError {
    PutError::Later(cause.to_string())
}

fn connect(plugin: &Settings) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(&plugin.socket)?;
    if let Some(user) = plugin.user {
        let server = getsockopt(&stream, PeerCredentials)?;
        if server.uid() != user {
            let message = format!("the socket is of user {}, not of the plugin's", server.uid());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
    }
    stream.set_write_timeout(Some(SEND_MAX))?;
    stream.set_read_timeout(Some(LOOK))?;
    Ok(stream)
}

fn digest(file: &mut File, is_stopped: &dyn Fn() -> bool) -> Result<(u64, String), PutError> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    file.rewind().map_err(PutError::File)?;
    loop {
        if is_stopped() {
            return Err(PutError::Stopped);
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok((bytes, HEXLOWER.encode(&hash.finalize()))),
            Ok(length) => {
                hash.update(&chunk[..length]);
                bytes += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(PutError::File(error)),
        }
    }
}

/// Sends a call with the file's descriptor.
fn send(stream: &mut UnixStream, call: &Value, file: &File) -> io::Result<()> {
    let mut bytes = call.to_string().into_bytes();
    bytes.push(0);
    let descriptors = [file.as_fd().as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let parts = [IoSlice::new(&bytes)];
    // They go with the first octet.
    let sent = sendmsg::<()>(stream.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    stream.write_all(&bytes[sent..])
}

fn receive(stream: &mut UnixStream, is_stopped: &dyn Fn() -> bool) -> Result<Value, PutError> {
    let begun = Instant::now();
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    while reply.last() != Some(&0) {
        if is_stopped() {
            return Err(PutError::Stopped);
        }
        if begun.elapsed() > REPLY_MAX || reply.len() > REPLY_BYTES_MAX {
            return Err(PutError::Later("no reply".to_owned()));
        }
        match stream.read(&mut chunk) {
            Ok(0) => return Err(PutError::Later("the plugin broke off".to_owned())),
            Ok(length) => reply.extend_from_slice(&chunk[..length]),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(later(&error)),
        }
    }
    reply.pop();
    serde_json::from_slice(&reply).map_err(|_| PutError::Later("the reply could not be read".to_owned()))
}
