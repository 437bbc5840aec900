//! The log viewer: a page at `[control].http` that shows what is in the trees and what comes in.
//!
//! The page is three files of this folder, compiled in: no build step, nothing loaded from elsewhere. It asks for data with the
//! query string that it has itself, so an address is the whole of a search. What messages say is written into the page as text
//! and never as HTML; a strict Content-Security-Policy stands behind that.
//!
//! Everything is GET, and nothing changes anything. Who may ask is decided in [`access`]; the work is done by [`search`] and
//! [`tree`] on threads of their own ([`workers`]), so that it holds up neither the log path nor the thread that steers.
//!
//! What somebody who may look can make it cost, however they ask:
//!
//! | what | is bounded by |
//! |---|---|
//! | searches | [`SEARCHES_RUNNING_MAX`] at a time, on threads of the lowest priority, [`SEARCHES_WAITING_MAX`] more wait; their time, the octets that they read decompressed, the length of a line, the files ([`search`], [`tree`]); the end of their client |
//! | a regular expression | its compiled size ([`query`]); it is compiled and run on the thread of who asks |
//! | listings of the trees | [`LISTINGS_RUNNING_MAX`] and [`LISTINGS_WAITING_MAX`], [`LIST_TIME_MAX`], the files of all trees together |
//! | memory of a search | the lines that it keeps, by number and octets, the messages that it knows again ([`search`]), the bars of its histogram, the window of zstd (128 MiB) |
//! | memory of answers | [`ANSWERS_MAX`] that are made or on their way to their clients |
//! | live pages | the number of listeners, each with a thread of the lowest priority and a queue of bounded length ([`crate::live`]); the length of a page, and the pages that wait for its browser ([`live`]) |
//! | connections | their number, the time for a request, the time in which a client has to take something ([`ballast_shared::http`]) |

mod access;
mod line;
mod live;
mod query;
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
use ballast_shared::http::keep_until_sent;
use metrics::{Counter, counter};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub(crate) use access::{Access, Token};
pub(crate) use tree::Tree;

use crate::input::Service;
use query::{Parameters, QueryError};
use search::{now_s, search};
use tree::{FILES_MAX, Until, list};
use workers::{Busy, Workers};

/// Searches at a time: on a machine of two cores they take none that the log path wants.
const SEARCHES_RUNNING_MAX: usize = 2;

/// Searches that wait for their turn: a few people who look for the same trouble.
const SEARCHES_WAITING_MAX: usize = 6;

/// Listings have a thread of their own: a page that is opened while others search has its tree at once.
const LISTINGS_RUNNING_MAX: usize = 1;
const LISTINGS_WAITING_MAX: usize = 7;

/// How long a listing may take.
const LIST_TIME_MAX: Duration = Duration::from_secs(10);

/// Answers that are made or on their way to their clients: each has some 10 MB at most, or what its control characters make of
/// these in JSON, until the kernel has the last octet of it, and a client may take its time.
const ANSWERS_MAX: usize = 16;

/// What the requests work with.
pub(super) struct Viewer {
    service: Arc<Service>,
    access: Access,
    searches: Workers,
    listings: Workers,
    answers: Arc<Semaphore>,
    stop: CancellationToken,
    metrics: Metrics,
}

struct Metrics {
    searched: Counter,
    busy: Counter,
}

/// The viewer's pages. `stop` ends what would go on for ever.
pub(crate) fn pages(service: Arc<Service>, access: Access, stop: CancellationToken) -> Router {
    let searches = |outcome: &'static str| counter!("logd_viewer_searches_total", "outcome" => outcome);
    let viewer = Arc::new(Viewer {
        service,
        access,
        searches: Workers::new(SEARCHES_RUNNING_MAX, SEARCHES_WAITING_MAX),
        listings: Workers::new(LISTINGS_RUNNING_MAX, LISTINGS_WAITING_MAX),
        answers: Arc::new(Semaphore::new(ANSWERS_MAX)),
        stop,
        metrics: Metrics {
            searched: searches("done"),
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
    let place = viewer.answer()?;
    let trees = viewer.trees();
    let work = move |gone| {
        let until = Until {
            deadline: Instant::now() + LIST_TIME_MAX,
            gone,
        };
        let mut files_left = FILES_MAX;
        let listings = trees.iter().map(|tree| list(tree, &until, &mut files_left));
        Json::of(&listings.collect::<Vec<_>>())
    };
    Ok(viewer.listings.run(work).await?.response(place))
}

async fn search_page(
    State(viewer): State<Arc<Viewer>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(parameters) = parameters?;
    let searched = async {
        let place = viewer.answer()?;
        let trees = viewer.trees();
        let work = move |gone| {
            let query = parameters.query(now_s())?;
            Ok::<_, QueryError>(Json::of(&search(&trees, &query, gone)))
        };
        Ok::<_, Busy>((viewer.searches.run(work).await?, place))
    };
    match searched.await {
        Ok((answer, place)) => {
            let response = answer?.response(place);
            viewer.metrics.searched.increment(1);
            Ok(response)
        }
        Err(Busy) => {
            viewer.metrics.busy.increment(1);
            Err(Busy.into())
        }
    }
}

/// An answer, written where it was made: large ones take long to write.
struct Json(String);

impl Json {
    fn of(answer: &impl Serialize) -> Self {
        Self(serde_json::to_string(answer).expect("structs with text keys are always JSON"))
    }

    fn response(self, place: OwnedSemaphorePermit) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        keep_until_sent((headers, self.0).into_response(), place)
    }
}

impl Viewer {
    /// The trees of the configuration at the moment.
    fn trees(&self) -> Arc<[Arc<Tree>]> {
        self.service.pipeline.load().viewed()
    }

    /// A place for an answer.
    fn answer(&self) -> Result<OwnedSemaphorePermit, Busy> {
        self.answers.clone().try_acquire_owned().map_err(|_| Busy)
    }
}

/// Why a request is not answered.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The query string says something that can't be.
    Query(String),
    Busy,
    /// As many as may are looking on.
    Listeners,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Query(error) => (StatusCode::BAD_REQUEST, error),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "others are searching: try again in a moment".to_owned(),
            ),
            Self::Listeners => {
                counter!("logd_viewer_refused_total", "reason" => "listeners").increment(1);
                let text = "as many live pages are open as may be: close one, or try again later";
                (StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
            }
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
