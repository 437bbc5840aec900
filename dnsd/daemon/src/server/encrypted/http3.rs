//! One connection with HTTP/3 (RFC 9114).

mod transport;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use bytes::{Buf, Bytes};
use h3::error::{Code, StreamError};
use h3::server::{RequestResolver, RequestStream};
use http::{Request, StatusCode};
use quinn::VarInt;
use tokio::sync::Semaphore;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;

use super::super::responder::{Peer, Responder};
use super::http::{self as doh, Found, HEADER_BYTES_MAX};
use super::requests::{BEGIN_MAX, End, REQUEST_MAX, Requests, SHORT_REQUEST_BYTES, close};
use transport::{Bounded, Connection};

/// The application protocol (RFC 9114 §3.1).
pub(super) const PROTOCOL: &[u8] = b"h3";

/// Why there is no place for a connection, or no more of its octets are taken (RFC 9114 §8.1).
pub(super) const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(0x107);

/// How long a client has to take the last replies and to hang up, once it is told that nothing more is served: a connection that
/// we close takes along what is under way, and h3 doesn't say what of it has come through.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Streams of a connection that bring no header in time, or none at all. h3 remembers each of them until the connection ends,
/// as it hears of the end of those only that it could read.
const FAILURES_MAX: usize = 1000;

type Stream = RequestStream<Bounded<h3_quinn::BidiStream<Bytes>>, Bytes>;

/// What all requests of a connection are answered with.
#[derive(Clone)]
struct Terms {
    responder: Arc<Responder>,
    peer: Peer<'static>,
    path: Arc<str>,
    failures: Arc<AtomicUsize>,
}

/// Serves requests until the connection ends, or is to.
pub(super) async fn serve(
    connection: quinn::Connection,
    peer: Peer<'static>,
    responder: Arc<Responder>,
    path: Arc<str>,
    mut requests: Requests,
    stop: &CancellationToken,
) {
    let mut builder = h3::server::builder();
    builder.max_field_section_size(HEADER_BYTES_MAX.into());
    let made = tokio::select! {
        made = builder.build(Connection::new(connection.clone())) => made,
        _ = requests.until_end(stop) => return,
    };
    // The error is the end of the connection.
    let Ok(mut http) = made else { return };
    let terms = Terms {
        responder,
        peer,
        path,
        failures: Arc::default(),
    };
    let end = loop {
        tokio::select! {
            accepted = http.accept() => match accepted {
                Ok(Some(_)) if terms.failures.load(Relaxed) >= FAILURES_MAX => {
                    return connection.close(EXCESSIVE_LOAD, b"");
                }
                Ok(Some(request)) => begin(request, &terms, &mut requests),
                Ok(None) | Err(_) => return,
            },
            end = requests.until_end(stop) => break end,
        }
    };
    match end {
        End::Evicted => connection.close(EXCESSIVE_LOAD, b""),
        // Nothing is under way.
        End::Idle => {}
        End::Stopping => {
            let evicted = requests.evicted();
            let goodbye = async {
                if let Some(Ok(())) = close(http.shutdown(0)).await {
                    requests.finish().await;
                    let _ = timeout(GOODBYE_MAX, connection.closed()).await;
                }
            };
            tokio::select! {
                () = goodbye => {}
                () = evicted.cancelled() => {}
            }
        }
    }
}

fn begin(request: RequestResolver<Connection, Bytes>, terms: &Terms, requests: &mut Requests) {
    let (terms, long_request) = (terms.clone(), requests.long_request());
    requests.begin(async move {
        let begun = timeout(BEGIN_MAX, request.resolve_request()).await;
        // The error has been told to the client where it is one of its own.
        let Ok(Ok((request, mut stream))) = begun else {
            terms.failures.fetch_add(1, Relaxed);
            return;
        };
        let served = timeout(REQUEST_MAX, respond_to(request, &mut stream, &terms, &long_request)).await;
        if !matches!(served, Ok(Ok(()))) {
            terms.responder.unsent(1);
            stream.stop_sending(Code::H3_REQUEST_CANCELLED);
            stream.stop_stream(Code::H3_REQUEST_CANCELLED);
        }
    });
}

async fn respond_to(
    request: Request<()>,
    stream: &mut Stream,
    terms: &Terms,
    long_request: &Semaphore,
) -> Result<(), StreamError> {
    let (parts, ()) = request.into_parts();
    let message = match doh::find_message(&parts, &terms.path) {
        Ok(Found::Message(message)) => Ok(message),
        Ok(Found::Content) => read(stream, long_request).await?,
        Err(code) => Err(code),
    };
    let is_read = message.is_ok();
    let (head, content) = doh::answer(&terms.responder, &terms.peer, message).await;
    stream.send_response(head).await?;
    if !content.is_empty() {
        stream.send_data(content).await?;
    }
    stream.finish().await?;
    if !is_read {
        // The rest of what isn't read may stay where it is (RFC 9114 §4.1).
        stream.stop_sending(Code::H3_NO_ERROR);
    }
    Ok(())
}

/// The content of a request, or the code that it gets.
async fn read(stream: &mut Stream, long_request: &Semaphore) -> Result<Result<Vec<u8>, StatusCode>, StreamError> {
    let mut message = Vec::new();
    let mut turn = None;
    while let Some(mut piece) = stream.recv_data().await? {
        if turn.is_none() && message.len() + piece.remaining() > SHORT_REQUEST_BYTES {
            turn = long_request.acquire().await.ok();
        }
        while piece.has_remaining() {
            let chunk = piece.chunk();
            if let Err(code) = doh::add_content(&mut message, chunk) {
                return Ok(Err(code));
            }
            let taken = chunk.len();
            piece.advance(taken);
        }
    }
    Ok(Ok(message))
}
