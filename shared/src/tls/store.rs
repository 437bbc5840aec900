//! All files of TLS that a configuration names: each is read once, and looked at for as long as something uses it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::authorities::Authorities;
use super::file_error::FileError;
use super::identity::Identity;

/// How often the files are looked at. Looking is a call of the system for each of a few files; events would have to be
/// asked for in every folder on the way of links, which is how certificates are renewed in many places, and don't come at all
/// from some file systems.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often an end that is near is told of.
const WARN_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The files. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    identities: HashMap<(PathBuf, PathBuf), Weak<Identity>>,
    authorities: HashMap<PathBuf, Weak<Authorities>>,
}

/// When a certificate ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Its file.
    pub certificate: PathBuf,
    /// In seconds since 1970.
    pub ends_at: u64,
}

impl TlsFiles {
    /// A certificate and its key. A pair that is in use is looked at for changes, and stays what it is when the files are broken or
    /// can't be read any more: after privileges were dropped that is no error.
    ///
    /// # Errors
    /// When a pair that isn't in use can't be used.
    pub fn identity(&self, certificate: &Path, key: &Path) -> Result<Arc<Identity>, FileError> {
        let files = (certificate.to_owned(), key.to_owned());
        let known = self.lock().identities.get(&files).and_then(Weak::upgrade);
        if let Some(known) = known {
            known.look();
            return Ok(known);
        }
        let read = Arc::new(Identity::read(certificate, key)?);
        read.warn_of_end();
        self.lock().identities.insert(files, Arc::downgrade(&read));
        Ok(read)
    }

    /// The authorities of a file; the same holds for them.
    ///
    /// # Errors
    /// When a file that isn't in use can't be used.
    pub fn authorities(&self, file: &Path) -> Result<Arc<Authorities>, FileError> {
        let known = self.lock().authorities.get(file).and_then(Weak::upgrade);
        if let Some(known) = known {
            known.look();
            return Ok(known);
        }
        let read = Arc::new(Authorities::read(file)?);
        self.lock().authorities.insert(file.to_owned(), Arc::downgrade(&read));
        Ok(read)
    }

    /// Looks for changes, once.
    pub fn look(&self) {
        let (identities, authorities) = self.in_use();
        for identity in identities {
            identity.look();
        }
        for authorities in authorities {
            authorities.look();
        }
    }

    /// Looks for changes until it is to stop.
    pub async fn follow(self, stop: CancellationToken) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut warned = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let warns = warned.elapsed() >= WARN_EVERY;
            if warns {
                warned = Instant::now();
            }
            let files = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                files.look();
                if warns {
                    files.warn_of_ends();
                }
            });
            tokio::select! {
                // A file system that hangs keeps the end from nobody.
                () = stop.cancelled() => return,
                _ = looked => {}
            }
        }
    }

    /// When the certificates in use end, in the order of their files.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        let (identities, _) = self.in_use();
        let mut expiries: Vec<Expiry> = identities
            .iter()
            .filter_map(|identity| {
                Some(Expiry {
                    certificate: identity.certificate().to_owned(),
                    ends_at: identity.ends_at()?,
                })
            })
            .collect();
        expiries.sort_by(|one, other| one.certificate.cmp(&other.certificate));
        expiries.dedup_by(|one, other| one.certificate == other.certificate);
        expiries
    }

    fn warn_of_ends(&self) {
        for identity in self.in_use().0 {
            identity.warn_of_end();
        }
    }

    /// What nothing uses any more is forgotten.
    fn in_use(&self) -> (Vec<Arc<Identity>>, Vec<Arc<Authorities>>) {
        let mut known = self.lock();
        known.identities.retain(|_, identity| identity.strong_count() > 0);
        known
            .authorities
            .retain(|_, authorities| authorities.strong_count() > 0);
        (
            known.identities.values().filter_map(Weak::upgrade).collect(),
            known.authorities.values().filter_map(Weak::upgrade).collect(),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
