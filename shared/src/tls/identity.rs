//! What we show: a chain of certificates and the key of the first of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, SignatureScheme};
use tracing::warn;

use super::file_error::{FileError, FileProblem};
use super::followed::{Content, Followed};
use super::validity::{Standing, Validity};
use super::{pem, provider};

/// A certificate and its key, as their files have them now.
pub struct Identity(Followed<Pair>);

struct Pair {
    key: Arc<CertifiedKey>,
    validity: Option<Validity>,
}

impl Content for Pair {
    fn read(files: &[PathBuf]) -> Result<Self, FileError> {
        let [certificate, key] = files else {
            unreachable!("an identity has two files");
        };
        let chain = pem::certificates(certificate)?;
        for one in &chain {
            ParsedCertificate::try_from(one).map_err(|_| FileError::new(certificate, FileProblem::BadCertificate))?;
        }
        let validity = chain.first().and_then(Validity::of);
        let made = CertifiedKey::from_der(chain, pem::private_key(key)?, &provider());
        let made = made.map_err(|error| {
            let problem = match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => FileProblem::OtherKey(certificate.clone()),
                _ => FileProblem::BadKey,
            };
            FileError::new(key, problem)
        })?;
        Ok(Self {
            key: Arc::new(made),
            validity,
        })
    }
}

impl Identity {
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, FileError> {
        Followed::read(vec![certificate.to_owned(), key.to_owned()]).map(Self)
    }

    pub(super) fn look(&self) {
        self.0.look();
    }

    /// The file of the certificates.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.0.files()[0]
    }

    /// The file of the key.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.0.files()[1]
    }

    /// When the certificate ends, in seconds since 1970.
    #[must_use]
    pub fn ends_at(&self) -> Option<u64> {
        self.0.current().validity.map(Validity::ends_at)
    }

    /// Says so when the certificate ends before long.
    pub(super) fn warn_of_end(&self) {
        let Some(validity) = self.0.current().validity else {
            return;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let certificate = self.certificate().display();
        match validity.standing(now) {
            Standing::Good => {}
            Standing::NotYet => warn!("{certificate}: this certificate is not valid yet"),
            Standing::EndsIn(left) => warn!("{certificate}: this certificate expires in {}", Roughly(left)),
            Standing::Ended => warn!("{certificate}: this certificate has expired"),
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current().key.clone())
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current().key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// By its files: what they hold changes.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.files() == other.0.files()
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.0.files()).finish()
    }
}

/// A time in the largest unit that fits.
struct Roughly(Duration);

impl fmt::Display for Roughly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.0.as_secs() / 3600;
        match (hours / 24, hours) {
            (0, 0) => f.write_str("less than an hour"),
            (0..=1, hours) => write!(f, "{hours} hours"),
            (days, _) => write!(f, "{days} days"),
        }
    }
}
