//! One request and its reply, where each has a stream of its own: bytes in, bytes out, the same as over TCP.

use std::cell::RefCell;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::MESSAGE_BYTES_MAX;
use super::super::deferred::{BrokenOff, Transfer, WayBack};
use super::super::responder::{Answer, Peer, Responder};

/// What a request gets.
pub(super) enum Replied {
    /// One message.
    Message(Bytes),
    /// As many as it takes.
    Transfer(Box<Transfer>),
    /// Nothing: it is no request.
    NoRequest,
    /// Nothing: who was to make the reply gave it up.
    GivenUp,
}

thread_local! {
    /// Where a reply is made before its length is known.
    static REPLY: RefCell<Box<[u8]>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX].into());
}

/// Answers one request, at once or when those who are asked have.
pub(super) async fn answer(responder: &Responder, peer: &Peer<'static>, request: &[u8]) -> Replied {
    let (sender, later) = oneshot::channel();
    match answer_at_once(responder, peer, request, sender) {
        Some(replied) => replied,
        None => later
            .await
            .map_or(Replied::GivenUp, |reply| Replied::Message(reply.into())),
    }
}

/// `None`: it comes by the way back.
fn answer_at_once(
    responder: &Responder,
    peer: &Peer<'static>,
    request: &[u8],
    way_back: oneshot::Sender<Vec<u8>>,
) -> Option<Replied> {
    REPLY.with_borrow_mut(|reply| {
        Some(match responder.begin_batch().answer(peer, request, reply) {
            Answer::Reply(length) => Replied::Message(Bytes::copy_from_slice(&reply[..length])),
            Answer::Transfer(transfer) => Replied::Transfer(transfer),
            Answer::Nothing => Replied::NoRequest,
            Answer::Later(begin) => {
                begin(WayBack::Connection(way_back));
                return None;
            }
        })
    })
}

/// The next messages of a transfer, each with its length in front.
///
/// # Errors
/// When there is no way to go on.
pub(super) fn next_batch(transfer: &mut Transfer) -> Result<Vec<u8>, BrokenOff> {
    let mut batch = Vec::new();
    REPLY.with_borrow_mut(|message| transfer.next_batch(message, &mut batch))?;
    Ok(batch)
}
