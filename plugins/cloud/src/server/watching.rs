//! A task for each watcher, which looks up what is new when it has said all that came before: nothing is laid up for a watcher but
//! the replies that it is being sent, and one that takes none is let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballast_shared::varlink::Part;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::STALL_MAX;

/// A watcher hears from us this often, changes or not.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Replies that are made before the first of them is taken.
const REPLIES_AHEAD: usize = 2;

/// What is told to one watcher, who has been told some of it.
pub(super) trait Tale: Send + 'static {
    /// What is said first of all.
    fn begin(&mut self, replies: &Replies) -> impl Future<Output = Result<(), HasGone>> + Send;

    /// All that is new.
    fn go_on(&mut self, replies: &Replies) -> impl Future<Output = Result<(), HasGone>> + Send;

    /// That there is nothing new; `None`: not even that can be said.
    fn nothing_new(&self) -> Option<Part>;
}

/// Who takes no more replies.
#[derive(Debug)]
pub(super) struct HasGone;

/// Where replies go.
pub(super) struct Replies(mpsc::Sender<Part>);

impl Replies {
    /// Waits until there is room, or it has taken too long.
    pub(super) async fn send(&self, part: Part) -> Result<(), HasGone> {
        self.0.send_timeout(part, STALL_MAX).await.map_err(|_| HasGone)
    }
}

/// Tells a watcher, each time there is `news`, until it has gone; it is counted that long.
pub(super) fn start(tale: impl Tale, news: watch::Receiver<u64>, watching: &Arc<AtomicUsize>) -> mpsc::Receiver<Part> {
    let (replies, receiver) = mpsc::channel(REPLIES_AHEAD);
    tokio::spawn(tell(tale, news, Replies(replies), Counted::new(watching)));
    receiver
}

async fn tell(mut tale: impl Tale, mut news: watch::Receiver<u64>, replies: Replies, _counted: Counted) {
    if tale.begin(&replies).await.is_err() {
        return;
    }
    loop {
        news.mark_unchanged();
        if tale.go_on(&replies).await.is_err() {
            return;
        }
        let nothing_new = tokio::select! {
            changed = timeout(KEEP_ALIVE, news.changed()) => match changed {
                Ok(Ok(())) => None,
                Ok(Err(_)) => return,
                Err(_) => tale.nothing_new(),
            },
            () = replies.0.closed() => return,
        };
        if let Some(part) = nothing_new
            && replies.send(part).await.is_err()
        {
            return;
        }
    }
}

/// Counts for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
