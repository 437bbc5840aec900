//! Which of several targets an output sends to: the first that works, and each that failed is left alone for a while, longer every
//! time.

use std::time::{Duration, Instant};

/// After the first failure of a target that worked: a restart takes as long.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// A target that takes connections and nothing else would otherwise be gone back to again and again.
const STUCK_PAUSE_MAX: Duration = Duration::from_secs(600);

/// The targets of an output, in the order of preference.
#[derive(Debug, Clone)]
pub struct Failover {
    pause_max: Duration,
    targets: Vec<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Not to be tried before.
    until: Option<Instant>,
    /// How long it was left alone the last time.
    pause: Duration,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try this target.
    Try(usize),
    /// None of them before this.
    Wait(Instant),
}

/// How a target failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It can't be connected to, or ended the connection.
    Gone,
    /// It is connected and takes nothing.
    Stuck,
}

impl Failover {
    /// None of so many targets has failed. One that does is left alone for `pause_max` at most, unless it is stuck.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn new(targets: usize, pause_max: Duration) -> Self {
        assert!(targets > 0, "a target at least");
        Self {
            pause_max: pause_max.max(PAUSE_MIN),
            targets: vec![State::default(); targets],
        }
    }

    /// The target to connect to.
    #[must_use]
    pub fn next(&self, now: Instant) -> Next {
        if let Some(target) = self.targets.iter().position(|state| state.is_free(now)) {
            return Next::Try(target);
        }
        let earliest = self.targets.iter().filter_map(|state| state.until).min();
        Next::Wait(earliest.unwrap_or(now))
    }

    /// When a target that is preferred to this one may be tried.
    #[must_use]
    pub fn better(&self, than: usize, now: Instant) -> Option<(usize, Instant)> {
        let preferred = self.targets[..than].iter().enumerate();
        preferred
            .map(|(target, state)| (target, state.until.unwrap_or(now)))
            .min_by_key(|(_, until)| *until)
    }

    /// A target works: it has taken something.
    pub fn works(&mut self, target: usize) {
        self.targets[target] = State::default();
    }

    /// A target failed. `random` spreads those who come back over time, when there are many of them.
    pub fn failed(&mut self, target: usize, how: Failed, now: Instant, random: u32) {
        let state = &mut self.targets[target];
        let (min, max) = match how {
            Failed::Gone => (PAUSE_MIN, self.pause_max),
            Failed::Stuck => (self.pause_max, STUCK_PAUSE_MAX.max(self.pause_max)),
        };
        state.pause = (state.pause * 2).clamp(min, max);
        // Three quarters of it, and up to a quarter more.
        let quarter = state.pause / 4;
        let more = quarter.mul_f64(f64::from(random) / f64::from(u32::MAX));
        state.until = Some(now + quarter * 3 + more);
    }
}

impl State {
    fn is_free(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "an instant to begin with")]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn targets_are_tried_in_order_and_the_first_again_when_it_may_be() {
        let start = Instant::now();
        let mut failover = Failover::new(2, MAX);
        assert_eq!(failover.next(start), Next::Try(0));
        failover.failed(0, Failed::Gone, start, u32::MAX);
        assert_eq!(failover.next(start), Next::Try(1));
        assert_eq!(failover.better(1, start), Some((0, start + PAUSE_MIN)));
        assert_eq!(failover.next(start + PAUSE_MIN), Next::Try(0));
        failover.failed(1, Failed::Gone, start, 0);
        assert_eq!(failover.next(start), Next::Wait(start + PAUSE_MIN / 4 * 3));
    }

    #[test]
    fn who_fails_again_is_left_alone_for_longer_until_it_works() {
        let start = Instant::now();
        let mut failover = Failover::new(1, MAX);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            failover.failed(0, Failed::Gone, start, u32::MAX);
            let Next::Wait(until) = failover.next(start) else {
                panic!("it has just failed");
            };
            pauses.push((until - start).as_millis());
        }
        assert_eq!(
            pauses,
            [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]
        );
        failover.works(0);
        assert_eq!(failover.next(start), Next::Try(0));
        failover.failed(0, Failed::Gone, start, u32::MAX);
        assert_eq!(failover.next(start), Next::Wait(start + PAUSE_MIN));
    }

    #[test]
    fn who_is_stuck_is_left_alone_for_longer_than_who_is_gone() {
        let start = Instant::now();
        let mut failover = Failover::new(2, MAX);
        failover.failed(0, Failed::Stuck, start, u32::MAX);
        assert_eq!(failover.better(1, start), Some((0, start + MAX)));
        for _ in 0..9 {
            failover.failed(0, Failed::Stuck, start, u32::MAX);
        }
        assert_eq!(failover.better(1, start), Some((0, start + STUCK_PAUSE_MAX)));
    }
}
