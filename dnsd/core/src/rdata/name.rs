//! Domain names in record data.

use std::fmt;

use super::field::{Field, NameUse};
use super::{RdataError, Words};
use crate::name::{NameBuf, NameRef};

/// One name.
pub(super) const fn name(usage: NameUse) -> Field {
    Field {
        name: Some(usage),
        ..Field::new(measure, read, print)
    }
}

/// Any number of names up to the end, none too (HIP's rendezvous servers, RFC 8005 §5).
pub(super) const NAMES: Field = Field::new(
    |wire| {
        let mut at = 0;
        while at < wire.len() {
            at += measure(&wire[at..])?;
        }
        Ok(at)
    },
    |words, out| {
        while let Some(word) = words.optional_word()? {
            push(words, word, out)?;
        }
        Ok(())
    },
    |wire, f| {
        let mut rest = wire;
        while let Ok(name) = NameRef::prefix_of(rest) {
            if rest.len() < wire.len() {
                f.write_str(" ")?;
            }
            fmt::Display::fmt(&name, f)?;
            rest = &rest[name.as_wire().len()..];
        }
        Ok(())
    },
)
.or_absent();

pub(super) fn measure(wire: &[u8]) -> Result<usize, RdataError> {
    Ok(NameRef::prefix_of(wire)?.as_wire().len())
}

pub(super) fn read(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let word = words.word()?;
    push(words, word, out)
}

fn push(words: &Words<'_, '_>, word: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut name = NameBuf::root();
    name.set_text(word, words.origin())?;
    out.extend_from_slice(name.as_wire());
    Ok(())
}

pub(super) fn print(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = NameRef::from_wire(wire).map_err(|_| fmt::Error)?;
    fmt::Display::fmt(&name, f)
}
