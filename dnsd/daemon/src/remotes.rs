//! Asking other servers: one request and its response, signed with a key that both have (RFC 8945).
//!
//! [`Place`] is an address of a configured remote. What is asked and what is read of the answers is the caller's: the
//! secondaries ask for SOA records, the notifier says that a zone has changed. Transfers, which bring many messages, have
//! connections of their own in [`crate::secondaries`] and share the signing.

mod connection;
mod datagram;
mod pace;
#[cfg(test)]
pub(crate) mod scripted;
mod signing;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dnsd_core::tsig::{Key, ResponseError, TsigError};

use crate::config::Remote;

pub(crate) use pace::Pace;
pub(crate) use signing::{Verification, sign};

/// Octets of a datagram that is sent or taken: nothing that is asked here comes near it.
const DATAGRAM_BYTES_MAX: usize = 4096;

/// An address of another server, and how it is spoken with there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Whose address it is.
    pub(crate) remote: Arc<Remote>,
    /// Where.
    pub(crate) address: SocketAddr,
}

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// How long a TLS handshake may take, as BIND has it: three lost segments (RFC 6298) and both sides' work.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What is said of a server without ALPN.
pub(crate) const NOT_DOT: &str = "TLS: the server did not choose the application protocol \"dot\"";
/// What is said of a server that is slow.
pub(crate) const SLOW_HANDSHAKE: &str = "TLS: the handshake was not finished in 10 s";

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// The network, or the system here, says no.
    Io(io::Error),
    /// What came is not to be believed, or the server doesn't believe us.
    Signature(ResponseError),
    /// What came over the connection isn't an answer to the question.
    Unexpected,
    /// The server doesn't say that it speaks DNS over TLS, which it must (RFC 9103 §7.1).
    NotDot,
    /// It took longer than [`HANDSHAKE_MAX`].
    SlowHandshake,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::Unexpected => f.write_str("the response is to another question"),
            Self::NotDot => f.write_str(NOT_DOT),
            Self::SlowHandshake => f.write_str(SLOW_HANDSHAKE),
        }
    }
}

impl std::error::Error for AskError {}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ResponseError> for AskError {
    fn from(error: ResponseError) -> Self {
        Self::Signature(error)
    }
}

impl AskError {
    /// Whether the server doesn't know the key: it may know the next one.
    pub(crate) fn is_bad_key(&self) -> bool {
        matches!(self, Self::Signature(error) if is_bad_key(error))
    }
}

/// Whether a server says that it doesn't know the key.
pub(crate) fn is_bad_key(error: &ResponseError) -> bool {
    let bad_key = TsigError::BADKEY;
    matches!(error, ResponseError::Refused { error, .. } if *error == bad_key)
}

impl Place {
    /// All addresses of some remotes, in their order.
    pub(crate) fn all_of(remotes: &[Arc<Remote>]) -> Vec<Self> {
        let mut places = Vec::new();
        for remote in remotes {
            places.extend(remote.addresses.iter().map(|address| Self {
                remote: remote.clone(),
                address: *address,
            }));
        }
        places
    }

    /// Which of our addresses it is spoken with from, if that is configured.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        let mut sources = self.remote.sources.iter();
        sources
            .find(|source| source.is_ipv4() == self.address.is_ipv4())
            .copied()
    }

    /// The keys to sign with, one after the other while the server doesn't know them; one time nothing when it has none.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Option<&Arc<Key>>> {
        let unsigned = self.remote.keys.is_empty().then_some(None);
        self.remote.keys.iter().map(Some).chain(unsigned)
    }

    /// Sends what `write` makes of a random id, and gives what `read` makes of the message that answers it. In datagrams it
    /// waits for one without end: who asks has the clock. Who is spoken with over TLS isn't sent datagrams, which would say in the
    /// clear what TLS is to hide.
    pub(crate) async fn ask<T>(
        &self,
        means: Means,
        write: impl Fn(u16) -> Vec<u8>,
        read: impl Fn(u16, &[u8]) -> Option<T>,
    ) -> Result<T, AskError> {
        let mut unknown = None;
        for key in self.keys() {
            let id = random_id()?;
            let (request, mut verification) = sign(write(id), key);
            let read = |message: &[u8]| read(id, message);
            let asked = match means {
                Means::Udp if self.remote.tls.is_none() => {
                    datagram::exchange(self, &request, &mut verification, read).await
                }
                Means::Udp | Means::Tcp => connection::exchange(self, &request, &mut verification, read).await,
            };
            match asked {
                Err(error) if error.is_bad_key() => unknown = Some(error),
                asked => return asked,
            }
        }
        Err(unknown.unwrap_or(AskError::Unexpected))
    }
}

/// As BIND's log has it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.address.ip(), self.address.port())
    }
}

/// An id that nobody can foresee (RFC 5452 §9.2).
pub(crate) fn random_id() -> io::Result<u16> {
    let mut octets = [0; 2];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(octets))
}

#[cfg(test)]
mod tests;
