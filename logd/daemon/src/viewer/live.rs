//! What comes in, as server-sent events: `message`, an entry as JSON; `lost` and `passed-over`, numbers.
//!
//! All of it is the work of the listener's own thread: its regular expression is compiled there, the messages are looked at there
//! and become JSON there. The steering thread passes pages on.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::query::{Parameters, QueryError};
use super::{Refusal, Viewer};
use crate::live::{Heard, Listening, Place, Recent, Tap};

/// What is shown of the time before.
const RECENT_MAX: usize = 200;

/// How long that is looked for: a pattern that takes longer finds fewer.
const RECENT_TIME_MAX: Duration = Duration::from_secs(2);

/// A page of messages, and the pause after one: more than a thousand a second nobody reads, and no browser shows.
const EVENTS_MAX: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A page ends with the message that brings it to this: 100 of usual length do not.
const PAGE_BYTES_MAX: usize = 256 << 10;

/// A comment that keeps proxies from closing what is silent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Pages that wait for the browser.
const PAGES_MAX: usize = 4;

pub(super) async fn page(
    State(viewer): State<Arc<Viewer>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(parameters) = parameters?;
    let tap = viewer.service.pipeline.load().tap().clone();
    let place = tap.place().map_err(|_| Refusal::Listeners)?;
    let (verdict, verdict_of) = oneshot::channel();
    let (pages, body) = mpsc::channel(PAGES_MAX);
    let stop = viewer.stop.clone();
    let listen = move |place| listen(parameters, tap, place, verdict, pages, stop);
    place.run(listen).map_err(|_| Refusal::Listeners)?;
    verdict_of.await.map_err(|_| Refusal::Listeners)??;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(body))).into_response())
}

async fn listen(
    parameters: Parameters,
    tap: Arc<Tap>,
    place: Place,
    verdict: oneshot::Sender<Result<(), QueryError>>,
    pages: mpsc::Sender<Result<String, Infallible>>,
    stop: CancellationToken,
) {
    let filter = match parameters.filter() {
        Ok(filter) => filter,
        Err(error) => {
            // Who asked may have gone.
            let _ = verdict.send(Err(error));
            return;
        }
    };
    if verdict.send(Ok(())).is_err() {
        return;
    }
    let of_before = filter.clone();
    let (kept, listening) = tap.listen(place, filter);
    let until = Instant::now() + RECENT_TIME_MAX;
    let recent = Recent::of(&kept, &of_before, RECENT_MAX, || Instant::now() >= until);
    send(recent, listening, pages, stop).await;
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
    for message in recent.messages {
        if page.len() >= PAGE_BYTES_MAX && pages.send(Ok(std::mem::take(&mut page))).await.is_err() {
            return;
        }
        push_heard(&mut page, &Heard::Message(message));
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
                let until = Instant::now() + PAUSE;
                for _ in 1..EVENTS_MAX {
                    if page.len() >= PAGE_BYTES_MAX {
                        break;
                    }
                    let Some(heard) = listening.ready(until) else { break };
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
        Heard::Message(message) => {
            let json = serde_json::to_string(&message.entry()).expect("a struct of texts is JSON");
            push_event(page, "message", &json);
        }
        Heard::Lost(messages) => push_event(page, "lost", &messages.to_string()),
    }
}

/// JSON and numbers have no line end in them.
fn push_event(page: &mut String, event: &str, data: &str) {
    writeln!(page, "event: {event}\ndata: {data}\n").expect("a string takes all");
}
