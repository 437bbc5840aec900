//! Messages that are worked on: each once at a time, and none again whose work is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::topics::Taker;
use crate::aws::sqs::Message;
use crate::queue::{Remembered, Verdict};

/// Messages that are worked on at once: alarms are few, and a stack has some dozens of resources.
const AT_ONCE_MAX: usize = 256;
/// SNS takes an answer within 15 seconds for none. Work that takes longer goes on, and the message comes again.
const PATIENCE: Duration = Duration::from_secs(12);
/// Messages of which it is remembered that their work is done, or that they have come: more than may be sent again, as they are
/// too old after an hour.
const REMEMBERED_MAX: usize = 20_000;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worked {
    /// Its work is done.
    Done,
    /// It was done before.
    Before,
    /// It is not done, or not yet: it is to come again.
    Kept,
    /// There is too much to do.
    Busy,
}

/// The messages.
pub(super) struct Work {
    state: Arc<Mutex<State>>,
    tasks: TaskTracker,
    patience: Duration,
}

struct State {
    done: Remembered,
    come: Remembered,
    under_way: HashMap<String, watch::Receiver<Option<Verdict>>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// However the work on a message ends, it is not under way any more.
struct UnderWay {
    state: Arc<Mutex<State>>,
    id: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.state).under_way.remove(&self.id);
    }
}

impl Default for Work {
    fn default() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                done: Remembered::new(REMEMBERED_MAX),
                come: Remembered::new(REMEMBERED_MAX),
                under_way: HashMap::new(),
            })),
            tasks: TaskTracker::new(),
            patience: PATIENCE,
        }
    }
}

impl Work {
    /// Has a message's work done, unless it is, and waits for it as long as who has sent it does. Nobody's going away stops it.
    pub(super) async fn take(&self, message: Message, taker: Arc<dyn Taker>) -> Worked {
        let mut verdict = match self.begun(message, taker) {
            Ok(verdict) => verdict,
            Err(worked) => return worked,
        };
        let ended = timeout(self.patience, verdict.wait_for(Option::is_some)).await;
        match ended {
            Ok(Ok(verdict)) if *verdict == Some(Verdict::Done) => Worked::Done,
            // It is to come again, takes longer, or was too much.
            _ => Worked::Kept,
        }
    }

    fn begun(&self, mut message: Message, taker: Arc<dyn Taker>) -> Result<watch::Receiver<Option<Verdict>>, Worked> {
        let mut state = lock(&self.state);
        if state.done.has(&message.id) {
            return Err(Worked::Before);
        }
        if let Some(verdict) = state.under_way.get(&message.id) {
            return Ok(verdict.clone());
        }
        if state.under_way.len() >= AT_ONCE_MAX {
            return Err(Worked::Busy);
        }
        if !state.come.add(&message.id) {
            message.set_received_before();
        }
        let (told, verdict) = watch::channel(None);
        state.under_way.insert(message.id.clone(), verdict.clone());
        let under_way = UnderWay {
            state: self.state.clone(),
            id: message.id.clone(),
        };
        self.tasks.spawn(async move {
            let verdict = taker.take(message).await;
            if verdict == Verdict::Done {
                lock(&under_way.state).done.add(&under_way.id);
            }
            drop(under_way);
            // Who has sent it may not wait any more.
            let _ = told.send(Some(verdict));
        });
        Ok(verdict)
    }

    /// Waits until nothing is worked on; nothing more is to be begun.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Notify, mpsc};

    use super::*;
    use crate::aws::Error;
    use crate::queue::Handler;

    /// Does what the message says, and tells of it.
    struct Doer {
        begun: mpsc::UnboundedSender<(String, u32)>,
        go_on: Notify,
    }

    impl Handler for Doer {
        async fn handle(&self, message: &Message) -> Verdict {
            self.begun.send((message.id.clone(), message.receive_count())).unwrap();
            match message.body.as_str() {
                "slow" => {
                    self.go_on.notified().await;
                    Verdict::Done
                }
                "panic" => panic!("as it was asked to"),
                "keep" => Verdict::Keep,
                "later" => Verdict::Later(Duration::from_secs(20)),
                _ => Verdict::Done,
            }
        }

        fn queue_is(&self, _: Option<&Error>) {}
    }

    fn bench() -> (Work, Arc<Doer>, mpsc::UnboundedReceiver<(String, u32)>) {
        let (begun, told) = mpsc::unbounded_channel();
        let doer = Doer {
            begun,
            go_on: Notify::new(),
        };
        (Work::default(), Arc::new(doer), told)
    }

    fn message(id: &str, body: &str) -> Message {
        Message::pushed(id.to_owned(), body.to_owned(), 0)
    }

    #[tokio::test]
    async fn what_is_done_is_done_once_and_what_is_not_is_done_again() {
        let (work, doer, mut told) = bench();
        for (id, body, worked) in [
            ("a", "do", Worked::Done),
            ("a", "do", Worked::Before),
            ("b", "keep", Worked::Kept),
            ("b", "later", Worked::Kept),
            ("c", "panic", Worked::Kept),
            ("c", "do", Worked::Done),
        ] {
            assert_eq!(work.take(message(id, body), doer.clone()).await, worked, "{id} {body}");
        }
        let mut begun = Vec::new();
        while let Ok(one) = told.try_recv() {
            begun.push(one);
        }
        let expected = [("a", 1), ("b", 1), ("b", 2), ("c", 1), ("c", 2)].map(|(id, count)| (id.to_owned(), count));
        assert_eq!(begun, expected);
        assert!(lock(&work.state).under_way.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_long_goes_on_and_is_done_once() {
        let (work, doer, mut told) = bench();
        let work = Arc::new(work);
        let take = || {
            let (work, doer) = (work.clone(), doer.clone());
            tokio::spawn(async move { work.take(message("a", "slow"), doer).await })
        };
        let (first, second) = (take(), take());
        // Both have waited for it as long as SNS would.
        assert_eq!(
            (first.await.unwrap(), second.await.unwrap()),
            (Worked::Kept, Worked::Kept)
        );
        let third = take();
        told.recv().await.unwrap();
        doer.go_on.notify_one();
        assert_eq!(third.await.unwrap(), Worked::Done);
        assert_eq!(take().await.unwrap(), Worked::Before);
        assert!(told.try_recv().is_err());
        work.finish().await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_stops_nothing() {
        let (work, doer, mut told) = bench();
        {
            let mut taken = Box::pin(work.take(message("a", "slow"), doer.clone()));
            assert!(timeout(Duration::from_millis(1), &mut taken).await.is_err());
        }
        told.recv().await.unwrap();
        doer.go_on.notify_one();
        work.finish().await;
        assert!(lock(&work.state).done.has("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_bound_to_what_is_begun() {
        let (mut work, doer, _told) = bench();
        work.patience = Duration::ZERO;
        for number in 0..AT_ONCE_MAX {
            let worked = work.take(message(&number.to_string(), "slow"), doer.clone()).await;
            assert_eq!(worked, Worked::Kept);
        }
        assert_eq!(work.take(message("x", "do"), doer).await, Worked::Busy);
    }
}
