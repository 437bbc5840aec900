//! So many a second, and not all of them at its start: servers that are told of ten thousand zones have other things to do.

use std::time::Duration;

/// How many go at once after a time without any; no more than a second's worth do. It is what a second has by default.
const AT_ONCE_MAX: u32 = 20;

/// A rate that is kept. A time is how long after a moment of the caller's choice, the same for all calls.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Between two, when there are many.
    interval: Duration,
    /// How far they may be ahead of it: some of what was left undone before may be done at once.
    ahead_max: Duration,
    /// When the next one would be in its time.
    due_at: Duration,
}

impl Pace {
    /// So many a second.
    pub(crate) fn per_second(count: usize) -> Self {
        let second = Duration::from_secs(1);
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let interval = second / count;
        Self {
            interval,
            ahead_max: interval * (count.min(AT_ONCE_MAX) - 1),
            due_at: Duration::ZERO,
        }
    }

    /// Another rate from now on.
    pub(crate) fn set_per_second(&mut self, count: usize) {
        let due_at = self.due_at;
        *self = Self {
            due_at,
            ..Self::per_second(count)
        };
    }

    /// When the next one may be done; not later than now: at once.
    pub(crate) fn ready_at(&self) -> Duration {
        self.due_at.saturating_sub(self.ahead_max)
    }

    /// One is done now.
    pub(crate) fn spend(&mut self, now: Duration) {
        self.due_at = self.due_at.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_goes_at_once_and_the_rest_in_its_time() {
        let mut pace = Pace::per_second(20);
        let start = Duration::from_secs(100);
        for _ in 0..20 {
            assert!(pace.ready_at() <= start);
            pace.spend(start);
        }
        let mut now = start;
        for _ in 0..40 {
            now = pace.ready_at();
            pace.spend(now);
        }
        assert_eq!(now - start, Duration::from_secs(2));
        pace.set_per_second(1);
        assert!(pace.ready_at() > now);
        pace.spend(now + Duration::from_secs(10));
        assert_eq!(pace.ready_at(), now + Duration::from_secs(11));
    }

    #[test]
    fn no_second_has_many_more_than_its_number() {
        let mut pace = Pace::per_second(1000);
        let start = Duration::from_secs(100);
        let mut sent = 0;
        while pace.ready_at().max(start) < start + Duration::from_secs(1) {
            pace.spend(pace.ready_at().max(start));
            sent += 1;
        }
        assert_eq!(sent, 1019);
    }
}
