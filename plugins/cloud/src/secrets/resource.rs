//! CloudFormation's custom resource for secrets: what stacks ask for comes through a topic into a queue, and is answered at the
//! URL that each request names.
//!
//! `request` reads what is asked, `desk` does it, `answer` writes what became of it, and [`crate::hosts`] says where an answer,
//! which may have a password in it, may be sent to. A stack waits for an answer until its time is over, so that each request gets one,
//! failures too; a message is deleted when its answer was taken. What a resource is called to CloudFormation (`physical`) says
//! which making of which secret is its own, and nothing else is ever deleted for it.

mod answer;
pub mod config;
mod desk;
mod physical;
mod request;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Uri;
use metrics::counter;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use self::answer::Outcome;
pub use self::config::Config;
use self::desk::Desk;
use self::request::Request;
use super::Store;
use crate::aws::sqs::Message;
use crate::aws::unsigned::Unsigned;
use crate::aws::{Client, Error, Part, Settings};
use crate::events::{Event, Events, Kind};
use crate::hosts::{Hosts, NoUrl};
use crate::queue::{AtStop, Handler, Remembered, Verdict, Worker};

/// A store that can't be used has so long to be usable again: a stack waits an hour for its answer.
const STORE: Duration = Duration::from_secs(5 * 60);
/// So long an answer is tried to be sent before the message is left to come again.
const SEND: Duration = Duration::from_secs(5 * 60);
/// Nobody waits any longer for an answer, and the resource may long be another.
const LATE: Duration = Duration::from_secs(3600);
/// Requests that are worked on at once.
const AT_ONCE: usize = 16;
/// A request whose cloudd has died comes again after this.
const HIDDEN: Duration = Duration::from_secs(60);
/// Requests of which it is remembered that they were answered.
const REMEMBERED_MAX: usize = 10_000;

