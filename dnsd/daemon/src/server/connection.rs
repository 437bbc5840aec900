//! One connection (RFC 7766), over TCP or TLS: messages with their length in front, as many in a row as the client likes.
//!
//! All that came is answered before anything is written, and written at once: pipelined queries cost one call to read them
//! and one to write the answers. Answers are made from memory, so the one to the first query is ready before the second is
//! looked at, and none waits for another; they leave in the order of the queries because there is nothing to be won by
//! another (RFC 7766 §6.2.1.1). What does take its time, transfers above all, is written beside them when it is there
//! ([`Beside`]): after a batch of a transfer it is looked whether there are queries, so that none waits for the end of a zone.
//!
//! A client can make us hold one message of 64 KiB and one batch of answers, and nothing while it is idle: buffers are of
//! the thread that works, or there for as long as they hold something. What a client can make us wait is bounded for reading
//! and for writing. How long a connection lives, and how many queries it carries, is not, as with BIND, NSD and Knot: it is
//! the one that has been idle for longest that makes room for another (see [`Place`]), and who asks all the time would only
//! have to connect anew.

mod beside;
mod received;

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::MESSAGE_BYTES_MAX;
use super::deferred::Transfer;
use super::places::Place;
use super::responder::{Answer, Peer, Responder};
use beside::{Beside, Turn};
use received::Received;

/// How long a client may take to read a batch of answers. A healthy one takes a few round trips; one that doesn't read at
/// all holds its place no longer than this.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// How long it may take to read all answers to what it sent in one go: some sixty queries with answers of 64 KiB at most, by
/// a line of 500 kbit/s. Who reads a little before every deadline of [`WRITE_MAX`] doesn't stay for hours.
const WRITE_ALL_MAX: Duration = Duration::from_secs(60);

/// How long the first query may take, where connections may be idle for longer than that: who connects has something to ask.
/// That is enough for a segment to be lost three times (RFC 6298).
pub(super) const FIRST_QUERY_MAX: Duration = Duration::from_secs(10);

/// Answers are collected up to here before they are written, so that pipelined queries are answered with one system call.
const BATCH_BYTES_MAX: usize = 64 << 10;

/// The bytes of a message's length (RFC 1035 §4.2.2).
const LENGTH_BYTES: usize = 2;

/// What a connection does next.
enum Next {
    /// There are whole messages to answer.
    Answer,
    /// Something that was under way has its turn.
    Beside(Turn),
    /// It is over.
    End,
}

/// Answers a client until it closes, is idle or too slow, loses its place or, between queries, `stop` is cancelled. The error
/// is the connection's end, for a debug line.
pub(super) async fn serve<S>(
    stream: &mut S,
    peer: Peer<'static>,
    responder: &Responder,
    place: &Place,
    idle_max: Duration,
    stop: &CancellationToken,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut received = Received::default();
    let mut beside = Beside::default();
    let mut wait_max = idle_max.min(FIRST_QUERY_MAX);
    loop {
        let next = wait(stream, &mut received, &mut beside, place, wait_max, stop).await?;
        wait_max = idle_max;
        place.answering();
        let written = match next {
            Next::End => return Ok(()),
            Next::Answer => {
                // What a transfer has written stands before them on the way to the client.
                let all_max = beside.write_max().unwrap_or_default().max(WRITE_ALL_MAX);
                let answers = answer_all(stream, peer, responder, place, &mut received, &mut beside);
                until_evicted(place, timeout(all_max, answers)).await
            }
            Next::Beside(Turn::GivenUp) => Ok(()),
            Next::Beside(Turn::Answer(answer)) => {
                let batch = framed(&answer);
                place.writing_from_now();
                let write_max = beside.write_max().unwrap_or_default().max(WRITE_MAX);
                until_evicted(place, timeout(write_max, write_through(stream, &batch))).await
            }
            Next::Beside(Turn::Transfer(transfer)) => {
                let write_max = transfer.write_max();
                let batch = write_batch(stream, transfer, place, &mut beside);
                tokio::select! {
                    written = until_evicted(place, timeout(write_max, batch)) => written,
                    // The client may take as long as that; it comes again.
                    () = stop.cancelled() => return Ok(()),
                }
            }
        };
        if written.is_err() {
            responder.unsent(1);
        }
        written?;
    }
}

