//! A body with something that is kept until it was sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The body, and what is dropped when the system has taken the last octet of it, or its client is gone. hyper drops a body that
/// has ended, and what it gave, all of it if it was text, then waits in the connection's buffer for its client to read: so each
/// part of it keeps the same.
pub(super) struct Held<B, K> {
    body: B,
    kept: Arc<K>,
}

/// A part of a body.
struct Unsent<K> {
    octets: Bytes,
    _kept: Arc<K>,
}

impl<K> AsRef<[u8]> for Unsent<K> {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl<B, K> Held<B, K> {
    pub(super) fn new(body: B, kept: K) -> Self {
        Self {
            body,
            kept: Arc::new(kept),
        }
    }
}

impl<B, K> Body for Held<B, K>
where
    B: Body<Data = Bytes> + Unpin,
    K: Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { body, kept } = &mut *self;
        let keep = |octets| {
            let _kept = kept.clone();
            Bytes::from_owner(Unsent { octets, _kept })
        };
        Pin::new(body).poll_frame(context).map_ok(|frame| frame.map_data(keep))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
