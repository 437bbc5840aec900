//! A field of record data: how long it is, how it is read, how it is printed.

use std::fmt;

use super::{RdataError, Words};

/// One kind of field. The table of types is made of these.
pub(super) struct Field {
    /// Checks the field at the front of the octets that are left and gives its length.
    pub(super) measure: fn(&[u8]) -> Result<usize, RdataError>,
    /// Reads the field's words and appends its wire form.
    pub(super) read: fn(&mut Words<'_, '_>, &mut Vec<u8>) -> Result<(), RdataError>,
    /// Prints exactly the octets that `measure` took.
    pub(super) print: fn(&[u8], &mut fmt::Formatter<'_>) -> fmt::Result,
    /// Set when the field is a domain name.
    pub(super) name: Option<NameUse>,
    /// Whether a field of no octets is written as no words, and not as `""` or `-`.
    pub(super) may_be_absent: bool,
}

/// What may be done to a name in record data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameUse {
    /// A type of RFC 1035: the name may be compressed in messages (RFC 3597 §4); lower case in canonical form.
    Compressed,
    /// A type listed in RFC 4034 §6.2: never compressed; lower case in canonical form.
    Lowercased,
    /// A later type: never compressed, never changed.
    Verbatim,
}

impl Field {
    pub(super) const fn new(
        measure: fn(&[u8]) -> Result<usize, RdataError>,
        read: fn(&mut Words<'_, '_>, &mut Vec<u8>) -> Result<(), RdataError>,
        print: fn(&[u8], &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> Self {
        Self {
            measure,
            read,
            print,
            name: None,
            may_be_absent: false,
        }
    }

    pub(super) const fn or_absent(self) -> Self {
        Self {
            may_be_absent: true,
            ..self
        }
    }
}

/// The first `N` octets, or what is missing.
pub(super) fn take<const N: usize>(wire: &[u8]) -> Result<[u8; N], RdataError> {
    wire.first_chunk::<N>().copied().ok_or(RdataError::Truncated)
}

/// The length of a field that starts with an octet that says how many follow.
pub(super) fn counted(wire: &[u8]) -> Result<usize, RdataError> {
    let length = 1 + usize::from(*wire.first().ok_or(RdataError::Truncated)?);
    if length > wire.len() {
        Err(RdataError::Truncated)
    } else {
        Ok(length)
    }
}
