//! BIND's configuration language: `named.conf`, key files and what they include, as statements with their comments.
//!
//! Text goes in, a [`Block`] of [`Statement`]s comes out, each word with its place in the text; what is no sound text is
//! reported, all of it at once, and the rest is read all the same. What a statement means is not known here: the language
//! has words, quoted strings, `!`, and blocks that are nested in braces.

mod lexer;
mod parser;
mod statement;
#[cfg(test)]
mod tests;

use std::fmt;

pub use statement::{Block, Comment, Part, Statement, Word};

/// How deep blocks may be nested. BIND's own statements need five levels, and lists in lists some more; a text of braces only
/// must not take the stack.
pub const DEPTH_MAX: usize = 64;

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
    /// A string without its second quote: at the first one.
    UnclosedString,
    /// `/*` without `*/`.
    UnclosedComment,
    /// `{` without `}`.
    UnclosedBlock,
    /// `}` that closes nothing.
    StrayClose,
    /// A statement ends without `;`: at its last word.
    MissingSemicolon,
    /// `;` with nothing in front of it.
    EmptyStatement,
    /// More than [`DEPTH_MAX`] blocks in each other.
    NestedTooDeep,
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnclosedString => f.write_str("the string that begins here has no end"),
            Self::UnclosedComment => f.write_str("the comment that begins here has no end"),
            Self::UnclosedBlock => f.write_str("the block that begins here has no end"),
            Self::StrayClose => f.write_str("this closes no block"),
            Self::MissingSemicolon => f.write_str("a \";\" is missing behind this"),
            Self::EmptyStatement => f.write_str("nothing stands in front of this \";\""),
            Self::NestedTooDeep => write!(f, "more than {DEPTH_MAX} blocks in each other"),
        }
    }
}

/// Reads a text, which is number `file` of those that are read together. The statements are all that could be made out; they
/// are the whole text if there are no errors.
pub fn parse(text: &str, file: usize) -> (Block, Vec<SyntaxError>) {
    let (tokens, mut errors) = lexer::tokens(text, file);
    let block = parser::parse(tokens, text.len(), file, &mut errors);
    errors.sort_by_key(|error| error.place.start);
    (block, errors)
}
