//! What a MAC is made of (RFC 8945 §4.3).

use super::mac::MacState;
use super::record::{Timers, Verdict};
use super::{Algorithm, Key};
use crate::message::{HEADER_BYTES, Header};
use crate::rrtype::Class;

/// A key's MAC that is fed the parts of a message.
#[derive(Clone)]
pub(super) struct Digest {
    state: MacState,
}

impl Digest {
    pub(super) fn new(key: &Key) -> Self {
        Self { state: key.mac() }
    }

    /// The MAC of the request, or of the message before in a stream, with its length in front (RFC 8945 §4.3.1).
    pub(super) fn prior_mac(&mut self, mac: &[u8]) {
        self.state.update(&(mac.len() as u16).to_be_bytes());
        self.state.update(mac);
    }

    /// A message that has no TSIG record, as it came (RFC 8945 §5.3.1).
    pub(super) fn unsigned_message(&mut self, message: &[u8]) {
        self.state.update(message);
    }

    /// A message without its TSIG record, which stands at `tsig_at`, under the id that it had when it was signed
    /// (RFC 8945 §4.3.2).
    pub(super) fn signed_message(&mut self, message: &[u8], tsig_at: usize, original_id: u16) {
        let (Some(header), Some(body)) = (Header::read(message), message.get(HEADER_BYTES..tsig_at)) else {
            return;
        };
        let unsigned = Header {
            id: original_id,
            additionals: header.additionals.wrapping_sub(1),
            ..header
        };
        self.state.update(&unsigned.to_bytes());
        self.state.update(body);
    }

    /// The fields of the TSIG record (RFC 8945 §4.3.3).
    pub(super) fn variables(&mut self, key: &Key, timers: Timers, verdict: Verdict<'_>) {
        self.state.update(key.name().as_wire());
        self.state.update(&Class::ANY.0.to_be_bytes());
        // The TTL.
        self.state.update(&[0; 4]);
        self.state.update(key.algorithm().name().as_wire());
        self.state.update(&timers.to_bytes());
        self.state.update(&verdict.error.0.to_be_bytes());
        self.state.update(&(verdict.other.len() as u16).to_be_bytes());
        self.state.update(verdict.other);
    }

    /// Of a stream's later messages only the times (RFC 8945 §5.3.1).
    pub(super) fn timers(&mut self, timers: Timers) {
        self.state.update(&timers.to_bytes());
    }

    pub(super) fn finish(self) -> MacState {
        self.state
    }
}

/// Whether a MAC may have this length at all (RFC 8945 §5.2.2.1).
pub(super) fn is_mac_length(algorithm: Algorithm, bytes: usize) -> bool {
    (algorithm.mac_bytes_min()..=algorithm.whole_mac_bytes()).contains(&bytes)
}
