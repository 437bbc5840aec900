//! QUIC as h3 sees it, with a bound on what a stream may bring. h3 holds a frame whole before it looks at it, unless the frame
//! has content, whatever length it says it has; and QUIC gives new credit for each octet that h3 has taken. So octets are
//! counted on their way up, and a client that sends more than any request takes loses the connection (RFC 9114 §10.5).

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, OpenStreams, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::ConnectionError;

use super::super::super::MESSAGE_BYTES_MAX;
use super::super::http::HEADER_BYTES_MAX;
use super::EXCESSIVE_LOAD;

/// Octets of a request's stream: its header, its content, and as much again as a header for what frames there are around them,
/// some of which mean nothing (RFC 9114 §7.2.8).
const REQUEST_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 2 * HEADER_BYTES_MAX as usize;

/// Octets of a stream that is no request, in its life. Settings take some ten; browsers tell there how urgent a request is, in
/// some twenty (RFC 9218 §7.2). What is beyond ten thousand of them is another connection's.
const OTHER_BYTES_MAX: usize = 256 << 10;

/// A connection whose streams are bounded.
pub(super) struct Connection {
    inner: h3_quinn::Connection,
    connection: quinn::Connection,
}

impl Connection {
    pub(super) fn new(connection: quinn::Connection) -> Self {
        Self {
            inner: h3_quinn::Connection::new(connection.clone()),
            connection,
        }
    }

    fn request(&self, stream: h3_quinn::BidiStream<Bytes>) -> Bounded<h3_quinn::BidiStream<Bytes>> {
        Bounded::new(stream, REQUEST_BYTES_MAX, self.connection.clone())
    }
}

impl quic::Connection<Bytes> for Connection {
    type RecvStream = Bounded<h3_quinn::RecvStream>;
    type OpenStreams = Self;

    fn poll_accept_recv(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::RecvStream, ConnectionErrorIncoming>> {
        let accepted = ready!(quic::Connection::<Bytes>::poll_accept_recv(&mut self.inner, context));
        Poll::Ready(accepted.map(|stream| Bounded::new(stream, OTHER_BYTES_MAX, self.connection.clone())))
    }

    fn poll_accept_bidi(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, ConnectionErrorIncoming>> {
        let accepted = ready!(quic::Connection::<Bytes>::poll_accept_bidi(&mut self.inner, context));
        Poll::Ready(accepted.map(|stream| self.request(stream)))
    }

    fn opener(&self) -> Self {
        Self::new(self.connection.clone())
    }
}

impl OpenStreams<Bytes> for Connection {
    type BidiStream = Bounded<h3_quinn::BidiStream<Bytes>>;
    type SendStream = h3_quinn::SendStream<Bytes>;

    fn poll_open_bidi(&mut self, context: &mut Context<'_>) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
        let opened = ready!(OpenStreams::<Bytes>::poll_open_bidi(&mut self.inner, context));
        Poll::Ready(opened.map(|stream| self.request(stream)))
    }

    fn poll_open_send(&mut self, context: &mut Context<'_>) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
        OpenStreams::<Bytes>::poll_open_send(&mut self.inner, context)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        OpenStreams::<Bytes>::close(&mut self.inner, code, reason);
    }
}

/// A stream that brings no more than it may.
pub(super) struct Bounded<S> {
    inner: S,
    id: StreamId,
    octets_left: usize,
    /// Whether h3-quinn waits for octets: then it has lent out what it would stop the stream with.
    is_waiting: bool,
    connection: quinn::Connection,
}

impl<S: quic::RecvStream> Bounded<S> {
    fn new(inner: S, octets_max: usize, connection: quinn::Connection) -> Self {
        Self {
            id: inner.recv_id(),
            inner,
            octets_left: octets_max,
            is_waiting: false,
            connection,
        }
    }
}

impl<S: quic::RecvStream<Buf = Bytes>> quic::RecvStream for Bounded<S> {
    type Buf = Bytes;

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        let polled = self.inner.poll_data(context);
        self.is_waiting = polled.is_pending();
        let piece = ready!(polled)?;
        let octets = piece.as_ref().map_or(0, Bytes::len);
        let Some(left) = self.octets_left.checked_sub(octets) else {
            self.connection.close(EXCESSIVE_LOAD, b"");
            let closed = Arc::new(ConnectionError::LocallyClosed);
            return Poll::Ready(Err(StreamErrorIncoming::ConnectionErrorIncoming {
                connection_error: ConnectionErrorIncoming::Undefined(closed),
            }));
        };
        self.octets_left = left;
        Poll::Ready(Ok(piece))
    }

    fn stop_sending(&mut self, code: u64) {
        // A stream that is waited for is stopped when it is dropped.
        if !self.is_waiting {
            self.inner.stop_sending(code);
        }
    }

    fn recv_id(&self) -> StreamId {
        self.id
    }
}

impl<S: quic::SendStream<Bytes>> quic::SendStream<Bytes> for Bounded<S> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.inner.poll_ready(context)
    }

    fn send_data<D: Into<WriteBuf<Bytes>>>(&mut self, data: D) -> Result<(), StreamErrorIncoming> {
        self.inner.send_data(data)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.inner.poll_finish(context)
    }

    fn reset(&mut self, code: u64) {
        self.inner.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.inner.send_id()
    }
}
