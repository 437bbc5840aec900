//! Which clients are let in by their certificates (RFC 5425 §4.2, §5.1, §5.2): by who has signed them, by the names in them,
//! or by their fingerprints.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::HEXUPPER_PERMISSIVE;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::authorities::Authorities;
use super::names::{names, printable};
use super::provider;

/// What clients have to show.
pub struct ClientCheck {
    authorities: Option<Arc<Authorities>>,
    permitted: Box<[PermittedPeer]>,
    provider: Arc<CryptoProvider>,
}

/// Who is let in, of those whose certificate is signed; or whatever it says, for its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermittedPeer {
    /// A name in the certificate. A label `*` stands for any one label, `*` at the beginning or the end of a label for any
    /// characters of it.
    Name(String),
    /// The SHA-1 hash of the certificate, of which RFC 5425 §4.2.2 says that everybody has it.
    Sha1([u8; 20]),
    /// The SHA-256 hash of the certificate.
    Sha256([u8; 32]),
}

/// A text that isn't a permitted peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAPeer {
    /// It is no fingerprint, and begins like one.
    Fingerprint,
    /// It is no name.
    Name,
}

impl fmt::Display for NotAPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fingerprint => "not a fingerprint: \"SHA1:\" and 20, or \"SHA256:\" and 32 octets in hexadecimal",
            Self::Name => "not a name: labels with dots between, in each of which one \"*\" may stand at one end",
        })
    }
}

impl std::error::Error for NotAPeer {}

/// As rsyslog writes them.
impl FromStr for PermittedPeer {
    type Err = NotAPeer;

