//! The list of parameters: keys, order, and what one parameter demands of the others.

use std::fmt;

use super::{key, value};
use crate::rdata::RdataError;
use crate::rdata::field::take;

/// One parameter in wire form (RFC 9460 §2.2).
pub(super) struct Param<'a> {
    pub(super) key: u16,
    pub(super) value: &'a [u8],
}

/// The parameters as they stand. One that is cut off is the last.
pub(super) struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    pub(super) fn new(wire: &'a [u8]) -> Self {
        Self { rest: wire }
    }

    fn take(&mut self) -> Result<Param<'a>, RdataError> {
        // Nothing is left behind an error, or whoever steps over it would never come to an end.
        let rest = std::mem::take(&mut self.rest);
        let [key_high, key_low, length_high, length_low] = take(rest)?;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let (value, rest) = rest[4..].split_at_checked(length).ok_or(RdataError::Truncated)?;
        self.rest = rest;
        Ok(Param {
            key: u16::from_be_bytes([key_high, key_low]),
            value,
        })
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, RdataError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.take())
    }
}

/// Checks all parameters: ascending keys, valid values, and that what is required is there (RFC 9460 §2.2, 7.1.1, 8).
pub(super) fn check(wire: &[u8]) -> Result<(), RdataError> {
    let mut last_key = None;
    for param in Params::new(wire) {
        let Param { key, value } = param?;
        match last_key {
            Some(last) if key == last => return Err(RdataError::DuplicateParameter),
            Some(last) if key < last => return Err(RdataError::UnsortedParameters),
            _ => {}
        }
        last_key = Some(key);
        value::check(key, value)?;
        match key {
            key::MANDATORY => {
                for required in value
                    .chunks_exact(2)
                    .map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
                {
                    require(wire, required)?;
                }
            }
            key::NO_DEFAULT_ALPN => require(wire, key::ALPN)?,
            _ => {}
        }
    }
    Ok(())
}

fn require(wire: &[u8], required: u16) -> Result<(), RdataError> {
    let present = Params::new(wire).any(|param| param.is_ok_and(|param| param.key == required));
    if present {
        Ok(())
    } else {
        Err(RdataError::MissingParameter)
    }
}

const KEYS: &[(&str, u16)] = &[
    ("mandatory", key::MANDATORY),
    ("alpn", key::ALPN),
    ("no-default-alpn", key::NO_DEFAULT_ALPN),
    ("port", key::PORT),
    ("ipv4hint", key::IPV4HINT),
    ("ech", key::ECH),
    ("ipv6hint", key::IPV6HINT),
    ("dohpath", key::DOHPATH),
    ("ohttp", key::OHTTP),
];

/// Reads a key's name or `keyNNNNN` without leading zeros. Keys are lower case (RFC 9460 §2.1).
pub(super) fn parse_key(text: &[u8]) -> Result<u16, RdataError> {
    if let Some((_, key)) = KEYS.iter().find(|(name, _)| name.as_bytes() == text) {
        return Ok(*key);
    }
    match text.strip_prefix(b"key") {
        Some(digits @ ([b'0'] | [b'1'..=b'9', ..])) => {
            crate::rdata::number::parse_u16(digits).map_err(|_| RdataError::UnknownWord)
        }
        _ => Err(RdataError::UnknownWord),
    }
}

pub(super) fn print_key(key: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match KEYS.iter().find(|(_, known)| *known == key) {
        Some((name, _)) => f.write_str(name),
        None => write!(f, "key{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_cut_off_ends_the_search_for_one_that_is_required() {
        // mandatory=alpn, and then a length that nothing follows.
        let wire = [0, 0, 0, 2, 0, 1, 0, 3, 0, 9, 1];
        assert_eq!(check(&wire), Err(RdataError::MissingParameter));
        assert_eq!(Params::new(&wire).count(), 2);
    }
}
