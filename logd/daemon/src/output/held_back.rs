//! What a sender waits for before more is read from it.

use std::sync::Arc;

use super::file::LogFile;
use super::queue::Queue;

/// The output that a sender's messages went to and that has no room for more: the last one seen, as each of them is looked at
/// again with the next message that goes there.
#[derive(Default)]
pub(crate) struct HeldBack {
    /// It is many senders to as many files, which are not to wait for one of these.
    is_many: bool,
    file: Option<Arc<LogFile>>,
    queue: Option<Arc<Queue>>,
}

impl HeldBack {
    /// Of many senders that wait together ([`Patience::WaitsWithOthers`](super::Patience)).
    pub(crate) fn of_many() -> Self {
        Self {
            is_many: true,
            ..Self::default()
        }
    }

    /// Remembers the file, if its senders are to wait.
    pub(crate) fn note_file(&mut self, file: &Arc<LogFile>) {
        if self.waits_for(file) {
            self.file = Some(file.clone());
        }
    }

    /// Remembers the queue, if its senders are to wait.
    pub(crate) fn note_queue(&mut self, queue: &Arc<Queue>) {
        if queue.holds_back() {
            self.queue = Some(queue.clone());
        }
    }

    /// Whether one of them still has no room.
    pub(crate) fn look(&mut self) -> bool {
        if self.file.as_ref().is_some_and(|file| !self.waits_for(file)) {
            self.file = None;
        }
        if self.queue.as_ref().is_some_and(|queue| !queue.holds_back()) {
            self.queue = None;
        }
        self.file.is_some() || self.queue.is_some()
    }

    fn waits_for(&self, file: &LogFile) -> bool {
        if self.is_many {
            file.holds_back_all()
        } else {
            file.holds_back()
        }
    }
}
