//! Control characters of received messages, as rsyslog treats them by default.
//!
//! The daemon calls [`clean`] on each frame and each datagram before [`crate::parse::parse`], so that everything made of
//! the message, `rawmsg` included, is free of them: no embedded line feed can forge a line, and no escape sequence reaches
//! a terminal. These are rsyslog's `$EscapeControlCharactersOnReceive`, `$DropTrailingLFOnReception`, and
//! `$ControlCharacterEscapePrefix` at their defaults.

use std::borrow::Cow;

/// What an escape begins with; three octal digits follow.
const PREFIX: u8 = b'#';

/// How many bytes are looked at together: enough for the compiler to use the widest registers.
const BLOCK: usize = 32;

/// Drops one trailing NUL and then one trailing line feed, and writes the other bytes below 32 as `#ooo`.
///
/// Borrowed where nothing was escaped, which is nearly always. DEL (127) and what is above it stay as they are, and a
/// carriage return before the line feed becomes `#015`: both as in rsyslog.
#[must_use]
pub fn clean(frame: &[u8]) -> Cow<'_, [u8]> {
    let frame = frame.strip_suffix(b"\0").unwrap_or(frame);
    let frame = frame.strip_suffix(b"\n").unwrap_or(frame);
    match first_control(frame) {
        None => Cow::Borrowed(frame),
        Some(at) => Cow::Owned(escaped(frame, at)),
    }
}

#[inline]
fn is_control(byte: u8) -> bool {
    byte < b' '
}

/// The position of the first control character.
#[inline]
fn first_control(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let from = match blocks.iter().position(has_control) {
        Some(nth) => nth * BLOCK,
        // The last block overlaps the one before it, so that no byte is looked at alone.
        None if bytes.last_chunk().is_some_and(|last| !has_control(last)) => return None,
        None => bytes.len() - rest.len(),
    };
    let found = bytes[from..].iter().position(|&byte| is_control(byte))?;
    Some(from + found)
}

/// Without an early exit, so that it is one vector comparison.
#[inline]
fn has_control(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |found, &byte| found | is_control(byte))
}

/// The frame with its control characters escaped, of which the first is at `first`.
#[cold]
fn escaped(frame: &[u8], first: usize) -> Vec<u8> {
    let controls = frame[first..].iter().filter(|&&byte| is_control(byte)).count();
    let mut escaped = Vec::with_capacity(frame.len() + 3 * controls);
    escaped.extend_from_slice(&frame[..first]);
    for &byte in &frame[first..] {
        if is_control(byte) {
            // Below 32 the first of the octal digits is always 0.
            escaped.extend_from_slice(&[PREFIX, b'0', b'0' + (byte >> 3), b'0' + (byte & 7)]);
        } else {
            escaped.push(byte);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_clean(frame: &[u8], expected: &[u8]) {
        assert_eq!(*clean(frame), *expected);
    }

    #[test]
    fn control_characters_become_octal_as_in_rsyslog() {
        assert_clean(b"tag:\ttab\x01\x7f\x80\0x\r\n", b"tag:#011tab#001\x7f\x80#000x#015");
        assert_clean(b"\x1f\x1b[31m", b"#037#033[31m");
        assert_clean(b"a\nb", b"a#012b");
    }

    #[test]
    fn one_trailing_line_feed_is_dropped() {
        assert_clean(b"end\n", b"end");
        assert_clean(b"end\n\n", b"end#012");
        assert_clean(b"end\r\n", b"end#015");
        assert_clean(b"\n", b"");
    }

    #[test]
    fn one_trailing_nul_is_dropped_before_the_line_feed() {
        assert_clean(b"a\0", b"a");
        assert_clean(b"a\n\0", b"a");
        assert_clean(b"a\0\0\n", b"a#000#000");
    }

    #[test]
    fn clean_frame_is_borrowed() {
        assert!(matches!(
            clean("<13>Grüße, no control characters\n".as_bytes()),
            Cow::Borrowed(_)
        ));
    }

    proptest! {
        #[test]
        fn nothing_below_32_is_left_and_the_rest_is_kept(frame in prop::collection::vec(prop_oneof![Just(9), any::<u8>()], 0..100)) {
            let cleaned = clean(&frame);
            prop_assert!(!cleaned.iter().any(|&byte| byte < 32));
            let printable = |bytes: &[u8]| bytes.iter().copied().filter(|&byte| byte >= 32).collect::<Vec<_>>();
            let escapes = (cleaned.len() - printable(&frame).len()) / 4;
            prop_assert_eq!(cleaned.len(), printable(&frame).len() + 4 * escapes);
            if escapes == 0 {
                prop_assert_eq!(cleaned.to_vec(), printable(&frame));
            }
        }
    }
}
