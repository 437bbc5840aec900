//! What `[control] http` shows: `/metrics`, `/healthz`, `/zones`.

mod metrics;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use ballast_shared::http;
use ballast_shared::metrics::Metrics;
use serde_json::Value;

use crate::secondaries::SecondaryBoard;
use crate::server::Shared;
use crate::zones::board::Board;

/// The pages.
pub(crate) fn pages(shared: &Shared, board: &Arc<Board>, secondaries: &Arc<SecondaryBoard>) -> Router {
    let zones = board.clone();
    let zones_page = move || async move { zones_as_json(&zones) };
    let common = Metrics::install().map(|metrics| {
        let (shared, board, secondaries) = (shared.clone(), board.clone(), secondaries.clone());
        let metrics = metrics.with(move |text| metrics::write(&shared, &board, &secondaries, text));
        // A zone that can't be loaded is no reason to take the others away from their clients.
        http::pages(metrics, || Ok(()))
    });
    common.unwrap_or_default().route("/zones", get(zones_page))
}

fn zones_as_json(board: &Board) -> impl IntoResponse + use<> {
    let mut zones = Vec::new();
    board.for_each(|name, status| zones.push(status.to_json(name)));
    let text = format!("{}\n", Value::Array(zones));
    ([(CONTENT_TYPE, "application/json")], text)
}
