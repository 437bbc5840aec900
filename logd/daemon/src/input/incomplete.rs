//! How much all connections together keep of frames whose end was not read yet.
//!
//! Apart from the budget for rendered lines: that one is waited for, and a frame's end that is waited for never comes.
//! Whoever goes beyond this one loses its connection instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{Gauge, gauge};

/// What they keep, and what they may: a share of `buffer-max`, which is how much memory the administrator has for senders.
#[derive(Debug, Clone)]
pub(crate) struct Incomplete {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes_max: usize,
    bytes: AtomicUsize,
    gauge: Gauge,
}

/// Of `buffer-max`, the part that incomplete frames may take beside it: hundreds of messages of 64 KiB at the default.
const SHARE: usize = 4;

/// What one connection keeps; given back when dropped.
#[derive(Debug)]
pub(super) struct Charge {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Incomplete {
    /// For a configuration with this `buffer-max`.
    pub(crate) fn new(buffer_bytes_max: usize) -> Self {
        let shared = Shared {
            bytes_max: buffer_bytes_max / SHARE,
            bytes: AtomicUsize::new(0),
            gauge: gauge!("logd_input_incomplete_bytes"),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A connection that keeps nothing yet.
    pub(super) fn charge(&self) -> Charge {
        Charge {
            shared: self.shared.clone(),
            bytes: 0,
        }
    }
}

impl Charge {
    /// The connection keeps so many bytes now; whether it may.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        // Most reads end with a frame, before and after.
        if bytes == self.bytes {
            return true;
        }
        let more = bytes.saturating_sub(self.bytes);
        let less = self.bytes.saturating_sub(bytes);
        self.bytes = bytes;
        let all = if more > 0 {
            self.shared.bytes.fetch_add(more, Ordering::Relaxed) + more
        } else {
            self.shared.bytes.fetch_sub(less, Ordering::Relaxed) - less
        };
        self.shared.gauge.set(all as f64);
        more == 0 || all <= self.shared.bytes_max
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_one_limit_and_give_back_what_they_had() {
        let incomplete = Incomplete::new(SHARE * 100);
        let (mut a, mut b) = (incomplete.charge(), incomplete.charge());
        assert!(a.set(60));
        assert!(!b.set(60), "more than all may have");
        assert!(b.set(10), "less is always taken");
        assert!(a.set(90));
        drop(a);
        assert!(b.set(100));
    }
}
