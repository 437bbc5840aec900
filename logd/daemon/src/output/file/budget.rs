//! The one budget of the process for lines that are rendered and not yet written.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Buffers are charged in steps of this, so that the shared counter is touched once for many lines.
const STEP_BYTES: usize = 4 << 10;

/// Of the budget, what senders that never wait may use beyond it: while the network has spent all of it on a full disk, a burst of
/// the machine's own programs still goes to the other files.
const RESERVE_SHARE: usize = 8;

/// How many bytes all buffers hold together, and how many they may.
#[derive(Debug)]
pub(super) struct Budget {
    max: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            used: AtomicUsize::new(0),
        }
    }

    /// Charges a buffer for what it holds now, given what it was charged for, which is brought up to date.
    pub(super) fn charge(&self, charged: &mut usize, holds: usize) {
        if holds > *charged {
            let steps = (holds - *charged).div_ceil(STEP_BYTES) * STEP_BYTES;
            *charged += steps;
            self.used.fetch_add(steps, Ordering::Relaxed);
        }
    }

    /// Gives back what a buffer was charged.
    pub(super) fn refund(&self, charged: usize) {
        self.used.fetch_sub(charged, Ordering::Relaxed);
    }

    /// Bytes in use, to a step per file.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Nothing more is to be taken in.
    pub(super) fn is_spent(&self) -> bool {
        self.used() >= self.max
    }

    /// The reserve is spent too, that they have who never wait.
    pub(super) fn is_reserve_spent(&self) -> bool {
        self.used() >= self.max + self.max / RESERVE_SHARE
    }

    /// Three quarters are used: time to write before the buffers are due.
    pub(super) fn is_short(&self) -> bool {
        self.used() >= self.max / 4 * 3
    }

    /// Less than half is used: enough was written early.
    pub(super) fn is_relieved(&self) -> bool {
        self.used() < self.max / 2
    }
}
