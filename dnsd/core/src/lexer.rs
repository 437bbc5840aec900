//! Cuts master-file text (RFC 1035 §5.1) into tokens: slices of the text itself, escapes still in them.
//!
//! Zones are read through it, and so is every record's data. It knows comments, parentheses, quotes and line ends, and
//! nothing of what the tokens mean. Where the RFC is silent it cuts as BIND does: a quote or a parenthesis ends a word.

mod plain;

use memchr::{memchr, memchr2, memchr3};

pub(crate) use plain::PlainLine;

/// Where a byte stands in a text. Lines and columns count from 1, columns in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A word or a quoted string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'t> {
    /// As it stands in the text, without the quotes, its escapes not resolved.
    pub(crate) text: &'t [u8],
    pub(crate) quoted: bool,
}

/// What the text has next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lexeme<'t> {
    Token(Token<'t>),
    /// The end of a line outside parentheses.
    LineEnd,
    /// The end of the text; it may stand for the end of the last line.
    TextEnd,
}

/// Text that can't be cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LexError {
    /// A quoted string that doesn't end on its line; only an escaped line end may stand in one.
    UnbalancedQuotes,
    /// A closing parenthesis too many, or an opening one never closed.
    UnbalancedParentheses,
    /// A backslash with nothing behind it.
    DanglingEscape,
}

/// Where a lexer stands. It is kept apart from the text, so that a reader can own both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    at: usize,
    line: u32,
    line_start: usize,
    depth: u32,
    /// The last token, or the outermost open parenthesis when the text ended inside it.
    mark: Place,
    /// Where that token's first byte is in the text.
    mark_at: usize,
    opened: Place,
    /// Whether the last thing taken was the end of a line or of the text.
    ended: bool,
}

impl Cursor {
    pub(crate) const START: Self = Self {
        at: 0,
        line: 1,
        line_start: 0,
        depth: 0,
        mark: Place { line: 1, column: 1 },
        mark_at: 0,
        ended: false,
        opened: Place { line: 1, column: 1 },
    };

    /// The place of the last token, or of what an error is about.
    pub(crate) fn place(&self) -> Place {
        self.mark
    }

    /// The last token as it stands in `text`; empty when it was the end of a line.
    pub(crate) fn last_token<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let end = if self.ended { self.mark_at } else { self.at };
        text.get(self.mark_at..end).unwrap_or(&[])
    }

    /// At the start of a line; lines are counted from there.
    pub(crate) fn at_line(at: usize) -> Self {
        Self {
            at,
            line_start: at,
            ..Self::START
        }
    }

    /// Where it stands in the text.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The same with so many lines in front of what it counts.
    pub(crate) fn behind_lines(self, lines: u32) -> Self {
        let moved = |place: Place| Place {
            line: place.line.saturating_add(lines),
            ..place
        };
        Self {
            line: self.line.saturating_add(lines),
            mark: moved(self.mark),
            opened: moved(self.opened),
            ..self
        }
    }

    /// The line that comes next.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    fn set_mark(&mut self) {
        self.mark = self.here();
        self.mark_at = self.at;
    }

    /// Steps over `\n`, `\r\n` or a lone `\r`, where it stands.
    fn pass_line_end(&mut self, text: &[u8]) {
        let is_return = text.get(self.at) == Some(&b'\r');
        self.at += 1;
        if is_return && text.get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
        self.line = self.line.saturating_add(1);
        self.line_start = self.at;
    }

    fn here(&self) -> Place {
        Place {
            line: self.line,
            column: (self.at - self.line_start + 1) as u32,
        }
    }
}

/// The first line at or behind `from` that starts with a word: in files as they are usually written, a record that says
/// whose it is, and not in the middle of another one.
pub(crate) fn next_line_of_words(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'\n', text.get(at..)?)? + 1;
        if BYTE_CLASSES[usize::from(*text.get(at)?)] == WORD {
            return Some(at);
        }
    }
}

pub(crate) struct Lexer<'t, 'c> {
    text: &'t [u8],
    cursor: &'c mut Cursor,
}

const WORD: u8 = 0;
const BLANK: u8 = 1;
const LINE_END: u8 = 2;
const COMMENT: u8 = 3;
const QUOTE: u8 = 4;
const OPEN: u8 = 5;
const CLOSE: u8 = 6;
const ESCAPE: u8 = 7;

