//! Requests are signed, and what comes back is verified.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dnsd_core::tsig::{Key, ResponseError, ResponseVerifier, sign_request};

/// What the response to a request, or each message of it, is verified with: nothing, if the request wasn't signed.
pub(crate) struct Verification(Option<ResponseVerifier>);

impl Verification {
    /// Verifies the next message. A signature may come with a later one.
    pub(crate) fn verify(&mut self, message: &[u8]) -> Result<(), ResponseError> {
        match &mut self.0 {
            Some(verifier) => verifier.verify(message, unix_seconds()).map(drop),
            None => Ok(()),
        }
    }

    /// Whether all that came was signed.
    pub(crate) fn finish(self) -> Result<(), ResponseError> {
        self.0.map_or(Ok(()), ResponseVerifier::finish)
    }
}

/// Signs a request with a key, if there is one.
pub(crate) fn sign(mut message: Vec<u8>, key: Option<&Arc<Key>>) -> (Vec<u8>, Verification) {
    let Some(key) = key else {
        return (message, Verification(None));
    };
    let len = message.len();
    message.resize(len + key.room(), 0);
    let (len, verifier) = sign_request(key, &mut message, len, unix_seconds()).expect("there is the room it asks for");
    message.truncate(len);
    (message, Verification(Some(verifier)))
}

pub(super) fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}
