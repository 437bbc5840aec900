//! How many messages of one sender are taken in an interval, as rsyslog's `RateLimit.Interval` and `RateLimit.Burst` have it:
//! the first so many of each interval pass, the others are dropped and counted, and their number is told when the interval is
//! over.
//!
//! A [`RateLimiter`] belongs to one input. `now` is any clock that only goes forward, from any beginning.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How many senders are told apart at a time: some 100 bytes each, and more than a network has machines behind one input.
/// Those beyond share one account, so that who makes up senders neither fills the memory nor gets around the limit.
pub const SENDERS_MAX: usize = 10_000;

/// What one sender may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Messages that pass in an interval.
    pub burst: u64,
    /// How long an interval is. It begins with a message.
    pub interval: Duration,
}

/// Messages that were dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost<S> {
    /// Whose they were; `None`: of senders beyond those that are told apart.
    pub sender: Option<S>,
    /// How many.
    pub messages: u64,
}

/// Counts the messages of each sender.
#[derive(Debug)]
pub struct RateLimiter<S> {
    limit: Limit,
    senders_max: usize,
    senders: HashMap<S, Window>,
    others: Option<Window>,
    /// When the table was last rid of who has nothing to be remembered for.
    swept: Duration,
}

/// An interval of one sender.
#[derive(Debug, Clone, Copy)]
struct Window {
    began: Duration,
    passed: u64,
    lost: u64,
}

impl<S: Eq + Hash + Clone> RateLimiter<S> {
    /// With nobody counted yet.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self::with_senders_max(limit, SENDERS_MAX)
    }

    fn with_senders_max(limit: Limit, senders_max: usize) -> Self {
        Self {
            limit,
            senders_max,
            senders: HashMap::new(),
            others: None,
            swept: Duration::ZERO,
        }
    }

    /// Whether a message of this sender passes. What its interval before has lost is told to `tell`.
    pub fn admit(&mut self, sender: &S, now: Duration, mut tell: impl FnMut(Lost<S>)) -> bool {
        let limit = self.limit;
        if let Some(window) = self.senders.get_mut(sender) {
            return window.admit(limit, now, |messages| {
                tell(Lost {
                    sender: Some(sender.clone()),
                    messages,
                });
            });
        }
        // Once an interval: a table that stays full must not cost a walk for every message.
        if self.senders.len() >= self.senders_max && now >= self.swept + limit.interval {
            self.sweep(now, &mut tell);
        }
        let window = Window::new(now);
        if self.senders.len() < self.senders_max {
            let window = self.senders.entry(sender.clone()).or_insert(window);
            return window.admit(limit, now, |_| {});
        }
        let others = self.others.get_or_insert(window);
        others.admit(limit, now, |messages| tell(Lost { sender: None, messages }))
    }

    /// Forgets the senders whose interval is over, and tells what it has lost.
    pub fn sweep(&mut self, now: Duration, mut tell: impl FnMut(Lost<S>)) {
        self.swept = now;
        let limit = self.limit;
        self.senders.retain(|sender, window| {
            let over = window.is_over(limit, now);
            if over && window.lost > 0 {
                tell(Lost {
                    sender: Some(sender.clone()),
                    messages: window.lost,
                });
            }
            !over
        });
        if let Some(others) = self.others.take_if(|others| others.is_over(limit, now))
            && others.lost > 0
        {
            tell(Lost {
                sender: None,
                messages: others.lost,
            });
        }
    }
}

impl Window {
    fn new(now: Duration) -> Self {
        Self {
            began: now,
            passed: 0,
            lost: 0,
        }
    }

    fn is_over(&self, limit: Limit, now: Duration) -> bool {
        now.saturating_sub(self.began) >= limit.interval
    }

    fn admit(&mut self, limit: Limit, now: Duration, tell: impl FnOnce(u64)) -> bool {
        if self.is_over(limit, now) {
            if self.lost > 0 {
                tell(self.lost);
            }
            *self = Self::new(now);
        }
        let passes = self.passed < limit.burst;
        if passes {
            self.passed += 1;
        } else {
            self.lost += 1;
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit {
        burst: 2,
        interval: Duration::from_secs(5),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_of_each_interval_pass_and_the_rest_is_told_after_it() {
        let mut limiter = RateLimiter::new(LIMIT);
        let mut told = Vec::new();
        let passes: Vec<_> = [0, 1, 2, 4, 5, 6, 7]
            .map(|at| limiter.admit(&'a', seconds(at), |lost| told.push(lost)))
            .into();
        assert_eq!(passes, [true, true, false, false, true, true, false]);
        limiter.sweep(seconds(9), |lost| told.push(lost));
        let first = Lost {
            sender: Some('a'),
            messages: 2,
        };
        assert_eq!(told, std::slice::from_ref(&first), "the second interval goes on");
        limiter.sweep(seconds(10), |lost| told.push(lost));
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].messages, 1);
        assert!(limiter.senders.is_empty());
    }

    #[test]
    fn senders_don_t_share() {
        let mut limiter = RateLimiter::new(LIMIT);
        for sender in ['a', 'b'] {
            let passes = [0; 3].map(|_| limiter.admit(&sender, seconds(0), |_| {}));
            assert_eq!(passes, [true, true, false], "{sender}");
        }
    }

    #[test]
    fn made_up_senders_share_one_account_and_no_more_memory() {
        let mut limiter = RateLimiter::with_senders_max(LIMIT, 3);
        let passed = (0..100)
            .filter(|sender| limiter.admit(sender, seconds(0), |_| {}))
            .count();
        assert_eq!(passed, 3 + 2, "one of each that is known, and a burst of all others");
        let mut told = Vec::new();
        assert!(limiter.admit(&1000, seconds(5), |lost| told.push(lost)));
        assert_eq!(
            told,
            [Lost {
                sender: None,
                messages: 95
            }]
        );
        assert_eq!(limiter.senders.len(), 1);
    }

    proptest! {
        /// Over any course of events: nobody passes more than its burst in an interval, and what was not let through was told.
        #[test]
        fn no_sender_exceeds_its_burst_and_every_drop_is_told(
            events in prop::collection::vec((0_u8..6, 0_u64..3), 1..300),
            senders_max in 1_usize..8,
        ) {
            let mut limiter = RateLimiter::with_senders_max(LIMIT, senders_max);
            let (mut now, mut dropped, mut told) = (Duration::ZERO, 0, 0);
            let mut passed: Vec<(u8, Duration)> = Vec::new();
            for (sender, step) in events {
                now += seconds(step);
                if limiter.admit(&sender, now, |lost| told += lost.messages) {
                    passed.push((sender, now));
                } else {
                    dropped += 1;
                }
                prop_assert!(limiter.senders.len() <= senders_max);
            }
            for (index, (sender, at)) in passed.iter().enumerate() {
                // Two intervals can touch within any stretch of that length, and two of those who share an account.
                let near = passed[index..].iter().filter(|(s, t)| s == sender && *t < *at + LIMIT.interval);
                prop_assert!(near.count() as u64 <= 2 * LIMIT.burst * (1 + u64::from(senders_max < 6)));
            }
            limiter.sweep(now + LIMIT.interval, |lost| told += lost.messages);
            prop_assert_eq!(told, dropped);
        }
    }
}