/// What each byte is, so that a word's bytes cost one look-up each.
static BYTE_CLASSES: [u8; 256] = {
    let mut classes = [WORD; 256];
    classes[b' ' as usize] = BLANK;
    classes[b'\t' as usize] = BLANK;
    classes[b'\n' as usize] = LINE_END;
    classes[b'\r' as usize] = LINE_END;
    classes[b';' as usize] = COMMENT;
    classes[b'"' as usize] = QUOTE;
    classes[b'(' as usize] = OPEN;
    classes[b')' as usize] = CLOSE;
    classes[b'\\' as usize] = ESCAPE;
    classes
};

impl<'t, 'c> Lexer<'t, 'c> {
    pub(crate) fn new(text: &'t [u8], cursor: &'c mut Cursor) -> Self {
        Self { text, cursor }
    }

    /// The line of the last token.
    pub(crate) fn line(&self) -> u32 {
        self.cursor.mark.line
    }

    /// The place of the last token.
    pub(crate) fn place(&self) -> Place {
        self.cursor.mark
    }

    /// Whether the line starts with a blank: a record that takes the owner of the one before (RFC 1035 §5.1).
    pub(crate) fn starts_blank(&self) -> bool {
        matches!(self.text.get(self.cursor.at), Some(b' ' | b'\t'))
    }

    /// Whether a quote stands right behind the last token, as in `alpn="h2"`.
    pub(crate) fn quote_follows(&self) -> bool {
        self.text.get(self.cursor.at) == Some(&b'"')
    }

