//! The bound on transfers out: how many there are now, and what became of those before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts the transfers out of all zones.
#[derive(Debug, Clone, Default)]
pub(crate) struct TransfersOut(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    running: AtomicUsize,
    ended: AtomicU64,
    broken_off: AtomicU64,
    refused: AtomicU64,
}

/// How transfers out fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransferCounts {
    /// Those under way.
    pub(crate) running: usize,
    /// Those that went out as a whole.
    pub(crate) ended: u64,
    /// Those that didn't.
    pub(crate) broken_off: u64,
    /// Those that were not begun: not allowed, or one too many.
    pub(crate) refused: u64,
}

/// A transfer that counts among those under way until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    counts: Arc<Counts>,
    has_ended: bool,
}

impl TransfersOut {
    /// One more, unless there are `running_max` already.
    pub(super) fn begin(&self, running_max: usize) -> Option<Running> {
        let one_more = |running: usize| (running < running_max).then_some(running + 1);
        let begun = self
            .0
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begun.is_ok().then(|| Running {
            counts: self.0.clone(),
            has_ended: false,
        })
    }

    /// Counts one that isn't begun.
    pub(super) fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// For metrics.
    pub(crate) fn counts(&self) -> TransferCounts {
        let Counts {
            running,
            ended,
            broken_off,
            refused,
        } = &*self.0;
        TransferCounts {
            running: running.load(Ordering::Relaxed),
            ended: ended.load(Ordering::Relaxed),
            broken_off: broken_off.load(Ordering::Relaxed),
            refused: refused.load(Ordering::Relaxed),
        }
    }
}

impl Running {
    /// Everything is sent.
    pub(super) fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.counts.running.fetch_sub(1, Ordering::Relaxed);
        let fate = if self.has_ended {
            &self.counts.ended
        } else {
            &self.counts.broken_off
        };
        fate.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_bound_run_at_a_time() {
        let transfers = TransfersOut::default();
        let (first, second) = (transfers.begin(2).unwrap(), transfers.begin(2).unwrap());
        assert!(transfers.begin(2).is_none());
        transfers.refused();
        first.end();
        let third = transfers.begin(2).unwrap();
        drop(second);
        let counts = TransferCounts {
            running: 1,
            ended: 1,
            broken_off: 1,
            refused: 1,
        };
        assert_eq!(transfers.counts(), counts);
        third.end();
    }
}
