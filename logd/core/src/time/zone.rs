//! Offsets of a time zone at a few nanoseconds each.

use jiff::tz::TimeZone;

use super::{DAY_S, Timestamp};

/// A time zone that remembers the offsets it looked up and the spans of time in which they hold.
///
/// Messages are stamped close to now, and a zone changes its offset twice a year: nearly every look-up is two
/// comparisons. Two spans are kept, so that a sender that is months behind costs no more than the others. The caller
/// keeps a cache for its own zone, and one for each sender with a configured zone.
#[derive(Debug, Clone)]
pub struct ZoneCache {
    zone: TimeZone,
    /// The span used last, and the one used before it.
    spans: [Span; 2],
    /// The stamp of RFC 3164 that was read last: messages come many a second.
    last: Option<LastStamp>,
}

/// What a stamp as it was written, with the byte behind it, meant in that second of receipt.
#[derive(Debug, Clone, Copy)]
struct LastStamp {
    written: [u8; WRITTEN_BYTES],
    received_s: i64,
    stamp: Timestamp,
}

/// A stamp of the usual length and the space behind it.
pub(super) const WRITTEN_BYTES: usize = 16;

/// One offset and the unix seconds `from..to` in which it holds.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
    offset_s: i32,
}

impl ZoneCache {
    /// A cache over this zone. A zone of fixed offset is looked up once.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        let span = span_at(&zone, 0);
        Self {
            zone,
            spans: [span, span],
            last: None,
        }
    }

    /// The instant in this zone, as a clock of ours would write it: with six digits of fraction.
    pub fn timestamp_at(&mut self, unix_s: i64, nanos: u32) -> Timestamp {
        Timestamp::from_unix(unix_s, nanos).with_offset(self.offset_at(unix_s))
    }

    /// How many seconds the zone is ahead of UTC at this instant.
    #[inline]
    pub fn offset_at(&mut self, unix_s: i64) -> i32 {
        if !self.spans[0].contains(unix_s) {
            self.turn_to(unix_s);
        }
        self.spans[0].offset_s
    }

    /// What [`ZoneCache::remember`] was told of these bytes last, in the same second.
    #[inline]
    pub(super) fn recall(&self, written: &[u8; WRITTEN_BYTES], received_s: i64) -> Option<Timestamp> {
        let last = self.last.as_ref()?;
        (last.written == *written && last.received_s == received_s).then_some(last.stamp)
    }

    /// Keeps what a stamp means that is received at this second.
    pub(super) fn remember(&mut self, written: [u8; WRITTEN_BYTES], received_s: i64, stamp: Timestamp) {
        self.last = Some(LastStamp {
            written,
            received_s,
            stamp,
        });
    }

    /// Makes the first span the one of this instant.
    #[cold]
    fn turn_to(&mut self, unix_s: i64) {
        self.spans.swap(0, 1);
        if !self.spans[0].contains(unix_s) {
            self.spans[0] = span_at(&self.zone, unix_s);
        }
    }

    /// The offset in which clocks of this zone show `local_s` (the fields of a stamp, counted as though they were UTC).
    ///
    /// A time that the clocks show twice, because they were set back, is read as the one nearer to `near` (unix seconds).
    /// A time that they never show, because they were set forward over it, is read by the clock before the change: its
    /// sender has not noticed yet.
    #[inline]
    pub(super) fn offset_of_local(&mut self, local_s: i64, near: i64) -> i32 {
        match self.spans.iter().find(|span| span.alone_shows(local_s)) {
            Some(span) => span.offset_s,
            None => self.offset_of_local_near_change(local_s, near),
        }
    }

    #[cold]
    fn offset_of_local_near_change(&mut self, local_s: i64, near: i64) -> i32 {
        // No zone is a day or more from UTC, so the change in question, if there is one, lies between these two instants.
        let before = self.offset_at(local_s - DAY_S);
        let after = self.offset_at(local_s + DAY_S);
        [before, after]
            .into_iter()
            .filter(|&offset_s| self.offset_at(local_s - i64::from(offset_s)) == offset_s)
            .min_by_key(|&offset_s| (local_s - i64::from(offset_s)).abs_diff(near))
            .unwrap_or(before)
    }
}

