//! One connection with DNS over QUIC (RFC 9250): a stream for each request, which carries one message with its length in front
//! and ends; its replies come back the same way. Transfers and signatures work as over TCP.
//!
//! Who doesn't keep to RFC 9250 §4.3.3 loses the connection. Early data (0-RTT) isn't taken at all: of what may come in it, the
//! client would save a round trip, and somebody else could send it again.

use std::sync::Arc;

use dnsd_core::message::{Header, Request, option};
use quinn::{Connection, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::MESSAGE_BYTES_MAX;
use super::super::deferred::Transfer;
use super::super::responder::{Peer, Responder};
use super::exchange::{self, Replied};
use super::requests::{End, Progress, REQUEST_MAX, Requests, SHORT_REQUEST_BYTES};

/// The application protocol (RFC 9250 §4.1.1).
pub(super) const PROTOCOL: &[u8] = b"doq";

/// Why a stream or a connection ends (RFC 9250 §4.3).
const NO_ERROR: VarInt = VarInt::from_u32(0);
const INTERNAL_ERROR: VarInt = VarInt::from_u32(1);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
pub(super) const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);

/// The bytes of a message's length.
const LENGTH_BYTES: usize = 2;

/// Why a request gets no reply.
enum Failed {
    /// The client doesn't keep to the protocol.
    Protocol,
    /// There is none to be had.
    NoReply,
    /// The client has given the request up, or is gone.
    Client,
}

impl From<WriteError> for Failed {
    fn from(_: WriteError) -> Self {
        Self::Client
    }
}

/// Serves requests until the connection ends, or is to.
pub(super) async fn serve(
    connection: Connection,
    peer: Peer<'static>,
    responder: Arc<Responder>,
    mut requests: Requests,
    stop: &CancellationToken,
) {
    let end = loop {
        tokio::select! {
            accepted = connection.accept_bi() => {
                // The error is the end of the connection.
                let Ok((send, receive)) = accepted else { return };
                let (long_request, progress) = (requests.long_request(), requests.progress());
                let stream = Stream { send, receive, long_request, progress };
                requests.begin(stream.serve(connection.clone(), peer, responder.clone()));
            }
            end = requests.until_end(stop) => break end,
        }
    };
    if end == End::Evicted {
        return connection.close(EXCESSIVE_LOAD, b"");
    }
    let evicted = requests.evicted();
    tokio::select! {
        () = requests.finish() => connection.close(NO_ERROR, b""),
        () = evicted.cancelled() => connection.close(EXCESSIVE_LOAD, b""),
    }
}

/// A request and the way back.
struct Stream {
    send: SendStream,
    receive: RecvStream,
    long_request: Arc<Semaphore>,
    progress: Progress,
}

