//! A certificate for tests, which is its own authority.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

/// Writes `cert.pem`, for a name or an address, and its `key.pem` into a folder.
pub(crate) fn write(folder: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}
