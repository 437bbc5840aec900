//! Why a file of TLS can't be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::pem::FILE_BYTES_MAX;

/// A file that can't be used.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    problem: FileProblem,
}

/// What is wrong with it. Nothing of its content is shown: it may hold a key.
#[derive(Debug)]
pub enum FileProblem {
    /// It can't be read.
    Io(io::Error),
    /// It is no file, such as a folder or a device.
    NotAFile,
    /// It is too large for what it should be.
    TooLarge,
    /// A section of it is broken.
    NotPem,
    /// It has no certificate.
    NoCertificate,
    /// It has no private key.
    NoKey,
    /// It has a private key that is encrypted.
    EncryptedKey,
    /// A certificate can't be read.
    BadCertificate,
    /// The key can't be read, or is of a kind that nobody signs with.
    BadKey,
    /// The key belongs to another certificate than the one in this file.
    OtherKey(PathBuf),
}

impl FileError {
    pub(super) fn new(path: &Path, problem: FileProblem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }

    /// Which file it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &FileProblem {
        &self.problem
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for FileError {}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(error) => return error.fmt(f),
            Self::TooLarge => return write!(f, "larger than {FILE_BYTES_MAX} bytes"),
            Self::OtherKey(certificate) => {
                return write!(f, "not the key of the certificate in {}", certificate.display());
            }
            Self::NotAFile => "not a file",
            Self::NotPem => "a section of it is not PEM",
            Self::NoCertificate => "no certificate in it, as PEM has it: -----BEGIN CERTIFICATE-----",
            Self::NoKey => "no private key in it, as PEM has it: -----BEGIN PRIVATE KEY-----",
            Self::EncryptedKey => "the key in it is encrypted; a daemon has nobody to ask for the passphrase",
            Self::BadCertificate => "a certificate in it can't be read",
            Self::BadKey => {
                "the key in it can't be read: it takes RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519"
            }
        })
    }
}
