//! The client's side: a request is signed, its response or the stream of them is verified (RFC 8945 §5.1, §5.3.1, §5.4).

use std::fmt;
use std::sync::Arc;

use super::digest::{Digest, is_mac_length};
use super::mac::MacBytes;
use super::record::{Timers, TsigData, Verdict, find_tsig, read_time};
use super::{FUDGE_SECONDS, Key, TsigError};
use crate::message::{Full, Header};
use crate::name::NameBuf;

/// How many messages of a stream may come without a signature between two that have one (RFC 8945 §5.3.1).
const UNSIGNED_MESSAGES_MAX: u32 = 99;

/// Signs the request of `len` octets at the front of `buffer`; gives its new length and what verifies the response. `now` is
/// in seconds since 1970. [`Key::room`] says how much room it takes.
///
/// # Errors
/// When there is no room for the signature; nothing is changed then.
pub fn sign_request(
    key: &Arc<Key>,
    buffer: &mut [u8],
    len: usize,
    now: u64,
) -> Result<(usize, ResponseVerifier), Full> {
    let message = buffer.get(..len).ok_or(Full)?;
    let original_id = Header::read(message).ok_or(Full)?.id;
    let timers = Timers::new(now, FUDGE_SECONDS);
    let mut digest = Digest::new(key);
    digest.unsigned_message(message);
    digest.variables(key, timers, Verdict::GOOD);
    let mac = digest.finish().finish(key.algorithm().mac_bytes());
    let record = TsigData {
        algorithm: key.algorithm().name(),
        timers,
        mac: mac.as_bytes(),
        original_id,
        verdict: Verdict::GOOD,
    };
    let end = record.append(key.name().as_name_ref(), buffer, len)?;
    Ok((end, ResponseVerifier::new(key, mac)))
}

/// Verifies the response to a request that was signed: one message, or the messages of a stream in their order.
pub struct ResponseVerifier {
    key: Arc<Key>,
    /// What the next signature is over so far: the MAC of the request or of the message that was signed last, and the
    /// messages since that weren't.
    digest: Digest,
    is_first: bool,
    unsigned_messages: u32,
}

/// What is known of a message that is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is signed, and so was all that came before it.
    Signed {
        /// Where its TSIG record starts.
        tsig_at: usize,
    },
    /// It has no signature; that of a later message will be over it too.
    NotYet,
}

