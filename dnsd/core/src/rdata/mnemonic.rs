//! Numbers that may be written as a word: record types, DNSSEC algorithms and protocols, certificate types, DSYNC schemes.

use std::fmt;

use super::RdataError;
use super::field::{Field, take};
use super::number::{parse_u8, parse_u16};
use crate::rrtype::Type;

/// A record type, as RRSIG covers one.
pub(super) const TYPE_CODE: Field = Field::new(
    |wire| take::<2>(wire).map(|_| 2),
    |words, out| {
        let rtype = Type::parse(words.word()?).ok_or(RdataError::UnknownType)?;
        out.extend_from_slice(&rtype.0.to_be_bytes());
        Ok(())
    },
    |wire, f| fmt::Display::fmt(&Type(u16::from_be_bytes(take(wire).map_err(|_| fmt::Error)?)), f),
);

/// A DNSSEC algorithm (IANA's registry of DNS security algorithm numbers). Printed as a number.
pub(super) const ALGORITHM: Field = Field::new(
    |wire| take::<1>(wire).map(|_| 1),
    |words, out| {
        out.push(named_u8(words.word()?, ALGORITHMS)?);
        Ok(())
    },
    |wire, f| fmt::Display::fmt(&wire[0], f),
);

/// A key's protocol (RFC 2535 §3.1.3). Printed as a number.
pub(super) const PROTOCOL: Field = Field::new(
    |wire| take::<1>(wire).map(|_| 1),
    |words, out| {
        out.push(named_u8(words.word()?, PROTOCOLS)?);
        Ok(())
    },
    |wire, f| fmt::Display::fmt(&wire[0], f),
);

/// A certificate type (RFC 4398 §2.1).
pub(super) const CERT_TYPE: Field = Field::new(
    |wire| take::<2>(wire).map(|_| 2),
    |words, out| {
        let word = words.word()?;
        let number = match find(word, CERT_TYPES) {
            Some(number) => number,
            None => parse_u16(word).map_err(unknown_word)?,
        };
        out.extend_from_slice(&number.to_be_bytes());
        Ok(())
    },
    |wire, f| {
        let number = u16::from_be_bytes(take(wire).map_err(|_| fmt::Error)?);
        match CERT_TYPES.iter().find(|(_, known)| *known == number) {
            Some((word, _)) => f.write_str(word),
            None => fmt::Display::fmt(&number, f),
        }
    },
);

/// How DSYNC's target is told (RFC 9859 §2.1).
pub(super) const SCHEME: Field = Field::new(
    |wire| take::<1>(wire).map(|_| 1),
    |words, out| {
        out.push(named_u8(words.word()?, SCHEMES)?);
        Ok(())
    },
    |wire, f| {
        if wire[0] == 1 {
            f.write_str("NOTIFY")
        } else {
            fmt::Display::fmt(&wire[0], f)
        }
    },
);

type Words = &'static [(&'static str, u16)];

const ALGORITHMS: Words = &[
    ("DELETE", 0),
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("NSEC3DSA", 6),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3RSASHA1", 7),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECCGOST", 12),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

const PROTOCOLS: Words = &[
    ("NONE", 0),
    ("TLS", 1),
    ("EMAIL", 2),
    ("DNSSEC", 3),
    ("IPSEC", 4),
    ("ALL", 255),
];

const CERT_TYPES: Words = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

const SCHEMES: Words = &[("NOTIFY", 1)];

fn find(word: &[u8], words: Words) -> Option<u16> {
    words
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, number)| *number)
}

fn named_u8(word: &[u8], words: Words) -> Result<u8, RdataError> {
    match find(word, words) {
        // The words of these tables all stand for octets.
        Some(number) => Ok(number as u8),
        None => parse_u8(word).map_err(unknown_word),
    }
}

fn unknown_word(error: RdataError) -> RdataError {
    if error == RdataError::BadNumber {
        RdataError::UnknownWord
    } else {
        error
    }
}
