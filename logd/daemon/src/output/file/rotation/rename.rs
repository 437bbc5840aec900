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
        if is_taken(&directory, &new) {
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

/// Whether there is a file of this name, or of one that was compressed: the next one must not take its place. In this order: the
/// original goes when the compressed one is there. Who looked for that one first could find neither, when its compression ends in
/// between, give the name to another file, and have that one's compression replace it.
fn is_taken(directory: &OwnedFd, name: &[u8]) -> bool {
    let is_there = |name: &[u8]| statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    is_there(name)
        || [Compression::Zstd, Compression::Gzip]
            .iter()
            .any(|compression| is_there(&[name, compression.suffix()].concat()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::thread;

    use jiff::tz::TimeZone;

    use super::*;

    /// What a compression does to names.
    fn compress(original: &FilePath) {
        let original = original.as_path();
        let mut compressed = original.as_os_str().to_owned();
        compressed.push(".zst");
        fs::hard_link(original, compressed).expect("no other one of this name was compressed");
        fs::remove_file(original).unwrap();
    }

    #[test]
    fn a_name_whose_compression_ends_meanwhile_is_not_given_to_another_file() {
        // All in one second.
        let when = When::at(1_700_000_000, &TimeZone::UTC);
        for _ in 0..100 {
            let directory = tempfile::tempdir().unwrap();
            let live = directory.path().join("app.log");
            let path = FilePath::new(live.as_os_str().as_bytes(), directory.path().as_os_str().len() + 1);
            let rotate = || {
                fs::write(&live, "").unwrap();
                let meant = Identity::at(&path).unwrap();
                set_aside(&path, meant, &when, false).unwrap().unwrap()
            };
            let before: Vec<_> = (0..20).map(|_| rotate()).collect();
            let meanwhile: Vec<_> = thread::scope(|scope| {
                scope.spawn(|| before.iter().for_each(compress));
                (0..10).map(|_| rotate()).collect()
            });
            meanwhile.iter().for_each(compress);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 30);
        }
    }
}
