//! Zone serials and their arithmetic (RFC 1982): numbers on a circle, where "greater" means "less than half a turn on".

use std::cmp::Ordering;
use std::fmt;

/// The serial of an SOA record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Serial(pub u32);

impl Serial {
    /// Which of two serials is newer (RFC 1982 §3.2). `None` for two that are half the circle apart: neither is.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let forward = self.0.wrapping_sub(other.0);
        match forward {
            0 => Some(Ordering::Equal),
            1..0x8000_0000 => Some(Ordering::Greater),
            0x8000_0000 => None,
            _ => Some(Ordering::Less),
        }
    }

    /// Whether this serial is newer than `other`.
    pub fn is_after(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Greater)
    }

    /// The serial one on.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1982_3_2_serials_compare_around_the_circle() {
        for (older, newer) in [
            (0, 1),
            (0, 44),
            (100, 200),
            (200, 0x7FFF_FFFF),
            (0x8000_0001, 0),
            (0xFFFF_FFFF, 0),
            (0, 0x7FFF_FFFF),
        ] {
            assert!(Serial(newer).is_after(Serial(older)), "{newer} > {older}");
            assert_eq!(Serial(older).compare(Serial(newer)), Some(Ordering::Less));
        }
        assert_eq!(Serial(7).compare(Serial(7)), Some(Ordering::Equal));
        assert_eq!(Serial(u32::MAX).next(), Serial(0));
    }

    #[test]
    fn rfc1982_3_2_half_the_circle_apart_neither_is_newer() {
        assert_eq!(Serial(0).compare(Serial(0x8000_0000)), None);
        assert!(!Serial(0).is_after(Serial(0x8000_0000)) && !Serial(0x8000_0000).is_after(Serial(0)));
    }
}