/// Why a response is not to be believed.
///
/// Over UDP, where anybody can send one, that of the server may still come: whoever waits for it goes on waiting
/// (RFC 8945 §5.4). A stream is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// It isn't what its header says, or its TSIG record is none or in a wrong place.
    Malformed,
    /// It has no TSIG record and should have one.
    Unsigned,
    /// More than 99 messages of a stream came without a signature.
    TooManyUnsigned,
    /// It is signed with another key or algorithm than the request.
    OtherKey,
    /// The MAC is another one.
    BadMac,
    /// It was signed too long ago, or the clocks differ.
    OutOfTime {
        /// When it was signed by the server's clock, in seconds since 1970.
        signed: u64,
    },
    /// More of the MAC was cut off than the key's algorithm allows.
    TooShort,
    /// The server didn't believe the request.
    Refused {
        /// Why.
        error: TsigError,
        /// Whether the server signed that; if not, it may have been anybody.
        is_signed: bool,
        /// With BADTIME the server's clock, in seconds since 1970.
        server_time: Option<u64>,
    },
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the response is malformed"),
            Self::Unsigned => f.write_str("the response isn't signed"),
            Self::TooManyUnsigned => f.write_str("too many messages without a signature"),
            Self::OtherKey => f.write_str("the response is signed with another key"),
            Self::BadMac => f.write_str("the response's signature is wrong"),
            Self::OutOfTime { signed } => write!(f, "the response was signed at {signed} by the server's clock"),
            Self::TooShort => f.write_str("the response's signature is cut too short"),
            Self::Refused { error, server_time, .. } => {
                write!(f, "the server answered {error}")?;
                match server_time {
                    Some(time) => write!(f, ", its clock is at {time}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for ResponseError {}

impl ResponseVerifier {
    pub(super) fn new(key: &Arc<Key>, request_mac: MacBytes) -> Self {
        Self {
            key: Arc::clone(key),
            digest: starting_with(key, request_mac.as_bytes()),
            is_first: true,
            unsigned_messages: 0,
        }
    }

    /// The key that the request was signed with.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// Verifies the next message. `now` is in seconds since 1970. After an error nothing has changed: another message can be
    /// the next one instead.
    ///
    /// # Errors
    /// When it is not to be believed.
    pub fn verify(&mut self, message: &[u8], now: u64) -> Result<Verified, ResponseError> {
        match find_tsig(message).ok_or(ResponseError::Malformed)? {
            Some(tsig_at) => self.verify_signed(message, tsig_at, now),
            None if self.is_first => Err(ResponseError::Unsigned),
            None if self.unsigned_messages == UNSIGNED_MESSAGES_MAX => Err(ResponseError::TooManyUnsigned),
            None => {
                self.digest.unsigned_message(message);
                self.unsigned_messages += 1;
                Ok(Verified::NotYet)
            }
        }
    }

    fn verify_signed(&mut self, message: &[u8], tsig_at: usize, now: u64) -> Result<Verified, ResponseError> {
        let mut owner = NameBuf::root();
        let tsig = TsigData::read(message, tsig_at, &mut owner).ok_or(ResponseError::Malformed)?;
        let refused = |is_signed| ResponseError::Refused {
            error: tsig.verdict.error,
            is_signed,
            server_time: read_time(tsig.verdict.other).filter(|_| tsig.verdict.error == TsigError::BADTIME),
        };
        // A server that doesn't know who asked can't sign (RFC 8945 §5.3.2).
        if tsig.mac.is_empty() && tsig.verdict.error != TsigError::NOERROR {
            return Err(refused(false));
        }
        let algorithm = self.key.algorithm();
        if self.key.name().as_name_ref() != owner.as_name_ref() || tsig.algorithm != algorithm.name() {
            return Err(ResponseError::OtherKey);
        }
        if !is_mac_length(algorithm, tsig.mac.len()) {
            return Err(ResponseError::Malformed);
        }
        let mut digest = self.digest.clone();
        digest.signed_message(message, tsig_at, tsig.original_id);
        if self.is_first {
            digest.variables(&self.key, tsig.timers, tsig.verdict);
        } else {
            digest.timers(tsig.timers);
        }
        if !digest.finish().is(tsig.mac) {
            return Err(ResponseError::BadMac);
        }
        if tsig.verdict.error != TsigError::NOERROR {
            // Of a stream's later messages this field is not what the signature is over.
            return Err(refused(self.is_first));
        }
        if !tsig.timers.allow(now) {
            return Err(ResponseError::OutOfTime {
                signed: tsig.timers.signed,
            });
        }
        if tsig.mac.len() < algorithm.mac_bytes() {
            return Err(ResponseError::TooShort);
        }
        self.digest = starting_with(&self.key, tsig.mac);
        self.is_first = false;
        self.unsigned_messages = 0;
        self.key.note_use(now);
        Ok(Verified::Signed { tsig_at })
    }

    /// Says at the end of a stream whether all of it was signed: the last message has to be (RFC 8945 §5.3.1).
    ///
    /// # Errors
    /// When there was no message, or the last one had no signature.
    pub fn finish(self) -> Result<(), ResponseError> {
        if self.is_first || self.unsigned_messages > 0 {
            return Err(ResponseError::Unsigned);
        }
        Ok(())
    }
}

/// A digest that begins with the MAC before.
fn starting_with(key: &Key, prior_mac: &[u8]) -> Digest {
    let mut digest = Digest::new(key);
    digest.prior_mac(prior_mac);
    digest
}
