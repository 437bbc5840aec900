//! What spot capacity costs in a zone: the mean of its prices over a time, each weighted by how long it held.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// A price, from a time on until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    /// In seconds since 1970.
    pub since: i64,
    /// In dollars an hour.
    pub price: Money,
}

/// A time from `from` up to but without `until`, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: i64,
    /// Its end.
    pub until: i64,
}

/// A mean, kept exact: a sum of prices times seconds, and the seconds.
#[derive(Debug, Clone, Copy)]
pub struct Mean {
    /// In billionths of a dollar times seconds.
    weighted: u128,
    /// Not zero.
    seconds: u64,
}

impl Mean {
    /// The mean over a window of the prices of one zone, in any order. A price that began before the window counts from its
    /// begin on, and time before the first price that is known counts for nothing. `None`: no price held at any time of it.
    #[must_use]
    pub fn over(window: Window, points: &[Point]) -> Option<Self> {
        let mut points = points.to_vec();
        // Of two prices of one time the higher one is last, and is the one that holds.
        points.sort_unstable();
        let ends = points.iter().skip(1).map(|next| next.since).chain([i64::MAX]);
        let (mut weighted, mut seconds) = (0, 0);
        for (point, end) in points.iter().zip(ends) {
            let (begin, end) = (point.since.max(window.from), end.min(window.until));
            let held = u64::try_from(end.saturating_sub(begin)).unwrap_or(0);
            weighted += u128::from(point.price.billionths()) * u128::from(held);
            seconds += held;
        }
        (seconds > 0).then_some(Self { weighted, seconds })
    }

    /// To the next billionth of a dollar, upwards: what is shown of it never looks lower than it is.
    #[must_use]
    pub fn shown(self) -> Money {
        let rounded = self.weighted.div_ceil(u128::from(self.seconds));
        Money::from_billionths(u64::try_from(rounded).unwrap_or(u64::MAX))
    }

    /// For how many seconds of the window a price is known.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.seconds
    }

    /// Whether it is at most this share of an amount.
    #[must_use]
    pub fn is_at_most(self, share: Share, of: Money) -> bool {
        let limit = u128::from(of.billionths()) * u128::from(share.0) * u128::from(self.seconds);
        // Saturating: a mean of that size is above every limit.
        self.weighted.saturating_mul(u128::from(Share::ONE.0)) <= limit
    }
}

impl PartialEq for Mean {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Mean {}

impl PartialOrd for Mean {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mean {
    fn cmp(&self, other: &Self) -> Ordering {
        let ours = self.weighted.saturating_mul(u128::from(other.seconds));
        ours.cmp(&other.weighted.saturating_mul(u128::from(self.seconds)))
    }
}

/// The means of the zones that count, by zone. One without a price in the window is not among them.
#[must_use]
pub fn means<'a>(
    window: Window,
    zones: impl IntoIterator<Item = &'a String>,
    prices: &BTreeMap<String, Vec<Point>>,
) -> BTreeMap<String, Mean> {
    let mean_of = |zone: &String| Mean::over(window, prices.get(zone)?);
    let means = zones
        .into_iter()
        .filter_map(|zone| Some((zone.clone(), mean_of(zone)?)));
    means.collect()
}

/// A share of something, in millionths: 0.85 is 850,000. In JSON it is a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(u32);

impl Share {
    /// All of it.
    pub const ONE: Self = Self(1_000_000);

    /// Of so many millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(millionths)
    }

    /// This share of an amount, downwards to a billionth of a dollar: for people. Comparisons are made without it.
    #[must_use]
    pub fn of(self, amount: Money) -> Money {
        let share = u128::from(amount.billionths()) * u128::from(self.0) / u128::from(Self::ONE.0);
        Money::from_billionths(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

/// It is not a share: more than 0, at most 10, with up to six decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAShare;

impl std::fmt::Display for NotAShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a share: it takes more than 0 and at most 10, with up to six decimal places")
    }
}

impl std::str::FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let billionths = text.parse::<Money>().map_err(|_| NotAShare)?.billionths();
        match u32::try_from(billionths / 1000) {
            Ok(millionths @ 1..=10_000_000) if billionths.is_multiple_of(1000) => Ok(Self(millionths)),
            _ => Err(NotAShare),
        }
    }
}

impl TryFrom<String> for Share {
    type Error = NotAShare;

    fn try_from(text: String) -> Result<Self, NotAShare> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // As an amount is written.
        Money::from_billionths(u64::from(self.0) * 1000).fmt(f)
    }
}

#[cfg(test)]
mod tests;
