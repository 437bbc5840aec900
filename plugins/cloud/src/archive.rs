//! `io.ballast.Archive1`: files that logd has rotated, kept in S3 or in a directory.
//!
//! A file comes as an open descriptor. It is read with pread(2), piece by piece, and what was read is what is stored: its size and
//! digest are compared with those that were given before the file counts as stored, whatever happens to it meanwhile. A key has one file: the same one again
//! is stored once, and another one is refused.

mod config;
mod directory;
mod put;
mod s3;
mod source;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballast_shared::varlink::{Call, CallError, Interface};
use metrics::counter;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use config::{Config, Spec};

use directory::Directory;
use put::Put;
use s3::S3;

/// What it speaks.
pub const INTERFACE: Interface = Interface {
    name: "io.ballast.Archive1",
    description: include_str!("../../interfaces/io.ballast.Archive1.varlink"),
};

/// Files that are stored at a time; others wait. A logd hands over one at a time.
const FILES_AT_ONCE: usize = 4;

/// How often it is looked for uploads that nobody goes on with.
const SWEEP: Duration = Duration::from_secs(6 * 3600);

/// Keeps files.
#[derive(Debug)]
pub struct Archive {
    state: Mutex<State>,
    places: Semaphore,
    files: AtomicU64,
    bytes: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    store: Option<Arc<Store>>,
    /// Keys of files that are being stored.
    busy: HashSet<String>,
    /// Why the last file was not stored, if it was not.
    problem: Option<String>,
}

/// Where files are kept.
#[derive(Debug)]
enum Store {
    S3(Box<S3>),
    Directory(Directory),
}

/// Whether a file was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Now,
    Before,
}

/// Why a file is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// It is not what was said of it, or the key has another.
    Mismatch(String),
    /// It may be another time.
    Unavailable(String),
}

impl Failure {
    fn unavailable(cause: impl fmt::Display) -> Self {
        Self::Unavailable(cause.to_string())
    }

    fn cause(&self) -> &str {
        match self {
            Self::Mismatch(cause) | Self::Unavailable(cause) => cause,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Mismatch(_) => "mismatch",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        let (error, message) = match failure {
            Failure::Mismatch(message) => ("Mismatch", message),
            Failure::Unavailable(message) => ("Unavailable", message),
        };
        Self::Failed(error, Map::from_iter([("message".to_owned(), message.into())]))
    }
}

/// How the archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where files go.
    pub store: String,
    /// Files that were stored since the start.
    pub files: u64,
    /// Their octets.
    pub bytes: u64,
    /// How often one was not.
    pub failures: u64,
    /// Why the last one was not, if it was not.
    pub problem: Option<String>,
}

impl Archive {
    /// Without a place to keep files in yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            places: Semaphore::new(FILES_AT_ONCE),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Keeps files elsewhere from now on. What is begun in S3 is remembered in `work_dir`.
    pub fn configure(&self, config: Option<&Config>, work_dir: &Path) {
        let journals = work_dir.join("archive");
        let store = config.map(|config| match config {
            Config::S3(config) => Arc::new(Store::S3(Box::new(S3::new((**config).clone(), journals)))),
            Config::Directory { path } => Arc::new(Store::Directory(Directory::new(path.clone()))),
        });
        self.state().store = store;
    }

    /// Takes away what was begun and is gone on with by nobody, until the daemon stops.
    pub async fn tend(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(SWEEP);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let store = self.state().store.clone();
            if let Some(Store::S3(s3)) = store.as_deref() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = s3.sweep() => {}
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is; nothing where no files are kept.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        let state = self.state();
        let store = state.store.as_ref()?;
        Some(Status {
            store: store.to_string(),
            files: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            problem: state.problem.clone(),
        })
    }

    /// Answers a call.
    ///
    /// # Errors
    /// Those of the interface.
    pub async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        if call.method != "Put" {
            return Err(CallError::MethodNotFound);
        }
        let put = Put::read(&call.parameters, call.descriptors)?;
        let outcome = self.put(&put).await;
        self.note(&put, &outcome);
        outcome?;
        Ok(Map::new())
    }

    async fn put(&self, put: &Put) -> Result<Stored, Failure> {
        let Some(store) = self.state().store.clone() else {
            let message = "no files are kept: the configuration has no [archive.s3] and no [archive.directory]";
            return Err(Failure::unavailable(message));
        };
        let _busy = self.claim(&put.key)?;
        let _place = self.places.acquire().await.map_err(Failure::unavailable)?;
        match &*store {
            Store::S3(s3) => s3.put(put).await,
            Store::Directory(directory) => directory.put(put).await,
        }
    }

    /// Two who store one key at a time are one of them too early: a logd that was started again while its file was being stored.
    fn claim(&self, key: &str) -> Result<Busy<'_>, Failure> {
        match self.state().busy.insert(key.to_owned()) {
            true => Ok(Busy {
                archive: self,
                key: key.to_owned(),
            }),
            false => Err(Failure::unavailable(format_args!("{key} is being stored already"))),
        }
    }

    fn note(&self, put: &Put, outcome: &Result<Stored, Failure>) {
        let Put { key, size, .. } = put;
        let mut state = self.state();
        match outcome {
            Ok(stored) => {
                if state.problem.take().is_some() {
                    info!("files are archived again");
                }
                if *stored == Stored::Now {
                    self.files.fetch_add(1, Ordering::Relaxed);
                    self.bytes.fetch_add(*size, Ordering::Relaxed);
                    counter!("cloudd_archive_files_total").increment(1);
                    counter!("cloudd_archive_bytes_total").increment(*size);
                    info!(key, size, "archived");
                }
            }
            Err(failure) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                counter!("cloudd_archive_failures_total", "reason" => failure.reason()).increment(1);
                let problem = format!("{key}: {}", failure.cause());
                // Tried again and again it is the same: once is said.
                if state.problem.as_ref() != Some(&problem) {
                    warn!("not archived: {problem}");
                }
                state.problem = Some(problem);
            }
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(s3) => s3.fmt(f),
            Self::Directory(directory) => directory.fmt(f),
        }
    }
}

/// A key whose file is being stored, for as long as it lives.
struct Busy<'a> {
    archive: &'a Archive,
    key: String,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.archive.state().busy.remove(&self.key);
    }
}

#[cfg(test)]
mod tests;
