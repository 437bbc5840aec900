//! How many lines match over time, by severity.

use std::collections::BTreeMap;

use serde::Serialize;

/// More bars than this are too thin to be told apart.
const BARS_MAX: i64 = 120;

/// Severities, and that of lines that don't say theirs.
const KINDS: usize = 9;
const UNKNOWN: usize = 8;

/// How wide a bar can be, in seconds; each is a multiple of the one before it, so that bars can be put together.
const WIDTHS: &[i64] = &[
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    1_800,
    3_600,
    10_800,
    21_600,
    43_200,
    86_400,
    7 * 86_400,
    28 * 86_400,
    364 * 86_400,
    3_640 * 86_400,
    3_640 * 86_400 * 100,
    i64::MAX,
];

/// Counts, in bars that get wider as the range gets longer.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// The place of the width in [`WIDTHS`].
    width: usize,
    /// By the time that they begin at, over the width.
    bars: BTreeMap<i64, [u64; KINDS]>,
    /// The range that was asked for.
    range: Option<(i64, i64)>,
}

/// The histogram as it is sent.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Bars {
    /// How wide a bar is, in seconds.
    width_s: i64,
    /// When the first and the last bar of the range that was asked for begin, if one was; unix seconds.
    range: Option<(i64, i64)>,
    /// Those that are not empty, in order.
    bars: Vec<Bar>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Bar {
    /// When it begins; unix seconds.
    start: i64,
    /// By severity, 0 to 7, and at the end those that don't say theirs.
    counts: [u64; KINDS],
}

impl Histogram {
    /// Of a range of time, both ends of it within.
    pub(super) fn of(range: Option<(i64, i64)>) -> Self {
        let mut histogram = Self {
            range,
            ..Self::default()
        };
        if let Some((from, to)) = range {
            let is_wide_enough = |width: &i64| to.div_euclid(*width).saturating_sub(from.div_euclid(*width)) < BARS_MAX;
            histogram.width = WIDTHS.iter().position(is_wide_enough).unwrap_or(WIDTHS.len() - 1);
        }
        histogram
    }

    pub(super) fn add(&mut self, time_s: i64, severity: Option<u8>) {
        let kind = severity.map_or(UNKNOWN, usize::from);
        let bar = self.bars.entry(time_s.div_euclid(WIDTHS[self.width])).or_default();
        bar[kind] += 1;
        while self.is_too_long() {
            self.widen();
        }
    }

    fn is_too_long(&self) -> bool {
        let ends = self.bars.first_key_value().zip(self.bars.last_key_value());
        ends.is_some_and(|((first, _), (last, _))| last.saturating_sub(*first) >= BARS_MAX)
            && self.width + 1 < WIDTHS.len()
    }

    fn widen(&mut self) {
        let narrow = WIDTHS[self.width];
        self.width += 1;
        let wide = WIDTHS[self.width];
        for (place, counts) in std::mem::take(&mut self.bars) {
            let bar = self
                .bars
                .entry(place.saturating_mul(narrow).div_euclid(wide))
                .or_default();
            for (sum, count) in bar.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    pub(super) fn bars(self) -> Bars {
        let width_s = WIDTHS[self.width];
        let start = |time_s: i64| time_s.div_euclid(width_s).saturating_mul(width_s);
        let bar = |(place, counts): (i64, _)| Bar {
            start: place.saturating_mul(width_s),
            counts,
        };
        Bars {
            width_s,
            range: self.range.map(|(from, to)| (start(from), start(to))),
            bars: self.bars.into_iter().map(bar).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bars_are_put_together_as_the_range_grows() {
        let mut histogram = Histogram::default();
        histogram.add(1_000_000, Some(3));
        histogram.add(1_000_001, None);
        assert_eq!(histogram.width, 0);
        histogram.add(1_003_600, Some(3));
        let bars = histogram.bars();
        assert_eq!(bars.width_s, 60);
        let starts: Vec<_> = bars.bars.iter().map(|bar| bar.start).collect();
        assert_eq!(starts, [999_960, 1_003_560]);
        assert_eq!(bars.bars[0].counts, [0, 0, 0, 1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_range_that_is_asked_for_settles_the_width() {
        let mut histogram = Histogram::of(Some((1_000_000, 1_003_600)));
        histogram.add(1_000_030, None);
        let bars = histogram.bars();
        assert_eq!((bars.width_s, bars.range), (60, Some((999_960, 1_003_560))));
        assert_eq!(bars.bars[0].start, 999_960 + 60);
        assert_eq!(Histogram::of(Some((i64::MIN, i64::MAX))).width, WIDTHS.len() - 1);
    }

    #[test]
    fn widths_are_multiples_of_each_other() {
        for pair in WIDTHS[..WIDTHS.len() - 1].windows(2) {
            assert_eq!(pair[1] % pair[0], 0, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_bars_are_few(times in prop::collection::vec(prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>(), 0..4_000_000_000_i64], 1..200)) {
            let mut histogram = Histogram::default();
            for time in &times {
                histogram.add(*time, Some(6));
            }
            let bars = histogram.bars();
            prop_assert!(bars.bars.len() as i64 <= BARS_MAX);
            let sum: u64 = bars.bars.iter().flat_map(|bar| bar.counts).sum();
            prop_assert_eq!(sum, times.len() as u64);
        }
    }
}
