//! What a connection has read and not answered yet.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::LENGTH_BYTES;

/// What one call reads at most: a thousand queries.
const READ_BYTES_MAX: usize = 64 << 10;

/// Room for the rest of a message that didn't come all at once: most of them are short.
const REST_BYTES_MIN: usize = 512;

thread_local! {
    /// Where the next read goes to. A connection takes it along until it has answered what came.
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What came and isn't answered yet.
#[derive(Default)]
pub(super) struct Received {
    bytes: Vec<u8>,
    /// Where the first unanswered message starts.
    start: usize,
    /// Whether the room of `bytes` is the thread's.
    is_lent: bool,
    /// Whether the client sends no more.
    has_ended: bool,
}

impl Received {
    /// Reads once: into the thread's room where nothing waits for its rest, so that a connection that has nothing holds
    /// nothing.
    pub(super) async fn read_from<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        if !self.bytes.is_empty() {
            let missing = self.message_end().map_or(0, |end| end.saturating_sub(self.bytes.len()));
            if self.bytes.spare_capacity_mut().len() < missing.max(1) {
                self.bytes.reserve(missing.max(REST_BYTES_MIN));
            }
            let read = stream.read_buf(&mut self.bytes).await;
            self.has_ended |= matches!(read, Ok(0));
            return read;
        }
        poll_fn(|context| {
            let mut room = READ.take();
            room.reserve(READ_BYTES_MAX);
            let read = pin!(stream.read_buf(&mut room)).poll(context);
            match read {
                Poll::Ready(Ok(1..)) => {
                    self.bytes = room;
                    self.is_lent = true;
                }
                Poll::Ready(Ok(0)) => {
                    self.has_ended = true;
                    READ.set(room);
                }
                _ => READ.set(room),
            }
            read
        })
        .await
    }

    /// Whether the client has closed its side: what it asked for before is still sent.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Where the first message ends, once its length is there.
    fn message_end(&self) -> Option<usize> {
        let length = self.bytes.get(self.start..)?.first_chunk::<LENGTH_BYTES>()?;
        Some(self.start + LENGTH_BYTES + usize::from(u16::from_be_bytes(*length)))
    }

    pub(super) fn has_message(&self) -> bool {
        self.message_end().is_some_and(|end| end <= self.bytes.len())
    }

    pub(super) fn next_message(&mut self) -> Option<&[u8]> {
        let end = self.message_end().filter(|end| *end <= self.bytes.len())?;
        let message = &self.bytes[self.start + LENGTH_BYTES..end];
        self.start = end;
        Some(message)
    }

    /// Gives back the room of what was answered, and the thread's in any case; what is left is the beginning of a message.
    pub(super) fn keep_rest(&mut self) {
        if self.start == 0 && !self.is_lent {
            return;
        }
        let rest = self.bytes[self.start..].to_vec();
        let mut room = mem::replace(&mut self.bytes, rest);
        if mem::take(&mut self.is_lent) {
            room.clear();
            READ.set(room);
        }
        self.start = 0;
    }
}
