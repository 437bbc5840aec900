//! Cuts a text into words, strings, punctuation and comments, as BIND's lexer does: `//`, `#` and `/*` begin a comment
//! wherever they stand outside a string, in the middle of a word too.

use super::{Place, SyntaxError, SyntaxErrorKind};

/// A piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) place: Place,
    /// How many lines end between the token before and this one.
    pub(super) newlines_before: usize,
}

/// What it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word(String),
    Quoted(String),
    /// The text without its marks.
    Comment(String),
    Open,
    Close,
    Semicolon,
    Not,
}

/// All tokens. A string or comment without an end reaches to the end of the text, and is an error.
pub(super) fn tokens(text: &str, file: usize) -> (Vec<Token>, Vec<SyntaxError>) {
    let mut lexer = Lexer {
        text,
        at: 0,
        file,
        errors: Vec::new(),
    };
    let mut tokens = Vec::new();
    loop {
        let newlines_before = lexer.skip_space();
        let start = lexer.at;
        let Some(kind) = lexer.token() else { break };
        tokens.push(Token {
            kind,
            place: lexer.place(start),
            newlines_before,
        });
    }
    (tokens, lexer.errors)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    file: usize,
    errors: Vec<SyntaxError>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// What was read since `start`.
    fn place(&self, start: usize) -> Place {
        Place {
            file: self.file,
            start,
            end: self.at,
        }
    }

    fn skip_space(&mut self) -> usize {
        let rest = self.rest();
        let space = &rest[..rest.len() - rest.trim_start().len()];
        self.at += space.len();
        space.bytes().filter(|&byte| byte == b'\n').count()
    }

    fn token(&mut self) -> Option<Kind> {
        let rest = self.rest();
        let punctuation = match rest.bytes().next()? {
            b'{' => Kind::Open,
            b'}' => Kind::Close,
            b';' => Kind::Semicolon,
            b'!' => Kind::Not,
            b'"' => return Some(self.quoted()),
            _ if begins_comment(rest) => return Some(self.comment()),
            _ => return Some(self.word()),
        };
        self.at += 1;
        Some(punctuation)
    }

    fn word(&mut self) -> Kind {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|&(at, c)| c.is_whitespace() || "{};!\"".contains(c) || begins_comment(&rest[at..]))
            .map_or(rest.len(), |(at, _)| at);
        self.at += end;
        Kind::Word(rest[..end].to_owned())
    }

    /// `\"` is a quote inside the string; every other backslash stands for itself. A string may go over lines.
    fn quoted(&mut self) -> Kind {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        let mut is_escaped = false;
        for c in self.rest().chars() {
            self.at += c.len_utf8();
            match c {
                '"' if is_escaped => {
                    value.pop();
                }
                '"' => return Kind::Quoted(value),
                _ => {}
            }
            value.push(c);
            is_escaped = c == '\\' && !is_escaped;
        }
        self.error(SyntaxErrorKind::UnclosedString, start, 1);
        Kind::Quoted(value)
    }

    fn comment(&mut self) -> Kind {
        let start = self.at;
        let rest = self.rest();
        let Some(inner) = rest.strip_prefix("/*") else {
            let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
            self.at += line.len();
            let marks = if line.starts_with('#') { 1 } else { 2 };
            return Kind::Comment(line[marks..].to_owned());
        };
        if let Some(end) = inner.find("*/") {
            self.at += end + 4;
            return Kind::Comment(inner[..end].to_owned());
        }
        self.at = self.text.len();
        self.error(SyntaxErrorKind::UnclosedComment, start, 2);
        Kind::Comment(inner.to_owned())
    }

    fn error(&mut self, kind: SyntaxErrorKind, start: usize, length: usize) {
        let place = Place {
            file: self.file,
            start,
            end: start + length,
        };
        self.errors.push(SyntaxError { kind, place });
    }
}

fn begins_comment(rest: &str) -> bool {
    rest.starts_with('#') || rest.starts_with("//") || rest.starts_with("/*")
}
