//! What can be wrong with record data, as text or as wire form.

use std::fmt;

use crate::lexer::LexError;
use crate::name::NameError;

/// Why text or octets are not valid data of their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RdataError {
    /// The line ends before the last field.
    Missing,
    /// Text behind the last field.
    Extra,
    /// A quoted string where a plain word belongs.
    Quoted,
    /// A quoted string that doesn't end on its line.
    UnbalancedQuotes,
    /// A parenthesis without its other half.
    UnbalancedParentheses,
    /// A backslash with nothing behind it, or `\DDD` that is no number up to 255.
    BadEscape,
    /// Not a number.
    BadNumber,
    /// A number or a value larger or smaller than the field takes.
    OutOfRange,
    /// Not an IPv4 address in dotted-quad form.
    BadIpv4,
    /// Not an IPv6 address.
    BadIpv6,
    /// Not a domain name.
    BadName(NameError),
    /// A character string longer than 255 octets.
    StringTooLong,
    /// Not base64 with its padding.
    BadBase64,
    /// Not base32hex without padding.
    BadBase32,
    /// Not an even number of hexadecimal digits.
    BadHex,
    /// Neither `YYYYMMDDHHmmSS` nor seconds since 1970.
    BadTime,
    /// Not a type's mnemonic or `TYPEnnn`.
    UnknownType,
    /// A word that the field doesn't know.
    UnknownWord,
    /// The octets don't have the number that is announced or that the algorithm makes.
    BadLength,
    /// Text in a form that the field doesn't have.
    BadSyntax,
    /// A service parameter that stands twice.
    DuplicateParameter,
    /// Service parameters that aren't in ascending order of their keys.
    UnsortedParameters,
    /// A service parameter without its value, or with one that it doesn't take.
    BadParameter,
    /// A service parameter that another one requires is not there.
    MissingParameter,
    /// The type has no presentation form: it is written `\# length hex` (RFC 3597 §5).
    NoTextForm,
    /// Wire form that ends inside a field.
    Truncated,
    /// Wire form with octets behind the last field.
    TrailingBytes,
    /// A type bitmap with blocks out of order, empty ones, or trailing zeros (RFC 4034 §4.1.2).
    BadBitmap,
    /// More than 65535 octets.
    TooLong,
}

impl fmt::Display for RdataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName(error) => return error.fmt(f),
            Self::Missing => "unexpected end of line",
            Self::Extra => "extra text at the end of the record",
            Self::Quoted => "quotes are not allowed here",
            Self::UnbalancedQuotes => "unbalanced quotes",
            Self::UnbalancedParentheses => "unbalanced parentheses",
            Self::BadEscape => "bad escape",
            Self::BadNumber => "not a number",
            Self::OutOfRange => "out of range",
            Self::BadIpv4 => "not an IPv4 address",
            Self::BadIpv6 => "not an IPv6 address",
            Self::StringTooLong => "string longer than 255 octets",
            Self::BadBase64 => "bad base64",
            Self::BadBase32 => "bad base32hex",
            Self::BadHex => "bad hexadecimal digits",
            Self::BadTime => "bad time",
            Self::UnknownType => "unknown record type",
            Self::UnknownWord => "unknown word",
            Self::BadLength => "wrong number of octets",
            Self::BadSyntax => "syntax error",
            Self::DuplicateParameter => "service parameter given twice",
            Self::UnsortedParameters => "service parameters out of order",
            Self::BadParameter => "bad value of a service parameter",
            Self::MissingParameter => "required service parameter is missing",
            Self::NoTextForm => "the type has no text form, write \\# length hex",
            Self::Truncated => "record data is cut off",
            Self::TrailingBytes => "octets after the end of the record data",
            Self::BadBitmap => "bad type bitmap",
            Self::TooLong => "record data longer than 65535 octets",
        })
    }
}

impl std::error::Error for RdataError {}

impl From<NameError> for RdataError {
    fn from(error: NameError) -> Self {
        Self::BadName(error)
    }
}

impl From<LexError> for RdataError {
    fn from(error: LexError) -> Self {
        match error {
            LexError::UnbalancedQuotes => Self::UnbalancedQuotes,
            LexError::UnbalancedParentheses => Self::UnbalancedParentheses,
            LexError::DanglingEscape => Self::BadEscape,
        }
    }
}
