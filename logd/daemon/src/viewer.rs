//! The log viewer: a page at `[control].http` that shows what is in the trees and what comes in.
//!
//! The page is three files of this folder, compiled in: no build step, nothing loaded from elsewhere. It asks for data with the
//! query string that it has itself, so an address is the whole of a search. What messages say is written into the page as text
//! and never as HTML; a strict Content-Security-Policy stands behind that.
//!
//! Everything is GET, and nothing changes anything. Who may ask is decided in [`access`]; the work is done by [`search`] and
//! [`tree`] on threads of their own ([`workers`]), so that it holds up neither the log path nor the thread that steers.

mod access;
mod line;
mod live;
mod search;
mod tree;
mod workers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use metrics::{Counter, counter};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub(crate) use access::{Access, Token};
pub(crate) use tree::Tree;

use crate::input::Service;
use search::{Parameters, QueryError, now_s, search};
use tree::{Until, list};
use workers::{Busy, Workers};

/// How long a listing may take.
const LIST_TIME_MAX: Duration = Duration::from_secs(10);

/// What the requests work with.
pub(super) struct Viewer {
    service: Arc<Service>,
    access: Access,
    workers: Workers,
    stop: CancellationToken,
    searches: Searches,
}

struct Searches {
    done: Counter,
    busy: Counter,
}

/// The viewer's pages. `stop` ends what would go on for ever.
pub(crate) fn pages(service: Arc<Service>, access: Access, stop: CancellationToken) -> Router {
    let searches = |outcome: &'static str| counter!("logd_viewer_searches_total", "outcome" => outcome);
    let viewer = Arc::new(Viewer {
        service,
        access,
        workers: Workers::new(),
        stop,
        searches: Searches {
            done: searches("done"),
            busy: searches("busy"),
        },
    });
    let data = Router::new()
        .route("/viewer/tree", get(tree_page))
        .route("/viewer/search", get(search_page))
        .route("/viewer/live", get(live::page))
        .route_layer(middleware::from_fn_with_state(viewer.clone(), access::require));
    Router::new()
        .route("/", get(page))
        .route("/viewer/login", get(access::login))
        .route(
            "/viewer/app.js",
            get(|| file("text/javascript", include_str!("viewer/app.js"))),
        )
        .route(
            "/viewer/style.css",
            get(|| file("text/css", include_str!("viewer/style.css"))),
        )
        .route(
            "/viewer/icon.svg",
            get(|| file("image/svg+xml", include_str!("viewer/icon.svg"))),
        )
        .merge(data)
        .route_layer(middleware::from_fn_with_state(viewer.clone(), access::guard))
        .with_state(viewer)
}

async fn page(State(viewer): State<Arc<Viewer>>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    match parameters.get("token") {
        Some(token) => viewer.access.exchange(token, &parameters),
        None => file("text/html", include_str!("viewer/page.html"))
            .await
            .into_response(),
    }
}

async fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, format!("{kind}; charset=utf-8")),
        // Its next version has the same name.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, content)
}

async fn tree_page(State(viewer): State<Arc<Viewer>>) -> Result<Response, Refusal> {
    let trees = viewer.trees();
    let work = move |gone| {
        let until = Until {
            deadline: Instant::now() + LIST_TIME_MAX,
            gone,
        };
        trees.iter().map(|tree| list(tree, &until)).collect::<Vec<_>>()
    };
    Ok(json(&viewer.workers.run(work).await?))
}

async fn search_page(
    State(viewer): State<Arc<Viewer>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(parameters) = parameters?;
    let query = parameters.query(now_s())?;
    let trees = viewer.trees();
    match viewer.workers.run(move |gone| search(&trees, &query, gone)).await {
        Ok(answer) => {
            viewer.searches.done.increment(1);
            Ok(json(&answer))
        }
        Err(busy) => {
            viewer.searches.busy.increment(1);
            Err(busy.into())
        }
    }
}

fn json(answer: &impl Serialize) -> Response {
    match serde_json::to_string(answer) {
        Ok(text) => (
            [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            text,
        )
            .into_response(),
        Err(_) => unreachable!("structs with text keys are always JSON"),
    }
}

impl Viewer {
    /// The trees of the configuration at the moment.
    fn trees(&self) -> Arc<[Arc<Tree>]> {
        self.service.pipeline.load().viewed()
    }
}

/// Why a request is not answered.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The query string says something that can't be.
    Query(String),
    Busy,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Query(error) => (StatusCode::BAD_REQUEST, error),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "others are searching: try again in a moment".to_owned(),
            ),
        }
        .into_response()
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::Query(rejection.body_text())
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self::Query(error.to_string())
    }
}

impl From<Busy> for Refusal {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

/// A header as text, where it is there and is text.
fn text_of<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
