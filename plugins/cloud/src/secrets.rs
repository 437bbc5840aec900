//! Secrets: made, kept under keys that cloudd does not hold itself, and given to those who may have them.
//!
//! A [`Store`] says what may be done with a secret, whatever it is kept in: it is made once, changed only by who has seen the
//! version that is changed, and taken away only by who made it, if it is the maker that asks. What it is kept in (`place`) knows
//! documents and their tags and nothing of their meaning; what encrypts values (`seal`) binds each to its name, environment and
//! version, so that a value that was put in the place of another can't be read. Values are in a [`Secret`], which is wiped when
//! it is dropped and shows nothing of itself.

mod access;
pub mod command;
pub mod config;
mod error;
mod id;
mod key_file;
mod place;
mod record;
mod seal;
mod store;
#[cfg(test)]
mod tests;
mod value;

pub use self::access::Access;
pub use self::config::Config;
pub use self::error::StoreError;
pub use self::id::{CreationId, DEFAULT_ENVIRONMENT, NotAnId, SecretId, Version};
pub use self::record::{DescribedVersion, Description};
pub use self::store::{At, Got, Listed, Made, Store};
pub use self::value::{NoSuchRecipe, Recipe, SECRET_BYTES_MAX, Secret};
