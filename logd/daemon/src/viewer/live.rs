//! What comes in, as server-sent events: `message`, an entry as JSON; `lost` and `passed-over`, numbers.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::search::Parameters;
use super::{Refusal, Viewer};
use crate::live::{Entry, Heard, Listening, Recent};

/// What is shown of the time before.
const RECENT_MAX: usize = 200;

/// A page of messages, and the pause after one: more than a thousand a second nobody reads, and no browser shows.
const EVENTS_MAX: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A comment that keeps proxies from closing what is silent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Pages that wait for the browser.
const PAGES_MAX: usize = 4;

pub(super) async fn page(
    State(viewer): State<Arc<Viewer>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(parameters) = parameters?;
    let filter = parameters.filter()?;
    let tap = viewer.service.pipeline.load().tap().clone();
    let (recent, listening) = tap.listen(filter, RECENT_MAX).map_err(|_| Refusal::Busy)?;
    let (pages, body) = mpsc::channel(PAGES_MAX);
    tokio::spawn(send(recent, listening, pages, viewer.stop.clone()));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(body))).into_response())
}

/// Sends until the client goes or the daemon stops.
async fn send(
    recent: Recent,
    mut listening: Listening,
    pages: mpsc::Sender<Result<String, Infallible>>,
    stop: CancellationToken,
) {
    let mut page = String::new();
    if recent.passed_over > 0 {
        push_event(&mut page, "passed-over", &recent.passed_over.to_string());
    }
    for entry in &recent.entries {
        push_entry(&mut page, entry);
    }
    // An empty comment says that we listen.
    page.push_str(":\n\n");
    loop {
        if pages.send(Ok(std::mem::take(&mut page))).await.is_err() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = pages.closed() => return,
            () = sleep(KEEP_ALIVE) => page.push_str(":\n\n"),
            heard = listening.next() => {
                push_heard(&mut page, &heard);
                for _ in 1..EVENTS_MAX {
                    let Some(heard) = listening.ready() else { break };
                    push_heard(&mut page, &heard);
                }
            }
        }
        if page.len() > 3 {
            tokio::select! {
                () = stop.cancelled() => return,
                () = pages.closed() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }
}

fn push_heard(page: &mut String, heard: &Heard) {
    match heard {
        Heard::Message(entry) => push_entry(page, entry),
        Heard::Lost(messages) => push_event(page, "lost", &messages.to_string()),
    }
}

fn push_entry(page: &mut String, entry: &Entry) {
    let json = serde_json::to_string(entry).expect("a struct of texts is JSON");
    push_event(page, "message", &json);
}

/// JSON and numbers have no line end in them.
fn push_event(page: &mut String, event: &str, data: &str) {
    writeln!(page, "event: {event}\ndata: {data}\n").expect("a string takes all");
}
