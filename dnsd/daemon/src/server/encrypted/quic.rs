//! A socket with QUIC (RFC 9000), for HTTP/3 or for DNS over QUIC: takes connections, each a task of its own.
//!
//! Whoever begins a handshake may say to be somebody else, who would lose the places of his own connections by it. So the place
//! of such a connection is taken when its handshake is done, and there is a bound on how many are under way. Beyond it who comes
//! has to show first that it is where it says it is (RFC 9000 §8.1.2), which costs us nothing to remember. Then it takes its
//! place before the handshake, as over TCP: clients that begin and don't go on make room for others, those first who have more
//! than their share.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use dnsd_core::answer::Transport;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    ConnectionError, Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TokioRuntime, TransportConfig,
    VarInt,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::rustls;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::places::{Place, Places};
use super::super::responder::Peer;
use super::super::tls::tell_of_failure;
use super::super::{Responder, Shared};
use super::requests::{BEGIN_MAX, CONNECTION_BYTES_MAX, Requests, STREAM_BYTES_MAX, STREAMS_MAX, close};
use super::terms::{CurrentTerms, Speaks};
use super::{doq, http3};

/// Handshakes at the same time, of one socket, with clients that haven't shown where they are. Each costs a signature and some
/// ten kilobytes.
const HANDSHAKES_MAX: usize = 128;

/// Connections that wait to be looked at, which is done at once, and what they may send meanwhile.
const INCOMING_MAX: usize = 256;
const INCOMING_BYTES_MAX: u64 = 64 << 10;

/// Octets that are sent before they are acknowledged: 20 Mbit/s over 100 ms, for transfers.
const SEND_BYTES_MAX: u64 = 256 << 10;

/// A client's streams of HTTP/3 that are no requests: control, two of QPACK's (RFC 9114 §6.2), and some that mean nothing.
const HTTP_OTHER_STREAMS_MAX: u32 = 8;

/// How long nothing may come from a client, acknowledgements and all, before it is given up, where connections may be idle for
/// less: a reply that others are asked for may take as long as that.
const SILENCE_MIN: Duration = Duration::from_secs(30);

/// How connections are met: with TLS as it is configured, and the limits above.
pub(super) fn config(tls: rustls::ServerConfig, speaks: &Speaks, idle_max: Duration) -> ServerConfig {
    // QUIC is version 1.3 of TLS (RFC 9001 §4.2). Ring has the cipher suite that it begins with.
    let crypto = QuicServerConfig::try_from(tls).expect("ring has AES-128-GCM");
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    let mut transport = TransportConfig::default();
    let silence_max = idle_max.max(SILENCE_MIN);
    transport
        .max_concurrent_bidi_streams(STREAMS_MAX.into())
        .max_concurrent_uni_streams(match speaks {
            Speaks::Https { .. } => HTTP_OTHER_STREAMS_MAX.into(),
            Speaks::Quic => VarInt::from_u32(0),
        })
        .stream_receive_window(STREAM_BYTES_MAX.into())
        .receive_window((CONNECTION_BYTES_MAX + HTTP_OTHER_STREAMS_MAX * STREAM_BYTES_MAX).into())
        .send_window(SEND_BYTES_MAX)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(IdleTimeout::try_from(silence_max).ok());
    config
        .transport_config(Arc::new(transport))
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        // Who is allowed what goes by the address; one that a client moves to is believed before it is verified (RFC 9000 §9.3).
        .migration(false);
    config
}

/// Why a handshake failed. What a client gives as its reason can be anything, lines of a log of ours too: its code is enough.
fn without_their_words(error: ConnectionError) -> io::Error {
    let code = match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        error => return error.into(),
    };
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        format!("closed by the client, with code {code}"),
    )
}

/// What a client's handshake goes on.
enum Handshake {
    /// The client is where it says it is.
    Placed(Place),
    /// It may be anywhere.
    Permitted(OwnedSemaphorePermit),
}

impl Handshake {
    /// Waits until the client has to make room for another.
    async fn evicted(&self) {
        match self {
            Self::Placed(place) => place.evicted().cancelled().await,
            Self::Permitted(_) => pending().await,
        }
    }

    /// The place of the connection, now that it is clear whose it is; `None` when there is none to be had.
    fn take(self, places: &Places, client: IpAddr) -> Option<Place> {
        match self {
            Self::Placed(place) => Some(place),
            Self::Permitted(permit) => {
                drop(permit);
                places.take(client)
            }
        }
    }
}

