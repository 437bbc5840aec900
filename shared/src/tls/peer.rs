//! How we meet servers: what they have to show, and what we show them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE64;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use sha2::{Digest, Sha256};

use super::peer_name::{Named, PeerName};
use super::{Authorities, Identity, provider};

/// What a server has to show.
#[derive(Debug, Clone)]
pub enum PeerCheck {
    /// A certificate of one of these authorities, for the name that it is asked by.
    Authorities(Arc<Authorities>),
    /// The same, for this name.
    Named(Arc<Authorities>, PeerName),
    /// A certificate with one of these keys, whatever else it says.
    Keys(Box<[KeyPin]>),
    /// Any certificate: who listens on the way hears nothing, who stands in it does (RFC 7858 §4.1).
    Nothing,
}

/// The SHA-256 hash of a certificate's SubjectPublicKeyInfo (RFC 7858 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPin([u8; 32]);

impl KeyPin {
    /// Of a certificate; `None` when it can't be read.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = ParsedCertificate::try_from(certificate).ok()?;
        Some(Self(Sha256::digest(parsed.subject_public_key_info()).into()))
    }
}

/// A text that isn't a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPin;

impl fmt::Display for NotAPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the SHA-256 hash of a public key in base64")
    }
}

impl std::error::Error for NotAPin {}

/// In base64, as HTTP has it (RFC 7469 §2.4) and Knot.
impl FromStr for KeyPin {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let octets = BASE64.decode(text.as_bytes()).map_err(|_| NotAPin)?;
        octets.try_into().map(Self).map_err(|_| NotAPin)
    }
}

/// How servers are met that have to show this, in these versions of TLS and with these application protocols. Who is met again
/// is verified again: sessions aren't resumed.
#[must_use]
pub fn client_config(
    check: PeerCheck,
    identity: Option<Arc<Identity>>,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .expect("ring has the cipher suites of both versions")
        .dangerous();
    let builder = match check {
        PeerCheck::Authorities(authorities) => builder.with_custom_certificate_verifier(authorities),
        PeerCheck::Named(authorities, name) => {
            builder.with_custom_certificate_verifier(Arc::new(Named { authorities, name }))
        }
        PeerCheck::Keys(pins) => builder.with_custom_certificate_verifier(Arc::new(ByKey::new(Some(pins)))),
        PeerCheck::Nothing => builder.with_custom_certificate_verifier(Arc::new(ByKey::new(None))),
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::disabled();
    config
}

/// Looks at nothing but the key. That the server has the private one is verified in any case.
#[derive(Debug)]
struct ByKey {
    /// `None`: any key will do.
    pins: Option<Box<[KeyPin]>>,
    provider: Arc<CryptoProvider>,
}

impl ByKey {
    fn new(pins: Option<Box<[KeyPin]>>) -> Self {
        Self {
            pins,
            provider: provider(),
        }
    }
}

impl ServerCertVerifier for ByKey {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(pins) = &self.pins else {
            return Ok(ServerCertVerified::assertion());
        };
        let pin = KeyPin::of(certificate).ok_or(CertificateError::BadEncoding)?;
        if pins.contains(&pin) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
