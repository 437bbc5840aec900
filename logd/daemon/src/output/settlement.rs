//! How far the records of a file or of a queue are safe: what an acknowledgement to a sender waits for.
//!
//! Whoever appends counts the records; whoever writes, sends or commits them says up to which all are settled. The numbers only
//! grow, so one number stands for a whole batch and all that came before it.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The numbers of one file or queue.
#[derive(Default)]
pub(crate) struct Settlement {
    appended: AtomicU64,
    settled: AtomicU64,
    lost: AtomicU64,
    changed: Notify,
}

/// How it stands with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is on its way.
    Pending,
    /// It is where it was to go; or it was dropped, which is counted elsewhere.
    Settled,
    /// Nobody knows whether it is on the device. Said of older records too, rather too often than not.
    Lost,
}

impl Settlement {
    /// Another record is there; its number. To be called under the lock that keeps the records in order, so that nobody else is at
    /// it: the processor need not be told to see to that.
    pub(crate) fn append(&self) -> u64 {
        let number = self.appended.load(Ordering::Relaxed) + 1;
        self.appended.store(number, Ordering::Relaxed);
        number
    }

    /// The number of the last record that was appended.
    pub(crate) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    /// How many are not settled.
    pub(crate) fn unsettled(&self) -> u64 {
        self.appended().saturating_sub(self.settled.load(Ordering::Acquire))
    }

    /// All records up to this one are settled.
    pub(crate) fn settle(&self, through: u64) {
        if self.settled.fetch_max(through, Ordering::Release) < through {
            self.changed.notify_waiters();
        }
    }

    /// Records up to this one may be lost, as far as they are not settled.
    pub(crate) fn lose(&self, through: u64) {
        self.lost.fetch_max(through, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Nobody is to wait for records any more that were waited for: who waits looks again.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// How it stands with a record.
    pub(crate) fn standing(&self, number: u64) -> Standing {
        // In this order: a later record that is settled says nothing of one that was lost before.
        let settled = self.settled.load(Ordering::Acquire);
        if number != 0 && self.lost.load(Ordering::Acquire) >= number {
            Standing::Lost
        } else if settled >= number {
            Standing::Settled
        } else {
            Standing::Pending
        }
    }

    /// Waits for a record for as long as it is worth it. Nothing is lost when this is dropped before it is done.
    pub(crate) async fn wait(&self, number: u64, is_waited_for: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before the look, so that what changes between the look and the wait is not missed.
            changed.as_mut().enable();
            if self.standing(number) != Standing::Pending || !is_waited_for() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_and_what_is_lost() {
        let settlement = Settlement::default();
        assert_eq!(settlement.standing(0), Standing::Settled, "nothing was appended");
        assert_eq!([(); 4].map(|()| settlement.append()), [1, 2, 3, 4]);
        assert_eq!(settlement.standing(1), Standing::Pending);
        settlement.settle(2);
        settlement.settle(1);
        assert_eq!(
            [2, 3].map(|n| settlement.standing(n)),
            [Standing::Settled, Standing::Pending]
        );
        settlement.lose(3);
        settlement.settle(4);
        assert_eq!(
            [3, 4].map(|n| settlement.standing(n)),
            [Standing::Lost, Standing::Settled]
        );
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_what_happens_and_by_who_makes_it_not_matter() {
        let settlement = Settlement::default();
        let number = settlement.append();
        tokio::join!(settlement.wait(number, || true), async { settlement.settle(number) });
        let number = settlement.append();
        tokio::join!(settlement.wait(number, || true), async { settlement.lose(number) });
        let number = settlement.append();
        let matters = std::cell::Cell::new(true);
        tokio::join!(settlement.wait(number, || matters.get()), async {
            matters.set(false);
            settlement.wake();
        });
        assert_eq!(settlement.standing(number), Standing::Pending);
    }
}
