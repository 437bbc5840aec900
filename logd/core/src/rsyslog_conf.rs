//! rsyslog's configuration language: `rsyslog.conf` and what it includes, as statements with their comments.
//!
//! Text goes in, a [`Script`] comes out: legacy lines (`$Directive value`, `mail.* /var/log/mail.log`, `:msg, contains, "x" ~`)
//! and RainerScript (`module(…)`, `if … then …`), each with its place in the text. What is no sound text is reported, all of it
//! at once. What a statement means is not known here, but how it is grouped is, as rsyslogd 8 does it: `and` and `or` bind
//! alike, from left to right, and `not` binds tighter than a comparison.

mod expression;
mod joined;
mod line;
mod object;
mod parser;
mod scanner;
mod statement;
#[cfg(test)]
mod tests;

use std::fmt;

pub use expression::{Expression, ExpressionKind, Operator};
pub use object::{Body, Object, Parameter};
pub use statement::{Action, Comment, PropertyFilter, Script, Statement, StatementKind, Text};

/// How deep blocks, `else if`s and expressions may be nested. Configurations that are written by hand need ten levels, long
/// chains of `else if` some dozens; a text of parentheses only must not take the stack.
pub const DEPTH_MAX: usize = 128;

/// A stretch of one of the texts that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which text: the number that [`parse`] was given.
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

/// What keeps a text from being read as a whole, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub kind: SyntaxErrorKind,
    /// Where.
    pub place: Place,
}

/// Kinds of [`SyntaxError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// A string without its second quote.
    UnclosedString,
    /// `/*` without `*/`.
    UnclosedComment,
    /// `{` without `}`.
    UnclosedBlock,
    /// `(` without `)`.
    UnclosedParenthesis,
    /// `}` that closes nothing.
    StrayClose,
    /// `&` with no action in front of it.
    StrayAnd,
    /// `else` with no `if` in front of it.
    StrayElse,
    /// A backslash in a string with something that is no escape.
    BadEscape,
    /// A string in backticks: what a command or the environment says at the start.
    Backticks,
    /// A filter or `then` with nothing to do.
    MissingAction,
    /// An `if` without its `then`.
    MissingThen,
    /// Something that no value begins with, where one must be.
    ExpectedValue,
    /// Something else where a parameter `name="value"` must be.
    ExpectedParameter,
    /// A property filter that is not `:property, operation, "value"`.
    BadPropertyFilter,
    /// Something that begins no statement.
    NoStatement,
    /// More than [`DEPTH_MAX`] levels.
    NestedTooDeep,
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnclosedString => f.write_str("the string that begins here has no end"),
            Self::UnclosedComment => f.write_str("the comment that begins here has no end"),
            Self::UnclosedBlock => f.write_str("the block that begins here has no end"),
            Self::UnclosedParenthesis => f.write_str("the parenthesis that begins here has no end"),
            Self::StrayClose => f.write_str("this closes no block"),
            Self::StrayAnd => f.write_str("no action stands in front of this \"&\""),
            Self::StrayElse => f.write_str("no \"if\" stands in front of this \"else\""),
            Self::BadEscape => f.write_str("no such escape in a string"),
            Self::Backticks => f.write_str("this is known when rsyslogd starts only: write what it comes to"),
            Self::MissingAction => f.write_str("an action must follow this"),
            Self::MissingThen => f.write_str("\"then\" must follow this"),
            Self::ExpectedValue => f.write_str("a value must stand here"),
            Self::ExpectedParameter => f.write_str("a parameter must stand here, as in port=\"514\""),
            Self::BadPropertyFilter => f.write_str("a property filter is written :property, operation, \"value\""),
            Self::NoStatement => f.write_str("this begins no statement of rsyslog's; a selector begins its line"),
            Self::NestedTooDeep => write!(f, "more than {DEPTH_MAX} levels in each other"),
        }
    }
}

/// Reads a text, which is number `file` of those that are read together. The statements are all that could be made out; they
/// are the whole text if there are no errors.
#[must_use]
pub fn parse(text: &str, file: usize) -> (Script, Vec<SyntaxError>) {
    let joined = joined::join(text, file);
    let (script, mut errors) = parser::parse(&joined);
    errors.sort_by_key(|error| error.place.start);
    // Comments in front of what might be an `else` or an `&` are read twice.
    errors.dedup();
    (script, errors)
}
