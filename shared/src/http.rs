//! `[control].http`: `/metrics`, `/healthz`, and what a daemon adds.

use std::net::TcpListener;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tracing::error;

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

/// Serves the pages until the daemon stops.
pub async fn serve(listener: TcpListener, pages: Router, stop: CancellationToken) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot serve http"),
    };
    let stopped = stop.cancelled_owned();
    if let Err(error) = axum::serve(listener, pages).with_graceful_shutdown(stopped).await {
        error!(%error, "http ended");
    }
}
