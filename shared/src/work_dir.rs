//! The work directory is locked, so that a second instance fails instead of sharing the port and the state.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::{fmt, process};

/// A directory that this process alone works in, until this is dropped.
#[derive(Debug)]
pub struct WorkDir {
    path: PathBuf,
    _lock: File,
}

impl WorkDir {
    /// Makes the directory where it is missing, and locks it.
    ///
    /// # Errors
    /// When it can't be made or written to, or another process has it.
    pub fn lock(path: &Path) -> Result<Self, WorkDirError> {
        let failed = |cause| WorkDirError {
            path: path.to_owned(),
            cause: WorkDirCause::Io(cause),
        };
        fs::create_dir_all(path).map_err(failed)?;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Only to name it; a lock without a readable pid is a lock all the same.
                let _ = file.read_to_string(&mut pid);
                let cause = WorkDirCause::Held {
                    pid: pid.trim().parse().ok(),
                };
                return Err(WorkDirError {
                    path: path.to_owned(),
                    cause,
                });
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", process::id()))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: file,
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The work directory can't be used.
#[derive(Debug)]
pub struct WorkDirError {
    path: PathBuf,
    cause: WorkDirCause,
}

#[derive(Debug)]
enum WorkDirCause {
    Io(io::Error),
    Held { pid: Option<u32> },
}

impl fmt::Display for WorkDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            WorkDirCause::Io(cause) => write!(f, "work-dir {path}: {cause}"),
            WorkDirCause::Held { pid: Some(pid) } => {
                write!(f, "work-dir {path} is in use by another instance, pid {pid}")
            }
            WorkDirCause::Held { pid: None } => write!(f, "work-dir {path} is in use by another instance"),
        }
    }
}

impl std::error::Error for WorkDirError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_refused_and_the_first_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/on/the/way");
        let first = WorkDir::lock(&path).unwrap();
        let error = WorkDir::lock(&path).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("in use by another instance, pid {}", process::id())),
            "{error}"
        );
        drop(first);
        WorkDir::lock(&path).unwrap();
    }
}
