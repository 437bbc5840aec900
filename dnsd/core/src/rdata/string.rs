//! Character strings (RFC 1035 §3.3): up to 255 octets behind a length octet, and their relatives.

use std::fmt::{self, Write};

use super::field::{Field, counted};
use super::{RdataError, Words};
use crate::lexer::Token;
use crate::name::unescape;

/// One character string.
pub(super) const CHAR_STRING: Field = Field::new(counted, read_counted, |wire, f| print_quoted(&wire[1..], f));

/// One character string, or nothing at the end (ISDN's sub-address, RFC 1183 §3.2).
pub(super) const OPTIONAL_CHAR_STRING: Field = Field::new(
    |wire| if wire.is_empty() { Ok(0) } else { counted(wire) },
    |words, out| {
        if let Some(token) = words.next()? {
            words.put_back(token);
            read_counted(words, out)?;
        }
        Ok(())
    },
    |wire, f| print_quoted(&wire[1..], f),
)
.or_absent();

/// One or more character strings up to the end (TXT, RFC 1035 §3.3.14).
pub(super) const CHAR_STRINGS: Field = Field::new(
    |wire| {
        let mut at = counted(wire)?;
        while at < wire.len() {
            at += counted(&wire[at..])?;
        }
        Ok(at)
    },
    |words, out| {
        read_counted(words, out)?;
        while let Some(token) = words.next()? {
            words.put_back(token);
            read_counted(words, out)?;
        }
        Ok(())
    },
    |wire, f| {
        let mut rest = wire;
        while let Ok(length) = counted(rest) {
            if rest.len() < wire.len() {
                f.write_char(' ')?;
            }
            print_quoted(&rest[1..length], f)?;
            rest = &rest[length..];
        }
        Ok(())
    },
);

/// A quoted string without a length octet, up to the end (URI's target, RFC 7553 §4.4).
pub(super) const QUOTED_REST: Field = Field::new(
    |wire| Ok(wire.len()),
    |words, out| {
        let token = words.string()?;
        if token.quoted {
            push_unescaped(token.text, out)
        } else {
            Err(RdataError::BadSyntax)
        }
    },
    print_quoted,
);

/// A string without a length octet, up to the end; the quotes may be left out (CAA's value, RFC 8659 §4.1).
pub(super) const STRING_REST: Field = Field::new(
    |wire| Ok(wire.len()),
    |words, out| push_unescaped(words.string()?.text, out),
    print_quoted,
);

/// A property tag: letters and digits behind a length octet (RFC 8659 §4.1).
pub(super) const TAG: Field = Field::new(
    |wire| {
        let length = counted(wire)?;
        let tag = &wire[1..length];
        if !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric) {
            Ok(length)
        } else {
            Err(RdataError::BadSyntax)
        }
    },
    |words, out| {
        let tag = words.word()?;
        if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
            return Err(RdataError::BadSyntax);
        }
        push_counted(tag, out)
    },
    |wire, f| wire[1..].iter().try_for_each(|&byte| f.write_char(char::from(byte))),
);

/// An X.121 address: a character string of at least four digits (RFC 1183 §3.1).
pub(super) const DIGITS: Field = Field::new(
    |wire| {
        let length = counted(wire)?;
        if length > 4 && wire[1..length].iter().all(u8::is_ascii_digit) {
            Ok(length)
        } else {
            Err(RdataError::BadSyntax)
        }
    },
    |words, out| {
        let digits = words.string()?.text;
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_digit) {
            return Err(RdataError::BadSyntax);
        }
        push_counted(digits, out)
    },
    |wire, f| print_quoted(&wire[1..], f),
);

pub(super) fn read_counted(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let Token { text, .. } = words.string()?;
    let length_at = out.len();
    out.push(0);
    push_unescaped(text, out)?;
    out[length_at] = u8::try_from(out.len() - length_at - 1).map_err(|_| RdataError::StringTooLong)?;
    Ok(())
}

fn push_counted(octets: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    out.push(u8::try_from(octets.len()).map_err(|_| RdataError::StringTooLong)?);
    out.extend_from_slice(octets);
    Ok(())
}

/// Appends `text` with its `\X` and `\DDD` escapes resolved.
pub(crate) fn push_unescaped(text: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (octet, after) = unescape(&rest[at + 1..]).ok_or(RdataError::BadEscape)?;
        out.push(octet);
        rest = after;
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Prints octets in quotes; what would end the string gets a backslash, what doesn't print becomes `\DDD`.
pub(super) fn print_quoted(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for &byte in octets {
        match byte {
            b'"' | b'\\' => {
                f.write_char('\\')?;
                f.write_char(char::from(byte))?;
            }
            b' '..=b'~' => f.write_char(char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    f.write_char('"')
}