    pub(crate) fn next(&mut self) -> Result<Lexeme<'t>, LexError> {
        self.cursor.ended = false;
        loop {
            let Some(&byte) = self.text.get(self.cursor.at) else {
                return self.text_end();
            };
            match BYTE_CLASSES[usize::from(byte)] {
                BLANK => self.cursor.at += 1,
                LINE_END => {
                    self.cursor.set_mark();
                    self.cursor.pass_line_end(self.text);
                    if self.cursor.depth == 0 {
                        self.cursor.ended = true;
                        return Ok(Lexeme::LineEnd);
                    }
                }
                COMMENT => self.pass_comment(),
                OPEN => {
                    if self.cursor.depth == 0 {
                        self.cursor.opened = self.cursor.here();
                    }
                    self.cursor.depth += 1;
                    self.cursor.at += 1;
                }
                CLOSE => {
                    self.cursor.set_mark();
                    self.cursor.at += 1;
                    self.cursor.depth = self
                        .cursor
                        .depth
                        .checked_sub(1)
                        .ok_or(LexError::UnbalancedParentheses)?;
                }
                QUOTE => return self.quoted(),
                _ => return self.word(),
            }
        }
    }

    /// Goes on to the end of the record unless it has been taken, so that the next one can be read after an error.
    /// Parentheses that were opened are honoured; when the text can't be cut any more, the line's end has to do.
    pub(crate) fn skip_record(&mut self) {
        while !self.cursor.ended {
            match self.next() {
                Ok(_) => {}
                Err(_) => {
                    self.cursor.depth = 0;
                    return self.skip_line();
                }
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.cursor.at..];
        match memchr(b'\n', rest) {
            Some(length) => {
                self.cursor.at += length;
                self.cursor.pass_line_end(self.text);
            }
            None => self.cursor.at = self.text.len(),
        }
    }

    fn text_end(&mut self) -> Result<Lexeme<'t>, LexError> {
        if self.cursor.depth > 0 {
            self.cursor.depth = 0;
            self.cursor.set_mark();
            self.cursor.mark = self.cursor.opened;
            return Err(LexError::UnbalancedParentheses);
        }
        self.cursor.set_mark();
        self.cursor.ended = true;
        Ok(Lexeme::TextEnd)
    }

    fn pass_comment(&mut self) {
        let rest = &self.text[self.cursor.at..];
        self.cursor.at += memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    fn word(&mut self) -> Result<Lexeme<'t>, LexError> {
        self.cursor.set_mark();
        let start = self.cursor.at;
        let mut at = start;
        while let Some(&byte) = self.text.get(at) {
            match BYTE_CLASSES[usize::from(byte)] {
                WORD => at += 1,
                ESCAPE => {
                    // A line end can't be escaped outside quotes: it would hide the end of the record.
                    if !self.text.get(at + 1).is_some_and(|next| !matches!(next, b'\n' | b'\r')) {
                        self.cursor.at = at + 1;
                        return Err(LexError::DanglingEscape);
                    }
                    at += 2;
                }
                _ => break,
            }
        }
        self.cursor.at = at;
        Ok(Lexeme::Token(Token {
            text: &self.text[start..at],
            quoted: false,
        }))
    }

    fn quoted(&mut self) -> Result<Lexeme<'t>, LexError> {
        self.cursor.set_mark();
        self.cursor.at += 1;
        let start = self.cursor.at;
        loop {
            let rest = &self.text[self.cursor.at..];
            let Some(length) = memchr3(b'"', b'\\', b'\n', rest) else {
                self.cursor.at = self.text.len();
                return Err(LexError::UnbalancedQuotes);
            };
            self.cursor.at += length;
            match rest[length] {
                b'"' => {
                    let text = &self.text[start..self.cursor.at];
                    self.cursor.at += 1;
                    return Ok(Lexeme::Token(Token { text, quoted: true }));
                }
                b'\\' => {
                    self.cursor.at += 1;
                    match self.text.get(self.cursor.at) {
                        Some(b'\n') => self.cursor.pass_line_end(self.text),
                        Some(_) => self.cursor.at += 1,
                        None => return Err(LexError::UnbalancedQuotes),
                    }
                }
                _newline => return Err(LexError::UnbalancedQuotes),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens joined with `|`, quoted ones in quotes, `/` for a line's end.
    fn cut(text: &str) -> Result<String, (LexError, Place)> {
        let mut cursor = Cursor::START;
        let mut lexer = Lexer::new(text.as_bytes(), &mut cursor);
        let mut out = Vec::new();
        loop {
            match lexer.next() {
                Ok(Lexeme::Token(token)) => {
                    let word = String::from_utf8_lossy(token.text);
                    out.push(if token.quoted {
                        format!("\"{word}\"")
                    } else {
                        word.into_owned()
                    });
                }
                Ok(Lexeme::LineEnd) => out.push("/".into()),
                Ok(Lexeme::TextEnd) => return Ok(out.join("|")),
                Err(error) => return Err((error, lexer.cursor.place())),
            }
        }
    }

    #[test]
    fn rfc1035_5_1_blanks_comments_and_line_ends_separate() {
        assert_eq!(cut("a  b\tc ; d \"\n;e\r\nf\rg").unwrap(), "a|b|c|/|/|f|/|g");
    }

    #[test]
    fn rfc1035_5_1_parentheses_join_lines() {
        assert_eq!(cut("a ( b ; (\n c )d(e\n)\nf").unwrap(), "a|b|c|d|e|/|f");
        assert_eq!(
            cut("a )"),
            Err((LexError::UnbalancedParentheses, Place { line: 1, column: 3 }))
        );
        assert_eq!(
            cut("\nab ( (\n c ) \n"),
            Err((LexError::UnbalancedParentheses, Place { line: 2, column: 4 }))
        );
    }

    #[test]
    fn quotes_keep_syntax_and_end_on_their_line() {
        assert_eq!(
            cut(r#"a "b;(c)" d"e\"f""g" "" "#).unwrap(),
            r#"a|"b;(c)"|d|"e\"f"|"g"|"""#
        );
        assert_eq!(cut("\"a\\\nb\" c").unwrap(), "\"a\\\nb\"|c");
        assert_eq!(
            cut("x\n \"a\nb\"").unwrap_err(),
            (LexError::UnbalancedQuotes, Place { line: 2, column: 2 })
        );
        assert_eq!(cut("\"a").unwrap_err().0, LexError::UnbalancedQuotes);
        assert_eq!(cut("\"a\\").unwrap_err().0, LexError::UnbalancedQuotes);
    }

    #[test]
    fn escapes_keep_the_next_byte_in_the_word() {
        assert_eq!(cut(r"a\;b\ c\(d\\ e").unwrap(), r"a\;b\ c\(d\\|e");
        assert_eq!(cut("a\\").unwrap_err().0, LexError::DanglingEscape);
        assert_eq!(cut("a\\\nb").unwrap_err().0, LexError::DanglingEscape);
    }

    #[test]
    fn a_record_is_skipped_to_its_end() {
        let text = b"a ( b\nc \"x)\" ) d\ne \"f\ng";
        let mut cursor = Cursor::START;
        let mut lexer = Lexer::new(text, &mut cursor);
        lexer.skip_record();
        assert!(matches!(lexer.next(), Ok(Lexeme::Token(Token { text: b"e", .. }))));
        lexer.skip_record();
        assert!(matches!(lexer.next(), Ok(Lexeme::Token(Token { text: b"g", .. }))));
        assert_eq!(lexer.cursor.place(), Place { line: 4, column: 1 });
    }
}
