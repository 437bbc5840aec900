//! The name that a server's certificate has to be for, where that is not the one that it is asked by: an exact one, or
//! `*.example.net` for any of one more label.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::Authorities;
use super::names::names;

/// A name, or a pattern of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerName {
    /// This one: a DNS name or an address.
    Exactly(ServerName<'static>),
    /// One label, a dot and this.
    Below(Box<str>),
}

/// A text that is no name of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPeerName;

impl fmt::Display for NotAPeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a name that a certificate can be for")
    }
}

impl std::error::Error for NotAPeerName {}

impl FromStr for PeerName {
    type Err = NotAPeerName;

    fn from_str(text: &str) -> Result<Self, NotAPeerName> {
        let name = |text: &str| ServerName::try_from(text.to_owned()).map_err(|_| NotAPeerName);
        match text.strip_prefix("*.") {
            // Of an address there is nothing below.
            Some(domain) => match name(domain)? {
                ServerName::DnsName(_) => Ok(Self::Below(domain.to_ascii_lowercase().into())),
                _ => Err(NotAPeerName),
            },
            None => Ok(Self::Exactly(name(text)?)),
        }
    }
}

impl PeerName {
    /// A name that this is a pattern of and that the certificate says it is for: for the verification of its signatures and its
    /// names, which this is none of.
    fn name_for(&self, certificate: &CertificateDer<'_>) -> Option<ServerName<'static>> {
        let domain = match self {
            Self::Exactly(name) => return Some(name.clone()),
            Self::Below(domain) => domain,
        };
        let matching = names(certificate).iter().find_map(|name| {
            let name = name.to_ascii_lowercase();
            let label = name.strip_suffix(&**domain)?.strip_suffix('.')?;
            let is_label = !label.is_empty() && !label.contains('.');
            is_label.then(|| match label {
                // Any name of that form will do where the certificate itself has a pattern.
                "*" => format!("any.{domain}"),
                _ => name.clone(),
            })
        });
        ServerName::try_from(matching?).ok()
    }
}

/// Verifies that a certificate is of these authorities, and for this name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) authorities: Arc<Authorities>,
    pub(super) name: PeerName,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = self
            .name
            .name_for(certificate)
            .ok_or(CertificateError::NotValidForName)?;
        self.authorities
            .verify_server_cert(certificate, chain, &name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(&*self.authorities, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(&*self.authorities, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(&*self.authorities)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_pattern_is_for_one_label() {
        let pattern: PeerName = "*.Example.net".parse().unwrap();
        for (names, found) in [
            (&["a.example.net"][..], Some("a.example.net")),
            (&["x.test", "A.EXAMPLE.NET"], Some("a.example.net")),
            (&["*.example.net"], Some("any.example.net")),
            (&["example.net"], None),
            (&["a.b.example.net"], None),
            (&["aexample.net"], None),
            (&["10.0.0.1"], None),
        ] {
            let name = pattern.name_for(&certificate(names));
            assert_eq!(
                name,
                found.map(|found| ServerName::try_from(found).unwrap()),
                "{names:?}"
            );
        }
    }

    #[test]
    fn names_and_what_is_none() {
        for text in ["a.example.net", "10.0.0.1", "::1", "*.example.net"] {
            assert!(text.parse::<PeerName>().is_ok(), "{text}");
        }
        for text in ["", "*", "a b", "*.10.0.0.1", "a.*.net"] {
            assert_eq!(text.parse::<PeerName>(), Err(NotAPeerName), "{text}");
        }
    }
}
