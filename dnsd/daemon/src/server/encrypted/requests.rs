//! The requests of one connection that are under way, and with them what bounds the connection: how long it may be without
//! one, that it gives its place up to another client, and that it ends with the listener.
//!
//! What a client can make us hold is bounded for each of its requests: the octets of a request and of a reply, and the time
//! for both ([`REQUEST_MAX`]). Most requests fit a packet. Those that don't are read one after the other
//! ([`Requests::long_request`]), so that a hundred streams don't hold a hundred times 64 KiB.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::super::connection::FIRST_QUERY_MAX;
use super::super::places::Place;

/// Requests of a connection at the same time: what RFC 9113 §6.5.2 and RFC 9114 §6.1 want at the least.
pub(super) const STREAMS_MAX: u32 = 100;

/// How long a handshake may take, and the first request after it: a client that connects has something to ask, as over TCP.
pub(super) const BEGIN_MAX: Duration = FIRST_QUERY_MAX;

/// How long a request may take from its first octet to the last of its reply: longer than the forwarders are waited for, and
/// short enough that a client that doesn't read holds nothing for long. Transfers have a time of their own.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(30);

/// How long replies may be on their way when a connection is closed: longer than the forwarders are waited for, and less than
/// the daemon waits for all its connections when it ends.
const CLOSE_MAX: Duration = Duration::from_secs(11);

/// Octets of a request that any number of streams may hold.
pub(super) const SHORT_REQUEST_BYTES: usize = 4 << 10;

/// Octets of a stream that may come before they are read: somewhat more than a short request, and what a message of 64 KiB comes
/// in eight parts by.
pub(super) const STREAM_BYTES_MAX: u32 = 8 << 10;

/// The same, of all streams: as much as all may have. With less, requests that wait for their turn would leave nothing to the one
/// that has it.
pub(super) const CONNECTION_BYTES_MAX: u32 = STREAMS_MAX * STREAM_BYTES_MAX;

/// Why a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It had no request for too long.
    Idle,
    /// Its place went to another client: there is no time to say goodbye.
    Evicted,
    /// The listener ends.
    Stopping,
}

/// What is under way for a connection.
pub(super) struct Requests {
    tasks: JoinSet<()>,
    long_requests: Arc<Semaphore>,
    place: Arc<Place>,
    idle_max: Duration,
    /// When it has been idle for too long.
    idle_until: Instant,
}

impl Requests {
    /// None yet.
    pub(super) fn new(place: Place, idle_max: Duration) -> Self {
        Self {
            tasks: JoinSet::new(),
            long_requests: Arc::new(Semaphore::new(1)),
            place: Arc::new(place),
            idle_until: Instant::now() + idle_max.min(BEGIN_MAX),
            idle_max,
        }
    }

    /// Whoever reads more than [`SHORT_REQUEST_BYTES`] of a request waits for this.
    pub(super) fn long_request(&self) -> Arc<Semaphore> {
        self.long_requests.clone()
    }

    /// Begins a request, which sees to it that it ends: [`REQUEST_MAX`].
    pub(super) fn begin(&mut self, request: impl Future<Output = ()> + Send + 'static) {
        if self.tasks.is_empty() {
            // All that it waits for from now on is the client, or others that are asked for it: it gives way after those who are idle.
            self.place.writing_from_now();
        }
        self.tasks.spawn(request);
    }

    /// Waits until the connection is to end. Can be dropped and called again at any time.
    pub(super) async fn until_end(&mut self, stop: &CancellationToken) -> End {
        loop {
            tokio::select! {
                Some(_) = self.tasks.join_next() => self.ended(),
                () = sleep_until(self.idle_until), if self.tasks.is_empty() => return End::Idle,
                () = self.place.evicted().cancelled() => return End::Evicted,
                () = stop.cancelled() => return End::Stopping,
            }
        }
    }

    /// Waits until all requests have ended, for so long as closing may take.
    pub(super) async fn finish(&mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        close(all).await;
    }

    /// Cancelled when the connection's place went to another client.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.place.evicted().clone()
    }

    /// What a request tells when its client has taken some of what it gets: then the client isn't the one that takes longest.
    pub(super) fn progress(&self) -> Progress {
        Progress(self.place.clone())
    }

    fn ended(&mut self) {
        if self.tasks.is_empty() {
            self.idle_until = Instant::now() + self.idle_max;
            self.place.idle_from_now();
        } else {
            self.place.writing_from_now();
        }
    }
}

/// How a request that takes long is told from one whose client doesn't read.
pub(super) struct Progress(Arc<Place>);

impl Progress {
    /// The client has taken something.
    pub(super) fn made(&self) {
        self.0.writing_from_now();
    }
}

/// Closes a connection, which may not take for ever: `None` when it does.
pub(super) async fn close<T>(closing: impl Future<Output = T>) -> Option<T> {
    timeout(CLOSE_MAX, closing).await.ok()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::super::super::places::Places;
    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_what_it_gets_is_not_the_first_to_make_room() {
        let places = Places::new(2);
        let mut clients = [1, 2].map(|client| {
            let place = places.take([192, 0, 2, client].into()).unwrap();
            Requests::new(place, BEGIN_MAX)
        });
        for client in &mut clients {
            client.begin(pending());
        }
        clients[0].progress().made();
        let _third = places.take([192, 0, 2, 3].into()).unwrap();
        assert_eq!(
            clients.map(|client| client.evicted().is_cancelled()),
            [false, true],
            "though its request began before the other's"
        );
    }
}
