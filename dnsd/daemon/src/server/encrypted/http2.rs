//! One connection with HTTP/2 (RFC 9113).
//!
//! h2 does the protocol and guards against what others have been attacked with, such as streams that are reset as soon as they
//! are opened; its own limits on that stay. Ours are beside each constant. It reads nothing more while the client doesn't read.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::responder::{Peer, Responder};
use super::http::{self as doh, Found, HEADER_BYTES_MAX, Reply};
use super::requests::{
    CONNECTION_BYTES_MAX, End, REQUEST_MAX, Requests, SHORT_REQUEST_BYTES, STREAM_BYTES_MAX, STREAMS_MAX, close,
};

/// Octets of replies that a stream holds until the connection takes them.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// Octets of a request that isn't served, before its stream is reset: that much longer than a message somebody may take one for.
const DISCARDED_BYTES_MAX: usize = 256 << 10;

/// What all requests of a connection are answered with.
#[derive(Clone)]
struct Terms {
    responder: Arc<Responder>,
    peer: Peer<'static>,
    path: Arc<str>,
}

/// Serves requests until the connection ends, or is to.
pub(super) async fn serve<S>(
    stream: S,
    peer: Peer<'static>,
    responder: Arc<Responder>,
    path: Arc<str>,
    mut requests: Requests,
    stop: &CancellationToken,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_BYTES_MAX)
        .initial_connection_window_size(CONNECTION_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    // The client has to send what a connection begins with (RFC 9113 §3.4), in the time of its first request.
    let mut connection = tokio::select! {
        connection = builder.handshake(stream) => connection?,
        _ = requests.until_end(stop) => return Ok(()),
    };
    let terms = Terms { responder, peer, path };
    let end = loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(accepted) => begin(accepted?, &terms, &mut requests),
                None => return Ok(()),
            },
            end = requests.until_end(stop) => break end,
        }
    };
    if end != End::Evicted {
        // What came before the client hears of it is answered.
        connection.graceful_shutdown();
        let evicted = requests.evicted();
        tokio::select! {
            _ = close(finish(&mut connection, &terms, &mut requests)) => {}
            () = evicted.cancelled() => {}
        }
    }
    Ok(())
}

/// Ends when the last stream has.
async fn finish<S>(connection: &mut Connection<S, Bytes>, terms: &Terms, requests: &mut Requests)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(accepted)) = connection.accept().await {
        begin(accepted, terms, requests);
    }
}

fn begin(accepted: (Request<RecvStream>, SendResponse<Bytes>), terms: &Terms, requests: &mut Requests) {
    let (request, mut respond) = accepted;
    let (terms, long_request) = (terms.clone(), requests.long_request());
    requests.begin(async move {
        let served = timeout(REQUEST_MAX, respond_to(request, &mut respond, &terms, &long_request)).await;
        if !matches!(served, Ok(Ok(()))) {
            terms.responder.unsent(1);
            respond.send_reset(Reason::CANCEL);
        }
    });
}

async fn respond_to(
    request: Request<RecvStream>,
    respond: &mut SendResponse<Bytes>,
    terms: &Terms,
    long_request: &Semaphore,
) -> Result<(), h2::Error> {
    let (parts, mut content) = request.into_parts();
    let message = match doh::find_message(&parts, &terms.path) {
        Ok(Found::Message(message)) => Ok(message),
        Ok(Found::Content) => read(&mut content, long_request).await?,
        Err(code) => Err(code),
    };
    if message.is_err() {
        discard(&mut content).await?;
    }
    let reply = doh::answer(&terms.responder, &terms.peer, message).await;
    send(respond, reply).await
}

/// The content of a request, or the code that it gets.
async fn read(content: &mut RecvStream, long_request: &Semaphore) -> Result<Result<Vec<u8>, StatusCode>, h2::Error> {
    let mut message = Vec::new();
    let mut turn = None;
    while let Some(piece) = content.data().await {
        let piece = piece?;
        if turn.is_none() && message.len() + piece.len() > SHORT_REQUEST_BYTES {
            turn = long_request.acquire().await.ok();
        }
        if let Err(code) = doh::add_content(&mut message, &piece) {
            return Ok(Err(code));
        }
        content.flow_control().release_capacity(piece.len())?;
    }
    Ok(Ok(message))
}

/// Takes what is left of a request that isn't served: some clients don't look at a response that comes before they have sent it.
async fn discard(content: &mut RecvStream) -> Result<(), h2::Error> {
    let mut discarded = 0;
    while discarded < DISCARDED_BYTES_MAX
        && let Some(piece) = content.data().await
    {
        let length = piece?.len();
        discarded += length;
        content.flow_control().release_capacity(length)?;
    }
    Ok(())
}

/// Sends as the client takes it.
async fn send(respond: &mut SendResponse<Bytes>, (head, mut content): Reply) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head, content.is_empty())?;
    while !content.is_empty() {
        stream.reserve_capacity(content.len());
        let Some(room) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return Err(Reason::STREAM_CLOSED.into());
        };
        let piece = content.split_to(room?.min(content.len()));
        stream.send_data(piece, content.is_empty())?;
    }
    Ok(())
}
