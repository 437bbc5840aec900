//! The parameters of SVCB and HTTPS records (RFC 9460 §2.1, 2.2 and 7).

mod params;
mod value;

use std::fmt;

use super::field::Field;
use super::string::push_unescaped;
use super::{RdataError, Words};
use params::{Param, Params};

/// Any number of parameters up to the end, in ascending order of their keys.
pub(super) const PARAMS: Field = Field::new(
    |wire| {
        params::check(wire)?;
        Ok(wire.len())
    },
    read,
    |wire, f| {
        for (n, param) in Params::new(wire).enumerate() {
            let param = param.map_err(|_| fmt::Error)?;
            if n > 0 {
                f.write_str(" ")?;
            }
            param.print(f)?;
        }
        Ok(())
    },
)
.or_absent();

fn read(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut found: Vec<(u16, Vec<u8>)> = Vec::new();
    while let Some(word) = words.optional_word()? {
        let equals = memchr::memchr(b'=', word);
        let key = params::parse_key(&word[..equals.unwrap_or(word.len())])?;
        let mut text = None;
        if let Some(at) = equals {
            let plain = &word[at + 1..];
            // A value in quotes stands right behind the equals sign; the lexer cuts it off the key.
            let raw = if plain.is_empty() && words.quote_follows() {
                words.string()?.text
            } else {
                plain
            };
            let mut unescaped = Vec::with_capacity(raw.len());
            push_unescaped(raw, &mut unescaped)?;
            text = Some(unescaped);
        }
        // A value under `keyNNNNN` is its wire form, also where the key has a name (§2.1).
        let value = if word.starts_with(b"key") {
            text.unwrap_or_default()
        } else {
            value::parse(key, text.as_deref())?
        };
        value::check(key, &value)?;
        match found.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(_) => return Err(RdataError::DuplicateParameter),
            Err(at) => found.insert(at, (key, value)),
        }
    }
    let start = out.len();
    for (key, value) in found {
        let length = u16::try_from(value.len()).map_err(|_| RdataError::TooLong)?;
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend(value);
    }
    params::check(&out[start..])
}

/// The keys that have a name (IANA's registry of service parameter keys).
mod key {
    pub(super) const MANDATORY: u16 = 0;
    pub(super) const ALPN: u16 = 1;
    pub(super) const NO_DEFAULT_ALPN: u16 = 2;
    pub(super) const PORT: u16 = 3;
    pub(super) const IPV4HINT: u16 = 4;
    pub(super) const ECH: u16 = 5;
    pub(super) const IPV6HINT: u16 = 6;
    pub(super) const DOHPATH: u16 = 7;
    pub(super) const OHTTP: u16 = 8;
}

impl Param<'_> {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        params::print_key(self.key, f)?;
        value::print(self.key, self.value, f)
    }
}
