//! Master files on the file system: what the reader asks for is read, and remembered with its stamp, so that it can be
//! watched, and looked at again after it was parsed.
//!
//! A relative `$INCLUDE` is looked for beside the file it stands in, then in the folder of the configuration file, which is
//! what BIND's `directory` usually is.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use dnsd_core::master::{Source, Sources};
use nix::libc::O_NONBLOCK;

use super::stamp::Stamp;

/// The largest file, in bytes: a zone's offsets have 32 bits.
const FILE_BYTES_MAX: u64 = u32::MAX as u64;

/// From about this size on, reading a zone's file takes longer than starting a thread, by far.
pub(super) const LARGE_FILE_BYTES: usize = 1 << 20;

/// A file that a load asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ReadFile {
    /// Where it was looked for.
    pub(crate) path: PathBuf,
    /// What it was like before it was read; `None` when it was not there.
    pub(crate) stamp: Option<Stamp>,
}

impl ReadFile {
    /// Whether it is still the same.
    pub(crate) fn is_unchanged(&self) -> bool {
        Stamp::of(&self.path) == self.stamp
    }
}

/// Opens the files of one zone.
#[derive(Debug)]
pub(super) struct Files {
    base_dir: PathBuf,
    /// How many may read a large file.
    threads: usize,
    read: Vec<ReadFile>,
    /// Paths that are no text, by the names that messages give them.
    odd_paths: HashMap<String, PathBuf>,
}

impl Files {
    /// `base_dir` is the second place for a relative `$INCLUDE`.
    pub(super) fn new(base_dir: &Path, threads: usize) -> Self {
        Self {
            base_dir: base_dir.to_owned(),
            threads,
            // Most zones are one file, and this is kept for each of them.
            read: Vec::with_capacity(1),
            odd_paths: HashMap::new(),
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// When it isn't there, isn't a plain file, is too large or can't be read.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Source<'static>> {
        let (text, stamp) = match read_plain_file(path, self.threads) {
            Ok((text, stamp)) => (Ok(text), Some(stamp)),
            Err(error) => (Err(error), Stamp::of(path)),
        };
        self.read.push(ReadFile {
            path: path.to_owned(),
            stamp,
        });
        let name = path.to_string_lossy();
        if path.to_str().is_none() {
            self.odd_paths.insert(name.clone().into_owned(), path.to_owned());
        }
        Ok(Source {
            name: name.into_owned(),
            text: Cow::Owned(text?),
        })
    }

    /// What was asked for, each file once.
    pub(super) fn into_read(mut self) -> Vec<ReadFile> {
        if self.read.len() > 1 {
            let mut seen = HashSet::new();
            // Of a file that was included twice the first look counts: a change between the two is a change.
            self.read.retain(|file| seen.insert(file.path.clone()));
        }
        self.read
    }
}

impl<'s> Sources<'s> for Files {
    fn open(&mut self, name: &[u8], including: &str) -> Result<Source<'s>, io::ErrorKind> {
        let name = Path::new(OsStr::from_bytes(name));
        let including = self
            .odd_paths
            .get(including)
            .map_or_else(|| Path::new(including), PathBuf::as_path);
        let beside = including.parent().unwrap_or(Path::new("")).join(name);
        let in_base = self.base_dir.join(name);
        let first = self.read(&beside);
        match first {
            Err(error) if error.kind() == io::ErrorKind::NotFound && in_base != beside => self.read(&in_base),
            first => first,
        }
        .map_err(|error| error.kind())
    }
}

fn read_plain_file(path: &Path, threads: usize) -> io::Result<(Vec<u8>, Stamp)> {
    // Without O_NONBLOCK, opening a pipe would wait for its other end.
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let bytes = metadata.len() as usize;
    let stamp = Stamp::from(&metadata);
    if threads > 1
        && bytes >= LARGE_FILE_BYTES
        && let Some(text) = read_by_threads(&file, bytes, threads)
    {
        return Ok((text, stamp));
    }
    let mut text = Vec::with_capacity(bytes + 1);
    // A file that grows while it is read is no longer what its stamp says, and will be read again.
    file.take(metadata.len()).read_to_end(&mut text)?;
    Ok((text, stamp))
}

/// Reads a share on each thread: what takes time is the system's copying, and its making of pages to copy to. `None` when
/// any can't be read, as when the file became shorter.
fn read_by_threads(file: &File, bytes: usize, threads: usize) -> Option<Vec<u8>> {
    let mut text = vec![0; bytes];
    let share_bytes = bytes.div_ceil(threads);
    let read = |share: usize, to: &mut [u8]| file.read_exact_at(to, (share * share_bytes) as u64).is_ok();
    let is_whole = thread::scope(|scope| {
        let mut shares = text.chunks_mut(share_bytes).enumerate();
        let first = shares.next();
        let others: Vec<_> = shares.map(|(share, to)| scope.spawn(move || read(share, to))).collect();
        let is_read = first.is_none_or(|(share, to)| read(share, to));
        others.into_iter().fold(is_read, |is_read, other| {
            is_read & other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    });
    is_whole.then_some(text)
}