/// How it is, for who asks.
#[derive(Debug, Default)]
pub struct Status {
    is_on: Mutex<bool>,
    succeeded: AtomicU64,
    failed: AtomicU64,
    unanswered: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl Status {
    /// As the control socket has it; `null` when there is none.
    #[must_use]
    pub fn shown(&self) -> serde_json::Value {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        match *lock(&self.is_on) {
            false => serde_json::Value::Null,
            true => json!({
                "succeeded": count(&self.succeeded),
                "failed": count(&self.failed),
                "unanswered": count(&self.unanswered),
                "problem": *lock(&self.problem),
            }),
        }
    }

    /// From here on there is one, or none.
    pub fn turn(&self, is_on: bool) {
        *lock(&self.is_on) = is_on;
        *lock(&self.problem) = None;
    }

    fn answered(&self, request: &Request, outcome: &Outcome) {
        let (count, word) = match outcome.result {
            Ok(_) => (&self.succeeded, "success"),
            Err(_) => (&self.failed, "failed"),
        };
        count.fetch_add(1, Ordering::Relaxed);
        counter!("cloudd_secrets_resource_answers_total", "kind" => request.kind.name(), "outcome" => word)
            .increment(1);
    }

    fn unanswered(&self, reason: &'static str) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        counter!("cloudd_secrets_resource_unanswered_total", "reason" => reason).increment(1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes requests from the queue, if there is one, until it is stopped.
pub async fn run(answers: Arc<Answers>, stop: CancellationToken) {
    let Some(queue) = answers.queue.clone() else {
        return stop.cancelled().await;
    };
    let worker = Worker {
        client: Client::new(answers.settings.clone(), &[Part::StackRequests]),
        queue,
        what: "secrets.resource".to_owned(),
        at_once: AT_ONCE,
        hidden: HIDDEN,
        // A store that can't be had is waited for longer than a daemon that ends is.
        at_stop: AtStop::Drop,
    };
    worker.run(answers, stop).await;
}

/// Answers requests, whichever way they come.
pub struct Answers {
    settings: Settings,
    queue: Option<String>,
    desk: Desk,
    hosts: Hosts,
    unsigned: Unsigned,
    status: Arc<Status>,
    events: Arc<Events>,
    answered: Mutex<Remembered>,
}

impl Handler for Answers {
    async fn handle(&self, message: &Message) -> Verdict {
        let is_first = message.receive_count() <= 1;
        let request = match Request::read(&message.body) {
            Ok(request) => request,
            Err(why) => {
                // Whose it is is not known: the queue's redrive policy says where it goes.
                if is_first {
                    warn!(
                        id = message.id,
                        ?why,
                        "a message is no request of CloudFormation: it is left"
                    );
                    self.status.unanswered("unreadable");
                }
                return Verdict::Keep;
            }
        };
        let is_late = age(message) > LATE;
        let verdict = match self.hosts.check(&request.response_url) {
            Ok(url) => self.answer(&request, &url, is_late).await,
            Err(why) => {
                self.has_no_url(&request, &why, is_first);
                Verdict::Keep
            }
        };
        // It was tried for an hour; there is nobody who waits.
        if is_late { Verdict::Done } else { verdict }
    }

    fn queue_is(&self, problem: Option<&Error>) {
        *lock(&self.status.problem) = problem.map(|error| format!("the queue can't be asked: {error}"));
    }
}

impl Answers {
    /// Those that tell of what came of them. Secrets that are named without an environment are of `environment`.
    #[must_use]
    pub fn new(config: Config, store: Store, environment: String, status: Arc<Status>, events: Arc<Events>) -> Self {
        Self {
            settings: config.settings.clone(),
            queue: config.queue,
            unsigned: Unsigned::new(config.settings.authorities.clone(), config.settings.timeouts),
            hosts: config.hosts,
            desk: Desk {
                store,
                environment,
                readable: config.readable,
            },
            status,
            events,
            answered: Mutex::new(Remembered::new(REMEMBERED_MAX)),
        }
    }

    async fn answer(&self, request: &Request, url: &Uri, is_late: bool) -> Verdict {
        // One that was answered is not done again: a secret that was deleted since would be made anew.
        if lock(&self.answered).has(&request.mark()) {
            return Verdict::Done;
        }
        let mut outcome = match is_late {
            false => self.desk.act(request, Instant::now() + STORE).await,
            true => Outcome::failed(
                self.desk.physical_of_failed(request),
                "this has come more than an hour late, and was not done",
            ),
        };
        let body = outcome.write(request);
        let sent = self.unsigned.put(url, body, Instant::now() + SEND).await;
        if let Err(error) = sent {
            warn!(%error, "{} of {} is not answered: it comes again", request.kind.name(), request.maker());
            self.status.unanswered("not-taken");
            return Verdict::Keep;
        }
        lock(&self.answered).add(&request.mark());
        self.status.answered(request, &outcome);
        self.events.tell(event(request, &outcome));
        Verdict::Done
    }

    /// Nothing is done either: who asked would not learn of it.
    fn has_no_url(&self, request: &Request, why: &NoUrl, is_first: bool) {
        if !is_first {
            return;
        }
        let maker = request.maker();
        match why {
            NoUrl::Malformed => error!("the answer to {maker} has nowhere to go: its URL is none"),
            NoUrl::Host(host) => error!("{host} is not among response-hosts: {maker} is neither done nor answered"),
        }
        self.status.unanswered("url");
    }
}

/// What came of a request, for those who follow events.
fn event(request: &Request, outcome: &Outcome) -> Event {
    let (kind, maker) = (request.kind.name(), request.maker());
    let (word, message) = match &outcome.result {
        Ok(_) => ("success", format!("{kind} of {maker} is answered")),
        Err(why) => ("failed", format!("{kind} of {maker} has failed: {why}")),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fields = [("request", kind), ("outcome", word), ("stack", request.stack())];
    Event {
        id: format!("secret-{}", request.mark()),
        time: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        kind: Kind::Secret,
        host: None,
        message,
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

/// How long ago a message was sent.
fn age(message: &Message) -> Duration {
    let sent = message
        .attributes
        .get("SentTimestamp")
        .and_then(|sent| sent.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sent.map_or(Duration::ZERO, |millis| {
        now.saturating_sub(Duration::from_millis(millis))
    })
}

#[cfg(test)]
mod tests;
