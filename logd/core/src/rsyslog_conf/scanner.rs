//! Steps through a text: white space and comments, words and strings.

use super::joined::Joined;
use super::statement::{Comment, Text};
use super::{Place, SyntaxError, SyntaxErrorKind};

pub(super) struct Scanner<'t> {
    joined: &'t Joined,
    at: usize,
    /// Comments that no statement has taken yet.
    comments: Vec<Comment>,
    pub(super) errors: Vec<SyntaxError>,
}

/// What a string's backslashes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// C's, and refused otherwise: strings of RainerScript.
    C,
    /// A backslash takes the next character as it is: values of property filters.
    Any,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(joined: &'t Joined) -> Self {
        Self {
            joined,
            at: 0,
            comments: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.joined.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The rest of the line.
    pub(super) fn line(&self) -> &'t str {
        let rest = self.rest();
        rest.find('\n').map_or(rest, |end| &rest[..end])
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Takes a text if it is next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Takes a word if it is next, in any case, and a whole one.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word().eq_ignore_ascii_case(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// The letters, digits and underscores that are next.
    pub(super) fn word(&self) -> &'t str {
        self.while_in(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    pub(super) fn while_in(&self, is_in: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        &rest[..rest.find(|c| !is_in(c)).unwrap_or(rest.len())]
    }

    /// Takes what was looked at.
    pub(super) fn take(&mut self, looked_at: &str) -> Text {
        let start = self.at;
        self.at += looked_at.len();
        self.text(looked_at, start)
    }

    /// Something that was read from `start` on.
    pub(super) fn text(&self, text: impl Into<String>, start: usize) -> Text {
        Text {
            text: text.into(),
            place: self.place(start),
        }
    }

    /// What was read since `start`.
    pub(super) fn place(&self, start: usize) -> Place {
        self.joined.place(start, self.at)
    }

    /// Whether nothing but white space stands in front of this on its line.
    pub(super) fn is_at_line_start(&self) -> bool {
        let before = &self.joined.text[..self.at];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        before[line..].bytes().all(|byte| byte.is_ascii_whitespace())
    }

    pub(super) fn error(&mut self, kind: SyntaxErrorKind, start: usize) {
        let place = self.place(start);
        self.error_at(kind, place);
    }

    /// An error at what is next on the line.
    pub(super) fn error_here(&mut self, kind: SyntaxErrorKind) {
        let length = self.peek().map_or(0, char::len_utf8);
        let place = self.joined.place(self.at, self.at + length);
        self.error_at(kind, place);
    }

    pub(super) fn error_at(&mut self, kind: SyntaxErrorKind, place: Place) {
        self.errors.push(SyntaxError { kind, place });
    }

    pub(super) fn skip_line(&mut self) {
        self.at += self.line().len();
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at += self.while_in(|c| c == ' ' || c == '\t').len();
    }

    /// Skips white space and takes the comments in it.
    pub(super) fn skip_trivia(&mut self) {
        loop {
            let space = self.while_in(|c| c.is_ascii_whitespace());
            let is_apart = space.bytes().filter(|&byte| byte == b'\n').count() > 1;
            self.at += space.len();
            if self.rest().starts_with('#') {
                let comment = self.line_comment(is_apart);
                self.comments.push(comment);
            } else if self.rest().starts_with("/*") {
                self.block_comment(is_apart);
            } else {
                return;
            }
        }
    }

    fn line_comment(&mut self, is_apart: bool) -> Comment {
        let line = self.line();
        self.at += line.len();
        Comment {
            // The blank that is written behind every mark; what is indented further stays so.
            lines: vec![line[1..].strip_prefix(' ').unwrap_or(&line[1..]).to_owned()],
            is_apart,
        }
    }

    fn block_comment(&mut self, is_apart: bool) {
        let start = self.at;
        let inner = &self.rest()[2..];
        let inner = if let Some(end) = inner.find("*/") {
            self.at += end + 4;
            &inner[..end]
        } else {
            self.at += 2;
            self.error(SyntaxErrorKind::UnclosedComment, start);
            self.at += inner.len();
            inner
        };
        let mut lines: Vec<String> = inner
            .split('\n')
            .map(|line| line.trim().trim_start_matches('*').trim().to_owned())
            .collect();
        let filled = |line: &String| !line.is_empty();
        lines.truncate(lines.iter().rposition(filled).map_or(0, |last| last + 1));
        lines.drain(..lines.iter().position(filled).unwrap_or(0));
        self.comments.push(Comment { lines, is_apart });
    }

    /// The comments so far.
    pub(super) fn take_comments(&mut self) -> Vec<Comment> {
        std::mem::take(&mut self.comments)
    }

    /// Puts comments in front of those that were passed since.
    pub(super) fn give_back(&mut self, mut comments: Vec<Comment>) {
        comments.append(&mut self.comments);
        self.comments = comments;
    }

    /// Goes back to a place that was passed.
    pub(super) fn go_back(&mut self, to: usize) {
        self.at = to;
    }

    pub(super) fn skip_to_end(&mut self) {
        self.at = self.joined.text.len();
    }

    /// The comment that stands behind a statement on its line.
    pub(super) fn trailing_comment(&mut self) -> Option<Comment> {
        let before = self.at;
        self.skip_blanks();
        if self.rest().starts_with('#') {
            return Some(self.line_comment(false));
        }
        self.at = before;
        None
    }

    /// Takes a string, whose quote is next.
    pub(super) fn string(&mut self, escapes: Escapes) -> Text {
        let start = self.at;
        let Some(quote) = self.peek() else {
            return self.text("", start);
        };
        self.at += quote.len_utf8();
        let mut value = String::new();
        while let Some(c) = self.peek() {
            if c == quote {
                self.at += quote.len_utf8();
                if quote == '`' {
                    self.error(SyntaxErrorKind::Backticks, start);
                }
                return self.text(value, start);
            }
            // A value of a property filter ends with its line.
            if c == '\n' && escapes == Escapes::Any {
                break;
            }
            if c == '\\' {
                value.extend(self.escape(escapes));
            } else {
                value.push(c);
                self.at += c.len_utf8();
            }
        }
        let end = self.at;
        self.at = start + quote.len_utf8();
        self.error(SyntaxErrorKind::UnclosedString, start);
        self.at = end;
        self.text(value, start)
    }

    /// Takes a backslash and what it escapes.
    fn escape(&mut self, escapes: Escapes) -> Option<char> {
        let start = self.at;
        self.at += 1;
        let c = self.peek()?;
        if escapes == Escapes::Any {
            if c != '\n' {
                self.at += c.len_utf8();
                return Some(c);
            }
            return None;
        }
        let digits = |text: &'t str, radix: u32, length: usize| {
            let end = text
                .find(|c: char| !c.is_digit(radix))
                .unwrap_or(text.len())
                .min(length);
            (u8::from_str_radix(&text[..end], radix).ok(), end)
        };
        let (byte, length) = match c {
            'a' => (Some(0x07), 1),
            'b' => (Some(0x08), 1),
            'f' => (Some(0x0c), 1),
            'n' => (Some(b'\n'), 1),
            'r' => (Some(b'\r'), 1),
            't' => (Some(b'\t'), 1),
            'v' => (Some(0x0b), 1),
            '\'' | '"' | '?' | '\\' | '$' => (u8::try_from(c).ok(), 1),
            'x' => {
                let (byte, length) = digits(&self.rest()[1..], 16, 2);
                (byte, length + 1)
            }
            '0'..='7' => digits(self.rest(), 8, 3),
            _ => (None, c.len_utf8()),
        };
        self.at += length;
        // Text is UTF-8 here; a byte past ASCII is part of a character.
        let byte = byte.filter(u8::is_ascii);
        if byte.is_none() {
            self.error(SyntaxErrorKind::BadEscape, start);
        }
        byte.map(char::from)
    }
}
