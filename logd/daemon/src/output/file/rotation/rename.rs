//! Gives a file the name of a rotated one.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use logd_core::rotation::{Compression, When, rotated_name};
use rustix::fs::{AtFlags, RenameFlags, linkat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::super::open::{Identity, open_directory};
use super::super::path::FilePath;

/// How many names are tried: a file that is rotated more often in a second is not looked at for a while.
const NAMES_MAX: u32 = 10_000;

/// Why a file keeps its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum RenameError {
    /// The system said so.
    System(Errno),
    /// The path is a link of the administrator's; the file it leads to has another name.
    Link,
    /// All names are taken.
    NoName,
}

impl From<Errno> for RenameError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl fmt::Display for RenameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(errno) => errno.fmt(f),
            Self::Link => f.write_str("the path is a symbolic link"),
            Self::NoName => f.write_str("every name for the rotated file is taken"),
        }
    }
}

/// Renames the file of this path, if it is the one that is `meant`, to the first free name of this time. Its new path; `None` if the path leads
/// to another file, or to none.
pub(in super::super) fn set_aside(
    path: &FilePath,
    meant: Identity,
    when: &When,
    by_date: bool,
) -> Result<Option<FilePath>, RenameError> {
    let directory = match open_directory(path) {
        Ok(directory) => directory,
        Err(nix::errno::Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(Errno::from_raw_os_error(errno as i32).into()),
    };
    let name = path.file_name();
    match Identity::in_directory(directory.as_fd(), name) {
        Some(found) if found == meant => {}
        _ if path.is_fixed() && Identity::at(path) == Some(meant) => return Err(RenameError::Link),
        _ => return Ok(None),
    }
    for attempt in 0..NAMES_MAX {
        let new = rotated_name(name, when, by_date, attempt);
        if is_taken_compressed(&directory, &new) {
            continue;
        }
        match rename(&directory, name, &new) {
            Ok(()) => return Ok(Some(path.beside(&new))),
            Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(RenameError::NoName)
}

/// Renames within a directory, unless the new name is taken.
pub(super) fn rename(directory: &OwnedFd, old: &[u8], new: &[u8]) -> Result<(), Errno> {
    match renameat_with(directory, old, directory, new, RenameFlags::NOREPLACE) {
        // Network file systems know no such flag; a second name is refused by all where it is taken.
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(directory, old, directory, new, AtFlags::empty())?;
            unlinkat(directory, old, AtFlags::empty())
        }
        done => done,
    }
}

/// Whether a file of this name was compressed already: the next one must not take its place.
fn is_taken_compressed(directory: &OwnedFd, name: &[u8]) -> bool {
    [Compression::Zstd, Compression::Gzip].iter().any(|compression| {
        let compressed = [name, compression.suffix()].concat();
        statat(directory, compressed, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    })
}
