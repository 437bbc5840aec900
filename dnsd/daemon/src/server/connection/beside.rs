//! What a connection sends beside the answers to its queries: transfers, which take turns.

use std::collections::VecDeque;

use super::super::deferred::Transfer;

/// The transfers of a connection. How many there can be is bounded for all connections together.
#[derive(Default)]
pub(super) struct Beside {
    transfers: VecDeque<Box<Transfer>>,
}

impl Beside {
    /// One more, or one that waits for its next turn.
    pub(super) fn add(&mut self, transfer: Box<Transfer>) {
        self.transfers.push_back(transfer);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.transfers.is_empty()
    }

    /// Whose turn it is; `None` when there are no transfers. Other connections, and what the client sends, come first: to make
    /// a batch takes a thread for a while.
    pub(super) async fn next(&mut self) -> Option<Box<Transfer>> {
        if self.transfers.is_empty() {
            return None;
        }
        tokio::task::yield_now().await;
        self.transfers.pop_front()
    }
}
