//! Sets of record types as bitmaps: NSEC's blocks (RFC 4034 §4.1.2) and NXT's single one (RFC 2535 §5.2).

use std::fmt::{self, Write};

use super::field::Field;
use super::{RdataError, Words};
use crate::rrtype::Type;

/// A set of types, which may be empty (NSEC3, CSYNC).
pub(super) const TYPES: Field = Field::new(measure_blocks, read_blocks, print_blocks).or_absent();

/// A set of at least one type: an NSEC record has its own and its signature's type at the least.
pub(super) const SOME_TYPES: Field = Field::new(
    |wire| {
        if wire.is_empty() {
            Err(RdataError::Truncated)
        } else {
            measure_blocks(wire)
        }
    },
    |words, out| {
        let start = out.len();
        read_blocks(words, out)?;
        if out.len() > start {
            Ok(())
        } else {
            Err(RdataError::Missing)
        }
    },
    print_blocks,
);

/// NXT's set: types below 128, one bit each.
pub(super) const NXT_TYPES: Field = Field::new(
    |wire| {
        // The first bit would announce another format, which nobody has defined.
        let format_bit = wire.first().is_some_and(|first| first & 0x80 != 0);
        let trailing_zero = wire.last() == Some(&0);
        if wire.len() > 16 || format_bit || trailing_zero {
            Err(RdataError::BadBitmap)
        } else {
            Ok(wire.len())
        }
    },
    |words, out| {
        let mut bits = [0_u8; 16];
        for rtype in read_types(words)? {
            if !(1..=127).contains(&rtype) {
                return Err(RdataError::OutOfRange);
            }
            bits[usize::from(rtype / 8)] |= 0x80 >> (rtype % 8);
        }
        let used = bits.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
        out.extend_from_slice(&bits[..used]);
        Ok(())
    },
    |wire, f| print_types(bits(0, wire), &mut false, f),
)
.or_absent();

/// Blocks of 256 types: its number, how many octets follow (1 to 32), and those octets, the last of them not zero.
fn measure_blocks(wire: &[u8]) -> Result<usize, RdataError> {
    let mut rest = wire;
    let mut last_block = None;
    while let [block, length, after @ ..] = rest {
        let length = usize::from(*length);
        let octets = after.get(..length).ok_or(RdataError::BadBitmap)?;
        if !(1..=32).contains(&length) || octets.last() == Some(&0) || last_block.is_some_and(|last| last >= *block) {
            return Err(RdataError::BadBitmap);
        }
        last_block = Some(*block);
        rest = &after[length..];
    }
    if rest.is_empty() {
        Ok(wire.len())
    } else {
        Err(RdataError::BadBitmap)
    }
}

fn read_blocks(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut types = read_types(words)?;
    types.sort_unstable();
    for block in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0_u8; 32];
        let mut used = 0;
        for &rtype in block {
            let octet = usize::from((rtype & 0xff) / 8);
            bits[octet] |= 0x80 >> (rtype % 8);
            used = octet + 1;
        }
        out.extend_from_slice(&[(block[0] >> 8) as u8, used as u8]);
        out.extend_from_slice(&bits[..used]);
    }
    Ok(())
}

fn read_types(words: &mut Words<'_, '_>) -> Result<Vec<u16>, RdataError> {
    let mut types = Vec::new();
    while let Some(word) = words.optional_word()? {
        types.push(Type::parse(word).ok_or(RdataError::UnknownType)?.0);
    }
    Ok(types)
}

fn print_blocks(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = wire;
    let mut printed = false;
    while let [block, length, after @ ..] = rest {
        let (octets, after) = after.split_at_checked(usize::from(*length)).ok_or(fmt::Error)?;
        print_types(bits(u16::from(*block) << 8, octets), &mut printed, f)?;
        rest = after;
    }
    Ok(())
}

/// The types whose bits are set; `first` is the one of the first bit.
fn bits(first: u16, octets: &[u8]) -> impl Iterator<Item = Type> {
    octets.iter().enumerate().flat_map(move |(n, octet)| {
        let of_octet = (0..8).filter(move |bit| octet & (0x80 >> bit) != 0);
        of_octet.map(move |bit| Type(first + n as u16 * 8 + bit))
    })
}

fn print_types(types: impl Iterator<Item = Type>, printed: &mut bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for rtype in types {
        if *printed {
            f.write_char(' ')?;
        }
        fmt::Display::fmt(&rtype, f)?;
        *printed = true;
    }
    Ok(())
}
