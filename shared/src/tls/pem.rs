//! PEM files (RFC 7468): chains of certificates and private keys.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::file_error::{FileError, FileProblem};

/// Four times the bundle of all public authorities.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// What an encrypted key begins with (RFC 7468 §11).
const ENCRYPTED_KEY: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// The certificates of a file, at least one, in its order.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let text = content(path)?;
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(FileProblem::NoCertificate),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(FileProblem::NotPem),
    }
    .map_err(|problem| FileError::new(path, problem))
}

/// The first private key of a file: in PKCS #8, or as OpenSSL writes RSA and EC keys.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let text = content(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let problem = match error {
            pem::Error::NoItemsFound if is_encrypted(&text) => FileProblem::EncryptedKey,
            pem::Error::NoItemsFound => FileProblem::NoKey,
            _ => FileProblem::NotPem,
        };
        FileError::new(path, problem)
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    text.windows(ENCRYPTED_KEY.len()).any(|part| part == ENCRYPTED_KEY)
}

fn content(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |problem| FileError::new(path, problem);
    let io = |error| failed(FileProblem::Io(error));
    // Before it is opened: that of a pipe would wait for who writes to it.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(failed(FileProblem::NotAFile));
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(io)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(FileProblem::TooLarge));
    }
    Ok(text)
}
