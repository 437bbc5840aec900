//! The outputs behind a [`Queue`]: a worker each, which takes records and does with them what its kind does.
//!
//! A worker belongs to an output with its settings. A reload that keeps both keeps the worker and what it has; otherwise the
//! queue is closed as soon as no pipeline appends to it any more, and its worker ends when it has dealt with what was in it,
//! beside the one that has taken its place, or when `drain-timeout` is over: what it has then is given up and counted. With a
//! spool it has put all of it there, and the next worker of that spool begins when it has.

mod database;
mod events;
pub(crate) mod forward;
mod line_writer;
mod pipe;
mod program;
mod tty;
mod users;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::supervise::Supervisor;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use self::forward::ForwardSettings;
use super::file::Store;
use super::queue::{Queue, QueueLimits};

pub(crate) use database::{Database, DatabaseKind, MySql, Password, Postgres, Schema, ServerTls, Sqlite};
pub(crate) use events::Events;
pub(crate) use users::{Users, Who};

/// What a queued output is: two that are equal are one, over a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedSettings {
    pub(crate) limits: QueueLimits,
    pub(crate) kind: QueuedKind,
}

/// What its worker does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueuedKind {
    /// Sends messages to other collectors.
    Forward(Box<ForwardSettings>),
    /// Writes lines to this named pipe.
    Pipe(PathBuf),
    /// Writes lines to this terminal.
    Tty(PathBuf),
    /// Writes to the terminals of those who are logged in.
    Users(Users),
    /// Writes lines to the standard input of this program, with its arguments.
    Program(Box<[String]>),
    /// Writes rows.
    Database(Box<Database>),
    /// Tells a plugin.
    Events(Box<Events>),
}

/// An output with a queue, as pipelines have it; when the last of them has let go of it, its queue is closed.
pub(crate) struct QueuedOutput {
    settings: QueuedSettings,
    queue: Arc<Queue>,
}

impl QueuedOutput {
    /// Without a worker yet.
    pub(crate) fn new(name: &str, settings: QueuedSettings, store: Arc<Store>) -> Self {
        Self {
            queue: Arc::new(Queue::new(name.into(), settings.limits, store)),
            settings,
        }
    }

    /// Its name in the configuration.
    pub(crate) fn name(&self) -> &str {
        self.queue.name()
    }

