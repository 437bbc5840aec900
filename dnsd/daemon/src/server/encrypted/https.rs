//! A TCP socket with DNS over HTTPS: takes connections, each a task of its own.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use dnsd_core::answer::Transport;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use super::super::responder::Peer;
use super::super::tls::tell_of_failure;
use super::super::{Responder, Shared};
use super::http2;
use super::requests::{BEGIN_MAX, Requests};
use super::terms::{CurrentTerms, Speaks};

/// When there is no descriptor for another connection, looking again at once would only burn the core.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Takes connections until the listener is to end; then waits until the responses that have begun are written.
pub(super) async fn run(listener: StdListener, shared: Shared, terms: CurrentTerms, stop: CancellationToken) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot serve HTTPS"),
    };
    let responder = Arc::new(shared.responder(Transport::Https));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => take(stream, client, &shared, &responder, &terms, &connections, &stop),
            // The client was gone before we looked (accept(2)).
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                warn!(%error, "cannot accept an HTTPS connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

fn take(
    stream: TcpStream,
    client: SocketAddr,
    shared: &Shared,
    responder: &Arc<Responder>,
    terms: &CurrentTerms,
    connections: &TaskTracker,
    stop: &CancellationToken,
) {
    let Some(place) = shared.places.take(client.ip()) else {
        return;
    };
    let Ok(local) = stream.local_addr() else {
        // It has been reset.
        return;
    };
    let peer = Peer::Connected {
        client,
        local: local.ip(),
        takes_transfers: false,
    };
    // A response is whole when it is written: nothing is won by holding back its last segment.
    let _ = stream.set_nodelay(true);
    let terms = terms.load_full();
    let Speaks::Https { path } = &terms.speaks else {
        return;
    };
    let (path, shared, responder, stop) = (path.clone(), shared.clone(), responder.clone(), stop.clone());
    let idle_max = shared.serving.load().tcp_idle_max;
    connections.spawn(async move {
        let handshake = TlsAcceptor::from(terms.tcp.clone()).accept(stream);
        let met = tokio::select! {
            met = timeout(idle_max.min(BEGIN_MAX), handshake) => met.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())),
            () = place.evicted().cancelled() => Err(ErrorKind::ConnectionAborted.into()),
            () = stop.cancelled() => return,
        };
        let stream = match met {
            Ok(stream) => stream,
            Err(error) => return tell_of_failure(&shared, client, &error),
        };
        shared.handshakes.count_completed();
        let requests = Requests::new(place, idle_max);
        let ended = http2::serve(stream, peer, responder, path, requests, &stop).await;
        if let Err(error) = ended {
            debug!(%error, "an HTTPS connection broke off");
        }
    });
}
