//! Tasks with an owner and a deadline.
//!
//! Every long-lived task of a daemon is started here under a name. A task that ends before it was asked to, or panics, is a
//! fault of the program: the daemon is told and stops, so that its service manager starts it afresh, rather than going on
//! with a part missing.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

/// Starts, watches and stops the tasks of a daemon.
pub struct Supervisor {
    stop: CancellationToken,
    tasks: TaskTracker,
    failed: mpsc::UnboundedSender<&'static str>,
    failures: mpsc::UnboundedReceiver<&'static str>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// Without tasks yet.
    #[must_use]
    pub fn new() -> Self {
        let (failed, failures) = mpsc::unbounded_channel();
        Self {
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failed,
            failures,
        }
    }

    /// What a task waits for to learn that it is to end.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task that is to run until [`Supervisor::stopping`].
    pub fn start<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start_on(&Handle::current(), name, task);
    }

    /// The same for a task that is to run elsewhere than at hand.
    pub fn start_on<F>(&self, runtime: &Handle, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let failed = self.failed.clone();
        let task = runtime.spawn(task);
        self.tasks.spawn(async move {
            match task.await {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => error!(task = name, "a task ended by itself"),
                Err(panic) => error!(task = name, %panic, "a task failed"),
            }
            // The receiver lives as long as the supervisor; after it there is nobody left to tell.
            let _ = failed.send(name);
        });
    }

    /// Waits until a task has failed, and names it. For ever, when all is well.
    pub async fn failed(&mut self) -> &'static str {
        match self.failures.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }

    /// Asks all tasks to end and waits for them, at most so long. Whether all of them did.
    pub async fn stop(self, deadline: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let all = tokio::time::timeout(deadline, self.tasks.wait()).await.is_ok();
        if !all {
            warn!(
                tasks = self.tasks.len(),
                ?deadline,
                "tasks still running at the deadline are abandoned"
            );
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_by_name() {
        let mut supervisor = Supervisor::new();
        supervisor.start("fine", async { std::future::pending().await });
        supervisor.start("broken", async { panic!("on purpose") });
        assert_eq!(supervisor.failed().await, "broken");
    }

    #[tokio::test]
    async fn an_early_end_is_told_by_name() {
        let mut supervisor = Supervisor::new();
        supervisor.start("short", async {});
        assert_eq!(supervisor.failed().await, "short");
    }

    #[tokio::test]
    async fn tasks_that_listen_end_in_time() {
        let supervisor = Supervisor::new();
        let stop = supervisor.stopping();
        supervisor.start("listens", async move { stop.cancelled().await });
        assert!(supervisor.stop(Duration::from_secs(60)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_listen_is_left_behind() {
        let supervisor = Supervisor::new();
        supervisor.start("deaf", std::future::pending());
        assert!(!supervisor.stop(Duration::from_secs(60)).await);
    }
}
