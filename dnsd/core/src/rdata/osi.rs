//! OSI network addresses: NSAP (RFC 1706 §5) and ATM addresses (ATM Name System Specification 1.0 §4).

use std::fmt::{self, Write};

use super::RdataError;
use super::encoded::{parse_hex, print_hex};
use super::field::Field;

/// `0x` and hexadecimal digits; dots between them are for the reader.
pub(super) const NSAP: Field = Field::new(
    at_least_one,
    |words, out| {
        let [b'0', b'x' | b'X', digits @ ..] = words.word()? else {
            return Err(RdataError::BadSyntax);
        };
        let digits: Vec<u8> = digits.iter().copied().filter(|&digit| digit != b'.').collect();
        if digits.is_empty() {
            return Err(RdataError::Missing);
        }
        out.extend(parse_hex(&digits)?);
        Ok(())
    },
    |wire, f| {
        f.write_str("0x")?;
        print_hex(wire, f)
    },
);

const END_SYSTEM: u8 = 0;
const E164: u8 = 1;

/// An octet for the format, then an end system address in hexadecimal or, behind a `+`, the digits of a telephone
/// number. Single dots may stand between digits.
pub(super) const ATMA: Field = Field::new(
    |wire| match wire {
        [E164, digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => Ok(wire.len()),
        [END_SYSTEM, _, ..] => Ok(wire.len()),
        [] | [_] => Err(RdataError::Truncated),
        _ => Err(RdataError::BadSyntax),
    },
    |words, out| {
        let word = words.word()?;
        let (format, text) = match word {
            [b'+', digits @ ..] => (E164, digits),
            hex => (END_SYSTEM, hex),
        };
        if text.starts_with(b".") || text.ends_with(b".") || text.windows(2).any(|pair| pair == b"..") {
            return Err(RdataError::BadSyntax);
        }
        let digits: Vec<u8> = text.iter().copied().filter(|&digit| digit != b'.').collect();
        if digits.is_empty() {
            return Err(RdataError::Missing);
        }
        out.push(format);
        if format == E164 {
            if !digits.iter().all(u8::is_ascii_digit) {
                return Err(RdataError::BadSyntax);
            }
            out.extend(digits);
        } else {
            out.extend(parse_hex(&digits)?);
        }
        Ok(())
    },
    |wire, f| match wire {
        [E164, digits @ ..] => {
            f.write_char('+')?;
            digits.iter().try_for_each(|&digit| f.write_char(char::from(digit)))
        }
        [_format, octets @ ..] => print_hex(octets, f),
        [] => Err(fmt::Error),
    },
);

fn at_least_one(wire: &[u8]) -> Result<usize, RdataError> {
    if wire.is_empty() {
        Err(RdataError::Truncated)
    } else {
        Ok(wire.len())
    }
}