impl Stream {
    async fn serve(mut self, connection: Connection, peer: Peer<'static>, responder: Arc<Responder>) {
        let answered = timeout(REQUEST_MAX, self.answer(&peer, &responder)).await;
        let done = match answered {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(transfer))) => self.send_transfer(transfer).await,
            Ok(Err(failed)) => Err(failed),
            Err(_) => Err(Failed::NoReply),
        };
        match done {
            Ok(()) => {}
            Err(Failed::Protocol) => connection.close(PROTOCOL_ERROR, b""),
            Err(Failed::NoReply | Failed::Client) => {
                responder.unsent(1);
                // It may have ended already.
                let _ = self.send.reset(INTERNAL_ERROR);
            }
        }
    }

    /// Answers the request, or says what transfer is to be sent.
    async fn answer(&mut self, peer: &Peer<'static>, responder: &Responder) -> Result<Option<Box<Transfer>>, Failed> {
        let received = self.read().await?;
        let request = message(&received).ok_or(Failed::Protocol)?;
        match exchange::answer(responder, peer, request).await {
            Replied::Message(reply) => {
                // At most 65535: a message of ours.
                let length = (reply.len() as u16).to_be_bytes();
                self.send.write_all(&[&length, &reply[..]].concat()).await?;
                self.finish().await?;
                Ok(None)
            }
            Replied::Transfer(transfer) => Ok(Some(transfer)),
            Replied::NoRequest => Err(Failed::Protocol),
            Replied::GivenUp => Err(Failed::NoReply),
        }
    }

    /// All of the stream: one message. What a client sends behind it is read as far as a message may be long.
    async fn read(&mut self) -> Result<Vec<u8>, Failed> {
        let mut received = Vec::new();
        let mut turn = None;
        while let Some(chunk) = self
            .receive
            .read_chunk(MESSAGE_BYTES_MAX, true)
            .await
            .map_err(|_| Failed::Client)?
        {
            if turn.is_none() && received.len() + chunk.bytes.len() > SHORT_REQUEST_BYTES {
                turn = self.long_request.acquire().await.ok();
            }
            received.extend_from_slice(&chunk.bytes);
            if received.len() > LENGTH_BYTES + MESSAGE_BYTES_MAX {
                return Err(Failed::Protocol);
            }
        }
        Ok(received)
    }

    /// Sends the messages of a transfer as the client takes them.
    async fn send_transfer(&mut self, mut transfer: Box<Transfer>) -> Result<(), Failed> {
        while !transfer.is_finished() {
            let batch = exchange::next_batch(&mut transfer).map_err(|_| Failed::NoReply)?;
            let written = timeout(transfer.write_max(), self.send.write_all(&batch)).await;
            written.map_err(|_| Failed::Client)??;
            self.progress.made();
        }
        let ended = timeout(transfer.write_max(), self.finish()).await;
        ended.unwrap_or(Err(Failed::Client))?;
        transfer.end();
        Ok(())
    }

    /// Ends the stream, and waits until the client has all of it: a connection that is closed takes along what is under way.
    async fn finish(&mut self) -> Result<(), Failed> {
        self.send.finish().map_err(|_| Failed::Client)?;
        match self.send.stopped().await {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(Failed::Client),
        }
    }
}

/// The message of a stream; `None` when the client doesn't keep to what RFC 9250 has of it: one message, of the length that it
/// says (§4.2), with the id 0 (§4.2.1), and without a word on how long the connection may be idle, which QUIC negotiates
/// (§5.5.2).
fn message(received: &[u8]) -> Option<&[u8]> {
    let (length, message) = received.split_first_chunk::<LENGTH_BYTES>()?;
    let is_whole = usize::from(u16::from_be_bytes(*length)) == message.len();
    let header = Header::read(message).filter(|header| is_whole && header.id == 0)?;
    let edns = Request::parse(header, message).ok().and_then(|request| request.edns);
    let mut options = edns.into_iter().flat_map(|edns| edns.options());
    (!options.any(|(code, _)| code == option::TCP_KEEPALIVE)).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for the root's NS records, with what an OPT record has of options.
    fn query(id: u8, options: Option<&[u8]>) -> Vec<u8> {
        let mut query = vec![0, id];
        query.extend(b"\0\0\0\x01\0\0\0\0\0");
        query.push(options.is_some().into());
        query.extend(b"\0\0\x02\0\x01");
        if let Some(options) = options {
            query.extend(b"\0\0\x29\x04\xD0\0\0\0\0");
            query.extend((options.len() as u16).to_be_bytes());
            query.extend_from_slice(options);
        }
        query
    }

    fn stream(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u16).to_be_bytes(), message].concat()
    }

    #[test]
    fn rfc9250_4_2_a_stream_carries_one_message() {
        let query = query(0, None);
        let whole = stream(&query);
        assert_eq!(message(&whole), Some(&query[..]));
        for end in 0..whole.len() {
            assert_eq!(message(&whole[..end]), None, "{end}");
        }
        assert_eq!(message(&[&whole[..], &whole[..]].concat()), None);
    }

    #[test]
    fn rfc9250_4_2_1_the_id_is_0() {
        assert_eq!(message(&stream(&query(1, None))), None);
    }

    #[test]
    fn rfc9250_5_5_2_there_is_no_keepalive_option() {
        let padding = query(0, Some(b"\0\x0C\0\x02\0\0"));
        assert_eq!(message(&stream(&padding)), Some(&padding[..]));
        for options in [&b"\0\x0B\0\0"[..], b"\0\x0C\0\x02\0\0\0\x0B\0\x02\0\x01"] {
            assert_eq!(message(&stream(&query(0, Some(options)))), None);
        }
    }
}
