//! Threads for what reads files on behalf of somebody who waits: few, and of the lowest priority, so that the log path goes first.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ballast_shared::slice;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How long one waits for its turn: those before it take less, unless a file system hangs.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// As nice as a thread can be.
const NICE: i32 = 19;

pub(super) struct Workers {
    places: Arc<Semaphore>,
    waiting: Semaphore,
}

/// Too many are waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

impl Workers {
    /// So many work at a time, and so many more may wait for their turn.
    pub(super) fn new(running_max: usize, waiting_max: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(running_max)),
            waiting: Semaphore::new(running_max + waiting_max),
        }
    }

    /// Does the work on a thread when it is its turn. The work is told when nobody waits for it any more: when this is dropped.
    /// It keeps its place until it has ended.
    ///
    /// # Errors
    /// When too many are waiting already, its turn does not come, or there is no thread to be had.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(CancellationToken) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _ticket = self.waiting.try_acquire().map_err(|_| Busy)?;
        let turn = timeout(WAIT_MAX, self.places.clone().acquire_owned()).await;
        let place = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let gone = CancellationToken::new();
        let _guard = gone.clone().drop_guard();
        let (answer, answered) = oneshot::channel();
        let job = move || {
            if let Err(error) = slice::set(NICE, slice::LONGEST) {
                debug!(%error, "a search runs at the usual priority");
            }
            // Who asked may have gone.
            let _ = answer.send(work(gone));
            drop(place);
        };
        thread::Builder::new()
            .name("viewer".to_owned())
            .spawn(job)
            .map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn within_a_runtime(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(test);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_behind_what_hangs_is_told() {
        let workers = Workers::new(1, 1);
        let (end, ended) = mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let hangs = workers.run(move |_| {
            began.send(()).unwrap();
            let _ = ended.recv();
        });
        tokio::select! {
            _ = hangs => panic!("it ended by itself"),
            _ = begun => {}
        }
        // It is told that nobody waits for it, and has its place all the same.
        assert_eq!(workers.run(|_| ()).await, Err(Busy));
        drop(end);
    }

    #[test]
    fn work_is_told_when_nobody_waits_for_it() {
        within_a_runtime(async {
            let workers = Workers::new(1, 0);
            let (began, begun) = oneshot::channel();
            let (ended, end) = mpsc::channel();
            let work = move |gone: CancellationToken| {
                began.send(()).unwrap();
                while !gone.is_cancelled() {
                    thread::yield_now();
                }
                ended.send(()).unwrap();
            };
            tokio::select! {
                _ = workers.run(work) => panic!("it ended by itself"),
                _ = begun => {}
            }
            end.recv().unwrap();
        });
    }

    #[test]
    fn so_many_wait_and_no_more() {
        within_a_runtime(async {
            let workers = Arc::new(Workers::new(2, 6));
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..2 + 6 {
                let workers = workers.clone();
                tasks.spawn(async move {
                    let work = |gone: CancellationToken| {
                        while !gone.is_cancelled() {
                            thread::yield_now();
                        }
                    };
                    workers.run(work).await
                });
            }
            while workers.waiting.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(workers.run(|_| ()).await, Err(Busy));
            tasks.shutdown().await;
            assert_eq!(workers.run(|_| 7).await, Ok(7));
        });
    }
}
