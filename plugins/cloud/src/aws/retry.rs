//! When a call is made again, and when no more.

use std::time::Duration;

/// The wait before the second try is at most this long, before the third twice that, and so on …
const WAIT_MIN: Duration = Duration::from_millis(200);
/// … up to this: what throttles fills up again at so many calls a second, and half a minute is a lot of them.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Tries of one call.
const TRIES_MAX: u32 = 10;

/// The tries of one call.
#[derive(Debug, Default)]
pub(super) struct Tries {
    made: u32,
}

impl Tries {
    /// How long to wait before the next try, after one that failed; `None`: the call has failed. The wait is any time up to
    /// its bound ("full jitter"), so that callers that were turned away together don't come back together. `random` is any
    /// number; `asked_for` is what a Retry-After has; `left` the time until the deadline.
    pub(super) fn next(&mut self, random: u64, asked_for: Option<Duration>, left: Duration) -> Option<Duration> {
        self.made += 1;
        if self.made == TRIES_MAX {
            return None;
        }
        let bound = WAIT_MIN.saturating_mul(1 << (self.made - 1).min(16)).min(WAIT_MAX);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(random % (micros + 1));
        // Nobody comes back before the time that was asked for.
        let wait = asked_for.unwrap_or_default().saturating_add(jitter);
        (wait < left).then_some(wait)
    }
}

/// The wait that a Retry-After asks for (RFC 9110 §10.2.3): seconds, or a date. `now` is in seconds since 1970.
pub(super) fn retry_after(header: &str, now: i64) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?.timestamp().as_second();
    u64::try_from(date.saturating_sub(now)).ok().map(Duration::from_secs)
}

/// A random number, for the jitter.
pub(super) fn random() -> u64 {
    // A system without randomness has worse to worry about than callers that come together.
    getrandom::u64().unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn waits_grow_to_a_bound_and_end() {
        let mut tries = Tries::default();
        let waits: Vec<Duration> = std::iter::from_fn(|| {
            let millis = match tries.made {
                made @ 0..7 => 200 << made,
                _ => 20_000,
            };
            tries.next(millis * 1000, None, LONG)
        })
        .collect();
        let millis: Vec<u128> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000]);
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_or_the_call_is_over() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(Tries::default().next(0, asked, LONG), asked);
        assert_eq!(Tries::default().next(0, asked, Duration::from_secs(7)), None);
        assert_eq!(Tries::default().next(0, Some(Duration::MAX), LONG), None);
    }

    #[test]
    fn rfc9110_10_2_3_seconds_or_a_date() {
        assert_eq!(retry_after("120", 0), Some(Duration::from_secs(120)));
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert_eq!(retry_after(date, 946_684_798), Some(Duration::from_secs(1)));
        assert_eq!(retry_after(date, 946_684_801), None);
        assert_eq!(retry_after("soon", 0), None);
    }

    proptest! {
        #[test]
        fn no_wait_reaches_the_deadline(random: u64, asked in proptest::option::of(0u64..100), left in 0u64..100_000) {
            let left = Duration::from_millis(left);
            let mut tries = Tries::default();
            let mut count = 0;
            while let Some(wait) = tries.next(random, asked.map(Duration::from_secs), left) {
                prop_assert!(wait < left);
                prop_assert!(wait <= WAIT_MAX + Duration::from_secs(asked.unwrap_or(0)));
                count += 1;
                prop_assert!(count < TRIES_MAX);
            }
        }

        #[test]
        fn no_header_does_harm(header: String, now: i64) {
            let _ = retry_after(&header, now);
        }
    }
}
