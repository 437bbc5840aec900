//! The server's side: a request is verified, its reply or the stream of them is signed (RFC 8945 §5.2, §5.3).

use std::sync::Arc;

use super::digest::{Digest, is_mac_length};
use super::mac::MacBytes;
use super::record::{TIME_BYTES, Timers, TsigData, Verdict, record_bytes, time_bytes};
use super::{FUDGE_SECONDS, Key, Keys, TsigError};
use crate::message::{Full, Header, Rcode};
use crate::name::NameBuf;

/// Verifies `request`, whose last record is the TSIG record at `tsig_at` (`Request::tsig_at` has the place). `now` is in
/// seconds since 1970.
///
/// A request that is sent again unchanged within its time is good again: nobody remembers the times of the requests that a
/// key signed (RFC 8945 §5.2.3 would have that done), since datagrams overtake each other and BIND, Knot and NSD don't.
///
/// # Errors
/// When the request is not to be believed, with what its reply says of that.
pub fn verify_request<'m>(
    request: &'m [u8],
    tsig_at: usize,
    keys: &Keys,
    now: u64,
) -> Result<ResponseSigner, Rejected<'m>> {
    let rejected = |reason, key: Option<&Arc<Key>>| Rejected {
        request,
        tsig_at,
        reason,
        key: key.cloned(),
    };
    let mut key_name = NameBuf::root();
    let Some(tsig) = TsigData::read(request, tsig_at, &mut key_name) else {
        return Err(rejected(Reason::Malformed, None));
    };
    let key = keys.find(key_name.as_name_ref());
    // One whose secret isn't known is one that isn't known, so far.
    let Some(key) = key.filter(|key| key.is_known() && key.algorithm().name() == tsig.algorithm) else {
        return Err(rejected(Reason::UnknownKey, None));
    };
    let algorithm = key.algorithm();
    if !is_mac_length(algorithm, tsig.mac.len()) {
        return Err(rejected(Reason::Malformed, None));
    }
    let mut digest = Digest::new(key);
    digest.signed_message(request, tsig_at, tsig.original_id);
    digest.variables(key, tsig.timers, tsig.verdict);
    if !digest.finish().is(tsig.mac) {
        return Err(rejected(Reason::BadMac, None));
    }
    // From here on it is known who asked, and the reply can be signed.
    if !tsig.timers.allow(now) {
        let reason = Reason::OutOfTime {
            signed: tsig.timers.signed,
            fudge: tsig.timers.fudge,
        };
        return Err(rejected(reason, Some(key)));
    }
    if tsig.mac.len() < algorithm.mac_bytes() {
        return Err(rejected(Reason::TooShort, Some(key)));
    }
    key.note_use(now);
    Ok(ResponseSigner::new(key, tsig.mac))
}

/// Takes the TSIG record at `tsig_at` off a message: for those who read a request that was verified, and what is left is
/// all of it that was signed.
pub fn strip(message: &mut Vec<u8>, tsig_at: usize) {
    if let Some(mut header) = Header::read(message) {
        header.additionals = header.additionals.saturating_sub(1);
        let bytes = header.to_bytes();
        message[..bytes.len()].copy_from_slice(&bytes);
    }
    message.truncate(tsig_at);
}

/// Signs the reply to a request that was verified; if it is a stream, all of its messages, one after the other
/// (RFC 8945 §5.3.1).
#[derive(Clone)]
pub struct ResponseSigner {
    key: Arc<Key>,
    /// Of the request, then of the message that was signed last.
    prior_mac: MacBytes,
    mac_bytes: usize,
    is_first: bool,
}

impl ResponseSigner {
    fn new(key: &Arc<Key>, request_mac: &[u8]) -> Self {
        Self {
            key: Arc::clone(key),
            prior_mac: MacBytes::new(request_mac, usize::MAX),
            // Whoever sends more than is asked for gets as much, as from BIND.
            mac_bytes: key.algorithm().mac_bytes().max(request_mac.len()),
            is_first: true,
        }
    }

    /// The key that the request was signed with.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// The octets that the signature of one message takes: they count among those of a datagram.
    pub fn room(&self) -> usize {
        record_bytes(
            self.key.name().as_name_ref(),
            self.key.algorithm().name(),
            self.mac_bytes,
        )
    }

    /// Signs the finished message of `len` octets at the front of `buffer` and gives its new length. `now` is in seconds
    /// since 1970. The message's id must be the one that is sent.
    ///
    /// # Errors
    /// When there is no room for the signature; nothing is changed then.
    pub fn sign(&mut self, buffer: &mut [u8], len: usize, now: u64) -> Result<usize, Full> {
        self.sign_with(buffer, len, Timers::new(now, FUDGE_SECONDS), Verdict::GOOD)
    }

