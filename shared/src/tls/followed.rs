//! What was read from files, and is read again when they change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::{error, info};

use super::file_error::FileError;

/// What is made of files.
pub(super) trait Content: Sized {
    /// Reads them.
    fn read(files: &[PathBuf]) -> Result<Self, FileError>;
}

/// The last content of files that could be used.
pub(super) struct Followed<T> {
    files: Box<[PathBuf]>,
    current: ArcSwap<T>,
    seen: Mutex<Seen>,
}

/// What a look has found.
struct Seen {
    stamps: Vec<Option<Stamp>>,
    /// Whether it could not be used, and nobody was told yet.
    is_doubtful: bool,
}

impl<T: Content> Followed<T> {
    /// Reads files that must be right.
    pub(super) fn read(files: Vec<PathBuf>) -> Result<Self, FileError> {
        // Before they are read: what changes meanwhile is read again.
        let stamps = stamps(&files);
        let current = ArcSwap::from_pointee(T::read(&files)?);
        let seen = Mutex::new(Seen {
            stamps,
            is_doubtful: false,
        });
        Ok(Self {
            files: files.into(),
            current,
            seen,
        })
    }

    /// The files.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What was in them last.
    pub(super) fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Reads them again if they aren't what they were. What can't be used changes nothing; that is told of at the next look,
    /// as the files of a pair are written one after the other.
    pub(super) fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        let is_new = stamps != seen.stamps;
        if !is_new && !seen.is_doubtful {
            return;
        }
        seen.stamps = stamps;
        match T::read(&self.files) {
            Ok(content) => {
                seen.is_doubtful = false;
                self.current.store(Arc::new(content));
                info!("read anew: {}", self.files[0].display());
            }
            Err(_) if is_new => seen.is_doubtful = true,
            Err(cause) => {
                seen.is_doubtful = false;
                error!("what was read before stays in use: {cause}");
            }
        }
    }
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl Stamp {
    /// Of the file at a path, links followed; `None` when it can't be looked at.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            // That of the inode, not of the content: who copies a file with its times changes it, and so does who makes one readable
            // that wasn't.
            changed_s: metadata.ctime(),
            changed_ns: metadata.ctime_nsec(),
        })
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|file| Stamp::of(file)).collect()
}