impl Span {
    fn contains(&self, unix_s: i64) -> bool {
        self.from <= unix_s && unix_s < self.to
    }

    /// Whether clocks show this local time in this span and in no other: so far from both of its ends that no other offset
    /// could reach it.
    fn alone_shows(&self, local_s: i64) -> bool {
        let unix_s = local_s - i64::from(self.offset_s);
        unix_s - self.from > 2 * DAY_S && self.to - unix_s > 2 * DAY_S
    }
}

/// The end of a span that has none, so far off that differences of two instants don't overflow.
const NEVER_S: i64 = i64::MAX / 4;

/// Looks up the offset at an instant, and for how long before and after it holds.
fn span_at(zone: &TimeZone, unix_s: i64) -> Span {
    let Ok(at) = jiff::Timestamp::from_second(unix_s) else {
        // Zones are defined for the years -9999 to 9999; no stamp and no clock names an instant outside of them.
        return Span {
            from: unix_s,
            to: unix_s.saturating_add(1),
            offset_s: 0,
        };
    };
    let offset_s = zone.to_offset(at).seconds();
    // `preceding` looks strictly before its argument, and a change that happens at `at` begins this span.
    let just_after = jiff::Timestamp::from_second(unix_s + 1).unwrap_or(at);
    let from = zone
        .preceding(just_after)
        .next()
        .map_or(-NEVER_S, |change| change.timestamp().as_second());
    let to = zone
        .following(at)
        .next()
        .map_or(NEVER_S, |change| change.timestamp().as_second());
    Span { from, to, offset_s }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Central Europe's rule, as POSIX writes it, so that the tests need no time zone database.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    const DST_BEGIN_2026: i64 = 1_774_746_000; // 2026-03-29T01:00:00Z: 02:00 becomes 03:00
    const DST_END_2026: i64 = 1_792_890_000; // 2026-10-25T01:00:00Z: 03:00 becomes 02:00

    #[test]
    fn offset_changes_at_the_second_of_the_change() {
        let mut zone = ZoneCache::new(berlin());
        assert_eq!(zone.offset_at(DST_BEGIN_2026 - 1), 3600);
        assert_eq!(zone.offset_at(DST_BEGIN_2026), 7200);
        assert_eq!(zone.offset_at(DST_END_2026 - 1), 7200);
        assert_eq!(zone.offset_at(DST_END_2026), 3600);
    }

    #[test]
    fn time_shown_twice_is_the_one_nearer_to_receipt() {
        let mut zone = ZoneCache::new(berlin());
        let local_0230 = DST_END_2026 + 3600 + 1800;
        assert_eq!(zone.offset_of_local(local_0230, DST_END_2026 - 1700), 7200);
        assert_eq!(zone.offset_of_local(local_0230, DST_END_2026 + 1900), 3600);
    }

    #[test]
    fn time_never_shown_is_read_by_the_clock_before_the_change() {
        let mut zone = ZoneCache::new(berlin());
        let local_0230 = DST_BEGIN_2026 + 3600 + 1800;
        assert_eq!(zone.offset_of_local(local_0230, DST_BEGIN_2026 + 1800), 3600);
    }

    proptest! {
        #[test]
        fn offsets_agree_with_the_zone(instants in prop::collection::vec(1_700_000_000_i64..1_900_000_000, 1..20)) {
            let zone = berlin();
            let mut cache = ZoneCache::new(zone.clone());
            for unix_s in instants {
                let expected = zone.to_offset(jiff::Timestamp::from_second(unix_s).unwrap()).seconds();
                prop_assert_eq!(cache.offset_at(unix_s), expected);
                prop_assert_eq!(cache.offset_of_local(unix_s + i64::from(expected), unix_s), expected);
            }
        }
    }
}
