//! Text that is safe to write to a terminal.
//!
//! Of a message's control characters those below 32 are escaped when it comes in ([`crate::control_chars`]). What is left are the
//! C1 control characters (ECMA-48), which begin sequences as ESC does: as U+0080 to U+009F in UTF-8, or as single bytes. A line's
//! own line ends, and what else a format has, are the administrator's.

use std::borrow::Cow;

/// The line with C1 control characters and DEL as `#ooo`. Borrowed where there are none, which is nearly always.
#[must_use]
pub fn safe(line: &[u8]) -> Cow<'_, [u8]> {
    /// U+0080 to U+00BF are this byte and one that is the character's number.
    const LEAD: u8 = 0xc2;
    if line.iter().all(|byte| (1..0x7f).contains(byte)) {
        return Cow::Borrowed(line);
    }
    let mut safe = Vec::with_capacity(line.len() + 16);
    for chunk in line.utf8_chunks() {
        let mut buffer = [0; 4];
        for character in chunk.valid().chars() {
            match character {
                '\u{7f}' => escape(0x7f, &mut safe),
                '\u{80}'..='\u{9f}' => {
                    escape(LEAD, &mut safe);
                    escape(character as u8, &mut safe);
                }
                other => safe.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        for &byte in chunk.invalid() {
            match byte {
                0x80..=0x9f => escape(byte, &mut safe),
                other => safe.push(other),
            }
        }
    }
    Cow::Owned(safe)
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let digit = |shift: u8| b'0' + (byte >> shift & 7);
    out.extend_from_slice(&[b'#', digit(6), digit(3), digit(0)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_a_formats_own_line_ends_stay() {
        for line in ["plain\r\n", "Zoë, 漢字, 🙂\n", "\x07\r\n"] {
            assert_eq!(&*safe(line.as_bytes()), line.as_bytes());
        }
    }

    #[test]
    fn c1_control_characters_are_escaped_in_either_form() {
        assert_eq!(&*safe(b"a\xc2\x9b31m"), b"a#302#23331m");
        assert_eq!(&*safe(b"a\x9b31m\x7f"), b"a#23331m#177");
        assert_eq!(&*safe(b"caf\xe9"), b"caf\xe9");
    }
}
