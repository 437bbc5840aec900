//! Amounts of dollars, exact: a price is compared with a bid, and a mean of prices with a part of it, without rounding.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Decimal places that are kept. Prices have six.
const PLACES: usize = 9;
const UNIT: u64 = 1_000_000_000;
/// A billion dollars an hour: more is no price, and products of smaller ones with times don't overflow.
const DOLLARS_MAX: u64 = 1_000_000_000;

/// An amount that isn't negative, in billionths of a dollar. In JSON it is a string, as a number there may be read with rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

/// It is not an amount: digits, with up to nine more behind a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAmount;

impl Money {
    /// So many billionths of a dollar.
    #[must_use]
    pub const fn from_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    /// In billionths of a dollar.
    #[must_use]
    pub const fn billionths(self) -> u64 {
        self.0
    }
}

impl FromStr for Money {
    type Err = NotAnAmount;

    /// Reads `"0.0365"`. There is no sign, no exponent and no currency.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        // Zeros at the end say nothing, however many there are.
        let part = match is_digits(part) {
            true => part.trim_end_matches('0'),
            false => return Err(NotAnAmount),
        };
        if !is_digits(whole) || part.len() > PLACES {
            return Err(NotAnAmount);
        }
        let whole: u64 = whole.parse().map_err(|_| NotAnAmount)?;
        let billionths: u64 = format!("{part:0<PLACES$}").parse().map_err(|_| NotAnAmount)?;
        match whole {
            0..DOLLARS_MAX => Ok(Self(whole * UNIT + billionths)),
            _ => Err(NotAnAmount),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:0PLACES$}", self.0 % UNIT);
        match part.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / UNIT),
            part => write!(f, "{}.{part}", self.0 / UNIT),
        }
    }
}

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an amount: write digits, and up to nine more behind a point")
    }
}

impl std::error::Error for NotAnAmount {}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_is_digits_and_a_point() {
        let read = |text: &str| text.parse::<Money>().map(Money::billionths);
        assert_eq!(read("0.036500"), Ok(36_500_000));
        assert_eq!(read("1"), Ok(UNIT));
        assert_eq!(read("0.000000001"), Ok(1));
        assert_eq!(read("0.0000000010000"), Ok(1));
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "0,03",
            "NaN",
            "inf",
            "0.0000000001",
            "1000000000",
            "$1",
            " 1",
        ] {
            assert_eq!(read(wrong), Err(NotAnAmount), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(billionths in 0..DOLLARS_MAX * UNIT) {
            let money = Money(billionths);
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn no_text_does_harm(text: String) {
            let _ = text.parse::<Money>();
        }
    }
}
