//! What a sender waits for before more is read from it.

use std::sync::Arc;

use super::file::LogFile;
use super::queue::Queue;

/// The output that a sender's messages went to and that has no room for more: the last one seen, as each of them is looked at
/// again with the next message that goes there.
#[derive(Default)]
pub(crate) struct HeldBack {
    file: Option<Arc<LogFile>>,
    queue: Option<Arc<Queue>>,
}

impl HeldBack {
    /// Remembers the file, if its senders are to wait.
    pub(crate) fn note_file(&mut self, file: &Arc<LogFile>) {
        if file.holds_back() {
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
        if self.file.as_ref().is_some_and(|file| !file.holds_back()) {
            self.file = None;
        }
        if self.queue.as_ref().is_some_and(|queue| !queue.holds_back()) {
            self.queue = None;
        }
        self.file.is_some() || self.queue.is_some()
    }
}
