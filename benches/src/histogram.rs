//! Latencies, counted in classes that are at most 1.6 % wide: the shape that a percentile needs, in little memory and without
//! keeping each one.

use std::time::Duration;

/// Classes for each power of two. Below twice as many nanoseconds a class is one nanosecond.
const PER_OCTAVE: u64 = 64;

/// Counts of durations, from nanoseconds to hours.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let last = class(u64::MAX);
        Self {
            counts: vec![0; last + 1],
            total: 0,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[class(nanoseconds)] += 1;
        self.total += 1;
        self.max = self.max.max(duration);
    }

    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.max
    }

    /// What this part of the durations, between 0 and 1, does not exceed, to the width of a class; zero of none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.total as f64 * part).ceil().max(1.0) as u64;
        let mut counted = 0;
        for (class, count) in self.counts.iter().enumerate() {
            counted += count;
            if counted >= wanted {
                return Duration::from_nanos(upper_bound(class)).min(self.max);
            }
        }
        self.max
    }
}

/// The exponent, and the bits behind the highest one.
fn class(nanoseconds: u64) -> usize {
    let highest_bit = nanoseconds.checked_ilog2().unwrap_or(0);
    let exponent = highest_bit.saturating_sub(PER_OCTAVE.ilog2());
    (u64::from(exponent) * PER_OCTAVE + (nanoseconds >> exponent)) as usize
}

/// The largest duration of a class, in nanoseconds.
fn upper_bound(class: usize) -> u64 {
    let class = class as u64;
    let exponent = (class / PER_OCTAVE).saturating_sub(1);
    let within = class - exponent * PER_OCTAVE;
    (u128::from(within + 1) << exponent).saturating_sub(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_it_says() {
        for nanoseconds in [0, 1, 63, 64, 65, 127, 128, 1000, 123_456_789, u64::MAX / 3, u64::MAX] {
            let upper = upper_bound(class(nanoseconds));
            assert!(upper >= nanoseconds, "{nanoseconds}");
            assert!(
                upper - nanoseconds <= nanoseconds / 64,
                "{nanoseconds} in a class to {upper}"
            );
            if upper < u64::MAX {
                assert_eq!(class(upper) + 1, class(upper + 1), "{nanoseconds}");
            }
        }
    }

    #[test]
    fn quantiles_are_near_the_exact_ones() {
        let mut histogram = Histogram::default();
        for microseconds in 1..=1000 {
            histogram.record(Duration::from_micros(microseconds));
        }
        for (part, exact) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            let found = histogram.quantile(part).as_secs_f64() * 1e6;
            assert!((found / exact - 1.0).abs() < 0.017, "{part}: {found} for {exact}");
        }
        assert_eq!(histogram.max(), Duration::from_millis(1));
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }
}
