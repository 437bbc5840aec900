//! The messages that come in on a connection.

use std::future;
use std::io;

use tokio::net::UnixStream;

/// Octets that a read has room for, at least.
const READ_BYTES: usize = 64 << 10;

/// Reads a connection message by message. What has been read stays when a reading is given up in the middle.
#[derive(Debug)]
pub(super) struct Incoming {
    /// What has come and was not taken yet.
    buffer: Vec<u8>,
    /// Octets at its front that hold no end mark.
    searched: usize,
    message_bytes_max: usize,
    has_ended: bool,
}

impl Incoming {
    pub(super) fn new(message_bytes_max: usize) -> Self {
        Self {
            buffer: Vec::new(),
            searched: 0,
            message_bytes_max,
            has_ended: false,
        }
    }

    /// The next message, without its end mark; `None` at the end of the connection, a message that it cuts off included.
    ///
    /// # Errors
    /// `InvalidData` for a message that is too long; what the system says.
    pub(super) async fn next(&mut self, stream: &UnixStream) -> io::Result<Option<Vec<u8>>> {
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
                let mut message = std::mem::replace(&mut self.buffer, rest);
                message.pop();
                return Ok(Some(message));
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

    async fn read(&mut self, stream: &UnixStream) -> io::Result<()> {
        self.buffer.reserve(READ_BYTES);
        loop {
            stream.readable().await?;
            match stream.try_read_buf(&mut self.buffer) {
                Ok(read) => {
                    self.has_ended |= read == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