/// A socket that is listened on.
pub(super) struct QuicListener {
    endpoint: Endpoint,
    bound: IpAddr,
    shared: Shared,
    responder: Arc<Responder>,
    terms: CurrentTerms,
    handshakes: Arc<Semaphore>,
}

impl QuicListener {
    /// # Errors
    /// When the socket can't be used.
    pub(super) fn new(socket: UdpSocket, shared: Shared, terms: CurrentTerms) -> io::Result<Self> {
        let now = terms.load();
        let transport = match now.speaks {
            Speaks::Https { .. } => Transport::Https,
            Speaks::Quic => Transport::Quic,
        };
        let (bound, config) = (socket.local_addr()?.ip(), now.quic.clone());
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))?;
        Ok(Self {
            endpoint,
            bound,
            responder: Arc::new(shared.responder(transport)),
            shared,
            terms,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        })
    }

    /// Takes connections until the listener is to end; then waits until the replies that have begun are sent.
    pub(super) async fn run(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let incoming = tokio::select! {
                () = stop.cancelled() => break,
                incoming = self.endpoint.accept() => incoming,
            };
            // Without its socket there is nothing more to come.
            let Some(incoming) = incoming else { break };
            self.take(incoming, &connections, &stop);
        }
        self.endpoint.set_server_config(None);
        connections.close();
        connections.wait().await;
        // What closes the last connections is on its way.
        close(self.endpoint.wait_idle()).await;
    }

    fn take(&self, incoming: Incoming, connections: &TaskTracker, stop: &CancellationToken) {
        let handshake = if incoming.remote_address_validated() {
            match self.shared.places.take(incoming.remote_address().ip()) {
                Some(place) => Handshake::Placed(place),
                None => return incoming.refuse(),
            }
        } else if let Ok(permit) = self.handshakes.clone().try_acquire_owned() {
            Handshake::Permitted(permit)
        } else {
            // It may, as its address isn't validated.
            let _ = incoming.retry();
            return;
        };
        let terms = self.terms.load_full();
        let from = incoming.remote_address();
        let local = incoming.local_ip().unwrap_or(self.bound);
        let Ok(connecting) = incoming.accept_with(Arc::new(terms.quic.clone())) else {
            // It is broken.
            return;
        };
        let (shared, responder, stop) = (self.shared.clone(), self.responder.clone(), stop.clone());
        connections.spawn(async move {
            let connected = tokio::select! {
                connected = timeout(BEGIN_MAX, connecting) => connected,
                () = handshake.evicted() => return tell_of_failure(&shared, from, &io::ErrorKind::ConnectionAborted.into()),
                () = stop.cancelled() => return,
            };
            let connection = match connected {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return tell_of_failure(&shared, from, &without_their_words(error)),
                // Dropped, it is closed.
                Err(_) => return tell_of_failure(&shared, from, &io::ErrorKind::TimedOut.into()),
            };
            shared.handshakes.count_completed();
            let client: SocketAddr = connection.remote_address();
            let Some(place) = handshake.take(&shared.places, client.ip()) else {
                return connection.close(terms.speaks.excessive_load(), b"");
            };
            let peer = Peer::Connected {
                client,
                local,
                takes_transfers: true,
            };
            let requests = Requests::new(place, shared.serving.load().tcp_idle_max);
            match &terms.speaks {
                Speaks::Https { path } => {
                    http3::serve(connection, peer, responder, path.clone(), requests, &stop).await;
                }
                Speaks::Quic => doq::serve(connection, peer, responder, requests, &stop).await,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use quinn::{ApplicationClose, ConnectionClose};

    use super::*;

    #[test]
    fn what_a_client_says_of_itself_does_not_get_into_the_log() {
        let reason = Bytes::from_static(b"all is well\nclient 192.0.2.1#53: update denied");
        let closed = ConnectionError::ConnectionClosed(ConnectionClose {
            error_code: quinn::TransportErrorCode::crypto(48),
            frame_type: None,
            reason: reason.clone(),
        });
        let told = without_their_words(closed).to_string();
        // An alert of TLS's: unknown_ca (RFC 9001 §4.8, RFC 8446 §6).
        assert_eq!(told, "closed by the client, with code 304");
        let closed = ConnectionError::ApplicationClosed(ApplicationClose {
            error_code: VarInt::from_u32(7),
            reason,
        });
        assert_eq!(
            without_their_words(closed).to_string(),
            "closed by the client, with code 7"
        );
    }
}
