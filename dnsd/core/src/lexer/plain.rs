//! A line of words with blanks between them and nothing else: cut in one pass, and taken only once all of it was of use.

use memchr::memchr3;

use super::{BLANK, BYTE_CLASSES, Cursor, LINE_END, WORD};

/// A line cut ahead of a cursor. Where it has anything but words, blanks and quoted strings without escapes, there is
/// `None`, and the [`Lexer`](super::Lexer) that goes on from the cursor is to read the line.
pub(crate) struct PlainLine<'t> {
    text: &'t [u8],
    at: usize,
    starts_blank: bool,
}

impl<'t> PlainLine<'t> {
    /// The line at the cursor, which stands at the start of one.
    pub(crate) fn at(text: &'t [u8], cursor: &Cursor) -> Self {
        Self {
            text,
            at: cursor.at,
            starts_blank: matches!(text.get(cursor.at), Some(b' ' | b'\t')),
        }
    }

    /// Whether it starts with a blank: a record that takes the owner of the one before (RFC 1035 §5.1).
    pub(crate) fn starts_blank(&self) -> bool {
        self.starts_blank
    }

    /// The next word.
    pub(crate) fn word(&mut self) -> Option<&'t [u8]> {
        let start = self.skip_blanks();
        let length = self.text[start..]
            .iter()
            .position(|&byte| BYTE_CLASSES[usize::from(byte)] != WORD)?;
        let end = start + length;
        if length == 0 || !self.is_border(end) {
            return None;
        }
        self.at = end;
        Some(&self.text[start..end])
    }

    /// The next word or quoted string, without its quotes.
    pub(crate) fn string(&mut self) -> Option<&'t [u8]> {
        let start = self.skip_blanks();
        if self.text.get(start) != Some(&b'"') {
            return self.word();
        }
        let inside = &self.text[start + 1..];
        let length = memchr3(b'"', b'\\', b'\n', inside)?;
        let end = start + 1 + length + 1;
        if inside[length] != b'"' || !self.is_border(end) {
            return None;
        }
        self.at = end;
        Some(&inside[..length])
    }

    /// Whether there is nothing more on the line but its end.
    pub(crate) fn is_over(&mut self) -> bool {
        self.at = self.skip_blanks();
        self.class_at(self.at) == Some(LINE_END)
    }

    /// Moves the cursor behind the line, which [is over](Self::is_over).
    pub(crate) fn take(self, cursor: &mut Cursor) {
        cursor.at = self.at;
        cursor.set_mark();
        cursor.pass_line_end(self.text);
        cursor.ended = true;
    }

    fn skip_blanks(&self) -> usize {
        let mut at = self.at;
        while self.class_at(at) == Some(BLANK) {
            at += 1;
        }
        at
    }

    /// Whether a word or a string may end here: what else follows may be part of it, or hide the end of the line.
    fn is_border(&self, at: usize) -> bool {
        matches!(self.class_at(at), Some(BLANK | LINE_END))
    }

    fn class_at(&self, at: usize) -> Option<u8> {
        self.text.get(at).map(|&byte| BYTE_CLASSES[usize::from(byte)])
    }
}
