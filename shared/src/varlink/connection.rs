//! A caller that waits beside other work: a connection to a server, on the runtime.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::ClientError;
use super::frame::{Request, encode, read_reply};
use super::incoming::Incoming;
use super::peer::Peer;

/// A connection. One call at a time: its replies are taken before the next is sent.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    incoming: Incoming,
    server: Peer,
}

impl Connection {
    /// Connects; a message of more octets than `message_bytes_max` is not taken.
    ///
    /// # Errors
    /// When there is nobody at the socket, or we may not connect.
    pub async fn open(socket: &Path, message_bytes_max: usize) -> Result<Self, ClientError> {
        let failed = |cause| ClientError::Connect {
            socket: socket.to_owned(),
            cause,
        };
        let stream = UnixStream::connect(socket).await.map_err(failed)?;
        Ok(Self {
            server: Peer::of(&stream).map_err(failed)?,
            incoming: Incoming::new(message_bytes_max, false),
            stream,
        })
    }

    /// Who serves.
    #[must_use]
    pub fn server(&self) -> Peer {
        self.server
    }

    /// Calls a method, given by its full name, and waits for its one answer.
    ///
    /// # Errors
    /// When the server refuses or breaks off, or answers with something else.
    pub async fn call<R: DeserializeOwned + Default>(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
    ) -> Result<R, ClientError> {
        self.call_with(method, parameters, &[]).await
    }

    /// The same of a call that comes with descriptors; its parameters name them by their index.
    ///
    /// # Errors
    /// As of [`Connection::call`].
    pub async fn call_with<R: DeserializeOwned + Default>(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<R, ClientError> {
        self.send(method, parameters, false, descriptors).await?;
        // It may be a secret.
        let message = Zeroizing::new(self.next_message().await?.ok_or_else(ended)?);
        Ok(read_reply(&message)?.0)
    }

    /// Calls a method that has several replies ("more"); they are taken with [`Connection::next_message`].
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn call_more(&mut self, method: &str, parameters: &impl Serialize) -> Result<(), ClientError> {
        self.send(method, parameters, true, &[]).await
    }

    /// The next reply as it came, for [`read_reply`](super::read_reply); `None` at the end. It may be given up in the middle and
    /// called again.
    ///
    /// # Errors
    /// When the connection breaks, or the message is too long.
    pub async fn next_message(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let message = self.incoming.next(&self.stream).await.map_err(ClientError::Io)?;
        Ok(message.map(|message| message.bytes))
    }

    async fn send(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
        more: bool,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), ClientError> {
        let request = Request {
            method: method.to_owned(),
            parameters: Some(parameters),
            oneway: false,
            more,
        };
        let message = encode(&request);
        let sent = match descriptors {
            [] => 0,
            _ => self.send_first(&message, descriptors).await.map_err(ClientError::Io)?,
        };
        self.stream.write_all(&message[sent..]).await.map_err(ClientError::Io)
    }

    /// Sends some of a message's octets, with which the descriptors go.
    async fn send_first(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let rights = SendAncillaryMessage::ScmRights(descriptors);
        let mut space = vec![MaybeUninit::uninit(); rights.size()];
        let send = || {
            let mut beside = SendAncillaryBuffer::new(&mut space);
            // There is room: the space is as large as they need.
            beside.push(SendAncillaryMessage::ScmRights(descriptors));
            let sent = sendmsg(&self.stream, &[IoSlice::new(message)], &mut beside, SendFlags::NOSIGNAL);
            Ok(sent?)
        };
        self.stream.async_io(Interest::WRITABLE, send).await
    }
}

fn ended() -> ClientError {
    ClientError::Io(io::ErrorKind::UnexpectedEof.into())
}
