//! Values written as groups of hexadecimal digits: EUI-48 and EUI-64 (RFC 7043), ILNP's 64-bit locators and node
//! identifiers (RFC 6742).

use std::fmt;

use super::RdataError;
use super::field::{Field, take};

pub(super) const EUI48: Field = Field::new(
    |wire| take::<6>(wire).map(|_| 6),
    |words, out| push_octets::<6>(words.word()?, out),
    print_octets,
);

pub(super) const EUI64: Field = Field::new(
    |wire| take::<8>(wire).map(|_| 8),
    |words, out| push_octets::<8>(words.word()?, out),
    print_octets,
);

/// Four groups of up to four digits with colons between.
pub(super) const LOCATOR64: Field = Field::new(
    |wire| take::<8>(wire).map(|_| 8),
    |words, out| {
        let word = words.word()?;
        let mut groups = 0;
        for group in word.split(|&byte| byte == b':') {
            let value = parse_group(group, 4)?;
            out.extend_from_slice(&value.to_be_bytes());
            groups += 1;
        }
        if groups == 4 {
            Ok(())
        } else {
            Err(RdataError::BadSyntax)
        }
    },
    |wire, f| {
        for (n, group) in wire.chunks_exact(2).enumerate() {
            let separator = if n == 0 { "" } else { ":" };
            write!(f, "{separator}{:x}", u16::from_be_bytes([group[0], group[1]]))?;
        }
        Ok(())
    },
);

fn push_octets<const N: usize>(word: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut octets = 0;
    for group in word.split(|&byte| byte == b'-') {
        out.push(parse_group(group, 2)? as u8);
        octets += 1;
    }
    if octets == N {
        Ok(())
    } else {
        Err(RdataError::BadSyntax)
    }
}

fn parse_group(digits: &[u8], digits_max: usize) -> Result<u16, RdataError> {
    if digits.is_empty() || digits.len() > digits_max {
        return Err(RdataError::BadSyntax);
    }
    let mut value = 0;
    for &digit in digits {
        let nibble = char::from(digit).to_digit(16).ok_or(RdataError::BadSyntax)?;
        value = value << 4 | nibble as u16;
    }
    Ok(value)
}

fn print_octets(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (n, octet) in wire.iter().enumerate() {
        let separator = if n == 0 { "" } else { "-" };
        write!(f, "{separator}{octet:02x}")?;
    }
    Ok(())
}
