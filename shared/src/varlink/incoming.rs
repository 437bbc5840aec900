//! The messages that come in on a connection, and the descriptors that come with them.

use std::collections::VecDeque;
use std::future;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Octets that a read has room for, at least.
const READ_BYTES: usize = 64 << 10;

/// Descriptors that wait for their messages' ends to come. Those that a caller sends beyond are closed.
const DESCRIPTORS_MAX: usize = 8;

/// A message without its end mark.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Reads a connection message by message. What has been read stays when a reading is given up in the middle.
#[derive(Debug)]
pub(super) struct Incoming {
    /// What has come and was not taken yet.
    buffer: Vec<u8>,
    /// Octets at its front that hold no end mark.
    searched: usize,
    message_bytes_max: usize,
    takes_descriptors: bool,
    /// Descriptors, each with the place in the buffer of an octet of its message.
    descriptors: VecDeque<(usize, OwnedFd)>,
    has_ended: bool,
}

impl Incoming {
    /// Descriptors that aren't taken are closed by the system.
    pub(super) fn new(message_bytes_max: usize, takes_descriptors: bool) -> Self {
        Self {
            buffer: Vec::new(),
            searched: 0,
            message_bytes_max,
            takes_descriptors,
            descriptors: VecDeque::new(),
            has_ended: false,
        }
    }

    /// The next message; `None` at the end of the connection, a message that it cuts off included.
    ///
    /// # Errors
    /// `InvalidData` for a message that is too long; what the system says.
    pub(super) async fn next(&mut self, stream: &UnixStream) -> io::Result<Option<Message>> {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == 0);
            let end = end.map(|end| end + self.searched);
            let octets = end.unwrap_or(self.buffer.len());
            if octets > self.message_bytes_max {
                let message = format!("a message of more than {} octets", self.message_bytes_max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if let Some(end) = end {
                self.searched = 0;
                let rest = self.buffer.split_off(end + 1);
                let mut bytes = std::mem::replace(&mut self.buffer, rest);
                bytes.pop();
                let descriptors = self.descriptors_until(end);
                return Ok(Some(Message { bytes, descriptors }));
            }
            self.searched = octets;
            if self.has_ended {
                return Ok(None);
            }
            self.read(stream).await?;
        }
    }

    /// Waits until the other side closes the connection; for ever, if it has sent another message already.
    pub(super) async fn hung_up(&mut self, stream: &UnixStream) {
        while self.buffer.is_empty() && !self.has_ended {
            if self.read(stream).await.is_err() {
                return;
            }
        }
        if !self.has_ended {
            future::pending::<()>().await;
        }
    }

    /// Those of the message that ends here; the message has left the buffer.
    fn descriptors_until(&mut self, end: usize) -> Vec<OwnedFd> {
        let own = self.descriptors.iter().take_while(|(at, _)| *at <= end).count();
        let descriptors = self.descriptors.drain(..own).map(|(_, descriptor)| descriptor);
        let descriptors = descriptors.collect();
        for (at, _) in &mut self.descriptors {
            *at -= end + 1;
        }
        descriptors
    }

    async fn read(&mut self, stream: &UnixStream) -> io::Result<()> {
        loop {
            stream.readable().await?;
            let read = match self.takes_descriptors {
                true => self.receive(stream),
                false => {
                    self.buffer.reserve(READ_BYTES);
                    stream.try_read_buf(&mut self.buffer)
                }
            };
            match read {
                Ok(read) => {
                    self.has_ended |= read == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A read ends with the octets that descriptors came with (unix(7)), so that they are of the message that it ends in.
    fn receive(&mut self, stream: &UnixStream) -> io::Result<usize> {
        let before = self.buffer.len();
        self.buffer.resize(before + READ_BYTES, 0);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let room = &mut self.buffer[before..];
        let received = stream.try_io(Interest::READABLE, || {
            let received = recvmsg(
                stream,
                &mut [IoSliceMut::new(room)],
                &mut beside,
                RecvFlags::CMSG_CLOEXEC,
            );
            Ok(received?.bytes)
        });
        self.buffer
            .truncate(before + received.as_ref().map_or(0, |octets| *octets));
        let last = self.buffer.len().saturating_sub(1);
        for message in beside.drain() {
            let RecvAncillaryMessage::ScmRights(descriptors) = message else {
                continue;
            };
            for descriptor in descriptors {
                if self.descriptors.len() < DESCRIPTORS_MAX {
                    self.descriptors.push_back((last, descriptor));
                }
            }
        }
        received
    }
}
