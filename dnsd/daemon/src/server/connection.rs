//! One TCP connection (RFC 7766): messages with their length in front, as many in a row as the client likes.
//!
//! All that came is answered before anything is written, and written at once: pipelined queries cost one call to read them
//! and one to write the answers. Answers are made from memory, so the one to the first query is ready before the second is
//! looked at, and none waits for another; they leave in the order of the queries because there is nothing to be won by
//! another (RFC 7766 §6.2.1.1). Every round starts anew from what came, and what is written is whole messages whose ids say
//! which query each is for: an answer that takes its time would be one more source of messages to write beside the reading,
//! and would hold up none behind it.
//!
//! A client can make us hold one message of 64 KiB and one batch of answers, and nothing while it is idle: buffers are of
//! the thread that works, or there for as long as they hold something. What a client can make us wait is bounded for reading
//! and for writing. How long a connection lives, and how many queries it carries, is not, as with BIND, NSD and Knot: it is
//! the one that has been idle for longest that makes room for another (see [`Place`]), and who asks all the time would only
//! have to connect anew.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::MESSAGE_BYTES_MAX;
use super::places::Place;
use super::responder::Responder;

/// How long a client may take to read a batch of answers. A healthy one takes a few round trips; one that doesn't read at
/// all holds its place no longer than this.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// How long it may take to read all answers to what it sent in one go: some sixty queries with answers of 64 KiB at most, by
/// a line of 500 kbit/s. Who reads a little before every deadline of [`WRITE_MAX`] doesn't stay for hours.
const WRITE_ALL_MAX: Duration = Duration::from_secs(60);

/// How long the first query may take, where connections may be idle for longer than that: who connects has something to ask.
/// That is enough for a segment to be lost three times (RFC 6298).
const FIRST_QUERY_MAX: Duration = Duration::from_secs(10);

/// What one call reads at most: a thousand queries.
const READ_BYTES_MAX: usize = 64 << 10;

/// Room for the rest of a message that didn't come all at once: most of them are short.
const REST_BYTES_MIN: usize = 512;

/// Answers are collected up to here before they are written, so that pipelined queries are answered with one system call.
const BATCH_BYTES_MAX: usize = 64 << 10;

/// The bytes of a message's length (RFC 1035 §4.2.2).
const LENGTH_BYTES: usize = 2;

/// Answers a client until it closes, is idle or too slow, loses its place or, between queries, `stop` is cancelled. The error
/// is the connection's end, for a debug line.
pub(super) async fn serve<S>(
    mut stream: S,
    client: IpAddr,
    responder: &Responder,
    place: &Place,
    idle_max: Duration,
    stop: &CancellationToken,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut received = Received::default();
    let mut wait_max = idle_max.min(FIRST_QUERY_MAX);
    loop {
        place.idle_from_now();
        // From the last whole query on: a byte now and then doesn't keep a connection open.
        let deadline = Instant::now() + wait_max;
        while !received.has_message() {
            received.keep_rest();
            let read = tokio::select! {
                read = timeout_at(deadline, received.read_from(&mut stream)) => read,
                () = place.evicted().cancelled() => return Ok(()),
                () = stop.cancelled() => return Ok(()),
            };
            match read {
                Ok(Ok(0)) | Err(_) => return Ok(()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
        wait_max = idle_max;
        place.answering();
        let written = tokio::select! {
            written = timeout(WRITE_ALL_MAX, answer_all(&mut stream, client, responder, place, &mut received)) => {
                written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            () = place.evicted().cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        if written.is_err() {
            responder.unsent(1);
        }
        written?;
    }
}

thread_local! {
    /// Where the next read goes to. A connection takes it along until it has answered what came.
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Where an answer is made before its length is known.
    static ANSWER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX].into());
    /// Where the next batch is collected. A connection takes it along while it writes, and gives it back to the thread that it
    /// finds itself on afterwards.
    static BATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Answers every whole message that came.
async fn answer_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    client: IpAddr,
    responder: &Responder,
    place: &Place,
    received: &mut Received,
) -> io::Result<()> {
    let mut batch = BATCH.take();
    // Since the first batch: who is slow with all of them is not new with each.
    let mut writing = false;
    while received.has_message() {
        batch.clear();
        collect_answers(client, responder, received, &mut batch);
        if batch.is_empty() {
            continue;
        }
        if !writing {
            place.writing_from_now();
            writing = true;
        }
        write(stream, &batch).await?;
    }
    BATCH.set(batch);
    Ok(())
}

/// Answers messages until there is a batch, or no whole message more.
fn collect_answers(client: IpAddr, responder: &Responder, received: &mut Received, batch: &mut Vec<u8>) {
    let answering = responder.begin_batch();
    ANSWER.with_borrow_mut(|answer| {
        while batch.len() < BATCH_BYTES_MAX {
            let Some(request) = received.next_message() else {
                return;
            };
            if let Some(length) = answering.answer(client, request, answer) {
                // At most 65535: the length of the buffer.
                batch.extend_from_slice(&(length as u16).to_be_bytes());
                batch.extend_from_slice(&answer[..length]);
            }
        }
    });
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, batch: &[u8]) -> io::Result<()> {
    let written = timeout(WRITE_MAX, stream.write_all(batch)).await;
    written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What came and isn't answered yet.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    /// Where the first unanswered message starts.
    start: usize,
    /// Whether the room of `bytes` is the thread's.
    is_lent: bool,
}

impl Received {
    /// Reads once: into the thread's room where nothing waits for its rest, so that a connection that has nothing holds
    /// nothing.
    async fn read_from<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        if !self.bytes.is_empty() {
            let missing = self.message_end().map_or(0, |end| end.saturating_sub(self.bytes.len()));
            if self.bytes.spare_capacity_mut().len() < missing.max(1) {
                self.bytes.reserve(missing.max(REST_BYTES_MIN));
            }
            return stream.read_buf(&mut self.bytes).await;
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
                _ => READ.set(room),
            }
            read
        })
        .await
    }

    /// Where the first message ends, once its length is there.
    fn message_end(&self) -> Option<usize> {
        let length = self.bytes.get(self.start..)?.first_chunk::<LENGTH_BYTES>()?;
        Some(self.start + LENGTH_BYTES + usize::from(u16::from_be_bytes(*length)))
    }

    fn has_message(&self) -> bool {
        self.message_end().is_some_and(|end| end <= self.bytes.len())
    }

    fn next_message(&mut self) -> Option<&[u8]> {
        let end = self.message_end().filter(|end| *end <= self.bytes.len())?;
        let message = &self.bytes[self.start + LENGTH_BYTES..end];
        self.start = end;
        Some(message)
    }

    /// Gives back the room of what was answered, and the thread's in any case; what is left is the beginning of a message.
    fn keep_rest(&mut self) {
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

const _: () = assert!(
    MESSAGE_BYTES_MAX == u16::MAX as usize,
    "a length of two bytes holds every message"
);
