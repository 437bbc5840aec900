//! POSIX regular expressions, as rsyslog's `R` forms are written in, to the `regex` crate's syntax.
//!
//! What the GNU C library adds to POSIX (`\w`, `\<`, `\+` in a BRE, …) is carried over, since rsyslog's users have it.
//! Two things differ. Back-references are refused: matching them can take exponential time. And of several matches that
//! begin at the same byte POSIX takes the longest and this library the one whose alternative stands first: `a|ab` finds
//! `a` in `ab`; write `ab|a`.
//!
//! Bytes are matched, not characters, as in rsyslog's C locale: `.` is one byte of whatever value.

use regex::bytes::{Regex, RegexBuilder};

/// Which of the two syntaxes an expression is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Basic: `\(…\)`, `\{…\}`; the default of rsyslog's `R`.
    Basic,
    /// Extended: `(…)`, `{…}`.
    Extended,
}

/// Why a regular expression was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegexError {
    /// `[` without its `]`.
    UnclosedBracket,
    /// A group that is not closed.
    UnclosedGroup,
    /// A group that was not opened.
    UnopenedGroup,
    /// A repetition of nothing.
    NothingToRepeat,
    /// What stands in the braces is not a number, or two with a comma between, or is past 255.
    BadInterval,
    /// A range that runs backwards, or an unknown `[:class:]`.
    BadRange,
    /// A back-reference.
    BackReference,
    /// A backslash at the end.
    TrailingBackslash,
    /// It compiles to more than the `regex` crate's limit, or is nested too deep.
    TooLarge,
}

/// The most repetitions that POSIX has every implementation take (RE_DUP_MAX).
const REPETITIONS_MAX: u32 = 255;

/// Compiled size: a tenth of the crate's default. An expression of a template picks a word out of a line.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A POSIX expression in the `regex` crate's syntax, which matches bytes as the POSIX one does.
///
/// # Errors
/// When it is no expression, or one with back-references.
pub fn portable_regex(expression: &str, syntax: Syntax) -> Result<String, RegexError> {
    compile(expression, syntax)?;
    let translated = translate(expression, syntax)?;
    let readable = readable(&translated);
    // What has no class and nothing that is not ASCII matches the same however it is told to.
    let is_plain = readable.is_ascii() && !readable.contains(['.', '[', '\\']);
    Ok(if is_plain {
        readable
    } else {
        format!("(?s-u){readable}")
    })
}

/// The same expression with the characters themselves where [`Translator::push_byte`] wrote their numbers.
fn readable(translated: &str) -> String {
    const SPECIAL: &str = r"\.+*?()|[]{}^$-&~";
    let mut readable = String::with_capacity(translated.len());
    let mut rest = translated;
    while let Some(at) = rest.find(r"\x") {
        readable.push_str(&rest[..at]);
        let number = rest
            .get(at + 2..at + 4)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match number.map(char::from).filter(|c| c.is_ascii_graphic() || *c == ' ') {
            Some(c) => {
                if SPECIAL.contains(c) {
                    readable.push('\\');
                }
                readable.push(c);
            }
            None => readable.push_str(&rest[at..at + 4]),
        }
        rest = &rest[at + 4..];
    }
    readable.push_str(rest);
    readable
}

/// Compiles a POSIX expression.
pub(super) fn compile(expression: &str, syntax: Syntax) -> Result<Regex, RegexError> {
    let translated = translate(expression, syntax)?;
    RegexBuilder::new(&translated)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| RegexError::TooLarge)
}

fn translate(expression: &str, syntax: Syntax) -> Result<String, RegexError> {
    let mut translator = Translator {
        bytes: expression.as_bytes(),
        at: 0,
        syntax,
        out: String::with_capacity(expression.len() + 16),
        groups: Vec::new(),
        atom: Atom::None,
    };
    while let Some(token) = translator.next_token()? {
        translator.push(token)?;
    }
    if translator.groups.is_empty() {
        Ok(translator.out)
    } else {
        Err(RegexError::UnclosedGroup)
    }
}

/// An element of an expression, the same for both syntaxes.
#[derive(Clone, Copy)]
enum Token {
    Byte(u8),
    Any,
    /// An assertion or class of the target syntax, verbatim; only a class can be repeated.
    Verbatim(&'static str, Repeatable),
    Bracket,
    Open,
    Close,
    Or,
    Repeat {
        least: u32,
        most: Option<u32>,
    },
    Start,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeatable {
    Yes,
    No,
}

/// What a repetition would apply to: where it begins in the output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Atom {
    None,
    Once(usize),
    /// It is a repetition already: `a+?` repeats `a+` in POSIX and would be lazy here.
    Repeated(usize),
}

struct Translator<'a> {
    bytes: &'a [u8],
    at: usize,
    syntax: Syntax,
    out: String,
    /// Where each open group begins in the output.
    groups: Vec<usize>,
    atom: Atom,
}

