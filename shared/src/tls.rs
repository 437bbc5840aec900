//! TLS for listeners and for what is asked of others: certificates and keys from PEM files, followed while the daemon runs.
//!
//! [`TlsFiles`] reads what a configuration names and looks for changes: a pair of certificate and key is an [`Identity`], the
//! certificates that a peer's is verified with are [`Authorities`]. Both are what rustls asks in every handshake, so that a
//! renewed certificate is shown to the next client and no listener needs to be opened anew.

mod authorities;
mod clients;
mod file_error;
mod followed;
mod identity;
mod names;
mod peer;
mod peer_name;
mod pem;
mod store;
#[cfg(test)]
mod test_certificates;
mod validity;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;

pub use authorities::Authorities;
pub use clients::{ClientCheck, NotAPeer, PermittedPeer};
pub use file_error::{FileError, FileProblem};
pub use identity::Identity;
pub use peer::{KeyPin, NotAPin, PeerCheck, client_config};
pub use peer_name::{NotAPeerName, PeerName};
pub use store::{Expiry, TlsFiles};

/// The cryptography of all of our TLS.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// How a listener meets its clients: what it shows them, whose certificate they have to show, if they have to, and the
/// application protocols it speaks (RFC 7301). Of a client that names protocols one must be among these.
#[must_use]
pub fn server_config(identity: Arc<Identity>, clients: Option<Arc<Authorities>>, protocols: &[&[u8]]) -> ServerConfig {
    let verifier = clients.map(|clients| clients as Arc<dyn ClientCertVerifier>);
    server_config_with(identity, verifier, protocols)
}

/// The same, where more than the signature decides about a client's certificate.
#[must_use]
pub fn server_config_with(
    identity: Arc<Identity>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    protocols: &[&[u8]],
) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of both versions");
    let are_verified = clients.is_some();
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    if are_verified {
        // Who resumes a session isn't verified again: an authority that was taken out of the file would let its clients in.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config
}

#[cfg(test)]
mod tests;
