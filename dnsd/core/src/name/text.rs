//! Names as text (RFC 1035 §5.1): reading them from master files and configurations, printing them as `dig` does.

use std::fmt::{self, Write};

use super::words::{WORD_BYTES, equal};
use super::{LABEL_BYTES_MAX, NameBuf, NameError, NameRef};

impl NameBuf {
    /// Appends the labels that `text` writes, then the root or the origin.
    pub(super) fn push_text(&mut self, text: &[u8], origin: Option<NameRef<'_>>) -> Result<(), NameError> {
        match text {
            b"" => return Err(NameError::Empty),
            b"." => return self.push_name(NameRef::ROOT),
            b"@" => return self.push_name(origin.ok_or(NameError::NoOrigin)?),
            _ => {}
        }
        if self.push_plain_text(text, origin).is_some() {
            return Ok(());
        }
        let mut rest = text;
        while !rest.is_empty() {
            // The plain case: a label without escapes is copied as it stands.
            let end = rest
                .iter()
                .position(|byte| matches!(byte, b'.' | b'\\'))
                .unwrap_or(rest.len());
            if rest.get(end) == Some(&b'\\') {
                rest = self.push_escaped_label(rest)?;
            } else {
                self.push_label(&rest[..end])?;
                rest = &rest[end..];
            }
            match rest {
                [] => return self.push_name(origin.ok_or(NameError::NoOrigin)?),
                [_dot, after @ ..] => rest = after,
            }
        }
        self.push_name(NameRef::ROOT)
    }

    /// Nearly all names have no escapes: the text is copied as it stands, and its dots become the lengths of the labels
    /// behind them. `None`, with nothing appended, for a name with escapes or one that is wrong.
    fn push_plain_text(&mut self, text: &[u8], origin: Option<NameRef<'_>>) -> Option<()> {
        let start = self.len;
        let (labels, tail) = match text {
            [labels @ .., b'.'] => (labels, NameRef::ROOT),
            labels => (labels, origin?),
        };
        let end = start + 1 + labels.len();
        let wire = self.wire.get_mut(start..end + tail.as_wire().len())?;
        let (wire, tail_place) = wire.split_at_mut(1 + labels.len());
        wire[1..].copy_from_slice(labels);
        let mut length_at = 0;
        let mut end_label = |at: usize| {
            let length = at - length_at - 1;
            wire[length_at] = length as u8;
            length_at = at;
            (1..=LABEL_BYTES_MAX).contains(&length).then_some(())
        };
        let (words, rest) = labels.as_chunks::<WORD_BYTES>();
        let mut last = [0; WORD_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        let mut at = 1;
        for word in words.iter().chain([&last]) {
            let word = u64::from_le_bytes(*word);
            if equal(word, b'\\') != 0 {
                return None;
            }
            let mut dots = equal(word, b'.');
            while dots != 0 {
                end_label(at + dots.trailing_zeros() as usize / 8)?;
                dots &= dots - 1;
            }
            at += WORD_BYTES;
        }
        end_label(1 + labels.len())?;
        tail_place.copy_from_slice(tail.as_wire());
        self.len = end + tail.as_wire().len();
        Some(())
    }

    /// Appends the label at the front of `text`, resolving its escapes; returns what follows, from the dot on.
    fn push_escaped_label<'t>(&mut self, text: &'t [u8]) -> Result<&'t [u8], NameError> {
        let mut label = [0; LABEL_BYTES_MAX];
        let mut len = 0;
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let octet = match byte {
                b'.' => break,
                b'\\' => {
                    let (octet, after) = unescape(after).ok_or(NameError::BadEscape)?;
                    rest = after;
                    octet
                }
                plain => {
                    rest = after;
                    plain
                }
            };
            *label.get_mut(len).ok_or(NameError::LabelTooLong)? = octet;
            len += 1;
        }
        self.push_label(&label[..len])?;
        Ok(rest)
    }
}

/// Reads what follows a backslash: three decimal digits up to 255, or one character that stands for itself.
pub(crate) fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            Some((u8::try_from(value).ok()?, rest))
        }
        [b'0'..=b'9', ..] | [] => None,
        [byte, rest @ ..] => Some((*byte, rest)),
    }
}

impl fmt::Display for NameRef<'_> {
    /// Absolute, with the final dot. What a master file would take for its own syntax gets a backslash, what doesn't
    /// print becomes `\DDD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_char('.');
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'"' | b'(' | b')' | b'.' | b';' | b'\\' | b'@' | b'$' => {
                        f.write_char('\\')?;
                        f.write_char(char::from(byte))?;
                    }
                    b'!'..=b'~' => f.write_char(char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_char('.')?;
        }
        Ok(())
    }
}
