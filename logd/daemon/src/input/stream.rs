//! Listening for connections: a task that accepts for each address, a task for each connection, which stays on the core that it is
//! given. What is spoken there is the kind of the input that has the address when the connection begins.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use logd_core::framing::Framing;
use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::connections::{Full, Place};
use super::sender::Sender;
use super::source::{Refusal, Source};
use super::tls::Tls;
use super::transport::Transport;
use super::{Service, relp, tcp};
use crate::config::{InputKind, StreamSettings};
use crate::cores::Cores;

/// When to ask a silent sender whether it is still there: a machine that was cut off sends no FIN, and would keep its place
/// for ever.
const KEEPALIVE: Duration = Duration::from_secs(300);

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is stopped; then those that already wait.
pub(super) async fn accept(
    listener: StdListener,
    source: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    cores: Cores,
    stop: CancellationToken,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot listen"),
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // From the runtime that accepts to the one that serves.
            Ok((stream, peer)) => match stream.into_std() {
                Ok(stream) => admit(stream, peer, &source, &service, &cores, &stop),
                Err(error) => warn!(%peer, %error, "cannot serve a connection"),
            },
            Err(error) => {
                // The errors of a connection that is gone already (accept(2)) pass at once; those of a system without
                // descriptors or memory do not.
                if !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                ) {
                    warn!(%error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    // Senders whose connection the system has already taken, and whose messages it may hold.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, peer)) = listener.accept() {
        admit(stream, peer, &source, &service, &cores, &stop);
    }
}

/// What a connection speaks.
enum Speaks {
    Frames(Framing),
    Relp,
}

/// Starts the task of a connection, if there is a place for it.
fn admit(
    stream: StdStream,
    peer: SocketAddr,
    sources: &watch::Receiver<Arc<Source>>,
    service: &Arc<Service>,
    cores: &Cores,
    stop: &CancellationToken,
) {
    let mut sources = sources.clone();
    let source = sources.borrow_and_update().clone();
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let (speaks, settings) = match &source.input.kind {
        InputKind::Tcp(tcp) => (Speaks::Frames(tcp.framing), &tcp.stream),
        InputKind::Relp(stream) => (Speaks::Relp, stream),
        InputKind::Udp
        | InputKind::Unix(_)
        | InputKind::Kmsg(_)
        | InputKind::Mark(_)
        | InputKind::Journal(_)
        | InputKind::Plugin(_) => return,
    };
    let place = match place(peer.ip(), &source, settings) {
        Ok(place) => place,
        Err(why) => return source.refuse(peer.ip(), why),
    };
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)) {
        debug!(%peer, %error, "no keepalive");
    }
    let seat = cores.seat();
    let registered = stream.set_nonblocking(true).and_then(|()| {
        let _on = seat.enter();
        TcpStream::from_std(stream)
    });
    let stream = match registered {
        Ok(stream) => stream,
        Err(error) => return warn!(%peer, %error, "cannot serve a connection"),
    };
    source.metrics.accepted.increment(1);
    let tls = source.tls.clone();
    // A token of its own is asked many times a second, and under a lock that no other core asks for.
    let stop = stop.child_token();
    let sender = Sender::new(peer, sources, source, service.clone(), stop, place);
    let runtime = seat.runtime().clone();
    let run = async move {
        serve(stream, tls, speaks, sender).await;
        drop(seat);
    };
    service.tasks.spawn_on(run, &runtime);
}

fn place(sender: IpAddr, source: &Source, settings: &StreamSettings) -> Result<Place, Refusal> {
    if !source.allows(sender) {
        return Err(Refusal::Allow);
    }
    let taken = source
        .connections
        .take(sender, settings.connections_max, settings.connections_per_sender_max);
    taken.map_err(|full| match full {
        Full::Total => Refusal::ConnectionsMax,
        Full::Sender => Refusal::ConnectionsPerSenderMax,
    })
}

/// The life of a connection.
async fn serve(stream: TcpStream, tls: Option<Arc<ServerConfig>>, speaks: Speaks, mut sender: Sender) {
    let transport = match tls {
        None => Transport::Plain(stream),
        Some(config) => match meet(stream, config, &mut sender).await {
            Some(tls) => Transport::Tls(Box::new(tls)),
            None => return,
        },
    };
    // Nothing is read meanwhile, so that all of its messages are of one name.
    sender.named().await;
    match speaks {
        Speaks::Frames(framing) => tcp::serve(transport, framing, sender).await,
        Speaks::Relp => relp::serve(transport, sender).await,
    }
}

/// Shakes hands with a sender; `None`: it is turned away, or we end.
async fn meet(stream: TcpStream, config: Arc<ServerConfig>, sender: &mut Sender) -> Option<Tls> {
    let service = sender.service.clone();
    let met = tokio::select! {
        biased;
        () = sender.stop.cancelled() => return None,
        met = service.handshakes.meet(stream, sender.peer.ip(), config) => met,
    };
    match met {
        Ok(tls) => {
            sender.source.metrics.handshakes.increment(1);
            let certificate = tls.connection().peer_certificates().and_then(<[_]>::first);
            sender.peer_name = certificate.and_then(|certificate| sender.source.peer_name(certificate));
            Some(tls)
        }
        Err(error) => {
            sender
                .source
                .refuse_handshake(sender.peer.ip(), error.why, &error.cause);
            None
        }
    }
}