    fn sign_with(
        &mut self,
        buffer: &mut [u8],
        len: usize,
        timers: Timers,
        verdict: Verdict<'_>,
    ) -> Result<usize, Full> {
        let message = buffer.get(..len).ok_or(Full)?;
        let original_id = Header::read(message).ok_or(Full)?.id;
        let mut digest = Digest::new(&self.key);
        digest.prior_mac(self.prior_mac.as_bytes());
        digest.unsigned_message(message);
        if self.is_first {
            digest.variables(&self.key, timers, verdict);
        } else {
            digest.timers(timers);
        }
        let mac = digest.finish().finish(self.mac_bytes);
        let record = TsigData {
            algorithm: self.key.algorithm().name(),
            timers,
            mac: mac.as_bytes(),
            original_id,
            verdict,
        };
        let end = record.append(self.key.name().as_name_ref(), buffer, len)?;
        self.prior_mac = mac;
        self.is_first = false;
        Ok(end)
    }
}

/// A request that is not to be believed. Its reply has the response code [`Rejected::rcode`] and nothing of any zone in it,
/// and then a TSIG record by [`Rejected::sign`].
pub struct Rejected<'m> {
    request: &'m [u8],
    tsig_at: usize,
    reason: Reason,
    /// What the reply is signed with; `None` where it isn't known who asked.
    key: Option<Arc<Key>>,
}

/// Why a request is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The record is none, or its MAC has a length that none may have (RFC 8945 §5.2, §5.2.2.1).
    Malformed,
    /// No key has this name and this algorithm (RFC 8945 §5.2.1).
    UnknownKey,
    /// The MAC is another one: another secret, or not the message that was signed (RFC 8945 §5.2.2).
    BadMac,
    /// It was signed too long ago, or the clocks differ (RFC 8945 §5.2.3).
    OutOfTime {
        /// When it was signed, in seconds since 1970.
        signed: u64,
        /// By how many seconds our clock may differ from that.
        fudge: u16,
    },
    /// The MAC is good as far as it goes, but the key's algorithm asks for more of it (RFC 8945 §5.2.4).
    TooShort,
}

impl Rejected<'_> {
    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The response code of the reply.
    pub fn rcode(&self) -> Rcode {
        match self.reason {
            Reason::Malformed => Rcode::FORMERR,
            _ => Rcode::NOTAUTH,
        }
    }

    /// What the TSIG record of the reply says, if the reply has one.
    pub fn error(&self) -> Option<TsigError> {
        match self.reason {
            Reason::Malformed => None,
            Reason::UnknownKey => Some(TsigError::BADKEY),
            Reason::BadMac => Some(TsigError::BADSIG),
            Reason::OutOfTime { .. } => Some(TsigError::BADTIME),
            Reason::TooShort => Some(TsigError::BADTRUNC),
        }
    }

    /// The name of the key that the request claims, if it can be read: for the log.
    pub fn key_name(&self) -> Option<NameBuf> {
        let mut name = NameBuf::root();
        TsigData::read(self.request, self.tsig_at, &mut name).map(|_| name)
    }

    /// The octets that the reply's TSIG record takes, none if it has none.
    pub fn room(&self) -> usize {
        let mut owner = NameBuf::root();
        let Some((_, tsig)) = self.error().zip(TsigData::read(self.request, self.tsig_at, &mut owner)) else {
            return 0;
        };
        let other_bytes = match self.reason {
            Reason::OutOfTime { .. } => TIME_BYTES,
            _ => 0,
        };
        match &self.key {
            Some(key) => ResponseSigner::new(key, tsig.mac).room() + other_bytes,
            None => record_bytes(owner.as_name_ref(), tsig.algorithm, 0),
        }
    }

    /// Adds to the finished reply of `len` octets at the front of `buffer` what RFC 8945 §5.3.2 asks for, and gives its new
    /// length: nothing to one that says FORMERR, a record without a MAC where it isn't known who asked, else a signature.
    /// `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When there is no room; nothing is changed then.
    pub fn sign(&self, buffer: &mut [u8], len: usize, now: u64) -> Result<usize, Full> {
        let mut owner = NameBuf::root();
        let Some((error, tsig)) = self.error().zip(TsigData::read(self.request, self.tsig_at, &mut owner)) else {
            return Ok(len);
        };
        let server_time = time_bytes(now);
        let (timers, other) = match self.reason {
            // With the client's own time it can verify what it is told of the server's (RFC 8945 §5.2.3).
            Reason::OutOfTime { .. } => (tsig.timers, &server_time[..]),
            _ => (Timers::new(now, FUDGE_SECONDS), &[][..]),
        };
        let verdict = Verdict { error, other };
        if let Some(key) = &self.key {
            return ResponseSigner::new(key, tsig.mac).sign_with(buffer, len, timers, verdict);
        }
        let record = TsigData {
            algorithm: tsig.algorithm,
            timers,
            mac: &[],
            original_id: Header::read(buffer).ok_or(Full)?.id,
            verdict,
        };
        record.append(owner.as_name_ref(), buffer, len)
    }
}
