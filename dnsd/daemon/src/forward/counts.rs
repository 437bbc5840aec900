//! What became of questions that were forwarded, for `/metrics`. Only who waits for the network or the cache counts here.

use std::sync::atomic::{AtomicU64, Ordering};

/// Of all forwarders, kept over reloads.
#[derive(Debug, Default)]
pub(super) struct ForwardCounters {
    cached: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

/// Their sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForwardCounts {
    /// Answered from the cache.
    pub(crate) cached: u64,
    /// Answered by a forwarder.
    pub(crate) answered: u64,
    /// Answered by none.
    pub(crate) failed: u64,
    /// Being asked, or looked for in the cache.
    pub(crate) underway: usize,
}

impl ForwardCounters {
    pub(super) fn cached(&self) {
        self.cached.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self, underway: usize) -> ForwardCounts {
        ForwardCounts {
            cached: self.cached.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            underway,
        }
    }
}
