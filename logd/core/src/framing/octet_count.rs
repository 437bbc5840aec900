//! The octet count before a frame: `MSG-LEN SP` (RFC 6587 §3.4.1).

use super::OCTET_COUNT_DIGITS_MAX;

/// What stands where an octet count can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OctetCount {
    /// A count. The RFC forbids it to be zero or to begin with zeros; rsyslog reads it with them.
    Some {
        /// How many bytes the frame has.
        value: usize,
        /// How many bytes the count has, its space included.
        length: usize,
    },
    /// Something else, or a number that is too large to be one.
    None,
    /// Digits only, so far.
    Incomplete,
}

impl OctetCount {
    /// Reads what `bytes` begin with.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut value = 0;
        for (at, &byte) in bytes.iter().take(OCTET_COUNT_DIGITS_MAX + 1).enumerate() {
            match byte {
                b'0'..=b'9' if at < OCTET_COUNT_DIGITS_MAX => value = value * 10 + usize::from(byte - b'0'),
                b' ' if at > 0 => return Self::Some { value, length: at + 1 },
                _ => return Self::None,
            }
        }
        Self::Incomplete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6587_3_4_1_digits_and_a_space_are_a_count() {
        assert_eq!(OctetCount::read(b"30 <13>"), OctetCount::Some { value: 30, length: 3 });
        assert_eq!(OctetCount::read(b"030 <13>"), OctetCount::Some { value: 30, length: 4 });
        assert_eq!(
            OctetCount::read(b"9999999 "),
            OctetCount::Some {
                value: 9_999_999,
                length: 8
            }
        );
        assert_eq!(OctetCount::read(b"0 "), OctetCount::Some { value: 0, length: 2 });
    }

    #[test]
    fn what_no_space_ends_is_none() {
        for bytes in [
            &b"<13>"[..],
            b" 30 ",
            b"2026-01-02T",
            b"12:",
            b"10000000 ",
            b"1767225600 x",
        ] {
            assert_eq!(OctetCount::read(bytes), OctetCount::None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn digits_alone_are_undecided() {
        assert_eq!(OctetCount::read(b""), OctetCount::Incomplete);
        assert_eq!(OctetCount::read(b"9999999"), OctetCount::Incomplete);
    }
}
