//! A directory with a file for each key, and directories for what stands before slashes: for a small site, and to try it out.
//!
//! A file is written under another name, synced, and then given its own, which it gets only if nobody has it. Links are not followed below
//! the directory, so that no key leads out of it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Once};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fsync, linkat, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

use super::put::Put;
use super::source::{Reader, Source};
use super::{Failure, Stored};

/// Where files are written before they have their names. No key begins so.
const UNFINISHED: &str = ".unfinished";

/// Octets that are read and written at a time.
const CHUNK_BYTES: usize = 1 << 20;

const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    swept: Arc<Once>,
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            swept: Arc::new(Once::new()),
        }
    }

    pub(super) async fn put(&self, put: &Put) -> Result<Stored, Failure> {
        let job = Job {
            root: self.path.clone(),
            swept: self.swept.clone(),
            key: put.key.clone(),
            sha256: put.sha256,
            size: put.size,
            reader: put.source.reader(),
        };
        let done = spawn_blocking(move || job.run()).await;
        done.map_err(Failure::unavailable)?
    }
}

/// A file to be stored, for a thread that may wait.
struct Job {
    root: PathBuf,
    swept: Arc<Once>,
    key: String,
    size: u64,
    sha256: [u8; 32],
    reader: Reader,
}

impl Job {
    fn run(self) -> Result<Stored, Failure> {
        if self.key.split('/').next() == Some(UNFINISHED) {
            return Err(Failure::Mismatch(format!("no key begins with {UNFINISHED}")));
        }
        let root = open_root(&self.root)?;
        let unfinished = open_directory(&root, UNFINISHED)?;
        self.swept.call_once(|| sweep(&unfinished));
        let (parent, name) = match self.key.rsplit_once('/') {
            None => (root, self.key.clone()),
            Some((directories, name)) => {
                let mut parent = root;
                for component in directories.split('/') {
                    parent = open_directory(&parent, component)?;
                }
                (parent, name.to_owned())
            }
        };
        let (size, sha256) = (self.size, self.sha256);
        if let Some(outcome) = present(&parent, &name, size, &sha256) {
            return outcome;
        }
        let temporary = temporary_name();
        let written = self.write(&unfinished, &temporary).and_then(|()| {
            match linkat(&unfinished, &temporary, &parent, &name, AtFlags::empty()) {
                Ok(()) => fsync(&parent).map(|()| Stored::Now).map_err(Failure::unavailable),
                Err(errno) => match present(&parent, &name, size, &sha256) {
                    // Somebody else was faster.
                    Some(outcome) if errno == Errno::EXIST => outcome,
                    _ => Err(refused(&name, errno)),
                },
            }
        });
        // What stays is taken away after the next start.
        let _ = unlinkat(&unfinished, &temporary, AtFlags::empty());
        written
    }

    fn write(self, unfinished: &OwnedFd, name: &str) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::unavailable(format_args!("it can't be written: {error}"));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(unfinished, name, flags, FILE_MODE).map_err(|errno| failed(errno.into()))?;
        let mut file = File::from(file);
        let mut reader = self.reader;
        loop {
            let (next, piece) = reader.read(CHUNK_BYTES)?;
            reader = next;
            if piece.octets.is_empty() {
                break;
            }
            file.write_all(&piece.octets).map_err(failed)?;
        }
        reader.finish(&self.sha256)?;
        file.sync_all().map_err(failed)
    }
}

fn open_root(path: &Path) -> Result<OwnedFd, Failure> {
    let failed = |error: io::Error| Failure::unavailable(format_args!("{}: {error}", path.display()));
    fs::create_dir_all(path).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))
}

/// A directory in another, which is made if there is none.
fn open_directory(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Failure> {
    match mkdirat(parent, name, DIRECTORY_MODE) {
        Ok(()) => fsync(parent).map_err(Failure::unavailable)?,
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(refused(name, errno)),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty()).map_err(|errno| refused(name, errno))
}

/// What a key that has something already says to a file; `None`: it has nothing.
fn present(parent: &OwnedFd, name: &str, size: u64, sha256: &[u8; 32]) -> Option<Result<Stored, Failure>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(parent, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return None,
        Err(errno) => return Some(Err(refused(name, errno))),
    };
    Some(match holds(file, size, sha256) {
        Ok(()) => Ok(Stored::Before),
        Err(Failure::Mismatch(_)) => Err(Failure::Mismatch("the key has another file".to_owned())),
        Err(failure) => Err(failure),
    })
}

/// Whether a file is this one: all of it is read, for nothing else says what it is now.
fn holds(file: File, size: u64, sha256: &[u8; 32]) -> Result<(), Failure> {
    let metadata = file.metadata().map_err(Failure::unavailable)?;
    if !metadata.is_file() || metadata.len() != size {
        return Err(Failure::Mismatch(String::new()));
    }
    let mut reader = Source::new(file, size).reader();
    loop {
        let (next, piece) = reader.read(CHUNK_BYTES)?;
        reader = next;
        if piece.octets.is_empty() {
            return reader.finish(sha256);
        }
    }
}

/// What the system says of a name that is no name for a file here, or of anything else.
fn refused(name: &str, errno: Errno) -> Failure {
    let cause = format!("{name}: {errno}");
    match errno {
        // Another key has a file where this one has a directory, or the other way round; a link; a component of more than 255 octets.
        Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::NAMETOOLONG => Failure::Mismatch(cause),
        _ => Failure::Unavailable(cause),
    }
}

/// What this start and no other writes under.
static START: LazyLock<String> = LazyLock::new(|| {
    let random = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    format!("{random:016x}-")
});

fn temporary_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{}{}", *START, NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Takes away what a start before has left.
fn sweep(unfinished: &OwnedFd) {
    let Ok(entries) = Dir::read_from(unfinished) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_bytes().starts_with(START.as_bytes()) && !matches!(name.to_bytes(), b"." | b"..") {
            let _ = unlinkat(unfinished, name, AtFlags::empty());
        }
    }
}
