//! What the clients of a listener are shown and what it speaks with them: what a reload may change without closing it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ballast_shared::tls::server_config;
use quinn::VarInt;
use tokio_rustls::rustls;

use super::{doq, http3, quic};
use crate::config::EncryptedListener;

/// The application protocol of HTTP/2 (RFC 9113 §3.2).
const HTTP2: &[u8] = b"h2";

/// What is spoken on the encrypted way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Speaks {
    /// DNS over HTTPS.
    Https {
        /// Where messages are sent to.
        path: Arc<str>,
    },
    /// DNS over QUIC.
    Quic,
}

/// The terms of connections that begin now.
pub(super) struct Terms {
    pub(super) speaks: Speaks,
    /// Of TCP connections, where there are.
    pub(super) tcp: Arc<rustls::ServerConfig>,
    /// Of QUIC connections.
    pub(super) quic: quinn::ServerConfig,
}

/// The terms as the last reload has them.
pub(super) type CurrentTerms = Arc<ArcSwap<Terms>>;

impl Speaks {
    /// Why there is no place for a connection.
    pub(super) fn excessive_load(&self) -> VarInt {
        match self {
            Self::Https { .. } => http3::EXCESSIVE_LOAD,
            Self::Quic => doq::EXCESSIVE_LOAD,
        }
    }
}

impl Terms {
    /// Those of a configuration.
    pub(super) fn new(listener: &EncryptedListener, speaks: Speaks, idle_max: Duration) -> Self {
        let tls = |protocol| server_config(listener.identity.clone(), listener.clients.clone(), &[protocol]);
        let over_quic = match speaks {
            Speaks::Https { .. } => http3::PROTOCOL,
            Speaks::Quic => doq::PROTOCOL,
        };
        Self {
            tcp: Arc::new(tls(HTTP2)),
            quic: quic::config(tls(over_quic), &speaks, idle_max),
            speaks,
        }
    }
}
