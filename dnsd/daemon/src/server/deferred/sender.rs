//! Who sent a request, as BIND's log names it.

use std::fmt;

use dnsd_core::message::Request;

use super::Asked;

/// `client 192.0.2.1#53124/key lan-transfer (example.net)`
pub(super) struct Sender<'a> {
    asked: &'a Asked<'a>,
    request: &'a Request<'a>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(asked: &'a Asked<'a>, request: &'a Request<'a>) -> Self {
        Self { asked, request }
    }
}

impl fmt::Display for Sender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.asked.peer.client();
        write!(f, "client {}#{}", client.ip(), client.port())?;
        if let Some(signer) = &self.asked.signer {
            write!(f, "/key {}", bare(&signer.key().name().to_string()))?;
        }
        write!(f, " ({})", bare(&self.request.question.name.to_string()))
    }
}

/// Without the dot at the end, which BIND's log leaves out.
pub(super) fn bare(name: &str) -> &str {
    match name.strip_suffix('.') {
        Some("") | None => name,
        Some(name) => name,
    }
}
