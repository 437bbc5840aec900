//! The bound on transfers out: how many there are now, and what became of those before.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the transfers out of all zones.
#[derive(Debug, Clone, Default)]
pub(crate) struct TransfersOut(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By client; those who have none are not in it.
    running: Mutex<HashMap<IpAddr, usize>>,
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
    client: IpAddr,
    has_ended: bool,
}

impl Counts {
    fn running(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client, which may read as slowly as it likes, has no more of the places than three in four.
fn share(running_max: usize) -> usize {
    (running_max - running_max / 4).max(1)
}

impl TransfersOut {
    /// One more to this client, unless there are `running_max` already, or so many to it that others would have none.
    pub(super) fn begin(&self, client: IpAddr, running_max: usize) -> Option<Running> {
        let mut running = self.0.running();
        if running.values().sum::<usize>() >= running_max {
            return None;
        }
        let its_own = running.entry(client).or_default();
        let is_within_share = *its_own < share(running_max);
        *its_own += usize::from(is_within_share);
        is_within_share.then(|| Running {
            counts: self.0.clone(),
            client,
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
            ended,
            broken_off,
            refused,
            ..
        } = &*self.0;
        TransferCounts {
            running: self.0.running().values().sum(),
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
        let mut running = self.counts.running();
        if let Some(its_own) = running.get_mut(&self.client) {
            *its_own -= 1;
            if *its_own == 0 {
                running.remove(&self.client);
            }
        }
        drop(running);
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
        let (client, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let (first, second) = (transfers.begin(client, 2).unwrap(), transfers.begin(client, 2).unwrap());
        assert!(transfers.begin(other, 2).is_none());
        transfers.refused();
        first.end();
        let third = transfers.begin(other, 2).unwrap();
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

    #[test]
    fn one_client_leaves_places_to_others() {
        let transfers = TransfersOut::default();
        let (client, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let of_client: Vec<Running> = std::iter::from_fn(|| transfers.begin(client, 10)).collect();
        let of_other: Vec<Running> = std::iter::from_fn(|| transfers.begin(other, 10)).collect();
        assert_eq!((of_client.len(), of_other.len()), (8, 2));
        drop((of_client, of_other));
        assert_eq!(transfers.counts().running, 0);
        assert!(transfers.begin(client, 1).is_some());
    }
}
