//! IPSECKEY (RFC 4025) and AMTRELAY (RFC 8777): a gateway whose form a field before it decides.

use std::fmt;

use super::address::{parse_ipv4, parse_ipv6, print_ipv4, print_ipv6};
use super::field::{Field, take};
use super::number::{parse_u8, read_u8};
use super::{RdataError, Words, name};

/// IPSECKEY's precedence, gateway type, algorithm and gateway; the key follows.
pub(super) const IPSEC_GATEWAY: Field = Field::new(
    |wire| {
        let [_precedence, kind, _algorithm] = take(wire)?;
        Ok(3 + measure(kind, &wire[3..])?)
    },
    |words, out| {
        let (precedence, kind, algorithm) = (read_u8(words)?, read_u8(words)?, read_u8(words)?);
        out.extend_from_slice(&[precedence, kind, algorithm]);
        read(kind, words, out)
    },
    |wire, f| {
        let [precedence, kind, algorithm] = take(wire).map_err(|_| fmt::Error)?;
        write!(f, "{precedence} {kind} {algorithm} ")?;
        print(kind, &wire[3..], f)
    },
);

/// AMTRELAY's discovery bit stands above the seven bits of the relay type (RFC 8777 §4.2.2).
const DISCOVERY: u8 = 0x80;

/// All of an AMTRELAY record.
pub(super) const AMT_RELAY: Field = Field::new(
    |wire| {
        let [_precedence, kind] = take(wire)?;
        Ok(2 + measure(kind & !DISCOVERY, &wire[2..])?)
    },
    |words, out| {
        let precedence = read_u8(words)?;
        let discovery = match parse_u8(words.word()?)? {
            0 => 0,
            1 => DISCOVERY,
            _ => return Err(RdataError::OutOfRange),
        };
        let kind = read_u8(words)?;
        out.extend_from_slice(&[precedence, discovery | kind]);
        read(kind, words, out)
    },
    |wire, f| {
        let [precedence, kind] = take(wire).map_err(|_| fmt::Error)?;
        write!(f, "{precedence} {} {} ", kind >> 7, kind & !DISCOVERY)?;
        print(kind & !DISCOVERY, &wire[2..], f)
    },
);

const NOTHING: u8 = 0;
const IPV4: u8 = 1;
const IPV6: u8 = 2;
const NAME: u8 = 3;

fn measure(kind: u8, wire: &[u8]) -> Result<usize, RdataError> {
    match kind {
        NOTHING => Ok(0),
        IPV4 => take::<4>(wire).map(|_| 4),
        IPV6 => take::<16>(wire).map(|_| 16),
        NAME => name::measure(wire),
        _ => Err(RdataError::OutOfRange),
    }
}

fn read(kind: u8, words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    match kind {
        NOTHING if words.word()? == b"." => {}
        NOTHING => return Err(RdataError::BadSyntax),
        IPV4 => out.extend_from_slice(&parse_ipv4(words.word()?)?),
        IPV6 => out.extend_from_slice(&parse_ipv6(words.word()?)?),
        NAME => name::read(words, out)?,
        _ => return Err(RdataError::OutOfRange),
    }
    Ok(())
}

fn print(kind: u8, wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match kind {
        IPV4 => print_ipv4(wire, f),
        IPV6 => print_ipv6(wire, f),
        NAME => name::print(wire, f),
        _nothing => f.write_str("."),
    }
}
