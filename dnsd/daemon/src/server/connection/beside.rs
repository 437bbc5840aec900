//! What a connection sends beside the answers that are made at once: those that take their time, and transfers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use super::super::deferred::{Transfer, WayBack};

/// Answers that a connection waits for at a time, at most: as many as a busy resolver has in flight to one server. A client that
/// asks for more is read from again when it has some of them.
const ANSWERS_MAX: usize = 64;

/// What is under way for a connection. How many transfers there can be is bounded for all connections together.
#[derive(Default)]
pub(super) struct Beside {
    answers: Vec<oneshot::Receiver<Vec<u8>>>,
    transfers: VecDeque<Box<Transfer>>,
}

/// What can be sent next.
pub(super) enum Turn {
    /// An answer that was waited for.
    Answer(Vec<u8>),
    /// A batch of this transfer.
    Transfer(Box<Transfer>),
    /// Nothing: what was waited for was given up.
    GivenUp,
}

impl Beside {
    /// One more transfer, or one that waits for its next turn.
    pub(super) fn add_transfer(&mut self, transfer: Box<Transfer>) {
        self.transfers.push_back(transfer);
    }

    /// The way back for an answer that takes its time.
    pub(super) fn way_back(&mut self) -> WayBack {
        let (sender, receiver) = oneshot::channel();
        self.answers.push(receiver);
        WayBack::Connection(sender)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.transfers.is_empty()
    }

    /// How long the client may take to read what transfers have written; `None` without them.
    pub(super) fn write_max(&self) -> Option<Duration> {
        self.transfers.iter().map(|transfer| transfer.write_max()).max()
    }

    /// Whether there is no room for one more answer that takes its time.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= ANSWERS_MAX
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whose turn it is, of what is under way. Answers come before transfers, and before those other connections and
    /// what the client sends: to make a batch takes a thread for a while.
    pub(super) async fn next(&mut self) -> Turn {
        if let Some(answer) = poll_fn(|context| self.poll_answers(context)).await {
            return Turn::Answer(answer);
        }
        if self.transfers.is_empty() {
            return Turn::GivenUp;
        }
        tokio::task::yield_now().await;
        self.transfers.pop_front().map_or(Turn::GivenUp, Turn::Transfer)
    }

    /// An answer that is there; `None` when there are none to wait for, or a transfer needs no waiting.
    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut place = 0;
        while let Some(answer) = self.answers.get_mut(place) {
            match Pin::new(answer).poll(context) {
                Poll::Pending => place += 1,
                Poll::Ready(answer) => {
                    self.answers.swap_remove(place);
                    // It was given up, or nothing is to be sent.
                    let Ok(answer) = answer else { continue };
                    return Poll::Ready(Some(answer));
                }
            }
        }
        if self.answers.is_empty() || !self.transfers.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
