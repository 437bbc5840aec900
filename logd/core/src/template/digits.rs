//! Decimal numbers onto the end of a buffer, without the formatting machinery: stamps are written for every message.

/// Writes the number with at least this many digits, zeros in front.
pub(crate) fn push_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    // Most fields of a stamp.
    if width == 2 && number < 100 {
        out.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
        return;
    }
    // u64::MAX has 20 digits.
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    let mut rest = number;
    while rest > 0 {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let start = start.min(digits.len() - width.clamp(1, digits.len()));
    out.extend_from_slice(&digits[start..]);
}

/// Writes the number with its sign if it is negative.
pub(super) fn push_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_padded(out, number.unsigned_abs(), 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_to_their_width_and_never_cut() {
        for (number, width, text) in [
            (0, 0, "0"),
            (0, 2, "00"),
            (7, 2, "07"),
            (99, 2, "99"),
            (100, 2, "100"),
            (123, 2, "123"),
            (u64::MAX, 4, "18446744073709551615"),
        ] {
            let mut out = Vec::new();
            push_padded(&mut out, number, width);
            assert_eq!(out, text.as_bytes());
        }
        let mut out = Vec::new();
        push_signed(&mut out, i64::MIN);
        assert_eq!(out, b"-9223372036854775808");
    }
}
