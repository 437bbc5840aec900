//! A listener's end of its queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use regex::bytes::Regex;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::entry::Copied;
use super::filter::has_text;
use super::{Listener, Place, Tap};

/// How long the log path is not bothered with waking a listener again: nobody sees that a line comes a tenth of a second late, and
/// a wake-up takes longer than the rest of what a message costs.
const REST: Duration = Duration::from_millis(100);

/// Who listens. Dropping it ends the listening.
pub(crate) struct Listening {
    tap: Arc<Tap>,
    pub(super) listener: Arc<Listener>,
    queue: mpsc::Receiver<Arc<Copied>>,
    text: Option<Regex>,
    /// Until when it does not wait for the next message.
    rests_until: Instant,
    _place: Place,
}

/// What a listener hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Message(Arc<Copied>),
    /// So many messages were skipped, because the listener was too slow.
    Lost(u64),
}

impl Listening {
    pub(super) fn new(
        tap: Arc<Tap>,
        listener: Arc<Listener>,
        queue: mpsc::Receiver<Arc<Copied>>,
        text: Option<Regex>,
        place: Place,
    ) -> Self {
        Self {
            tap,
            listener,
            queue,
            text,
            rests_until: Instant::now(),
            _place: place,
        }
    }

    /// Waits for the next message that its filter takes. Nothing is lost when it is given up.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            if let Some(lost) = self.lost() {
                return lost;
            }
            let message = match self.queue.try_recv() {
                Ok(message) => message,
                Err(_) => {
                    sleep_until(self.rests_until).await;
                    let Some(message) = self.queue.recv().await else {
                        unreachable!("the queue's other end is in the listener, which lives as long as this");
                    };
                    self.rests_until = Instant::now() + REST;
                    message
                }
            };
            if let Some(heard) = self.hear(message) {
                return heard;
            }
            // A slow text: whoever waits for something else meanwhile is to notice it.
            yield_now().await;
        }
    }

    /// The next message that its filter takes, if it is there already and is found by then.
    pub(crate) fn ready(&mut self, until: Instant) -> Option<Heard> {
        loop {
            let message = self.queue.try_recv().ok()?;
            if let Some(heard) = self.hear(message) {
                return Some(heard);
            }
            if Instant::now() >= until {
                return None;
            }
        }
    }

    fn lost(&self) -> Option<Heard> {
        let lost = self.listener.lost.swap(0, Ordering::Relaxed);
        self.tap.skipped.increment(lost);
        (lost > 0).then_some(Heard::Lost(lost))
    }

    fn hear(&self, message: Arc<Copied>) -> Option<Heard> {
        self.listener.bytes.fetch_sub(message.bytes(), Ordering::Relaxed);
        has_text(self.text.as_ref(), message.facts().msg).then_some(Heard::Message(message))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.tap.forget(&self.listener);
    }
}