    pub(crate) fn settings(&self) -> &QueuedSettings {
        &self.settings
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

impl Drop for QueuedOutput {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The workers, those of earlier configurations that have not ended among them.
pub(crate) struct Workers {
    running: Vec<Running>,
    tasks: TaskTracker,
    panics: mpsc::UnboundedSender<Box<dyn Any + Send>>,
}

struct Running {
    queue: Arc<Queue>,
    /// The folder of its spool, which one worker has at a time.
    spool: Option<PathBuf>,
    end: watch::Sender<End>,
    ended: CancellationToken,
}

/// When a worker comes to its end, beside that its queue is closed and empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// The configuration has its output no more: it has until then.
    By(Instant),
    /// The daemon ends.
    Now,
}

/// A worker whose output the configuration has no more, or not with these settings.
pub(crate) struct Leaving<'w> {
    pub(crate) queue: &'w Queue,
    /// What it still has by then is given up.
    pub(crate) until: std::time::Instant,
}

impl Workers {
    /// None yet. The supervisor is told of one that panics.
    pub(crate) fn new(supervisor: &Supervisor) -> Self {
        let (panics, mut panicked) = mpsc::unbounded_channel();
        let stopping = supervisor.stopping();
        supervisor.start("output", async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                Some(panic) = panicked.recv() => std::panic::resume_unwind(panic),
            }
        });
        Self {
            running: Vec::new(),
            tasks: TaskTracker::new(),
            panics,
        }
    }

    /// Starts a worker for each of these outputs that has none. Those of all others have so long to come to their end. To be
    /// called within the runtime that is to run them.
    pub(crate) fn apply<'o>(&mut self, outputs: impl Iterator<Item = &'o Arc<QueuedOutput>>, drain_timeout: Duration) {
        self.running.retain(|running| !running.ended.is_cancelled());
        let outputs: Vec<_> = outputs.collect();
        let has = |queue: &Arc<Queue>| outputs.iter().any(|output| Arc::ptr_eq(&output.queue, queue));
        for gone in self.running.iter().filter(|running| !has(&running.queue)) {
            gone.end.send_if_modified(|end| {
                let is_new = *end == End::Open;
                if is_new {
                    *end = End::By(Instant::now() + drain_timeout);
                }
                is_new
            });
        }
        for output in outputs {
            let is_there = |running: &Running| Arc::ptr_eq(&running.queue, &output.queue);
            if !self.running.iter().any(is_there) {
                self.start(output);
            }
        }
    }

    fn start(&mut self, output: &QueuedOutput) {
        let kind = output.settings.kind.clone();
        let spool = kind.spool().map(Path::to_owned);
        // Its last one may itself be waiting: so they come in the order of their configurations.
        let before = self.running.iter().rev();
        let before = before.filter(|running| spool.is_some() && running.spool == spool);
        let before = before.map(|running| running.ended.clone()).next();
        let (end, told) = watch::channel(End::Open);
        let ended = CancellationToken::new();
        let queue = output.queue.clone();
        let guard = ended.clone().drop_guard();
        let task = self.tasks.spawn(async move {
            let _guard = guard;
            let work = async {
                if let Some(before) = before {
                    before.cancelled().await;
                }
                run(kind, queue.clone()).await;
            };
            let reason = tokio::select! {
                () = work => "refused",
                reason = told_to_end(told) => reason,
            };
            let records = queue.give_up(reason);
            if records > 0 {
                error!(
                    output = queue.name(),
                    records, reason, "an output has ended with records, which are lost"
                );
            }
            if reason == ABANDONED {
                // They are counted, and no loss of the end of the daemon's.
                queue.settle(queue.settlement().appended());
            }
            queue.abandon();
        });
        let panics = self.panics.clone();
        tokio::spawn(async move {
            if let Err(error) = task.await
                && let Ok(panic) = error.try_into_panic()
            {
                // Who would hear of it may have gone.
                let _ = panics.send(panic);
            }
        });
        self.running.push(Running {
            queue: output.queue.clone(),
            spool,
            end,
            ended,
        });
    }

    /// Nothing is appended any more: waits until all records are seen to, at most so long.
    pub(crate) async fn drain(&self, at_most: Duration) {
        for running in &self.running {
            running.queue.close();
        }
        self.tasks.close();
        if timeout(at_most, self.tasks.wait()).await.is_err() {
            for running in self.running.iter().filter(|running| !running.ended.is_cancelled()) {
                error!(
                    output = running.queue.name(),
                    records = running.queue.unsettled(),
                    "output did not end in time"
                );
                running.end.send_replace(End::Now);
            }
        }
    }

    /// Records that no worker has seen to.
    pub(crate) fn unsettled(&self) -> u64 {
        self.running.iter().map(|running| running.queue.unsettled()).sum()
    }

    /// Those that are on their way to their end.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = Leaving<'_>> {
        let running = self.running.iter().filter(|running| !running.ended.is_cancelled());
        running.filter_map(|running| match *running.end.borrow() {
            End::By(until) => Some(Leaving {
                queue: &running.queue,
                until: until.into_std(),
            }),
            End::Open | End::Now => None,
        })
    }
}

/// Why records are dropped that a worker has not seen to in time.
const ABANDONED: &str = "abandoned";
const STOPPED: &str = "stopped";

/// Waits until a worker has no more time, and says why.
async fn told_to_end(mut told: watch::Receiver<End>) -> &'static str {
    loop {
        let end = *told.borrow_and_update();
        let changed = match end {
            End::Open => told.changed().await,
            End::By(until) => match timeout_at(until, told.changed()).await {
                Ok(changed) => changed,
                Err(_) => return ABANDONED,
            },
            End::Now => return STOPPED,
        };
        if changed.is_err() {
            // Nobody is left who could say anything.
            return std::future::pending().await;
        }
    }
}

impl QueuedKind {
    /// The folder of its spool.
    fn spool(&self) -> Option<&Path> {
        match self {
            Self::Forward(settings) => settings.spool.as_ref().map(|spool| spool.directory.as_path()),
            Self::Pipe(_) | Self::Tty(_) | Self::Users(_) | Self::Program(_) | Self::Database(_) | Self::Events(_) => {
                None
            }
        }
    }
}

/// The work of one output, until its queue is closed and empty.
async fn run(kind: QueuedKind, queue: Arc<Queue>) {
    match kind {
        QueuedKind::Forward(settings) => forward::run(&settings, &queue).await,
        QueuedKind::Pipe(path) => pipe::run(&path, &queue).await,
        QueuedKind::Tty(path) => tty::run(&path, &queue).await,
        QueuedKind::Users(users) => users::run(&users, &queue).await,
        QueuedKind::Program(command) => program::run(&command, &queue).await,
        QueuedKind::Database(database) => database::run(&database, &queue).await,
        QueuedKind::Events(events) => events::run(&events, &queue).await,
    }
}

#[cfg(test)]
mod tests;
