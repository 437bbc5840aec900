//! The form that every type has: `\# length hex` (RFC 3597 §5).

use std::fmt;

use super::encoded::{print_hex, read_hex_rest};
use super::number::parse_u16;
use super::{RdataError, Words};

/// Reads what follows `\#`.
pub(super) fn read(words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), RdataError> {
    let length = usize::from(parse_u16(words.word()?)?);
    read_hex_rest(words, rdata)?;
    if rdata.len() == length {
        Ok(())
    } else {
        Err(RdataError::BadLength)
    }
}

pub(super) fn print(rdata: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\\# {}", rdata.len())?;
    if !rdata.is_empty() {
        f.write_str(" ")?;
        print_hex(rdata, f)?;
    }
    Ok(())
}
