//! Which of its peers are known to have, under the serial of the version here, the same data.

use std::num::NonZeroUsize;
use std::time::Duration;

/// What is known of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Same,
    Other,
}

/// What is known of all of them. To find out costs a whole transfer, so there is a time before which nobody tries.
#[derive(Debug)]
pub(super) struct Agreement {
    by_peer: Box<[Known]>,
    put_off_until: Duration,
}

impl Agreement {
    pub(super) fn new(peers: NonZeroUsize) -> Self {
        Self {
            by_peer: vec![Known::Nothing; peers.get()].into(),
            put_off_until: Duration::ZERO,
        }
    }

    /// Another version is here.
    pub(super) fn forget(&mut self) {
        self.by_peer.fill(Known::Nothing);
    }

    /// Notes what a comparison has shown, or a transfer from there.
    pub(super) fn note(&mut self, peer: usize, is_same: bool) {
        self.by_peer[peer] = if is_same { Known::Same } else { Known::Other };
    }

    /// Whether a peer has the same data.
    pub(super) fn is_with(&self, peer: usize) -> bool {
        self.by_peer.get(peer) == Some(&Known::Same)
    }

    /// The first peer that has other data under the same serial.
    pub(super) fn conflict(&self) -> Option<usize> {
        self.by_peer.iter().position(|known| *known == Known::Other)
    }

    pub(super) fn may_compare(&self, now: Duration) -> bool {
        self.put_off_until <= now
    }

    pub(super) fn put_off_until(&self) -> Duration {
        self.put_off_until
    }

    pub(super) fn put_off(&mut self, until: Duration) {
        self.put_off_until = until;
    }
}
