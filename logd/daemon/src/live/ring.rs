//! The last messages, as far as they were kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::Copied;
use super::filter::Filter;

/// A few screens.
const MESSAGES_MAX: usize = 2000;

/// Long messages push out more of the others.
const BYTES_MAX: usize = 2 << 20;

/// The messages, oldest first.
#[derive(Default)]
pub(super) struct Ring {
    kept: VecDeque<Kept>,
    bytes: usize,
}

/// A message that was kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    message: Arc<Copied>,
    /// Messages that came before it and were not kept.
    passed_over: u64,
}

/// The last messages that somebody wants to see.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Oldest first.
    pub(crate) messages: Vec<Arc<Copied>>,
    /// Messages, wanted or not, that came among these and were not kept.
    pub(crate) passed_over: u64,
}

impl Ring {
    pub(super) fn push(&mut self, message: Arc<Copied>, passed_over: u64) {
        self.bytes += message.bytes();
        self.kept.push_back(Kept { message, passed_over });
        while self.kept.len() > MESSAGES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.message.bytes();
        }
    }

    /// All of them.
    pub(super) fn kept(&self) -> Vec<Kept> {
        self.kept.iter().cloned().collect()
    }
}

impl Recent {
    /// The last of these that the filter takes, at most so many. Those before the one at which `is_over` are left out.
    pub(crate) fn of(kept: &[Kept], filter: &Filter, max: usize, mut is_over: impl FnMut() -> bool) -> Self {
        let mut recent = Self::default();
        for kept in kept.iter().rev() {
            if recent.messages.len() == max || is_over() {
                break;
            }
            if filter.takes(&kept.message.facts()) {
                recent.messages.push(kept.message.clone());
            }
            recent.passed_over += kept.passed_over;
        }
        recent.messages.reverse();
        recent
    }
}
