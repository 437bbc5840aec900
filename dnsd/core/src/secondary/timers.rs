//! What a zone's SOA record asks for, within what its secondary takes (RFC 1912 §2.2: silly values are common).

use std::time::Duration;

use crate::zone::Soa;

const DAY_SECS: u32 = 86_400;

/// A zone is never served longer than this without a primary: 24 weeks, BIND's limit.
const EXPIRE_SECS_MAX: u32 = 24 * 7 * DAY_SECS;
/// How soon primaries are asked again for a zone of which nothing is known yet, and how late at most. BIND goes up to
/// six hours; a zone that is answered with SERVFAIL is worth a few packets an hour.
const FIRST_RETRY_SECS: u64 = 60;
const FIRST_RETRY_SECS_MAX: u64 = 3600;

/// The least and the most that a zone's refresh and retry times may be, in seconds. The defaults are BIND's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `min-refresh-time`.
    pub refresh_secs_min: u32,
    /// `max-refresh-time`.
    pub refresh_secs_max: u32,
    /// `min-retry-time`.
    pub retry_secs_min: u32,
    /// `max-retry-time`.
    pub retry_secs_max: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            refresh_secs_min: 300,
            refresh_secs_max: 28 * DAY_SECS,
            retry_secs_min: 500,
            retry_secs_max: 14 * DAY_SECS,
        }
    }
}

/// The times that a zone is kept by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timers {
    pub(super) refresh: Duration,
    pub(super) retry: Duration,
    pub(super) expire: Duration,
}

impl Timers {
    /// A zone that would expire before its primaries can have been asked twice is kept that long.
    pub(super) fn new(soa: Soa, bounds: Bounds) -> Self {
        let within = |secs: u32, least: u32, most: u32| secs.min(most).max(least).max(1);
        let refresh = within(soa.refresh, bounds.refresh_secs_min, bounds.refresh_secs_max);
        let retry = within(soa.retry, bounds.retry_secs_min, bounds.retry_secs_max);
        let expire = soa.expire.max(refresh.saturating_add(retry)).min(EXPIRE_SECS_MAX);
        let secs = |secs: u32| Duration::from_secs(u64::from(secs));
        Self {
            refresh: secs(refresh),
            retry: secs(retry),
            expire: secs(expire),
        }
    }
}

/// How long after so many failures before it primaries are asked again for a zone that has never come, or has expired.
pub(super) fn first_retry(failures: u32) -> Duration {
    let secs = FIRST_RETRY_SECS << failures.min(16);
    Duration::from_secs(secs.min(FIRST_RETRY_SECS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::Serial;

    fn timers(refresh: u32, retry: u32, expire: u32) -> [u64; 3] {
        let soa = Soa {
            serial: Serial(1),
            refresh,
            retry,
            expire,
            minimum: 0,
        };
        let Timers { refresh, retry, expire } = Timers::new(soa, Bounds::default());
        [refresh, retry, expire].map(|time| time.as_secs())
    }

    #[test]
    fn rfc1912_2_2_silly_times_are_brought_within_bounds() {
        for (given, taken) in [
            ([7200, 900, 604_800], [7200, 900, 604_800]),
            ([0, 0, 0], [300, 500, 800]),
            ([1, 1, 900], [300, 500, 900]),
            ([7200, 900, 60], [7200, 900, 8100]),
            ([u32::MAX; 3], [2_419_200, 1_209_600, 14_515_200]),
        ] {
            let [refresh, retry, expire] = given;
            assert_eq!(timers(refresh, retry, expire), taken);
        }
    }

    #[test]
    fn a_zone_that_never_came_is_asked_for_less_and_less() {
        let secs = |failures| first_retry(failures).as_secs();
        assert_eq!(
            [secs(0), secs(1), secs(5), secs(6), secs(u32::MAX)],
            [60, 120, 1920, 3600, 3600]
        );
    }
}
