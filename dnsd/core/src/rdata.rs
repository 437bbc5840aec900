//! Record data: one table says what fields a type has, and from it come reading, printing and checking of every type.
//!
//! Text comes from master files, wire form from transfers and updates. What is kept is always wire form with its names
//! uncompressed and their case as it came (RFC 3597 §4). Types that the table doesn't know are opaque octets, written
//! `\# length hex` (RFC 3597 §5); that form is open to the known types too, and is checked then.

mod a6;
mod address;
mod apl;
mod bitmap;
mod encoded;
mod error;
mod eui;
mod expand;
mod field;
mod gateway;
mod generic;
mod hip;
mod location;
mod mnemonic;
mod name;
mod number;
mod osi;
mod plain;
mod string;
mod svcb;
mod table;
mod time;
mod wks;
mod words;

use std::fmt;

pub use error::RdataError;
pub use expand::expand;
pub use field::NameUse;
pub(crate) use number::parse_period;
pub(crate) use plain::read_plain;
pub(crate) use string::push_unescaped;
pub(crate) use words::Words;

use crate::lexer::{Cursor, Lexer};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use field::Field;
use table::fields;

/// The most octets that record data can have: its length is a 16-bit number (RFC 1035 §3.2.1).
pub const RDATA_BYTES_MAX: usize = u16::MAX as usize;

/// Reads the data of one record from master-file text, in the type's own form or as `\# length hex`.
pub fn parse(rtype: Type, text: &[u8], origin: Option<&Name>) -> Result<Vec<u8>, RdataError> {
    let mut cursor = Cursor::START;
    let mut rdata = Vec::new();
    let mut words = Words::new(Lexer::new(text, &mut cursor), origin.map(Name::as_name_ref));
    read(rtype, &mut words, &mut rdata)?;
    Ok(rdata)
}

/// Reads the rest of a record's line into `rdata`, which is emptied first. After an error it holds nothing of use.
pub(crate) fn read(rtype: Type, words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), RdataError> {
    rdata.clear();
    if words.starts_generic()? {
        generic::read(words, rdata)?;
        words.finish()?;
        return check(rtype, rdata);
    }
    for field in fields(rtype).ok_or(RdataError::NoTextForm)? {
        (field.read)(words, rdata)?;
    }
    words.finish()?;
    if rdata.len() > RDATA_BYTES_MAX {
        Err(RdataError::TooLong)
    } else {
        Ok(())
    }
}

/// Whether `rdata` is valid wire form of the type, its names uncompressed. Types without a table entry are opaque, so
/// any octets are.
pub fn check(rtype: Type, rdata: &[u8]) -> Result<(), RdataError> {
    if rdata.len() > RDATA_BYTES_MAX {
        return Err(RdataError::TooLong);
    }
    let mut rest = rdata;
    for field in fields(rtype).unwrap_or(&[]) {
        rest = &rest[(field.measure)(rest)?..];
    }
    if rest.is_empty() || fields(rtype).is_none() {
        Ok(())
    } else {
        Err(RdataError::TrailingBytes)
    }
}

/// Prints record data as a master file has it.
pub fn display(rtype: Type, rdata: &[u8]) -> RdataText<'_> {
    RdataText { rtype, rdata }
}

/// Record data that prints itself: in the type's own form where it is valid, else as `\# length hex`.
#[derive(Debug, Clone, Copy)]
pub struct RdataText<'a> {
    rtype: Type,
    rdata: &'a [u8],
}

impl fmt::Display for RdataText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(fields) = fields(self.rtype).filter(|_| check(self.rtype, self.rdata).is_ok()) else {
            return generic::print(self.rdata, f);
        };
        let mut printed = false;
        for part in parts(fields, self.rdata) {
            if part.bytes.is_empty() && part.field.may_be_absent {
                continue;
            }
            if printed {
                f.write_str(" ")?;
            }
            (part.field.print)(part.bytes, f)?;
            printed = true;
        }
        Ok(())
    }
}

/// A domain name inside record data.
#[derive(Debug, Clone, Copy)]
pub struct NameField<'a> {
    /// Where it starts.
    pub offset: usize,
    /// The name.
    pub name: NameRef<'a>,
    /// What may be done to it in messages and in canonical form.
    pub usage: NameUse,
}

/// The names in valid `rdata`, in order. Not among them are the gateways of IPSECKEY and AMTRELAY and the prefix name
/// of A6: nothing is ever done to those.
pub fn names(rtype: Type, rdata: &[u8]) -> impl Iterator<Item = NameField<'_>> {
    parts(fields(rtype).unwrap_or(&[]), rdata).filter_map(move |part| {
        let usage = part.field.name?;
        let name = NameRef::from_wire(part.bytes).ok()?;
        Some(NameField {
            offset: part.offset,
            name,
            usage,
        })
    })
}

/// Whether the addresses of the names in this type's data belong into the additional section (RFC 1035 §3.3, 2782,
/// 9460 §4.1 and others).
pub fn has_additional(rtype: Type) -> bool {
    matches!(
        rtype,
        Type::NS
            | Type::MB
            | Type::MX
            | Type::AFSDB
            | Type::RT
            | Type::KX
            | Type::SRV
            | Type::NAPTR
            | Type::LP
            | Type::DSYNC
            | Type::SVCB
            | Type::HTTPS
    )
}

/// Brings the names in valid `rdata` to lower case where the canonical form asks for it (RFC 4034 §6.2, 6840 §5.1).
pub fn make_canonical(rtype: Type, rdata: &mut [u8]) {
    let mut at = 0;
    for field in fields(rtype).unwrap_or(&[]) {
        let Ok(length) = (field.measure)(&rdata[at..]) else {
            return;
        };
        if matches!(field.name, Some(NameUse::Compressed | NameUse::Lowercased)) {
            rdata[at..at + length].make_ascii_lowercase();
        }
        at += length;
    }
}

struct Part<'a> {
    field: &'static Field,
    offset: usize,
    bytes: &'a [u8],
}

/// Cuts `rdata` into its fields, up to the first that isn't valid.
fn parts<'a>(fields: &'static [Field], rdata: &'a [u8]) -> impl Iterator<Item = Part<'a>> {
    let mut offset = 0;
    fields.iter().map_while(move |field| {
        let length = (field.measure)(&rdata[offset..]).ok()?;
        let part = Part {
            field,
            offset,
            bytes: &rdata[offset..offset + length],
        };
        offset += length;
        Some(part)
    })
}

#[cfg(test)]
mod tests;