impl Translator<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Whether an expression, a group or an alternative begins here. (In the output a literal `|` is `\x7C`.)
    fn is_at_start(&self) -> bool {
        let is_after_open = self.groups.last().is_some_and(|&start| start + 1 == self.out.len());
        self.out.is_empty() || self.out.ends_with('|') || is_after_open
    }

    /// Whether an expression, a group or an alternative of a BRE ends after the `$` that was just read.
    fn is_at_end(&self) -> bool {
        let rest = &self.bytes[self.at..];
        rest.is_empty() || rest.starts_with(b"\\)") || rest.starts_with(b"\\|")
    }

    fn next_token(&mut self) -> Result<Option<Token>, RegexError> {
        let Some(byte) = self.peek() else { return Ok(None) };
        self.at += 1;
        let extended = self.syntax == Syntax::Extended;
        Ok(Some(match byte {
            b'\\' => return self.escaped().map(Some),
            b'.' => Token::Any,
            b'[' => Token::Bracket,
            b'*' if extended || !(self.is_at_start() || self.out.ends_with('^')) => {
                Token::Repeat { least: 0, most: None }
            }
            b'^' if extended || self.is_at_start() => Token::Start,
            b'$' if extended || self.is_at_end() => Token::End,
            b'(' if extended => Token::Open,
            b')' if extended => Token::Close,
            b'|' if extended => Token::Or,
            b'+' if extended => Token::Repeat { least: 1, most: None },
            b'?' if extended => Token::Repeat {
                least: 0,
                most: Some(1),
            },
            b'{' if extended => self.interval(b"}")?,
            _ => Token::Byte(byte),
        }))
    }

    fn escaped(&mut self) -> Result<Token, RegexError> {
        let byte = self.peek().ok_or(RegexError::TrailingBackslash)?;
        self.at += 1;
        let basic = self.syntax == Syntax::Basic;
        Ok(match byte {
            b'(' if basic => Token::Open,
            b')' if basic => Token::Close,
            b'|' if basic => Token::Or,
            b'{' if basic => self.interval(b"\\}")?,
            b'+' if basic => Token::Repeat { least: 1, most: None },
            b'?' if basic => Token::Repeat {
                least: 0,
                most: Some(1),
            },
            b'w' => Token::Verbatim(r"\w", Repeatable::Yes),
            b'W' => Token::Verbatim(r"\W", Repeatable::Yes),
            b's' => Token::Verbatim(r"\s", Repeatable::Yes),
            b'S' => Token::Verbatim(r"\S", Repeatable::Yes),
            b'b' => Token::Verbatim(r"\b", Repeatable::No),
            b'B' => Token::Verbatim(r"\B", Repeatable::No),
            b'<' => Token::Verbatim(r"\b{start}", Repeatable::No),
            b'>' => Token::Verbatim(r"\b{end}", Repeatable::No),
            b'`' => Token::Verbatim(r"\A", Repeatable::No),
            b'\'' => Token::Verbatim(r"\z", Repeatable::No),
            b'1'..=b'9' => return Err(RegexError::BackReference),
            _ => Token::Byte(byte),
        })
    }

    /// What follows an opening brace: `3`, `3,`, `,5` or `3,5` and the closing brace.
    fn interval(&mut self, close: &[u8]) -> Result<Token, RegexError> {
        let least = self.number()?;
        let comma = self.peek() == Some(b',');
        self.at += usize::from(comma);
        let most = if comma { self.number()? } else { least };
        let is_ordered = match (least, most) {
            (Some(least), Some(most)) => least <= most,
            (None, None) => false,
            _ => comma,
        };
        if !is_ordered || !self.bytes[self.at..].starts_with(close) {
            return Err(RegexError::BadInterval);
        }
        self.at += close.len();
        Ok(Token::Repeat {
            least: least.unwrap_or(0),
            most,
        })
    }

    fn number(&mut self) -> Result<Option<u32>, RegexError> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let value = number.unwrap_or(0) * 10 + u32::from(digit - b'0');
            if value > REPETITIONS_MAX {
                return Err(RegexError::BadInterval);
            }
            number = Some(value);
            self.at += 1;
        }
        Ok(number)
    }

    fn push(&mut self, token: Token) -> Result<(), RegexError> {
        let start = self.out.len();
        self.atom = match token {
            Token::Byte(byte) => {
                self.push_byte(byte);
                Atom::Once(start)
            }
            Token::Any => {
                self.out.push('.');
                Atom::Once(start)
            }
            Token::Verbatim(text, repeatable) => {
                self.out.push_str(text);
                if repeatable == Repeatable::Yes {
                    Atom::Once(start)
                } else {
                    Atom::None
                }
            }
            Token::Bracket => {
                self.bracket()?;
                Atom::Once(start)
            }
            Token::Open => {
                self.groups.push(start);
                self.out.push('(');
                Atom::None
            }
            Token::Close => {
                let start = self.groups.pop().ok_or(RegexError::UnopenedGroup)?;
                self.out.push(')');
                Atom::Once(start)
            }
            Token::Or => {
                self.out.push('|');
                Atom::None
            }
            Token::Start => {
                self.out.push('^');
                Atom::None
            }
            Token::End => {
                self.out.push('$');
                Atom::None
            }
            Token::Repeat { least, most } => self.repeat(least, most)?,
        };
        Ok(())
    }

    fn repeat(&mut self, least: u32, most: Option<u32>) -> Result<Atom, RegexError> {
        let start = match self.atom {
            Atom::None => return Err(RegexError::NothingToRepeat),
            Atom::Once(start) => start,
            Atom::Repeated(start) => {
                self.out.insert_str(start, "(?:");
                self.out.push(')');
                start
            }
        };
        match most {
            None if least == 0 => self.out.push('*'),
            None if least == 1 => self.out.push('+'),
            None => self.out.push_str(&format!("{{{least},}}")),
            Some(most) => self.out.push_str(&format!("{{{least},{most}}}")),
        }
        Ok(Atom::Repeated(start))
    }

    fn push_byte(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.out.push(char::from(byte));
        } else {
            self.out.push_str(&format!("\\x{byte:02X}"));
        }
    }

    /// What follows a `[`: inside, a backslash is a byte like any other and a `]` that comes first is too.
    fn bracket(&mut self) -> Result<(), RegexError> {
        self.out.push('[');
        if self.peek() == Some(b'^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let byte = self.peek().ok_or(RegexError::UnclosedBracket)?;
            if byte == b']' && !is_first {
                self.at += 1;
                self.out.push(']');
                return Ok(());
            }
            is_first = false;
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"[:") {
                self.class()?;
                continue;
            }
            let low = self.bracket_byte()?;
            let is_range = self.peek() == Some(b'-') && self.bytes.get(self.at + 1).is_some_and(|&next| next != b']');
            self.push_byte(low);
            if is_range {
                self.at += 1;
                let high = self.bracket_byte()?;
                if high < low {
                    return Err(RegexError::BadRange);
                }
                self.out.push('-');
                self.push_byte(high);
            }
        }
    }

    /// One byte of a bracket, which may be written as `[.x.]` or `[=x=]`.
    fn bracket_byte(&mut self) -> Result<u8, RegexError> {
        let (byte, length) = match self.bytes[self.at..] {
            [b'[', b'.', byte, b'.', b']', ..] | [b'[', b'=', byte, b'=', b']', ..] => (byte, 5),
            [b'[', b'.' | b'=', ..] => return Err(RegexError::BadRange),
            [byte, ..] => (byte, 1),
            [] => return Err(RegexError::UnclosedBracket),
        };
        self.at += length;
        Ok(byte)
    }

    /// `[:alpha:]` and its like, which the target syntax has under the same names.
    fn class(&mut self) -> Result<(), RegexError> {
        const CLASSES: [&str; 12] = [
            "[:alnum:]",
            "[:alpha:]",
            "[:blank:]",
            "[:cntrl:]",
            "[:digit:]",
            "[:graph:]",
            "[:lower:]",
            "[:print:]",
            "[:punct:]",
            "[:space:]",
            "[:upper:]",
            "[:xdigit:]",
        ];
        let rest = &self.bytes[self.at..];
        let class = CLASSES
            .into_iter()
            .find(|class| rest.starts_with(class.as_bytes()))
            .ok_or(RegexError::BadRange)?;
        self.out.push_str(class);
        self.at += class.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'t>(expression: &str, syntax: Syntax, text: &'t str) -> Option<&'t str> {
        let found = compile(expression, syntax).unwrap().find(text.as_bytes())?;
        Some(&text[found.range()])
    }

    /// What the GNU C library's regcomp finds, as rsyslogd 8.2302 showed.
    #[test]
    fn extended_expressions() {
        let text = " abc  d/e   F end";
        for (expression, expected) in [
            (r"(\w+) ", Some("abc ")),
            ("[[:upper:]]", Some("F")),
            (r"[a\]c]", None), // a backslash or an a, then c]
            (r"\d", Some("d")),
            (r"\bd", Some("d")),
            (r"\<d", Some("d")),
            ("a{,2}b", Some("ab")),
            ("[[=a=]]", Some("a")),
            ("a**", Some("")),
            ("()", Some("")),
            ("x$y", None),
            ("[^c]+$", Some("  d/e   F end")),
            ("b+?c", Some("bc")),
            ("(b+)?", Some("")),
            ("[]a]", Some("a")),
            ("[^]a]", Some(" ")),
            ("[b-d]+", Some("bc")),
            ("[a-]+", Some("a")),
            ("d/e|zz", Some("d/e")),
        ] {
            assert_eq!(found(expression, Syntax::Extended, text), expected, "{expression}");
        }
    }

    #[test]
    fn basic_expressions() {
        for (expression, text, expected) in [
            (r"\(a\|b\)*c", "abc", Some("abc")),
            (r"a\{1\}bc*", "abcc", Some("abcc")),
            ("*c", "abc", None),
            ("*c", "a*c", Some("*c")),
            ("^*b", "*b", Some("*b")),
            (r"\(*a\)", "*a", Some("*a")),
            ("a+", "aa", None),
            ("a+", "a+", Some("a+")),
            (r"b\+", "abb", Some("bb")),
            ("a^b$c", "a^b$c", Some("a^b$c")),
            ("c$", "abc", Some("c")),
            ("a{2}", "a{2}", Some("a{2}")),
            ("(a)|b", "(a)|b", Some("(a)|b")),
            (r"a\.b", "axb", None),
        ] {
            assert_eq!(found(expression, Syntax::Basic, text), expected, "{expression}");
        }
    }

    #[test]
    fn a_portable_expression_is_readable_and_matches_the_same() {
        let portable = |expression: &str| portable_regex(expression, Syntax::Extended).unwrap();
        assert_eq!(portable("a b"), "a b");
        assert_eq!(portable("^ (session|root)$"), "^ (session|root)$");
        assert_eq!(portable(r"db\.[a-z]"), r"(?s-u)db\.[a-z]");
        assert_eq!(portable(r"\\x41"), r"(?s-u)\\x41");
        assert!(
            Regex::new(&portable("a.\u{e9}"))
                .unwrap()
                .is_match("a\n\u{e9}".as_bytes())
        );
        assert_eq!(
            portable_regex(r"\(a\)\1", Syntax::Basic),
            Err(RegexError::BackReference)
        );
    }

    #[test]
    fn what_regcomp_refuses_is_refused_with_its_reason() {
        for (expression, error) in [
            ("(a", RegexError::UnclosedGroup),
            ("a)", RegexError::UnopenedGroup),
            ("[a", RegexError::UnclosedBracket),
            ("[]", RegexError::UnclosedBracket),
            ("+", RegexError::NothingToRepeat),
            ("a|*b", RegexError::NothingToRepeat),
            ("{", RegexError::BadInterval),
            ("a{2,1}", RegexError::BadInterval),
            ("a{,}", RegexError::BadInterval),
            ("a{256}", RegexError::BadInterval),
            ("a{1", RegexError::BadInterval),
            ("[z-a]", RegexError::BadRange),
            ("[[:word:]]", RegexError::BadRange),
            (r"(a)\1", RegexError::BackReference),
            (r"a\", RegexError::TrailingBackslash),
            ("((((a{255}){255}){255}){255})", RegexError::TooLarge),
        ] {
            assert_eq!(
                compile(expression, Syntax::Extended).map(|_| ()),
                Err(error),
                "{expression}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_expression_compiles_or_has_a_reason(
            expression in r"([a-c]|[\[\]()*+?{}|.^$\\:,=1-]|\\\PC){0,24}",
            basic: bool,
        ) {
            let _ = compile(&expression, if basic { Syntax::Basic } else { Syntax::Extended });
        }

        #[test]
        fn a_portable_expression_compiles_to_the_same(
            expression in r"[a-c\\\[\].*^$|(){}0-9 \-\x00-\x1f\u{e9}]{0,24}", text in "[a-c.*0-9 \u{e9}\n-]{0,24}", basic in any::<bool>()
        ) {
            let syntax = if basic { Syntax::Basic } else { Syntax::Extended };
            if let Ok(portable) = portable_regex(&expression, syntax) {
                let [expected, found] = [compile(&expression, syntax).unwrap(), Regex::new(&portable).unwrap()]
                    .map(|regex| regex.find(text.as_bytes()).map(|found| found.range()));
                prop_assert_eq!(expected, found, "{}", portable);
            }
        }

        #[test]
        fn plain_text_finds_itself(text in "[ -~\u{e9}]{1,16}") {
            let escaped: String = text
                .chars()
                .flat_map(|c| if r"\.[*^$+?(){}|".contains(c) { vec!['[', c, ']'] } else { vec![c] })
                .collect();
            let escaped = escaped.replace("[^]", r"\^").replace(r"[\]", r"\\");
            let regex = compile(&escaped, Syntax::Extended).unwrap();
            prop_assert_eq!(regex.find(text.as_bytes()).map(|found| found.range()), Some(0..text.len()));
        }
    }
}
