//! `[control].http`: `/metrics`, `/healthz`, and what a daemon adds; and whatever else a daemon serves over HTTP/1.1.
//!
//! Whoever can connect may do so for ever, as often as they like, and say as little as they like: that must cost the daemon a
//! bounded number of descriptors and a bounded memory, and must not keep monitoring out. So there are at most
//! [`CONNECTIONS_MAX`] connections; one that waits for its client makes room for a new one; and a client has so long for its
//! request ([`HEAD_TIMEOUT`]) and for taking what it is sent ([`STALL_TIMEOUT`]). What is closed on a client is counted, by reason.
//! Nor may anybody hold up the end of the daemon for longer than [`LAST_ANSWERS_TIME`].

mod connections;
mod held;
mod stalling;

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener as Accept;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics::counter;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use crate::metrics::Metrics;
use connections::{Client, Connections};
use held::Held;
use stalling::Stalling;

/// A browser opens up to six, a monitoring system one; each takes a descriptor of those that are for senders, and some 30 KB.
const CONNECTIONS_MAX: usize = 128;

/// How long a client may take from when we wait for a request, the first or another one, to the end of its head. A scraper that
/// asks less often connects anew.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A request is a GET with a query string and a few headers.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// How long a client may take nothing of what it is sent: the worst that a network does to who still wants it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a stop of the daemon waits for answers that are being given: less than what waits for this task.
const LAST_ANSWERS_TIME: Duration = Duration::from_secs(1);

/// The pages that every daemon has. `healthy` says in a line what is wrong, or that nothing is.
pub fn pages<H>(metrics: Metrics, healthy: H) -> Router
where
    H: Fn() -> Result<(), String> + Clone + Send + Sync + 'static,
{
    let metrics_page = move || async move {
        (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            metrics.render(),
        )
    };
    let health_page = move || async move {
        match healthy() {
            Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
            Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        }
        .into_response()
    };
    Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(health_page))
}

/// What the pages are served at.
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// An address, over TLS.
    Tls(TcpListener, Arc<ServerConfig>),
    /// A unix socket, from [`crate::control::bind`]; who may connect is decided by its permissions.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// Serves the pages until the daemon stops, and [`LAST_ANSWERS_TIME`] longer to whom is being answered, and takes a unix socket away.
///
/// `closed` is the name of the counter of connections that were closed on their client, by `reason`: `connections-max`, all others
/// were busy; `evicted`, it waited and another one came; `timeout`, no whole request came in time; `stalled`, it did not take what
/// it was sent; `handshake`, TLS did not come about.
pub async fn serve(listener: impl Into<Listener>, pages: Router, closed: &'static str, stop: CancellationToken) {
    let (listener, tls) = match listener.into() {
        Listener::Tls(listener, config) => (Listener::Tcp(listener), Some(config.into())),
        listener => (listener, None),
    };
    let server = Server {
        pages,
        tls,
        connections: Connections::new(CONNECTIONS_MAX),
        closed,
        stop,
    };
    let served = match listener {
        Listener::Tcp(listener) | Listener::Tls(listener, _) => match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                server.serve(listener).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Listener::Unix(listener) => {
            let address = listener.local_addr();
            let served = match tokio::net::UnixListener::from_std(listener) {
                Ok(listener) => {
                    server.serve(listener).await;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            // Where the directory is another user's, the socket stays for the next start to replace.
            if let Ok(address) = address
                && let Some(path) = address.as_pathname()
                && let Err(error) = fs::remove_file(path)
            {
                debug!(%error, "the socket of http is left behind");
            }
            served
        }
    };
    if let Err(error) = served {
        error!(%error, "cannot serve http");
    }
}

/// Keeps something until the system has taken the last octet of a response's body, or its client is gone.
pub fn keep_until_sent(response: Response, kept: impl Send + Sync + 'static) -> Response {
    response.map(|body| axum::body::Body::new(Held::new(body, kept)))
}

struct Server {
    pages: Router,
    /// How clients are met, if they are to encrypt.
    tls: Option<TlsAcceptor>,
    connections: Arc<Connections>,
    /// The counter's name.
    closed: &'static str,
    stop: CancellationToken,
}

impl Server {
    /// Serves who comes until the daemon stops, and then until what was asked is answered or would take too long.
    async fn serve(self, mut listener: impl Accept) {
        let server = Arc::new(self);
        let tasks = TaskTracker::new();
        loop {
            let (stream, _) = tokio::select! {
                () = server.stop.cancelled() => break,
                // It waits for descriptors itself when there are none.
                accepted = listener.accept() => accepted,
            };
            let (client, evicted) = server.connections.admit();
            if evicted {
                server.count("evicted");
            }
            match client {
                Some(client) => {
                    let server = server.clone();
                    tasks.spawn(async move { server.meet(stream, client).await });
                }
                None => server.count("connections-max"),
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// A handshake has the time of a request's head, and makes room as one that is waited for does.
    async fn meet<S>(&self, stream: S, client: Client)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = &self.tls else {
            return self.converse(stream, client).await;
        };
        let met = tokio::select! {
            met = timeout(HEAD_TIMEOUT, tls.accept(stream)) => met,
            () = client.evicted() => return,
            () = self.stop.cancelled() => return,
        };
        match met {
            Ok(Ok(stream)) => self.converse(stream, client).await,
            Ok(Err(error)) => {
                debug!(%error, "http handshake");
                self.count("handshake");
            }
            Err(_) => self.count("timeout"),
        }
    }

    async fn converse<S>(&self, stream: S, client: Client)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pages = TowerToHyperService::new(self.pages.clone());
        let answer = |request: Request<Incoming>| {
            let busy = client.busy();
            let response = pages.call(request);
            async { Ok::<_, Infallible>(response.await?.map(|body| Held::new(body, busy))) }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(Stalling::new(stream, STALL_TIMEOUT)), service_fn(answer));
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = client.evicted() => return,
            () = self.stop.cancelled() => {
                // To hyper half a request is one under way, with all of its time.
                if !client.is_busy() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                match timeout(LAST_ANSWERS_TIME, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        match ended {
            Ok(()) => {}
            Err(error) if error.is_timeout() => self.count("timeout"),
            Err(error) if is_stalled(&error) => self.count("stalled"),
            Err(error) => debug!(%error, "http connection"),
        }
    }

    fn count(&self, reason: &'static str) {
        counter!(self.closed, "reason" => reason).increment(1);
    }
}

fn is_stalled(error: &hyper::Error) -> bool {
    error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests;
