//! Messages of a queue, each given to somebody who does what it asks for: it is deleted when that is done, and comes again when
//! it is not.
//!
//! While one is worked on it is kept from others, however long that takes; when cloudd dies meanwhile it comes again after
//! [`Worker::hidden`]. It may come twice all the same, as SQS says: who does the work has to bear that.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::aws::sqs::{Message, WAIT_MAX};
use crate::aws::{Client, Error};

/// After a failure the queue is left alone for so long …
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// … and up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What it asked for is done: it is deleted.
    Done,
    /// It is not, or is nothing that can be: it comes again, or goes where the queue's redrive policy has it go.
    Keep,
    /// It is to come again in so long: there is no use in it before.
    Later(Duration),
}

/// What becomes of the work that is going on when a worker is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtStop {
    /// It is dropped, and its message comes again.
    Drop,
    /// It is ended; what has not begun comes again.
    Finish,
}

/// Who does what messages ask for.
pub trait Handler: Send + Sync + 'static {
    /// Does it.
    fn handle(&self, message: &Message) -> impl Future<Output = Verdict> + Send;

    /// Is told why the queue can't be asked, and when it can be again.
    fn queue_is(&self, problem: Option<&Error>);
}

/// Takes messages from a queue.
#[derive(Debug)]
pub struct Worker {
    /// How it is asked.
    pub client: Client,
    /// Its URL.
    pub queue: String,
    /// The table of the configuration that it is for, in the log and in metrics: "scaling.gpu".
    pub what: String,
    /// Messages that are worked on at once; with 1 one after the other.
    pub at_once: usize,
    /// A message whose worker has died comes again after this; at least two seconds.
    pub hidden: Duration,
    /// What becomes of what is worked on when it is stopped.
    pub at_stop: AtStop,
}

impl Worker {
    /// Takes messages until it is stopped.
    pub async fn run<H: Handler>(self, handler: Arc<H>, stop: CancellationToken) {
        let worker = Arc::new(self);
        let turns = Arc::new(Semaphore::new(worker.at_once.max(1)));
        let mut work = JoinSet::new();
        worker.follow(&handler, &turns, &mut work, &stop).await;
        if worker.at_stop == AtStop::Finish {
            turns.close();
            while let Some(ended) = work.join_next().await {
                worker.ended(ended);
            }
        }
    }

    async fn follow<H: Handler>(
        self: &Arc<Self>,
        handler: &Arc<H>,
        turns: &Arc<Semaphore>,
        work: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) {
        let mut pause = PAUSE_MIN;
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.receive(work) => received,
            };
            match received {
                Ok(messages) => {
                    if pause != PAUSE_MIN {
                        pause = PAUSE_MIN;
                        info!("the queue of {} can be asked again", self.what);
                        handler.queue_is(None);
                    }
                    for message in messages {
                        work.spawn(self.clone().work(handler.clone(), turns.clone(), message));
                    }
                }
                Err(error) => {
                    // Once is enough.
                    match pause == PAUSE_MIN {
                        true => warn!(%error, "the queue of {} can't be asked", self.what),
                        false => debug!(%error, ?pause, "the queue of {} still can't be asked", self.what),
                    }
                    counter!("cloudd_queue_failures_total", "of" => self.what.clone()).increment(1);
                    handler.queue_is(Some(&error));
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(jittered(pause)) => {}
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Asks when there is somebody who has nothing to do.
    async fn receive(&self, work: &mut JoinSet<()>) -> Result<Vec<Message>, Error> {
        while work.len() >= self.at_once.max(1) {
            if let Some(ended) = work.join_next().await {
                self.ended(ended);
            }
        }
        while let Some(ended) = work.try_join_next() {
            self.ended(ended);
        }
        self.client.receive_messages(&self.queue, WAIT_MAX, self.hidden).await
    }

    /// The message of one that panicked comes again.
    fn ended(&self, ended: Result<(), JoinError>) {
        if let Err(panic) = ended {
            error!(%panic, "a message of {} was too much", self.what);
        }
    }

    async fn work<H: Handler>(self: Arc<Self>, handler: Arc<H>, turns: Arc<Semaphore>, message: Message) {
        let handled = async {
            // When nothing more is begun they are closed.
            match turns.acquire().await {
                Ok(_turn) => handler.handle(&message).await,
                Err(_) => Verdict::Later(Duration::ZERO),
            }
        };
        let verdict = tokio::select! {
            verdict = handled => verdict,
            never = self.keep_hidden(&message) => match never {},
        };
        match verdict {
            Verdict::Keep => {}
            Verdict::Later(later) => {
                if let Err(error) = self.client.hide_message(&self.queue, &message, later).await {
                    debug!(%error, id = message.id, "a message of {} comes when it likes", self.what);
                }
            }
            Verdict::Done => {
                if let Err(error) = self.client.delete_message(&self.queue, &message).await {
                    warn!(%error, id = message.id, "a message of {} is done, but can't be deleted: it comes again", self.what);
                }
            }
        }
    }

    async fn keep_hidden(&self, message: &Message) -> Infallible {
        loop {
            sleep(self.hidden / 2).await;
            if let Err(error) = self.client.hide_message(&self.queue, message, self.hidden).await {
                debug!(%error, id = message.id, "a message of {} may be taken twice", self.what);
            }
        }
    }
}

/// Half of a pause or more, so that those who were turned away together don't come back together.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    // A system without randomness has worse to worry about.
    let random = getrandom::u64().unwrap_or(0);
    half + Duration::from_micros(random % micros.saturating_add(1))
}

/// Ids, as many of the newest as are worth remembering.
#[derive(Debug)]
pub(crate) struct Remembered {
    ids: HashSet<String>,
    order: VecDeque<String>,
    max: usize,
}

impl Remembered {
    /// Of none, and never of more than so many.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            ids: HashSet::new(),
            order: VecDeque::new(),
            max,
        }
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Whether it is new.
    pub(crate) fn add(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests;
