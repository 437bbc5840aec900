//! Whose word is taken: the certificates that those of peers are verified with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::file_error::{FileError, FileProblem};
use super::followed::{Content, Followed};
use super::{pem, provider};

/// The authorities of a file, as it has them now.
pub struct Authorities(Followed<Verifiers>);

struct Verifiers {
    of_clients: Arc<dyn ClientCertVerifier>,
    of_servers: Arc<WebPkiServerVerifier>,
}

impl Content for Verifiers {
    fn read(files: &[PathBuf]) -> Result<Self, FileError> {
        let [file] = files else {
            unreachable!("authorities have one file");
        };
        let bad = || FileError::new(file, FileProblem::BadCertificate);
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(file)? {
            roots.add(certificate).map_err(|_| bad())?;
        }
        let roots = Arc::new(roots);
        Ok(Self {
            of_clients: WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
                .build()
                .map_err(|_| bad())?,
            of_servers: WebPkiServerVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|_| bad())?,
        })
    }
}

impl Authorities {
    pub(super) fn read(file: &Path) -> Result<Self, FileError> {
        Followed::read(vec![file.to_owned()]).map(Self)
    }

    pub(super) fn look(&self) {
        self.0.look();
    }

    /// Their file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.files()[0]
    }
}

impl ClientCertVerifier for Authorities {
    /// Whoever has a certificate has one for us: there is no list to lend, as it changes with the file.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.current().of_clients.verify_client_cert(certificate, chain, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifiers = self.0.current();
        verifiers
            .of_clients
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifiers = self.0.current();
        verifiers
            .of_clients
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.current().of_clients.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifiers = self.0.current();
        verifiers
            .of_servers
            .verify_server_cert(certificate, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifiers = self.0.current();
        verifiers
            .of_servers
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifiers = self.0.current();
        verifiers
            .of_servers
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.current().of_servers.supported_verify_schemes()
    }
}

/// By their file: what it holds changes.
impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.0.files() == other.0.files()
    }
}

impl Eq for Authorities {}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorities").field(&self.0.files()).finish()
    }
}
