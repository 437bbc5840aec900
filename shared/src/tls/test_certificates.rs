//! Certificates for tests, in a folder of their own.

use std::fs;
use std::path::PathBuf;

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// An authority, and the files it has made.
pub(super) struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    /// A file of the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for a name and its key, as PEM.
    pub(super) fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes such a pair to `cert.pem` and `key.pem`, and gives the hash of its public key.
    pub(super) fn write_pair(&self, name: &str) -> String {
        let (certificate, key) = self.sign(name);
        self.write("cert.pem", &certificate);
        self.write("key.pem", &key);
        let key = KeyPair::from_pem(&key).unwrap();
        BASE64.encode(&Sha256::digest(key.subject_public_key_info()))
    }

    /// Puts a file into place, as what renews certificates does.
    pub(super) fn write(&self, name: &str, text: &str) {
        let aside = self.path("aside");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.path(name)).unwrap();
    }
}
