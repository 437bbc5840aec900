//! Octets written in base64, base32hex or hexadecimal (RFC 4648).

use std::fmt::{self, Write};

use data_encoding::{BASE32HEX_NOPAD, BASE64, Encoding, HEXLOWER_PERMISSIVE, HEXUPPER};

use super::field::{Field, counted};
use super::{RdataError, Words};

/// Base64 to the end, at least one octet; blanks may stand in it.
pub(super) const BASE64_REST: Field = Field::new(
    at_least_one,
    |words, out| require(read_base64_rest(words, out)?),
    print_base64,
);

/// Base64 to the end, or nothing (IPSECKEY's public key, KEY without a key).
pub(super) const OPTIONAL_BASE64_REST: Field = Field::new(
    |wire| Ok(wire.len()),
    |words, out| read_base64_rest(words, out).map(|_| ()),
    print_base64,
)
.or_absent();

/// Hexadecimal digits to the end, at least one octet; blanks may stand in it.
pub(super) const HEX_REST: Field = Field::new(
    at_least_one,
    |words, out| require(read_hex_rest(words, out)?),
    print_hex,
);

/// DOA's data: base64 to the end, `-` for nothing (draft-durand-doa-over-dns §3).
pub(super) const BASE64_OR_DASH: Field = Field::new(
    |wire| Ok(wire.len()),
    |words, out| match words.string()? {
        token if token.text == b"-" => Ok(()),
        token => {
            words.put_back(token);
            require(read_base64_rest(words, out)?)
        }
    },
    |wire, f| {
        if wire.is_empty() {
            f.write_char('-')
        } else {
            print_base64(wire, f)
        }
    },
);

/// NSEC3's salt: a length octet and up to 255 octets in hexadecimal without blanks, `-` for none (RFC 5155 §3.3).
pub(super) const SALT: Field = Field::new(
    counted,
    |words, out| match words.word()? {
        b"-" => {
            out.push(0);
            Ok(())
        }
        word => push_counted(&decode(&HEXLOWER_PERMISSIVE, word).ok_or(RdataError::BadHex)?, out),
    },
    |wire, f| {
        if wire.len() == 1 {
            f.write_char('-')
        } else {
            print_hex(&wire[1..], f)
        }
    },
);

/// NSEC3's next owner: a length octet and up to 255 octets in base32hex without padding (RFC 5155 §3.3).
pub(super) const HASH: Field = Field::new(
    |wire| {
        let length = counted(wire)?;
        if length > 1 {
            Ok(length)
        } else {
            Err(RdataError::BadLength)
        }
    },
    |words, out| {
        let digits = words.word()?.to_ascii_uppercase();
        push_counted(&decode(&BASE32HEX_NOPAD, &digits).ok_or(RdataError::BadBase32)?, out)
    },
    |wire, f| f.write_str(&BASE32HEX_NOPAD.encode(&wire[1..])),
);

/// A DS digest type and its digest, whose length the type decides where it is known (RFC 4034 §5.1.3, 4509, 6605).
pub(super) const DS_DIGEST: Field = Field::new(
    |wire| digest(wire, ds_digest_bytes),
    |words, out| read_digest(words, out, ds_digest_bytes),
    print_digest,
);

/// An SSHFP fingerprint type and its fingerprint (RFC 4255 §3.1.2, 6594).
pub(super) const FINGERPRINT: Field = Field::new(
    |wire| digest(wire, fingerprint_bytes),
    |words, out| read_digest(words, out, fingerprint_bytes),
    print_digest,
);

/// A ZONEMD hash algorithm and its digest (RFC 8976 §2.2.3, 2.2.4).
pub(super) const ZONE_DIGEST: Field = Field::new(
    |wire| digest(wire, zone_digest_bytes),
    |words, out| read_digest(words, out, zone_digest_bytes),
    print_digest,
);

/// How many octets a digest may have: the least and the most.
type Bounds = (usize, usize);

fn ds_digest_bytes(digest_type: u8) -> Bounds {
    match digest_type {
        1 => (20, 20),
        2 => (32, 32),
        4 => (48, 48),
        _ => (1, usize::MAX),
    }
}

fn fingerprint_bytes(fingerprint_type: u8) -> Bounds {
    match fingerprint_type {
        1 => (20, 20),
        2 => (32, 32),
        _ => (1, usize::MAX),
    }
}

fn zone_digest_bytes(algorithm: u8) -> Bounds {
    match algorithm {
        1 => (48, 48),
        2 => (64, 64),
        _ => (12, usize::MAX),
    }
}

fn digest(wire: &[u8], bounds: fn(u8) -> Bounds) -> Result<usize, RdataError> {
    let (&kind, digest) = wire.split_first().ok_or(RdataError::Truncated)?;
    let (least, most) = bounds(kind);
    if (least..=most).contains(&digest.len()) {
        Ok(wire.len())
    } else {
        Err(RdataError::BadLength)
    }
}

fn read_digest(words: &mut Words<'_, '_>, out: &mut Vec<u8>, bounds: fn(u8) -> Bounds) -> Result<(), RdataError> {
    let start = out.len();
    out.push(super::number::read_u8(words)?);
    read_hex_rest(words, out)?;
    digest(&out[start..], bounds).map(|_| ())
}

fn print_digest(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} ", wire[0])?;
    print_hex(&wire[1..], f)
}

fn at_least_one(wire: &[u8]) -> Result<usize, RdataError> {
    if wire.is_empty() {
        Err(RdataError::Truncated)
    } else {
        Ok(wire.len())
    }
}

fn require(octets: usize) -> Result<(), RdataError> {
    if octets == 0 { Err(RdataError::Missing) } else { Ok(()) }
}

fn push_counted(octets: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    out.push(u8::try_from(octets.len()).map_err(|_| RdataError::StringTooLong)?);
    out.extend_from_slice(octets);
    Ok(())
}

/// Reads the words up to the end as one run of hexadecimal digits; returns how many octets came.
pub(super) fn read_hex_rest(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<usize, RdataError> {
    let octets = decode(&HEXLOWER_PERMISSIVE, &rest_of_line(words)?).ok_or(RdataError::BadHex)?;
    out.extend_from_slice(&octets);
    Ok(octets.len())
}

pub(super) fn read_base64_rest(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<usize, RdataError> {
    let octets = decode(&BASE64, &rest_of_line(words)?).ok_or(RdataError::BadBase64)?;
    out.extend_from_slice(&octets);
    Ok(octets.len())
}

/// One word of hexadecimal digits.
pub(super) fn parse_hex(word: &[u8]) -> Result<Vec<u8>, RdataError> {
    decode(&HEXLOWER_PERMISSIVE, word).ok_or(RdataError::BadHex)
}

/// One word of base64.
pub(super) fn parse_base64(word: &[u8]) -> Result<Vec<u8>, RdataError> {
    decode(&BASE64, word).ok_or(RdataError::BadBase64)
}

fn rest_of_line(words: &mut Words<'_, '_>) -> Result<Vec<u8>, RdataError> {
    let mut digits = Vec::new();
    while let Some(token) = words.next()? {
        digits.extend_from_slice(token.text);
    }
    Ok(digits)
}

fn decode(encoding: &Encoding, digits: &[u8]) -> Option<Vec<u8>> {
    encoding.decode(digits).ok()
}

pub(super) fn print_hex(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&HEXUPPER.encode(octets))
}

pub(super) fn print_base64(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&BASE64.encode(octets))
}
