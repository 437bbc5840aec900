//! The algorithms of TSIG (RFC 8945 §6): HMAC with one of six hash functions, whole or truncated.

use std::fmt;
use std::str::FromStr;

use crate::name::NameRef;

/// The fewest octets that are left of a truncated MAC, whatever the hash function (RFC 8945 §5.2.2.1).
const TRUNCATED_BYTES_MIN: usize = 10;

/// A hash function of HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum HashFunction {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

use HashFunction::{Md5, Sha1, Sha224, Sha256, Sha384, Sha512};

impl HashFunction {
    const ALL: [Self; 6] = [Md5, Sha1, Sha224, Sha256, Sha384, Sha512];

    /// The octets of a whole MAC.
    const fn mac_bytes(self) -> usize {
        match self {
            Md5 => 16,
            Sha1 => 20,
            Sha224 => 28,
            Sha256 => 32,
            Sha384 => 48,
            Sha512 => 64,
        }
    }

    /// The name of the algorithm in configurations.
    const fn label(self) -> &'static str {
        match self {
            Md5 => "hmac-md5",
            Sha1 => "hmac-sha1",
            Sha224 => "hmac-sha224",
            Sha256 => "hmac-sha256",
            Sha384 => "hmac-sha384",
            Sha512 => "hmac-sha512",
        }
    }

    /// The name of the algorithm in messages, in canonical wire form (RFC 8945 §6).
    const fn wire_name(self) -> &'static [u8] {
        match self {
            Md5 => b"\x08hmac-md5\x07sig-alg\x03reg\x03int\x00",
            Sha1 => b"\x09hmac-sha1\x00",
            Sha224 => b"\x0Bhmac-sha224\x00",
            Sha256 => b"\x0Bhmac-sha256\x00",
            Sha384 => b"\x0Bhmac-sha384\x00",
            Sha512 => b"\x0Bhmac-sha512\x00",
        }
    }
}

/// What the messages of a key are signed with: an HMAC, and how much of it is sent and asked for.
///
/// The text form is BIND's: `hmac-sha256`, or `hmac-sha256-128` for one that is cut down to 128 bits. A truncated form has
/// the algorithm name of the whole one in messages, as BIND and RFC 4635 §3.1 have it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Algorithm {
    hash: HashFunction,
    mac_bytes: u8,
}

impl Algorithm {
    /// HMAC-MD5, only for keys that can't be changed.
    pub const HMAC_MD5: Self = Self::whole(Md5);
    /// HMAC-SHA1, not recommended any more.
    pub const HMAC_SHA1: Self = Self::whole(Sha1);
    /// HMAC-SHA224.
    pub const HMAC_SHA224: Self = Self::whole(Sha224);
    /// HMAC-SHA256: what everybody has, and what is recommended.
    pub const HMAC_SHA256: Self = Self::whole(Sha256);
    /// HMAC-SHA384.
    pub const HMAC_SHA384: Self = Self::whole(Sha384);
    /// HMAC-SHA512.
    pub const HMAC_SHA512: Self = Self::whole(Sha512);

    /// The untruncated algorithms, in the order of their strength.
    pub const ALL: [Self; 6] = [
        Self::HMAC_MD5,
        Self::HMAC_SHA1,
        Self::HMAC_SHA224,
        Self::HMAC_SHA256,
        Self::HMAC_SHA384,
        Self::HMAC_SHA512,
    ];

    const fn whole(hash: HashFunction) -> Self {
        Self {
            hash,
            mac_bytes: hash.mac_bytes() as u8,
        }
    }

    /// The same algorithm, cut down to `bits`.
    ///
    /// # Errors
    /// When `bits` aren't whole octets, more than the algorithm has, or fewer than a message may have.
    pub fn truncated(self, bits: u16) -> Result<Self, AlgorithmError> {
        let bytes = usize::from(bits / 8);
        if !bits.is_multiple_of(8) {
            return Err(AlgorithmError::NotOctets);
        }
        if bytes < self.mac_bytes_min() {
            return Err(AlgorithmError::TooShort {
                bits_min: self.mac_bytes_min() as u16 * 8,
            });
        }
        if bytes > self.hash.mac_bytes() {
            return Err(AlgorithmError::TooLong {
                bits_max: self.hash.mac_bytes() as u16 * 8,
            });
        }
        Ok(Self {
            mac_bytes: bytes as u8,
            ..self
        })
    }

    /// The octets of the MAC that is sent, and the fewest that are taken.
    pub fn mac_bytes(self) -> usize {
        usize::from(self.mac_bytes)
    }

    /// The octets of the MAC before anything is cut off, and of a good secret (RFC 8945 §8, RFC 2104 §3).
    pub fn whole_mac_bytes(self) -> usize {
        self.hash.mac_bytes()
    }

    /// The fewest octets of a MAC that a message may have at all: half of them, and ten (RFC 8945 §5.2.2.1).
    pub(super) fn mac_bytes_min(self) -> usize {
        self.hash.mac_bytes().div_ceil(2).max(TRUNCATED_BYTES_MIN)
    }

    /// Whether RFC 8945 §6 advises against it: MD5 and SHA-1.
    pub fn is_deprecated(self) -> bool {
        matches!(self.hash, Md5 | Sha1)
    }

