//! `K*.private` files, as `dnssec-keygen` of older versions of BIND and `ldns-keygen` write them: a field per line.

use data_encoding::BASE64;

use super::{KeyMaterial, Read, SecretFileProblem};
use crate::tsig::{Algorithm, Secret};

/// What these files begin with.
const FORMAT: &str = "Private-key-format";

pub(super) fn is_one(text: &str) -> bool {
    field(text, FORMAT).is_some()
}

pub(super) fn read(text: &str) -> Read {
    let (at, format) = field(text, FORMAT).ok_or((0, SecretFileProblem::Format))?;
    // Newer minor versions add fields only.
    if !format.starts_with("v1.") {
        return Err((at, SecretFileProblem::Format));
    }
    let (at, algorithm) = field(text, "Algorithm").ok_or((0, SecretFileProblem::NoAlgorithm))?;
    let mut algorithm = numbered(algorithm).ok_or((at, SecretFileProblem::NotHmac))?;
    // How much of the MAC is sent: two octets, zero for all of it.
    if let Some((at, bits)) = field(text, "Bits")
        && let Ok([high, low]) = BASE64.decode(bits.as_bytes()).as_deref()
        && let bits @ 1.. = u16::from_be_bytes([*high, *low])
    {
        algorithm = algorithm
            .truncated(bits)
            .map_err(|error| (at, SecretFileProblem::Algorithm(error)))?;
    }
    let (at, secret) = field(text, "Key").ok_or((0, SecretFileProblem::NoSecret))?;
    let secret = Secret::from_base64(secret.as_bytes()).map_err(|error| (at, SecretFileProblem::Secret(error)))?;
    Ok(KeyMaterial {
        algorithm: Some(algorithm),
        secret,
    })
}

/// Reads `163 (HMAC_SHA256)`: the numbers are BIND's own.
fn numbered(value: &str) -> Option<Algorithm> {
    match value.split_whitespace().next()? {
        "157" => Some(Algorithm::HMAC_MD5),
        "161" => Some(Algorithm::HMAC_SHA1),
        "162" => Some(Algorithm::HMAC_SHA224),
        "163" => Some(Algorithm::HMAC_SHA256),
        "164" => Some(Algorithm::HMAC_SHA384),
        "165" => Some(Algorithm::HMAC_SHA512),
        _ => None,
    }
}

/// A field's value and where it stands.
fn field<'t>(text: &'t str, name: &str) -> Option<(usize, &'t str)> {
    let mut line_at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(value) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) {
            let start = value.trim_start();
            return Some((line_at + line.len() - start.len(), start.trim_end()));
        }
        line_at += line.len();
    }
    None
}
