//! The outputs behind a [`Queue`]: a worker each, which takes records and does with them what its kind does.
//!
//! A worker belongs to an output with its settings. A reload that keeps both keeps the worker and what it has; otherwise the
//! queue is closed as soon as no pipeline appends to it any more, and its worker ends when it has dealt with what was in it,
//! beside the one that has taken its place.

mod database;
pub(crate) mod forward;
mod line_writer;
mod pipe;
mod program;
mod tty;
mod users;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::supervise::Supervisor;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::error;

use self::forward::ForwardSettings;
use super::file::Store;
use super::queue::{Queue, QueueLimits};

pub(crate) use database::{Database, DatabaseKind, MySql, Password, Postgres, Schema, ServerTls, Sqlite};
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
}

struct Running {
    queue: Arc<Queue>,
    task: AbortHandle,
}

impl Workers {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            running: Vec::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Starts a worker for each of these outputs that has none. To be called within the runtime that is to run them.
    pub(crate) fn apply<'o>(&mut self, outputs: impl Iterator<Item = &'o Arc<QueuedOutput>>, supervisor: &Supervisor) {
        self.running.retain(|running| !running.task.is_finished());
        for output in outputs {
            if self
                .running
                .iter()
                .any(|running| Arc::ptr_eq(&running.queue, &output.queue))
            {
                continue;
            }
            let (kind, queue) = (output.settings.kind.clone(), output.queue.clone());
            let task = self.tasks.spawn(async move {
                run(kind, queue.clone()).await;
                queue.abandon();
            });
            self.running.push(Running {
                queue: output.queue.clone(),
                task: task.abort_handle(),
            });
            let stopping = supervisor.stopping();
            supervisor.start("output", async move {
                match task.await {
                    // One that a reload or the drain has ended has ended as it should.
                    Ok(()) => stopping.cancelled().await,
                    Err(error) if error.is_cancelled() => stopping.cancelled().await,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            });
        }
    }

    /// Nothing is appended any more: waits until all records are seen to, at most so long.
    pub(crate) async fn drain(&self, at_most: Duration) {
        for running in &self.running {
            running.queue.close();
        }
        self.tasks.close();
        if timeout(at_most, self.tasks.wait()).await.is_err() {
            for running in self.running.iter().filter(|running| !running.task.is_finished()) {
                error!(
                    output = running.queue.name(),
                    records = running.queue.unsettled(),
                    "output did not end in time"
                );
                running.task.abort();
            }
        }
    }

    /// Records that no worker has seen to.
    pub(crate) fn unsettled(&self) -> u64 {
        self.running.iter().map(|running| running.queue.unsettled()).sum()
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
    }
}
