//! Keeps what a sender can cause as often as it likes from filling our own log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets so many messages of each interval through and counts the others.
#[derive(Debug)]
pub(crate) struct Throttle {
    messages_max: u32,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the interval began, and how many messages it has had.
    began: Option<Instant>,
    messages: u32,
    suppressed: u64,
}

impl Throttle {
    /// So many messages in every interval.
    pub(crate) fn new(messages_max: u32, interval: Duration) -> Self {
        Self {
            messages_max,
            interval,
            state: Mutex::default(),
        }
    }

    /// Whether to log now, and then how many were held back since the last time.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .began
            .is_none_or(|began| now.duration_since(began) >= self.interval)
        {
            state.began = Some(now);
            state.messages = 0;
        }
        if state.messages == self.messages_max {
            state.suppressed += 1;
            return None;
        }
        state.messages += 1;
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_the_interval_and_the_rest_counted() {
        let throttle = Throttle::new(2, Duration::from_secs(10));
        let start = Instant::now();
        let after = |seconds| throttle.admit(start + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 2, 9, 10, 11].map(after),
            [Some(0), Some(0), None, None, Some(2), Some(0)]
        );
    }
}
