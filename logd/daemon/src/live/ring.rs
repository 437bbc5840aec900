//! The last messages, as far as they were kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::Entry;
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

struct Kept {
    entry: Arc<Entry>,
    /// Messages that came before it and were not kept.
    passed_over: u64,
}

/// The last messages that somebody wants to see.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Oldest first.
    pub(crate) entries: Vec<Arc<Entry>>,
    /// Messages, wanted or not, that came among these and were not kept.
    pub(crate) passed_over: u64,
}

impl Ring {
    pub(super) fn push(&mut self, entry: Arc<Entry>, passed_over: u64) {
        self.bytes += entry.bytes();
        self.kept.push_back(Kept { entry, passed_over });
        while self.kept.len() > MESSAGES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.entry.bytes();
        }
    }

    pub(super) fn recent(&self, filter: &Filter, max: usize) -> Recent {
        let mut recent = Recent::default();
        for kept in self.kept.iter().rev() {
            if recent.entries.len() == max {
                break;
            }
            if filter.takes(&kept.entry.facts()) {
                recent.entries.push(kept.entry.clone());
            }
            recent.passed_over += kept.passed_over;
        }
        recent.entries.reverse();
        recent
    }
}
