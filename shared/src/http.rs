//! `[control].http`: `/metrics`, `/healthz`, and what a daemon adds.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::metrics::Metrics;

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
    /// A unix socket, from [`crate::control::bind`]; who may connect is decided by its permissions.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// Serves the pages until the daemon stops, and takes a unix socket away.
pub async fn serve(listener: impl Into<Listener>, pages: Router, stop: CancellationToken) {
    let served = match listener.into() {
        Listener::Tcp(listener) => match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                axum::serve(listener, pages)
                    .with_graceful_shutdown(stop.cancelled_owned())
                    .await
            }
            Err(error) => Err(error),
        },
        Listener::Unix(listener) => {
            let address = listener.local_addr();
            let served = match tokio::net::UnixListener::from_std(listener) {
                Ok(listener) => {
                    axum::serve(listener, pages)
                        .with_graceful_shutdown(stop.cancelled_owned())
                        .await
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
