//! What secrets are called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The environment of a secret that is named without one, unless the configuration says another.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// Characters of a name. With those of an environment it makes the name of a file.
const NAME_CHARS_MAX: usize = 128;
/// Characters of an environment.
const ENVIRONMENT_CHARS_MAX: usize = 64;

/// A secret's name, and the environment that it is of: two environments have two secrets of one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    environment: String,
    name: String,
}

/// Not what a secret can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnId {
    /// By its name.
    Name,
    /// By its environment.
    Environment,
}

impl SecretId {
    /// Names and environments are letters, digits, "-", "_" and ".", the first a letter or a digit; of at most 128 and 64
    /// characters.
    ///
    /// # Errors
    /// When one of the two is something else.
    pub fn new(name: &str, environment: &str) -> Result<Self, NotAnId> {
        if !is_word(name, NAME_CHARS_MAX) {
            return Err(NotAnId::Name);
        }
        if !is_word(environment, ENVIRONMENT_CHARS_MAX) {
            return Err(NotAnId::Environment);
        }
        Ok(Self {
            environment: environment.to_owned(),
            name: name.to_owned(),
        })
    }

    /// "NAME", of this environment, or "ENVIRONMENT/NAME".
    ///
    /// # Errors
    /// As those of [`SecretId::new`].
    pub fn read(text: &str, environment: &str) -> Result<Self, NotAnId> {
        match text.split_once('/') {
            Some((environment, name)) => Self::new(name, environment),
            None => Self::new(text, environment),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its environment.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.environment
    }
}

fn is_word(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.environment, self.name)
    }
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, chars_max) = match self {
            Self::Name => ("a secret's name", NAME_CHARS_MAX),
            Self::Environment => ("an environment", ENVIRONMENT_CHARS_MAX),
        };
        write!(
            f,
            "{what} is 1 to {chars_max} letters, digits, \"-\", \"_\" and \".\", and begins with a letter or a digit"
        )
    }
}

impl std::error::Error for NotAnId {}

/// A version of a secret: 1, and one more with each value that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// That of a secret that is made.
    pub const FIRST: Self = Self(1);

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_number && *number > 0);
        number.map(Self).ok_or("a version is a whole number from 1")
    }
}

/// Which making of a secret it is: one that was deleted and made again has another. Who makes a secret may choose it, so that
/// it knows its own when it asks a second time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreationId(String);

impl CreationId {
    /// One of the caller's own, which no other making has.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// One that nobody else has.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        random_id().map(Self)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 bits, in hex.
pub(super) fn random_id() -> Result<String, getrandom::Error> {
    Ok(format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nothing_that_leads_elsewhere() {
        for name in ["", ".", "..", "-a", "a/b", "a@b", "a b", "a\0", "ä", &"a".repeat(129)] {
            assert_eq!(SecretId::new(name, "default"), Err(NotAnId::Name), "{name}");
        }
        assert_eq!(SecretId::new("a", ""), Err(NotAnId::Environment));
        assert_eq!(SecretId::new("a", &"e".repeat(65)), Err(NotAnId::Environment));
        let id = SecretId::read("tsig-lan.example", "default").unwrap();
        assert_eq!(id.to_string(), "default/tsig-lan.example");
        assert_eq!(SecretId::read("live/a", "default"), SecretId::new("a", "live"));
        assert!(SecretId::read("a/b/c", "default").is_err());
    }

    #[test]
    fn a_version_is_a_number() {
        assert_eq!("7".parse(), Ok(Version(7)));
        for text in ["", "0", "-1", "+1", "1.0", "99999999999999999999"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