/// Waits for something to do: in time, unless a transfer is under way, which has a time of its own.
async fn wait<S: AsyncRead + Unpin>(
    stream: &mut S,
    received: &mut Received,
    beside: &mut Beside,
    place: &Place,
    wait_max: Duration,
    stop: &CancellationToken,
) -> io::Result<Next> {
    if beside.is_empty() {
        place.idle_from_now();
    }
    // From the last whole query on: a byte now and then doesn't keep a connection open.
    let deadline = Instant::now() + wait_max;
    while beside.is_full() || !received.has_message() {
        received.keep_rest();
        let may_be_idle = beside.is_empty();
        let may_read = !beside.is_full() && !received.has_ended();
        if may_be_idle && !may_read {
            return Ok(Next::End);
        }
        let has_answers = beside.has_answers();
        let read = tokio::select! {
            read = in_time(may_be_idle.then_some(deadline), received.read_from(stream)), if may_read => read,
            turn = beside.next(), if !may_be_idle => return Ok(Next::Beside(turn)),
            () = place.evicted().cancelled() => return Ok(Next::End),
            // What was asked to be done is said to be done.
            () = stop.cancelled(), if !has_answers => return Ok(Next::End),
        };
        match read {
            Some(Err(error)) => return Err(error),
            Some(Ok(0)) if !may_be_idle => {}
            Some(Ok(0)) | None => return Ok(Next::End),
            Some(Ok(_)) => {}
        }
    }
    Ok(Next::Answer)
}

/// What is read, or `None` when that takes too long.
async fn in_time<T>(deadline: Option<Instant>, read: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, read).await.ok(),
        None => Some(read.await),
    }
}

/// Writes until that is done, too slow, or the place goes to another client.
async fn until_evicted(
    place: &Place,
    writing: impl Future<Output = Result<io::Result<()>, tokio::time::error::Elapsed>>,
) -> io::Result<()> {
    tokio::select! {
        written = writing => written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        () = place.evicted().cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

thread_local! {
    /// Where an answer is made before its length is known.
    static ANSWER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX].into());
    /// Where the next batch is collected. A connection takes it along while it writes, and gives it back to the thread that it
    /// finds itself on afterwards.
    static BATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Answers every whole message that came.
async fn answer_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    peer: Peer<'static>,
    responder: &Responder,
    place: &Place,
    received: &mut Received,
    beside: &mut Beside,
) -> io::Result<()> {
    let mut batch = BATCH.take();
    // Since the first batch: who is slow with all of them is not new with each.
    let mut writing = false;
    while received.has_message() && !beside.is_full() {
        batch.clear();
        collect_answers(peer, responder, received, beside, &mut batch);
        if batch.is_empty() {
            continue;
        }
        if !writing {
            place.writing_from_now();
            writing = true;
        }
        let write_max = beside.write_max().unwrap_or_default().max(WRITE_MAX);
        write(stream, &batch, write_max).await?;
    }
    BATCH.set(batch);
    Ok(())
}

/// Answers messages until there is a batch, or no whole message more.
fn collect_answers(
    peer: Peer<'static>,
    responder: &Responder,
    received: &mut Received,
    beside: &mut Beside,
    batch: &mut Vec<u8>,
) {
    let answering = responder.begin_batch();
    ANSWER.with_borrow_mut(|answer| {
        while batch.len() < BATCH_BYTES_MAX && !beside.is_full() {
            let Some(request) = received.next_message() else {
                return;
            };
            match answering.answer(&peer, request, answer) {
                Answer::Reply(length) => {
                    // At most 65535: the length of the buffer.
                    batch.extend_from_slice(&(length as u16).to_be_bytes());
                    batch.extend_from_slice(&answer[..length]);
                }
                Answer::Transfer(transfer) => beside.add_transfer(transfer),
                Answer::Later(begin) => begin(beside.way_back()),
                Answer::Nothing => {}
            }
        }
    });
}

/// Writes the next messages of a transfer, which then waits for its next turn or has ended.
async fn write_batch<S: AsyncWrite + Unpin>(
    stream: &mut S,
    mut transfer: Box<Transfer>,
    place: &Place,
    beside: &mut Beside,
) -> io::Result<()> {
    let mut batch = BATCH.take();
    batch.clear();
    ANSWER
        .with_borrow_mut(|message| transfer.next_batch(message, &mut batch))
        .map_err(io::Error::other)?;
    // Each batch that is read is one step on: a secondary with a large zone is no slow client.
    place.writing_from_now();
    write_through(stream, &batch).await?;
    BATCH.set(batch);
    if transfer.is_finished() {
        transfer.end();
    } else {
        beside.add_transfer(transfer);
    }
    Ok(())
}

/// A message with its length in front; ours have no more than 65535 octets.
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// Writes all of it to the system: what is encrypted would wait in the stream for more.
async fn write_through<S: AsyncWrite + Unpin>(stream: &mut S, batch: &[u8]) -> io::Result<()> {
    stream.write_all(batch).await?;
    stream.flush().await
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, batch: &[u8], write_max: Duration) -> io::Result<()> {
    let written = timeout(write_max, write_through(stream, batch)).await;
    written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

const _: () = assert!(
    MESSAGE_BYTES_MAX == u16::MAX as usize,
    "a length of two bytes holds every message"
);
