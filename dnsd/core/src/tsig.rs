//! TSIG (RFC 8945): messages signed with a secret that both sides have.
//!
//! A server verifies what came with [`verify_request`], which gives the [`ResponseSigner`] for the reply, or what the reply
//! is to say instead ([`Rejected`]). A client signs with [`sign_request`], which gives the [`ResponseVerifier`]. Both go on
//! with all messages of a stream. Messages are bytes in the caller's buffers, the time comes in, nothing is allocated.
//!
//! Secrets come from the configuration and its files, and go nowhere: no text, no error and no `Debug` has them.

mod algorithm;
mod client;
mod digest;
mod error;
mod key;
mod mac;
mod record;
mod secret;
mod secret_file;
mod server;

pub use algorithm::{Algorithm, AlgorithmError};
pub use client::{ResponseError, ResponseVerifier, Verified, sign_request};
pub use error::TsigError;
pub use key::{Key, KeyUse, Keys};
pub use secret::{Secret, SecretError};
pub use secret_file::{KeyMaterial, SecretFileError, SecretFileProblem, read_secret_file};
pub use server::{Reason, Rejected, ResponseSigner, strip, verify_request};

/// By how many seconds the clocks may differ when we sign (RFC 8945 §10 recommends as much).
const FUDGE_SECONDS: u16 = 300;

#[cfg(test)]
mod tests;
