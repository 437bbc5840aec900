//! The secret that two hosts share.

use std::fmt;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::Algorithm;

/// The longest secret in octets, far beyond what any hash function makes use of: a file of another kind isn't taken for one.
const SECRET_BYTES_MAX: usize = 1024;

/// A shared secret. It isn't shown by `Debug`, is wiped from memory when it is dropped, and goes into text by
/// [`Secret::to_base64`] only.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why something is no secret; says nothing of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretError {
    /// No octets at all: anybody could sign.
    Empty,
    /// More than 1024 octets.
    TooLong,
    /// Not base64 with its padding (RFC 4648 §4).
    NotBase64,
    /// Fewer random octets were given than a secret of the algorithm has.
    TooFewRandomOctets,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the secret is empty",
            Self::TooLong => "the secret is longer than 1024 octets",
            Self::NotBase64 => "the secret isn't base64",
            Self::TooFewRandomOctets => "not enough random octets for a secret",
        })
    }
}

impl std::error::Error for SecretError {}

impl Secret {
    /// Takes the secret itself.
    ///
    /// # Errors
    /// When it is empty or too long.
    pub fn new(octets: &[u8]) -> Result<Self, SecretError> {
        match octets.len() {
            0 => Err(SecretError::Empty),
            1..=SECRET_BYTES_MAX => Ok(Self(Zeroizing::new(octets.to_vec()))),
            _ => Err(SecretError::TooLong),
        }
    }

    /// Reads base64, in which spaces and line ends don't count, as in BIND's files.
    ///
    /// # Errors
    /// When it isn't base64, or a secret that is empty or too long.
    pub fn from_base64(text: &[u8]) -> Result<Self, SecretError> {
        let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
        digits.extend(text.iter().filter(|octet| !octet.is_ascii_whitespace()));
        let octets = BASE64.decode(&digits).map_err(|_| SecretError::NotBase64)?;
        Self::new(&Zeroizing::new(octets))
    }

    /// Makes a new secret of the front of `random`: as many octets as the algorithm's whole MAC has, which is what
    /// RFC 2104 §3 asks for.
    ///
    /// # Errors
    /// When `random` has fewer.
    pub fn from_random(algorithm: Algorithm, random: &[u8]) -> Result<Self, SecretError> {
        let octets = random.get(..algorithm.whole_mac_bytes());
        Self::new(octets.ok_or(SecretError::TooFewRandomOctets)?)
    }

    /// The secret as configurations have it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&self.0))
    }

    /// Whether it has fewer octets than the algorithm's whole MAC, so that guessing it is easier than it need be
    /// (RFC 2104 §3).
    pub fn is_short_for(&self, algorithm: Algorithm) -> bool {
        self.0.len() < algorithm.whole_mac_bytes()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_spaces_and_line_ends_in_it() {
        let secret = Secret::from_base64(b" c2Vj\n\tcmV0 \r\n").unwrap();
        assert_eq!(secret.as_bytes(), b"secret");
        assert_eq!(secret.to_base64().as_str(), "c2VjcmV0");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_showing_it() {
        for (text, expected) in [
            (&b""[..], SecretError::Empty),
            (b"c2VjcmV", SecretError::NotBase64),
            (b"c2Vj!mV0", SecretError::NotBase64),
            ("A".repeat(1368).as_bytes(), SecretError::TooLong),
        ] {
            assert_eq!(Secret::from_base64(text).unwrap_err(), expected);
        }
        assert_eq!(format!("{:?}", Secret::new(b"hidden").unwrap()), "Secret");
    }

    #[test]
    fn rfc2104_3_a_new_secret_is_as_long_as_the_mac() {
        for algorithm in Algorithm::ALL {
            let secret = Secret::from_random(algorithm, &[7; 64]).unwrap();
            assert_eq!(secret.as_bytes().len(), algorithm.whole_mac_bytes());
            assert!(!secret.is_short_for(algorithm));
        }
        let short = Secret::from_random(Algorithm::HMAC_SHA256, &[7; 31]);
        assert_eq!(short.unwrap_err(), SecretError::TooFewRandomOctets);
    }
}
