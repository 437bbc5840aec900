//! What a master file can be wrong in, and where.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::lexer::LexError;
use crate::name::NameError;
use crate::rdata::RdataError;

/// An error and its place. Prints as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterError {
    /// The file's name.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
    /// What is wrong.
    pub kind: MasterErrorKind,
    /// The word that is wrong, its first octets at least; empty at the end of a line.
    pub token: Box<[u8]>,
}

impl fmt::Display for MasterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.kind)?;
        if !self.token.is_empty() {
            write!(f, " near '{}'", self.token.escape_ascii())?;
        }
        Ok(())
    }
}

impl std::error::Error for MasterError {}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterErrorKind {
    /// The owner or an origin is not a domain name.
    Name(NameError),
    /// A word, or a record's data, is not what it has to be.
    Text(RdataError),
    /// A record that takes the owner of the one before, and there is none.
    NoOwner,
    /// Neither a type's mnemonic nor `TYPEnnn`.
    UnknownType,
    /// A type that only stands in questions and messages.
    MetaType,
    /// MD and MF, which RFC 973 replaced by MX.
    ObsoleteType,
    /// A class other than the zone's.
    WrongClass,
    /// No TTL here, none before, no `$TTL`, and no SOA to take it from.
    NoTtl,
    /// `$` and a word that is no directive.
    UnknownDirective,
    /// The file can't be read.
    Include(io::ErrorKind),
    /// `$INCLUDE` nested too deeply, or a file that includes itself.
    IncludeTooDeep,
    /// Too many `$INCLUDE`s in all.
    TooManyIncludes,
    /// `$GENERATE`'s range is not `start-stop[/step]`.
    BadRange,
    /// A `${offset,width,base}` of `$GENERATE` that isn't one, or that makes too long a text.
    BadTemplate,
    /// `$GENERATE` asks for too many records in all.
    TooManyGenerated,
    /// The file starts with a byte order mark.
    ByteOrderMark,
    /// So many errors that reading was given up.
    TooManyErrors,
}

impl From<RdataError> for MasterErrorKind {
    fn from(error: RdataError) -> Self {
        Self::Text(error)
    }
}

impl From<LexError> for MasterErrorKind {
    fn from(error: LexError) -> Self {
        Self::Text(error.into())
    }
}

impl From<NameError> for MasterErrorKind {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl fmt::Display for MasterErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(error) => return error.fmt(f),
            Self::Text(error) => return error.fmt(f),
            Self::Include(error) => return write!(f, "can't include the file: {error}"),
            Self::NoOwner => "no owner name here or on a line before",
            Self::UnknownType => "unknown class or type",
            Self::MetaType => "a type of questions and messages can't stand in a zone",
            Self::ObsoleteType => "obsolete type, use MX",
            Self::WrongClass => "class differs from the zone's",
            Self::NoTtl => "no TTL here, none before, and no $TTL",
            Self::UnknownDirective => "unknown $ directive",
            Self::IncludeTooDeep => "too many files open: does a file include itself?",
            Self::TooManyIncludes => "too many $INCLUDE directives",
            Self::BadRange => "not a range of the form start-stop[/step]",
            Self::BadTemplate => "bad ${offset,width,base}",
            Self::TooManyGenerated => "$GENERATE makes too many records",
            Self::ByteOrderMark => "byte order mark: save the file as UTF-8 without it",
            Self::TooManyErrors => "too many errors",
        })
    }
}

/// Something odd that doesn't keep the file from being read. Prints as an error does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterWarning {
    /// The file's name.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// What is odd.
    pub kind: MasterWarningKind,
}

impl fmt::Display for MasterWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.kind)
    }
}

/// What is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterWarningKind {
    /// A TTL above 2^31 − 1 was taken for 0 (RFC 2181 §8).
    TtlTooLarge,
    /// The SOA has no TTL; its minimum field is used, for the records after it too.
    SoaMinimumAsTtl,
    /// A record without a TTL takes that of the record before, as RFC 1035 §5.1 says; `$TTL` would be clearer.
    TtlOfRecordBefore,
    /// A record takes the owner of the one before across a change of origin.
    OwnerAcrossOrigin,
    /// The last line isn't ended: the file may be cut off.
    NoFinalNewline,
}

impl fmt::Display for MasterWarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TtlTooLarge => "TTL above 2147483647 is taken for 0",
            Self::SoaMinimumAsTtl => "no TTL specified; using the SOA's minimum instead",
            Self::TtlOfRecordBefore => "no TTL specified and no $TTL; using the TTL of the record before",
            Self::OwnerAcrossOrigin => "record takes its owner from before the change of origin",
            Self::NoFinalNewline => "file does not end with a newline",
        })
    }
}