    fn from_str(text: &str) -> Result<Self, NotAPeer> {
        let octets = |hex: &str| {
            let hex: String = hex.chars().filter(|character| *character != ':').collect();
            HEXUPPER_PERMISSIVE
                .decode(hex.as_bytes())
                .map_err(|_| NotAPeer::Fingerprint)
        };
        let after = |prefix: &str| {
            let head = text.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
        };
        if let Some(hex) = after("SHA1:") {
            return octets(hex)?
                .try_into()
                .map(Self::Sha1)
                .map_err(|_| NotAPeer::Fingerprint);
        }
        if let Some(hex) = after("SHA256:") {
            return octets(hex)?
                .try_into()
                .map(Self::Sha256)
                .map_err(|_| NotAPeer::Fingerprint);
        }
        let is_label = |label: &str| {
            let inner = label.strip_prefix('*').or(label.strip_suffix('*')).unwrap_or(label);
            !label.is_empty() && !inner.contains('*') && inner.chars().all(|c| c.is_ascii_graphic() && c != '/')
        };
        if !text.split('.').all(is_label) {
            return Err(NotAPeer::Name);
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl PermittedPeer {
    /// Whether it is a fingerprint, for which nobody needs to have signed.
    #[must_use]
    pub fn is_fingerprint(&self) -> bool {
        !matches!(self, Self::Name(_))
    }

    fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        match self {
            Self::Name(_) => false,
            Self::Sha1(hash) => Sha1::digest(certificate).as_slice() == hash,
            Self::Sha256(hash) => Sha256::digest(certificate).as_slice() == hash,
        }
    }

    fn is_named(&self, name: &str) -> bool {
        let Self::Name(pattern) = self else { return false };
        let (mut patterns, mut labels) = (pattern.split('.'), name.split('.'));
        loop {
            match (patterns.next(), labels.next()) {
                (None, None) => return true,
                (Some(pattern), Some(label)) if matches(pattern, label) => {}
                _ => return false,
            }
        }
    }
}

/// Whether a label is one of those that a pattern stands for.
fn matches(pattern: &str, label: &str) -> bool {
    let (pattern, label) = (pattern.to_ascii_lowercase(), label.to_ascii_lowercase());
    if let Some(end) = pattern.strip_prefix('*') {
        label.ends_with(end)
    } else if let Some(start) = pattern.strip_suffix('*') {
        label.starts_with(start)
    } else {
        pattern == label
    }
}

impl ClientCheck {
    /// A client needs a certificate that one of these authorities has signed, and with permitted peers one that is for one of
    /// their names; or one with a fingerprint among them.
    #[must_use]
    pub fn new(authorities: Option<Arc<Authorities>>, permitted: Vec<PermittedPeer>) -> Self {
        Self {
            authorities,
            permitted: permitted.into(),
            provider: provider(),
        }
    }

    /// What a client is called that was let in: by the name that it was let in for, or else by the first one that it has, or by
    /// its fingerprint.
    #[must_use]
    pub fn name_of(&self, certificate: &CertificateDer<'_>) -> String {
        let mut names = names(certificate);
        let permitted = names.iter().position(|name| self.is_permitted(name));
        let name = match permitted.unwrap_or(0) {
            at if at < names.len() => names.swap_remove(at),
            _ => format!("SHA256:{}", HEXUPPER_PERMISSIVE.encode(&Sha256::digest(certificate))),
        };
        printable(&name)
    }

    fn is_permitted(&self, name: &str) -> bool {
        self.permitted.iter().any(|peer| peer.is_named(name))
    }
}

impl ClientCertVerifier for ClientCheck {
    /// See [`Authorities`].
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.permitted.iter().any(|peer| peer.is_of(certificate)) {
            return Ok(ClientCertVerified::assertion());
        }
        let not_permitted = || CertificateError::ApplicationVerificationFailure.into();
        let Some(authorities) = &self.authorities else {
            return Err(not_permitted());
        };
        let verified = authorities.verify_client_cert(certificate, chain, now)?;
        if self.permitted.is_empty() || names(certificate).iter().any(|name| self.is_permitted(name)) {
            Ok(verified)
        } else {
            Err(not_permitted())
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

impl PartialEq for ClientCheck {
    fn eq(&self, other: &Self) -> bool {
        (&self.authorities, &self.permitted) == (&other.authorities, &other.permitted)
    }
}

impl Eq for ClientCheck {}

impl fmt::Debug for ClientCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCheck")
            .field("authorities", &self.authorities)
            .field("permitted", &self.permitted)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(pattern: &str, name: &str) -> bool {
        pattern.parse::<PermittedPeer>().unwrap().is_named(name)
    }

    #[test]
    fn rfc5425_5_2_a_label_of_a_star_is_one_label() {
        assert!(is_named("*.example.net", "a.example.net"));
        assert!(is_named("*.Example.net", "A.eXample.NET"));
        assert!(!is_named("*.example.net", "example.net"));
        assert!(!is_named("*.example.net", "b.a.example.net"));
        assert!(!is_named("example.net", "a.example.net"));
        assert!(is_named("192.0.2.1", "192.0.2.1"));
    }

    #[test]
    fn a_star_at_an_end_of_a_label_is_any_end_of_it() {
        assert!(is_named("web*.example.net", "web17.example.net"));
        assert!(is_named("*-log.example.net", "a-log.example.net"));
        assert!(!is_named("web*.example.net", "we.example.net"));
    }

    #[test]
    fn fingerprints_are_read_as_rsyslog_writes_them() {
        let hash = [0xAB; 20];
        let text = format!("SHA1:{}", ["AB"; 20].join(":"));
        assert_eq!(text.parse(), Ok(PermittedPeer::Sha1(hash)));
        assert_eq!(text.to_lowercase().parse(), Ok(PermittedPeer::Sha1(hash)));
        let text = format!("SHA256:{}", "ab".repeat(32));
        assert_eq!(text.parse(), Ok(PermittedPeer::Sha256([0xAB; 32])));
        for bad in ["SHA1:AB", "SHA256:", "sha1:xy"] {
            assert_eq!(bad.parse::<PermittedPeer>(), Err(NotAPeer::Fingerprint), "{bad}");
        }
        for bad in ["", ".", "a..b", "a*b", "*a*", "a b", "a/b"] {
            assert_eq!(bad.parse::<PermittedPeer>(), Err(NotAPeer::Name), "{bad}");
        }
    }
}
