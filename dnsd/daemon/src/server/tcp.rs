//! Queries over TCP, in the clear or in TLS: takes connections of one listener, each a task of its own.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use dnsd_core::answer::Transport;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use super::connection;
use super::responder::Peer;
use super::tls;
use super::{Responder, Shared};

/// When there is no descriptor for another connection, looking again at once would only burn the core.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Takes connections until the listener is to end; then waits until the answers that have begun are written.
pub(super) async fn run(listener: StdListener, transport: Transport, shared: Shared, stop: CancellationToken) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot serve TCP"),
    };
    let responder = Arc::new(shared.responder(transport));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => take(stream, client, transport, &shared, &responder, &connections, &stop),
            // The client was gone before we looked (accept(2)).
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                warn!(%error, "cannot accept a TCP connection");
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
    transport: Transport,
    shared: &Shared,
    responder: &Arc<Responder>,
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
        takes_transfers: true,
    };
    // Batches are whole answers: nothing is won by holding back the last segment of one.
    let _ = stream.set_nodelay(true);
    let responder = responder.clone();
    let idle_max = shared.serving.load().tcp_idle_max;
    let stop = stop.clone();
    if transport == Transport::Tls {
        let shared = shared.clone();
        connections.spawn(async move {
            tls::serve(stream, peer, &shared, &responder, &place, idle_max, &stop).await;
        });
        return;
    }
    connections.spawn(async move {
        let mut stream = stream;
        let ended = connection::serve(&mut stream, peer, &responder, &place, idle_max, &stop).await;
        if let Err(error) = ended {
            debug!(%error, "a TCP connection broke off");
        }
    });
}
