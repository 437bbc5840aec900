//! A6: a part of an IPv6 address and the name that has the rest (RFC 2874 §3; historic since RFC 6563).

use std::fmt;

use super::address::{parse_ipv6, print_ipv6};
use super::field::Field;
use super::name;
use super::number::parse_u8;
use super::{RdataError, Words};

const BITS: u8 = 128;

/// All of an A6 record: how many bits the prefix has, the octets that hold the bits behind it, and the prefix's name
/// unless the prefix is empty.
pub(super) const A6: Field = Field::new(
    |wire| {
        let (suffix, prefix_name) = split(wire)?;
        let first_octet_clear = suffix.first().is_none_or(|first| first & prefix_mask(wire[0]) == 0);
        if !first_octet_clear {
            return Err(RdataError::OutOfRange);
        }
        let name_bytes = if wire[0] == 0 { 0 } else { name::measure(prefix_name)? };
        Ok(1 + suffix.len() + name_bytes)
    },
    read,
    |wire, f| {
        let (suffix, prefix_name) = split(wire).map_err(|_| fmt::Error)?;
        write!(f, "{}", wire[0])?;
        if !suffix.is_empty() {
            let mut address = [0; 16];
            address[16 - suffix.len()..].copy_from_slice(suffix);
            f.write_str(" ")?;
            print_ipv6(&address, f)?;
        }
        if !prefix_name.is_empty() {
            f.write_str(" ")?;
            name::print(prefix_name, f)?;
        }
        Ok(())
    },
);

/// Cuts the wire form behind the prefix length into the address suffix and the rest.
fn split(wire: &[u8]) -> Result<(&[u8], &[u8]), RdataError> {
    let (&prefix_bits, rest) = wire.split_first().ok_or(RdataError::Truncated)?;
    let suffix_bits = BITS.checked_sub(prefix_bits).ok_or(RdataError::OutOfRange)?;
    rest.split_at_checked(usize::from(suffix_bits).div_ceil(8))
        .ok_or(RdataError::Truncated)
}

/// The bits of the suffix's first octet that belong to the prefix.
fn prefix_mask(prefix_bits: u8) -> u8 {
    !(0xff >> (prefix_bits % 8))
}

fn read(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let prefix_bits = parse_u8(words.word()?)?;
    if prefix_bits > BITS {
        return Err(RdataError::OutOfRange);
    }
    out.push(prefix_bits);
    if prefix_bits < BITS {
        let address = parse_ipv6(words.word()?)?;
        let suffix = &address[usize::from(prefix_bits / 8)..];
        out.push(suffix[0] & !prefix_mask(prefix_bits));
        out.extend_from_slice(&suffix[1..]);
    }
    if prefix_bits > 0 {
        name::read(words, out)
    } else {
        Ok(())
    }
}
