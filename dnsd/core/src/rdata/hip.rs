//! HIP: a host's identity (RFC 8005 §5). The rendezvous servers follow as names of their own.

use std::fmt;

use super::encoded::{parse_base64, parse_hex, print_base64, print_hex};
use super::field::{Field, take};
use super::number::read_u8;
use super::{RdataError, Words};

/// The lengths of tag and key and the key's algorithm.
const HEAD_BYTES: usize = 4;

/// The host identity tag and the public key. Both are single words: names follow them.
pub(super) const IDENTITY: Field = Field::new(
    |wire| {
        let (tag, key) = split(wire)?;
        Ok(HEAD_BYTES + tag.len() + key.len())
    },
    read,
    |wire, f| {
        let (tag, key) = split(wire).map_err(|_| fmt::Error)?;
        write!(f, "{} ", wire[1])?;
        print_hex(tag, f)?;
        f.write_str(" ")?;
        print_base64(key, f)
    },
);

fn split(wire: &[u8]) -> Result<(&[u8], &[u8]), RdataError> {
    let [tag_length, _algorithm, key_high, key_low]: [u8; HEAD_BYTES] = take(wire)?;
    let (tag, rest) = wire[HEAD_BYTES..]
        .split_at_checked(usize::from(tag_length))
        .ok_or(RdataError::Truncated)?;
    let key_length = usize::from(u16::from_be_bytes([key_high, key_low]));
    let key = rest.get(..key_length).ok_or(RdataError::Truncated)?;
    if tag.is_empty() || key.is_empty() {
        Err(RdataError::BadLength)
    } else {
        Ok((tag, key))
    }
}

fn read(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let algorithm = read_u8(words)?;
    let tag = parse_hex(words.word()?)?;
    let key = parse_base64(words.word()?)?;
    let tag_length = u8::try_from(tag.len()).map_err(|_| RdataError::BadLength)?;
    let key_length = u16::try_from(key.len()).map_err(|_| RdataError::BadLength)?;
    out.extend_from_slice(&[tag_length, algorithm]);
    out.extend_from_slice(&key_length.to_be_bytes());
    out.extend(tag);
    out.extend(key);
    Ok(())
}
