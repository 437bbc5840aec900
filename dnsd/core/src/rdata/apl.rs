//! APL: lists of address prefixes (RFC 3123).

use std::fmt;

use super::RdataError;
use super::address::{parse_ipv4, parse_ipv6, print_ipv4, print_ipv6};
use super::field::Field;
use super::number::{parse_u8, parse_u16};

/// The address families that have a text form (§4, 5): IPv4 and IPv6, by IANA's numbers.
const IPV4: u16 = 1;
const IPV6: u16 = 2;
const NEGATION: u8 = 0x80;

/// Any number of prefixes up to the end, none too.
pub(super) const PREFIXES: Field = Field::new(
    |wire| {
        let mut rest = wire;
        while !rest.is_empty() {
            rest = take_item(rest)?.1;
        }
        Ok(wire.len())
    },
    |words, out| {
        while let Some(word) = words.optional_word()? {
            push_item(word, out)?;
        }
        Ok(())
    },
    print,
)
.or_absent();

struct Item<'a> {
    family: u16,
    prefix: u8,
    negated: bool,
    /// The address without its trailing zero octets (§4).
    address: &'a [u8],
}

fn take_item(wire: &[u8]) -> Result<(Item<'_>, &[u8]), RdataError> {
    let [family_high, family_low, prefix, length, rest @ ..] = wire else {
        return Err(RdataError::Truncated);
    };
    let family = u16::from_be_bytes([*family_high, *family_low]);
    let (address, rest) = rest
        .split_at_checked(usize::from(length & !NEGATION))
        .ok_or(RdataError::Truncated)?;
    let address_bytes = address_bytes(family)?;
    if address.len() > address_bytes || usize::from(*prefix) > address_bytes * 8 {
        return Err(RdataError::OutOfRange);
    }
    if address.last() == Some(&0) {
        return Err(RdataError::BadLength);
    }
    Ok((
        Item {
            family,
            prefix: *prefix,
            negated: length & NEGATION != 0,
            address,
        },
        rest,
    ))
}

fn address_bytes(family: u16) -> Result<usize, RdataError> {
    match family {
        IPV4 => Ok(4),
        IPV6 => Ok(16),
        _ => Err(RdataError::BadSyntax),
    }
}

/// Reads `[!]family:address/prefix`.
fn push_item(word: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    let (negation, word) = match word {
        [b'!', rest @ ..] => (NEGATION, rest),
        rest => (0, rest),
    };
    let colon = word
        .iter()
        .position(|&byte| byte == b':')
        .ok_or(RdataError::BadSyntax)?;
    let slash = word
        .iter()
        .rposition(|&byte| byte == b'/')
        .ok_or(RdataError::BadSyntax)?;
    let address = word.get(colon + 1..slash).ok_or(RdataError::BadSyntax)?;
    let family = parse_u16(&word[..colon])?;
    let prefix = parse_u8(&word[slash + 1..])?;
    if usize::from(prefix) > address_bytes(family)? * 8 {
        return Err(RdataError::OutOfRange);
    }
    let mut octets = [0; 16];
    match family {
        IPV4 => octets[..4].copy_from_slice(&parse_ipv4(address)?),
        _ipv6 => octets = parse_ipv6(address)?,
    }
    let used = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&family.to_be_bytes());
    out.extend_from_slice(&[prefix, negation | used as u8]);
    out.extend_from_slice(&octets[..used]);
    Ok(())
}

fn print(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = wire;
    while let Ok((item, after)) = take_item(rest) {
        let separator = if rest.len() < wire.len() { " " } else { "" };
        let negation = if item.negated { "!" } else { "" };
        write!(f, "{separator}{negation}{}:", item.family)?;
        let mut octets = [0; 16];
        octets[..item.address.len()].copy_from_slice(item.address);
        let print_address = if item.family == IPV4 { print_ipv4 } else { print_ipv6 };
        print_address(&octets, f)?;
        write!(f, "/{}", item.prefix)?;
        rest = after;
    }
    Ok(())
}
