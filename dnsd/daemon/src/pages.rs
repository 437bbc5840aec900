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

use crate::control::zone_json;
use crate::plugins::Plugins;
use crate::secondaries::SecondaryBoard;
use crate::server::Shared;
use crate::signatures::SignatureBoard;
use crate::zones::board::Board;
use metrics::Boards;

/// The pages.
pub(crate) fn pages(
    shared: &Shared,
    board: &Arc<Board>,
    secondaries: &Arc<SecondaryBoard>,
    plugins: &Plugins,
    signatures: &Arc<SignatureBoard>,
) -> Router {
    let boards = Boards {
        zones: board.clone(),
        secondaries: secondaries.clone(),
        plugins: plugins.clone(),
        signatures: signatures.clone(),
    };
    let shown = boards.clone();
    let zones_page = move || async move { zones_as_json(&shown) };
    let common = Metrics::install().map(|metrics| {
        let shared = shared.clone();
        let metrics = metrics.with(move |text| metrics::write(&shared, &boards, text));
        // A zone that can't be loaded is no reason to take the others away from their clients.
        http::pages(metrics, || Ok(()))
    });
    common.unwrap_or_default().route("/zones", get(zones_page))
}

fn zones_as_json(boards: &Boards) -> impl IntoResponse + use<> {
    let mut zones = Vec::new();
    boards.zones.for_each(|zone, status| {
        let secondary = boards.secondaries.zone(zone);
        let catalog = boards.zones.catalog(zone).map(|catalog| catalog.to_json(false));
        let signature = boards.signatures.zone(zone);
        zones.push(zone_json(zone, status, secondary.as_ref(), catalog, signature.as_ref()));
    });
    let text = format!("{}\n", Value::Array(zones));
    ([(CONTENT_TYPE, "application/json")], text)
}
