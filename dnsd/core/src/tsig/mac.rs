//! Message authentication codes: HMAC (RFC 2104) with each of the hash functions, behind one type.

use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::algorithm::{Algorithm, HashFunction};

/// The longest MAC: that of SHA-512.
pub(super) const MAC_BYTES_MAX: usize = 64;

/// A MAC under way: an HMAC that has been given its secret and any part of the data. A key has one that has seen no data yet,
/// and copies it for each message, which saves hashing the secret again.
#[derive(Clone)]
pub(super) enum MacState {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// Runs the same code on whichever HMAC there is.
macro_rules! with_hmac {
    ($state:expr, $hmac:ident => $code:expr) => {
        match $state {
            MacState::Md5($hmac) => $code,
            MacState::Sha1($hmac) => $code,
            MacState::Sha224($hmac) => $code,
            MacState::Sha256($hmac) => $code,
            MacState::Sha384($hmac) => $code,
            MacState::Sha512($hmac) => $code,
        }
    };
}

impl MacState {
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Self {
        const ANY_LENGTH: &str = "HMAC takes a secret of any length";
        match algorithm.hash() {
            HashFunction::Md5 => Self::Md5(Hmac::new_from_slice(secret).expect(ANY_LENGTH)),
            HashFunction::Sha1 => Self::Sha1(Hmac::new_from_slice(secret).expect(ANY_LENGTH)),
            HashFunction::Sha224 => Self::Sha224(Hmac::new_from_slice(secret).expect(ANY_LENGTH)),
            HashFunction::Sha256 => Self::Sha256(Hmac::new_from_slice(secret).expect(ANY_LENGTH)),
            HashFunction::Sha384 => Self::Sha384(Hmac::new_from_slice(secret).expect(ANY_LENGTH)),
            HashFunction::Sha512 => Self::Sha512(Hmac::new_from_slice(secret).expect(ANY_LENGTH)),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        with_hmac!(self, hmac => hmac.update(data));
    }

    /// The first `bytes` octets of the MAC, or all of them if it has no more.
    pub(super) fn finish(self, bytes: usize) -> MacBytes {
        with_hmac!(self, hmac => MacBytes::new(hmac.finalize().as_bytes(), bytes))
    }

    /// Whether `mac` is the MAC or the front of it, found out in a time that doesn't depend on where they differ. Never
    /// for an empty one.
    pub(super) fn is(self, mac: &[u8]) -> bool {
        with_hmac!(self, hmac => hmac.verify_truncated_left(mac)).is_ok()
    }
}

/// A MAC as a message has it.
#[derive(Clone, Copy)]
pub(super) struct MacBytes {
    bytes: [u8; MAC_BYTES_MAX],
    len: u8,
}

impl MacBytes {
    /// The first `bytes_max` octets of `mac`, and not more than there can be.
    pub(super) fn new(mac: &[u8], bytes_max: usize) -> Self {
        let len = mac.len().min(bytes_max).min(MAC_BYTES_MAX);
        let mut bytes = [0; MAC_BYTES_MAX];
        bytes[..len].copy_from_slice(&mac[..len]);
        Self { bytes, len: len as u8 }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE;

    use super::*;

    fn mac(algorithm: Algorithm, secret: &[u8], data: &[u8]) -> Vec<u8> {
        let mut state = MacState::new(algorithm, secret);
        state.update(data);
        state.finish(MAC_BYTES_MAX).as_bytes().to_vec()
    }

    fn hex(digits: &str) -> Vec<u8> {
        HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).unwrap()
    }

    /// A test case of RFC 2202 or RFC 4231: what each algorithm makes of a secret and data.
    fn check(secret: &[u8], data: &[u8], macs: &[(Algorithm, &str)]) {
        for (algorithm, expected) in macs {
            assert_eq!(mac(*algorithm, secret, data), hex(expected), "{algorithm}");
        }
    }

    #[test]
    fn rfc2104_appendix_the_three_examples() {
        let md5 = Algorithm::HMAC_MD5;
        check(&[0x0B; 16], b"Hi There", &[(md5, "9294727a3638bb1c13f48ef8158bfc9d")]);
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            &[(md5, "750c783e6ab0b503eaa86e310a5db738")],
        );
        check(&[0xAA; 16], &[0xDD; 50], &[(md5, "56be34521d144c88dbb8c733f0e8b3f6")]);
    }

    #[test]
    fn rfc2202_3_hmac_sha1() {
        let sha1 = Algorithm::HMAC_SHA1;
        check(
            &[0x0B; 20],
            b"Hi There",
            &[(sha1, "b617318655057264e28bc0b6fb378c8ef146be00")],
        );
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            &[(sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")],
        );
    }

    #[test]
    fn rfc4231_4_2_a_secret_of_twenty_octets() {
        check(
            &[0x0B; 20],
            b"Hi There",
            &[
                (
                    Algorithm::HMAC_SHA224,
                    "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
                ),
                (
                    Algorithm::HMAC_SHA256,
                    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                ),
                (
                    Algorithm::HMAC_SHA384,
                    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c\
                     faea9ea9076ede7f4af152e8b2fa9cb6",
                ),
                (
                    Algorithm::HMAC_SHA512,
                    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
                     daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
                ),
            ],
        );
    }

    #[test]
    fn rfc4231_4_3_a_short_secret() {
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            &[
                (
                    Algorithm::HMAC_SHA224,
                    "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
                ),
                (
                    Algorithm::HMAC_SHA256,
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                ),
                (
                    Algorithm::HMAC_SHA384,
                    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
                     8e2240ca5e69e2c78b3239ecfab21649",
                ),
                (
                    Algorithm::HMAC_SHA512,
                    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                     9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
                ),
            ],
        );
    }

    #[test]
    fn rfc4231_4_6_a_truncated_mac() {
        let mut state = MacState::new(Algorithm::HMAC_SHA256, &[0x0C; 20]);
        state.update(b"Test With Truncation");
        let expected = hex("a3b6167473100ee06e0c796c2955552b");
        assert_eq!(state.clone().finish(16).as_bytes(), expected);
        assert!(state.is(&expected));
    }

    #[test]
    fn rfc4231_4_7_a_secret_longer_than_a_block() {
        check(
            &[0xAA; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            &[
                (
                    Algorithm::HMAC_SHA224,
                    "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e",
                ),
                (
                    Algorithm::HMAC_SHA256,
                    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                ),
                (
                    Algorithm::HMAC_SHA384,
                    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6\
                     0c2ef6ab4030fe8296248df163f44952",
                ),
                (
                    Algorithm::HMAC_SHA512,
                    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
                     6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
                ),
            ],
        );
    }

    #[test]
    fn an_empty_or_too_long_mac_is_never_the_one() {
        let state = MacState::new(Algorithm::HMAC_MD5, b"secret");
        let whole = state.clone().finish(MAC_BYTES_MAX);
        assert!(state.clone().is(whole.as_bytes()));
        assert!(!state.clone().is(&[]));
        assert!(!state.is(&[whole.as_bytes(), &[0]].concat()));
    }
}