    /// The name in messages, in canonical wire form.
    pub fn name(self) -> NameRef<'static> {
        NameRef::trusted(self.hash.wire_name())
    }

    pub(super) fn hash(self) -> HashFunction {
        self.hash
    }
}

/// Why a text is no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlgorithmError {
    /// No algorithm has this name.
    Unknown,
    /// What is to be left of the MAC isn't whole octets.
    NotOctets,
    /// Fewer bits than a message may have (RFC 8945 §5.2.2.1).
    TooShort {
        /// The fewest.
        bits_min: u16,
    },
    /// More bits than the algorithm makes.
    TooLong {
        /// The most.
        bits_max: u16,
    },
}

impl fmt::Display for AlgorithmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => {
                f.write_str("no TSIG algorithm; there are")?;
                for (index, algorithm) in Algorithm::ALL.iter().enumerate() {
                    write!(f, "{} {algorithm}", if index == 0 { "" } else { "," })?;
                }
                f.write_str(", and shorter forms like hmac-sha256-128")
            }
            Self::NotOctets => f.write_str("a MAC is cut down to a multiple of 8 bits"),
            Self::TooShort { bits_min } => write!(f, "a MAC of this algorithm has at least {bits_min} bits"),
            Self::TooLong { bits_max } => write!(f, "a MAC of this algorithm has {bits_max} bits"),
        }
    }
}

impl std::error::Error for AlgorithmError {}

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    /// Reads a name as BIND's configuration has it, in any case; HMAC-MD5 by its long name too, and a final dot.
    fn from_str(text: &str) -> Result<Self, AlgorithmError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.eq_ignore_ascii_case("hmac-md5.sig-alg.reg.int") {
            return Ok(Self::HMAC_MD5);
        }
        for hash in HashFunction::ALL {
            let label = hash.label();
            let Some((head, rest)) = text.split_at_checked(label.len()) else {
                continue;
            };
            if !head.eq_ignore_ascii_case(label) {
                continue;
            }
            if rest.is_empty() {
                return Ok(Self::whole(hash));
            }
            if let Some(digits) = rest.strip_prefix('-')
                && !digits.is_empty()
                && digits.bytes().all(|digit| digit.is_ascii_digit())
            {
                // What doesn't fit 16 bits is too long in any case.
                const TOO_LONG: u16 = 0xFFF8;
                return Self::whole(hash).truncated(digits.parse().unwrap_or(TOO_LONG));
            }
        }
        Err(AlgorithmError::Unknown)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.label())?;
        if self.mac_bytes() < self.whole_mac_bytes() {
            write!(f, "-{}", self.mac_bytes() * 8)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Algorithm({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn read(text: &str) -> Result<Algorithm, AlgorithmError> {
        text.parse()
    }

    #[test]
    fn rfc8945_6_names_are_read_in_any_case_and_shown_in_lower_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(read(&algorithm.to_string()), Ok(algorithm));
            assert_eq!(read(&algorithm.to_string().to_uppercase()), Ok(algorithm));
        }
        assert_eq!(read("HMAC-MD5.SIG-ALG.REG.INT."), Ok(Algorithm::HMAC_MD5));
    }

    #[test]
    fn rfc8945_6_names_in_messages_are_the_registered_ones() {
        for algorithm in Algorithm::ALL {
            let text = match algorithm {
                Algorithm::HMAC_MD5 => "HMAC-MD5.SIG-ALG.REG.INT".to_owned(),
                other => other.to_string(),
            };
            assert_eq!(algorithm.name(), text.parse::<Name>().unwrap());
        }
    }

    #[test]
    fn rfc8945_5_2_2_1_truncated_forms_have_half_the_bits_and_at_least_eighty() {
        assert_eq!(read("hmac-sha256-128").unwrap().mac_bytes(), 16);
        assert_eq!(read("hmac-sha256-128").unwrap().to_string(), "hmac-sha256-128");
        assert_eq!(read("hmac-sha256-256"), Ok(Algorithm::HMAC_SHA256));
        assert_eq!(read("hmac-md5-80").unwrap().mac_bytes(), 10);
        assert_eq!(read("hmac-sha512-256").unwrap().name(), Algorithm::HMAC_SHA512.name());
        for (text, bits_min) in [
            ("hmac-md5-72", 80),
            ("hmac-sha1-72", 80),
            ("hmac-sha224-104", 112),
            ("hmac-sha256-120", 128),
            ("hmac-sha384-184", 192),
            ("hmac-sha512-248", 256),
            ("hmac-sha512-0", 256),
        ] {
            assert_eq!(read(text), Err(AlgorithmError::TooShort { bits_min }), "{text}");
        }
        let too_long = Err(AlgorithmError::TooLong { bits_max: 256 });
        assert_eq!(read("hmac-sha256-264"), too_long);
        assert_eq!(read("hmac-sha256-99999999999"), too_long);
        assert_eq!(read("hmac-sha256-129"), Err(AlgorithmError::NotOctets));
    }

    #[test]
    fn what_is_no_algorithm_is_named_so() {
        for text in [
            "",
            "hmac",
            "sha256",
            "hmac-sha2567",
            "hmac-sha256-",
            "hmac-sha256-+128",
            "gss-tsig",
            "hmac-sha25é",
        ] {
            assert_eq!(read(text), Err(AlgorithmError::Unknown), "{text}");
        }
    }
}
