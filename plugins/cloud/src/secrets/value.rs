//! Values, and how they are made.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Octets of a value: what KMS encrypts at once. It is the same wherever secrets are kept, so that they can be moved.
pub const SECRET_BYTES_MAX: usize = 4096;

/// Characters of a value that is made.
const LENGTH_MIN: usize = 8;
const LENGTH_MAX: usize = 1024;
const LENGTH: usize = 32;

/// Octets that a value in base64 is made of: an attacker who can try them all is not to be feared from here on.
const OCTETS_MIN: usize = 16;
const OCTETS_MAX: usize = 512;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A value. It is wiped when it is dropped, and shows nothing of itself.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Of these octets. They should be in a vector that did not grow: where it was before, its octets stay.
    #[must_use]
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The text that they are, if they are one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How a value is made. It is kept with the secret, so that the next value is made in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Recipe {
    /// Characters of an alphabet, each as likely as any other.
    Text {
        /// Different characters of ASCII.
        alphabet: String,
        /// How many.
        length: usize,
    },
    /// Octets, written in base64: what keys of TSIG are.
    Base64 {
        /// How many, before they are written.
        octets: usize,
    },
    /// It was not made here.
    Given,
}

/// Why nothing can be made so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSuchRecipe {
    /// The alphabet is not one.
    Alphabet,
    /// Too short to be a secret, or too long.
    Length(usize),
    /// The same, in octets.
    Octets(usize),
}

impl Default for Recipe {
    /// 32 letters and digits: 190 bits.
    fn default() -> Self {
        Self::Text {
            alphabet: ALPHABET.to_owned(),
            length: LENGTH,
        }
    }
}

impl Recipe {
    /// Characters of an alphabet: 2 to 94 different ones that can be seen; without one, letters and digits. 8 to 1,024 of them;
    /// without a number, 32.
    ///
    /// # Errors
    /// When the alphabet or the length is none of these.
    pub fn text(alphabet: Option<&str>, length: Option<usize>) -> Result<Self, NoSuchRecipe> {
        let alphabet = alphabet.unwrap_or(ALPHABET);
        let length = length.unwrap_or(LENGTH);
        let mut letters: Vec<u8> = alphabet.bytes().collect();
        letters.sort_unstable();
        letters.dedup();
        let is_alphabet =
            letters.len() >= 2 && letters.len() == alphabet.len() && letters.iter().all(u8::is_ascii_graphic);
        if !is_alphabet {
            return Err(NoSuchRecipe::Alphabet);
        }
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
            return Err(NoSuchRecipe::Length(length));
        }
        Ok(Self::Text {
            alphabet: alphabet.to_owned(),
            length,
        })
    }

    /// 16 to 512 octets in base64.
    ///
    /// # Errors
    /// When it is another number.
    pub fn base64(octets: usize) -> Result<Self, NoSuchRecipe> {
        match (OCTETS_MIN..=OCTETS_MAX).contains(&octets) {
            true => Ok(Self::Base64 { octets }),
            false => Err(NoSuchRecipe::Octets(octets)),
        }
    }

    /// Makes a value, of the system's randomness; `None` where it can't be made but is given.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make(&self) -> Result<Option<Secret>, getrandom::Error> {
        match self {
            Self::Text { alphabet, length } => {
                let mut value = Zeroizing::new(Vec::with_capacity(*length));
                pick(alphabet.as_bytes(), *length, &mut value, getrandom::fill)?;
                Ok(Some(value.into()))
            }
            Self::Base64 { octets } => {
                let mut random = Zeroizing::new(vec![0; *octets]);
                getrandom::fill(&mut random)?;
                let mut value = Zeroizing::new(vec![0; BASE64.encode_len(*octets)]);
                BASE64.encode_mut(&random, &mut value);
                Ok(Some(value.into()))
            }
            Self::Given => Ok(None),
        }
    }
}

/// Picks so many letters. Octets that would make the first letters of the alphabet likelier than the others are thrown away.
fn pick<E>(
    alphabet: &[u8],
    length: usize,
    value: &mut Vec<u8>,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let fair = 256 - 256 % alphabet.len();
    let mut random = [0; 64];
    while value.len() < length {
        fill(&mut random)?;
        let picked = random
            .iter()
            .filter(|octet| usize::from(**octet) < fair)
            .map(|octet| alphabet[usize::from(*octet) % alphabet.len()]);
        value.extend(picked.take(length - value.len()));
    }
    random.zeroize();
    Ok(())
}

impl fmt::Display for NoSuchRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alphabet => f.write_str("an alphabet is 2 to 94 different characters of ASCII that can be seen"),
            Self::Length(length) => write!(f, "{length} characters: it takes {LENGTH_MIN} to {LENGTH_MAX}"),
            Self::Octets(octets) => write!(f, "{octets} octets: it takes {OCTETS_MIN} to {OCTETS_MAX}"),
        }
    }
}

impl std::error::Error for NoSuchRecipe {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn every_letter_is_as_likely_as_any_other() {
        // All octets in turn: what is left of them is 25 times each of the ten letters.
        let mut next = 0_u8;
        let mut octets_taken = 0;
        let mut fill = |random: &mut [u8]| {
            for octet in random {
                *octet = next;
                next = next.wrapping_add(1);
                octets_taken += 1;
            }
            Ok::<(), Infallible>(())
        };
        let mut value = Vec::with_capacity(250);
        pick(b"0123456789", 250, &mut value, &mut fill).unwrap();
        for letter in b'0'..=b'9' {
            assert_eq!(value.iter().filter(|one| **one == letter).count(), 25);
        }
        assert_eq!(octets_taken, 256);
    }

    #[test]
    fn values_are_made_as_their_recipe_says() {
        let value = Recipe::default().make().unwrap().unwrap();
        assert_eq!(value.octets().len(), 32);
        assert!(value.octets().iter().all(u8::is_ascii_alphanumeric));
        let other = Recipe::default().make().unwrap().unwrap();
        assert_ne!(value.octets(), other.octets());
        let value = Recipe::text(Some("01"), Some(1024)).unwrap().make().unwrap().unwrap();
        assert_eq!(value.octets().len(), 1024);
        let value = Recipe::base64(32).unwrap().make().unwrap().unwrap();
        assert_eq!(BASE64.decode(value.octets()).unwrap().len(), 32);
        assert!(Recipe::Given.make().unwrap().is_none());
    }

    #[test]
    fn what_is_no_recipe_is_refused() {
        for alphabet in ["", "a", "aab", "ab ", "abä", "ab\n"] {
            assert_eq!(Recipe::text(Some(alphabet), None), Err(NoSuchRecipe::Alphabet));
        }
        assert_eq!(Recipe::text(None, Some(7)), Err(NoSuchRecipe::Length(7)));
        assert_eq!(Recipe::text(None, Some(1025)), Err(NoSuchRecipe::Length(1025)));
        assert_eq!(Recipe::base64(15), Err(NoSuchRecipe::Octets(15)));
    }

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new(b"not to be seen".to_vec())), "Secret(…)");
    }
}
