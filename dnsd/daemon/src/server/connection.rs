//! One TCP connection (RFC 7766): messages with their length in front, as many in a row as the client likes, answered in
//! the order they came.
//!
//! What a client can make us hold is one message of 64 KiB and one batch of answers; what it can make us wait is bounded
//! for reading and for writing.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
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

/// A first look at a connection reads at most so much: a query has some fifty bytes, and most clients send one.
const READ_BYTES_START: usize = 2048;

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
    let mut received = Received::new();
    let mut batch = Vec::new();
    loop {
        place.idle_from_now();
        // From the last whole query on: a byte now and then doesn't keep a connection open.
        let deadline = Instant::now() + idle_max;
        while !received.has_message() {
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
        place.answering();
        let written = tokio::select! {
            written = timeout(WRITE_ALL_MAX, answer_all(&mut stream, client, responder, place, &mut received, &mut batch)) => {
                written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            () = place.evicted().cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        if written.is_err() {
            responder.unsent(1);
        }
        written?;
        received.compact();
        batch.shrink_to(BATCH_BYTES_MAX);
    }
}

/// Answers every whole message that came.
async fn answer_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    client: IpAddr,
    responder: &Responder,
    place: &Place,
    received: &mut Received,
    batch: &mut Vec<u8>,
) -> io::Result<()> {
    batch.clear();
    // Since the first batch: who is slow with all of them is not new with each.
    let mut writing = false;
    loop {
        let request = received.next_message();
        let is_last = request.is_none();
        if let Some(request) = request {
            append_answer(client, responder, request, batch);
        }
        if batch.len() >= BATCH_BYTES_MAX || (is_last && !batch.is_empty()) {
            if !writing {
                place.writing_from_now();
                writing = true;
            }
            write(stream, batch).await?;
            batch.clear();
        }
        if is_last {
            return Ok(());
        }
    }
}

thread_local! {
    /// Where an answer is made before its length is known: one for a thread and not for a connection, of which most are idle.
    static ANSWER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX].into());
}

fn append_answer(client: IpAddr, responder: &Responder, request: &[u8], batch: &mut Vec<u8>) {
    ANSWER.with_borrow_mut(|answer| {
        if let Some(length) = responder.begin_batch().answer(client, request, answer) {
            // At most 65535: the length of the buffer.
            batch.extend_from_slice(&(length as u16).to_be_bytes());
            batch.extend_from_slice(&answer[..length]);
        }
    });
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, batch: &[u8]) -> io::Result<()> {
    let written = timeout(WRITE_MAX, stream.write_all(batch)).await;
    written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What came and isn't answered yet.
struct Received {
    bytes: Vec<u8>,
    /// Where the first unanswered message starts.
    start: usize,
}

impl Received {
    fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(READ_BYTES_START),
            start: 0,
        }
    }

    /// Reads once, into room for at least the rest of the message that has begun.
    async fn read_from<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        self.compact();
        let missing = self.message_end().map_or(0, |end| end.saturating_sub(self.bytes.len()));
        if self.bytes.spare_capacity_mut().len() < missing.max(1) {
            self.bytes.reserve(missing.max(READ_BYTES_START));
        }
        stream.read_buf(&mut self.bytes).await
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

    /// Moves what is left to the front. A buffer that one large message made is given back.
    fn compact(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > 4 * READ_BYTES_START {
            self.bytes = Vec::with_capacity(READ_BYTES_START);
        }
    }
}

const _: () = assert!(
    MESSAGE_BYTES_MAX == u16::MAX as usize,
    "a length of two bytes holds every message"
);
