//! What becomes of what is asked of a store.

use std::fmt;

use super::id::{CreationId, SecretId, Version};
use super::value::SECRET_BYTES_MAX;
use crate::aws;

/// Why it was not done. None of it has anything of a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such secret.
    NotFound(SecretId),
    /// The secret has no such version, or not any more.
    NoVersion(SecretId, Version),
    /// There is one already.
    Exists {
        /// The secret.
        id: SecretId,
        /// Which making of it is there.
        creation: CreationId,
    },
    /// It is not what it was when it was read: somebody else has changed it.
    Changed(SecretId),
    /// It was made by somebody else than who is to have made it.
    OtherCreation(SecretId),
    /// A value of so many octets, or of none.
    Length(usize),
    /// What is kept is not what was written there: nothing was changed about it.
    Broken {
        /// Where: a path, or the name of an object.
        place: String,
        /// For people.
        why: String,
    },
    /// A value that can't be decrypted.
    Sealed {
        /// The secret.
        id: SecretId,
        /// Its version.
        version: Version,
        /// For people.
        why: String,
    },
    /// What it is kept in, or encrypted under, can't be used now. Nothing was done.
    Unavailable(String),
    /// The same, but whether it was done is not known: look before it is tried again.
    Uncertain(String),
}

impl StoreError {
    /// What a call of AWS comes to.
    pub(super) fn of_call(what: &str, error: &aws::Error) -> Self {
        let text = format!("{what}: {error}");
        match error.may_have_been_done() {
            true => Self::Uncertain(text),
            false => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(id) => write!(f, "there is no secret {id}"),
            Self::NoVersion(id, version) => write!(f, "secret {id} has no version {version}"),
            Self::Exists { id, .. } => write!(f, "there is a secret {id} already"),
            Self::Changed(id) => write!(
                f,
                "secret {id} was changed by somebody else meanwhile: nothing was done"
            ),
            Self::OtherCreation(id) => write!(f, "secret {id} was made by somebody else: nothing was done"),
            Self::Length(0) => f.write_str("a secret of nothing"),
            Self::Length(octets) => write!(
                f,
                "a secret of {octets} octets: {SECRET_BYTES_MAX} is the most that one may have"
            ),
            Self::Broken { place, why } => write!(f, "{place}: {why}; nothing was changed"),
            Self::Sealed { id, version, why } => write!(f, "version {version} of secret {id}: {why}"),
            Self::Unavailable(why) => f.write_str(why),
            Self::Uncertain(why) => write!(f, "it is not known whether it was done: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<getrandom::Error> for StoreError {
    fn from(error: getrandom::Error) -> Self {
        Self::Unavailable(format!("no randomness: {error}"))
    }
}
