//! Files that a secret is in: base64 alone, BIND's `key` clauses, or a `K*.private` file.
//!
//! The file's text comes from the daemon, which read it; what an error tells of it is a place, never the text.

mod key_clause;
mod private_key;
#[cfg(test)]
mod tests;

use std::fmt;

use super::{Algorithm, AlgorithmError, Secret, SecretError};
use crate::name::Name;
use crate::named_conf::SyntaxErrorKind;

/// What a file says of a key.
#[derive(Debug, Clone)]
pub struct KeyMaterial {
    /// Its algorithm; base64 alone doesn't say.
    pub algorithm: Option<Algorithm>,
    /// Its secret.
    pub secret: Secret,
}

/// Why a file has no secret for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretFileError {
    /// Where, from 1.
    pub line: u32,
    /// Where in the line, in octets, from 1.
    pub column: u32,
    /// What is wrong there.
    pub problem: SecretFileProblem,
}

/// Kinds of [`SecretFileError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFileProblem {
    /// Not UTF-8.
    NotText,
    /// Not BIND's language.
    Syntax(SyntaxErrorKind),
    /// None of the file's clauses is for a key of this name.
    NoSuchKey,
    /// A second clause for the key.
    SecondKey,
    /// The key has no algorithm.
    NoAlgorithm,
    /// The key has no secret.
    NoSecret,
    /// The algorithm is none of TSIG's.
    Algorithm(AlgorithmError),
    /// The secret is none.
    Secret(SecretError),
    /// A private key file of another format than v1.
    Format,
    /// A private key of an algorithm that isn't an HMAC.
    NotHmac,
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.problem)
    }
}

impl fmt::Display for SecretFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotText => "not text",
            Self::Syntax(kind) => return kind.fmt(f),
            Self::NoSuchKey => "no key of this name",
            Self::SecondKey => "a second key of this name",
            Self::NoAlgorithm => "the key has no algorithm",
            Self::NoSecret => "the key has no secret",
            Self::Algorithm(error) => return error.fmt(f),
            Self::Secret(error) => return error.fmt(f),
            Self::Format => "a private key of another format than v1",
            Self::NotHmac => "a private key for another algorithm than an HMAC",
        })
    }
}

impl std::error::Error for SecretFileError {}

/// Reads the secret of the key `name` from the text of a file. Of several `key` clauses it is that of this name; other
/// statements are stepped over.
///
/// # Errors
/// When there is none, with its place.
pub fn read_secret_file(text: &[u8], name: &Name) -> Result<KeyMaterial, SecretFileError> {
    let read = match std::str::from_utf8(text) {
        Err(error) => Err((error.valid_up_to(), SecretFileProblem::NotText)),
        Ok(text) if private_key::is_one(text) => private_key::read(text),
        Ok(text) if text.contains('{') => key_clause::read(text, name),
        Ok(text) => base64(text),
    };
    read.map_err(|(at, problem)| {
        let before = &text[..at];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        SecretFileError {
            line: 1 + memchr::memchr_iter(b'\n', before).count() as u32,
            column: 1 + (at - line_start) as u32,
            problem,
        }
    })
}

/// What a part of the reader gives: on errors the octet they are at.
type Read = Result<KeyMaterial, (usize, SecretFileProblem)>;

/// A text that is a secret and nothing else.
fn base64(text: &str) -> Read {
    let at = text.len() - text.trim_start().len();
    let secret = Secret::from_base64(text.as_bytes()).map_err(|error| (at, SecretFileProblem::Secret(error)))?;
    Ok(KeyMaterial {
        algorithm: None,
        secret,
    })
}
