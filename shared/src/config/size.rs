//! Sizes: `"64KiB"`, `"1GiB"`, `"10MB"`, or a plain number of bytes.

use super::value::{FromValue, Value};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// The number.
    pub bytes: u64,
}

impl Size {
    /// So many KiB.
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self { bytes: n << 10 }
    }

    /// So many MiB.
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self { bytes: n << 20 }
    }

    /// So many GiB.
    #[must_use]
    pub const fn gib(n: u64) -> Self {
        Self { bytes: n << 30 }
    }

    /// The number for a buffer's length; saturates where addresses are shorter.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit: u64 = match unit.trim_start() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => return None,
        };
        Some(Self {
            bytes: number.parse::<u64>().ok()?.checked_mul(unit)?,
        })
    }
}

impl FromValue for Size {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let size = value.text_or_number().and_then(|text| Self::parse(&text));
        if size.is_none() {
            value.error_with_help(
                "not a size",
                "a size is a number and a unit: \"512B\", \"64KiB\", \"32MiB\", \"1GiB\"",
            );
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_and_decimal_units() {
        assert_eq!(Size::parse("64KiB"), Some(Size::kib(64)));
        assert_eq!(Size::parse("1 GiB"), Some(Size::gib(1)));
        assert_eq!(Size::parse("10MB"), Some(Size { bytes: 10_000_000 }));
        assert_eq!(Size::parse("512"), Some(Size { bytes: 512 }));
    }

    #[test]
    fn not_sizes() {
        for text in ["", "KiB", "64kib", "-1", "1.5GiB", "99999999TiB", "64KiBs"] {
            assert_eq!(Size::parse(text), None, "{text:?}");
        }
    }
}
