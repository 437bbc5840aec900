//! DNS over TLS (RFC 7858): a handshake before the connection, and what both sides show each other in it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ballast_shared::tls;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::connection::{self, FIRST_QUERY_MAX};
use super::places::Place;
use super::responder::{Peer, unix_seconds};
use super::{Responder, Shared};
use crate::config::{EncryptedConfig, TLS_PROTOCOL};

/// How long a client may take to read that the connection ends; who doesn't isn't waited for.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// What became of handshakes.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    completed: AtomicU64,
    failed: AtomicU64,
}

impl Handshakes {
    /// One that led to a connection.
    pub(super) fn count_completed(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    /// Those that led to a connection, and those that didn't.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.completed.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }
}

/// How clients are met, as a configuration has it; `None` without listeners.
pub(super) fn server_config(config: &EncryptedConfig) -> Option<Arc<ServerConfig>> {
    let listener = config.tls.as_ref()?;
    let config = tls::server_config(listener.identity.clone(), listener.clients.clone(), &[TLS_PROTOCOL]);
    Some(Arc::new(config))
}

/// Serves a client from its first octet on. The handshake is to be done in the time of a first query, and its place is one of an
/// idle client until then.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer<'static>,
    shared: &Shared,
    responder: &Responder,
    place: &Place,
    idle_max: Duration,
    stop: &CancellationToken,
) {
    let Some(config) = shared.serving.load().tls.clone() else {
        // A reload is about to close the listener.
        return;
    };
    let handshake = timeout(idle_max.min(FIRST_QUERY_MAX), TlsAcceptor::from(config).accept(stream));
    let met = tokio::select! {
        met = handshake => met.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        () = place.evicted().cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
        () = stop.cancelled() => return,
    };
    let mut stream = match met {
        Ok(stream) => stream,
        Err(error) => return tell_of_failure(shared, peer.client(), &error),
    };
    shared.handshakes.count_completed();
    let peer = peer.with_transfers(is_for_transfers(stream.get_ref().1));
    let ended = connection::serve(&mut stream, peer, responder, place, idle_max, stop).await;
    match ended {
        Ok(()) => say_goodbye(&mut stream, place).await,
        Err(error) => debug!(%error, "a TLS connection broke off"),
    }
}

/// RFC 9103 §7.1: nothing older than TLS 1.3, and both sides have said that they speak DNS.
fn is_for_transfers(connection: &ServerConnection) -> bool {
    connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) && connection.alpn_protocol() == Some(TLS_PROTOCOL)
}

/// Its cause may be a secondary's certificate that has expired, or anybody on the network.
pub(super) fn tell_of_failure(shared: &Shared, client: SocketAddr, error: &io::Error) {
    shared.handshakes.failed.fetch_add(1, Ordering::Relaxed);
    if shared.serving.load().refusals.admit(unix_seconds()) {
        let (ip, port) = (client.ip(), client.port());
        match error.kind() {
            io::ErrorKind::TimedOut => info!("client {ip}#{port}: TLS handshake not finished in time"),
            _ => info!("client {ip}#{port}: TLS handshake failed: {error}"),
        }
    }
}

/// So that the client knows that nothing was cut off (RFC 8446 §6.1).
async fn say_goodbye(stream: &mut TlsStream<TcpStream>, place: &Place) {
    tokio::select! {
        // It may be gone.
        _ = timeout(GOODBYE_MAX, stream.shutdown()) => {}
        () = place.evicted().cancelled() => {}
    }
}
