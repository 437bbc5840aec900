//! The files that an output writes: found by walking its tree with the path template read backwards.
//!
//! No path comes from a client. What stands before the first property of the template is the administrator's and may contain
//! links; below it each component is opened by itself with O_NOFOLLOW, as it is for writing, and only names that the template
//! can have made are looked at.

mod listing;
mod walk;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use logd_core::path::{Inverse, PathTemplate};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use tokio_util::sync::CancellationToken;

use super::line::Format;
use crate::live::Pattern;
use walk::Walk;

pub(super) use listing::list;

/// More files than this are not looked at in one go: their list alone would take 20 MB.
pub(super) const FILES_MAX: usize = 100_000;

/// The files of one output, as the configuration has it.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The output's name.
    pub(super) name: String,
    root: PathBuf,
    inverse: Inverse,
    /// It is one file and what was rotated of it; the file itself may be a link.
    is_fixed: bool,
    pub(super) format: Format,
}

/// A file in a tree.
#[derive(Debug)]
pub(super) struct Found {
    /// The components below the tree's root.
    pub(super) names: Vec<CString>,
    pub(super) host: Option<String>,
    pub(super) program: Option<String>,
    pub(super) bytes: u64,
    /// When it was last written; unix seconds.
    pub(super) modified_s: i64,
    /// Device and inode: two outputs can write to one file.
    pub(super) identity: (u64, u64),
}

/// Which files are looked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) host: Option<Pattern>,
    pub(super) program: Option<Pattern>,
}

/// When to stop looking.
#[derive(Debug, Clone)]
pub(super) struct Until {
    pub(super) deadline: Instant,
    /// Nobody waits for it any more.
    pub(super) gone: CancellationToken,
}

/// The files of trees.
#[derive(Debug)]
pub(super) struct Files {
    /// How many there may be.
    max: usize,
    pub(super) found: Vec<Found>,
    /// There are more.
    pub(super) cut: bool,
    /// Directories that could not be read, and why, up to a few.
    pub(super) refused: Vec<String>,
}

/// Directories that could not be read are named up to so many.
const REFUSED_MAX: usize = 5;

impl Until {
    pub(super) fn is_over(&self) -> bool {
        self.gone.is_cancelled() || Instant::now() >= self.deadline
    }
}

impl Tree {
    /// The tree of an output.
    pub(crate) fn new(name: &str, path: &PathTemplate, format: Option<&'static str>) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let root = match path.root() {
            b"" => Path::new("."),
            root => Path::new(std::ffi::OsStr::from_bytes(root)),
        };
        Self {
            name: name.to_owned(),
            root: root.to_owned(),
            inverse: path.inverse(),
            is_fixed: path.is_fixed(),
            format: Format::of(format),
        }
    }

    /// Whether the files' paths say whose messages are in them.
    pub(super) fn tells(&self) -> (bool, bool) {
        (self.inverse.tells_host(), self.inverse.tells_program())
    }

    /// Its root, to be shown.
    pub(super) fn root(&self) -> String {
        self.root.to_string_lossy().into_owned()
    }

    /// Adds its files that can hold what is wanted.
    pub(super) fn files(&self, wanted: &Wanted, until: &Until, files: &mut Files) {
        let root = match open(&self.root, directory_flags(), Mode::empty()) {
            Ok(root) => root,
            // A file that nothing was written to yet.
            Err(Errno::ENOENT) => return,
            Err(errno) => return files.refuse(&self.root, errno),
        };
        Walk::new(self, wanted, until, files).directory(root, None, None);
    }

    /// Opens one of its files for reading.
    ///
    /// # Errors
    /// What the system says; ELOOP for a link, ENXIO for what is no regular file.
    pub(super) fn open(&self, file: &Found) -> Result<File, Errno> {
        let (name, directories) = file.names.split_last().ok_or(Errno::ENOENT)?;
        let mut directory = open(&self.root, directory_flags(), Mode::empty())?;
        for component in directories {
            directory = openat(
                directory.as_fd(),
                component.as_c_str(),
                directory_flags() | OFlag::O_NOFOLLOW,
                Mode::empty(),
            )?;
        }
        // O_NONBLOCK: a pipe in the file's place must not hold us.
        let mut flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        if !self.is_fixed {
            flags |= OFlag::O_NOFOLLOW;
        }
        let fd = openat(directory.as_fd(), name.as_c_str(), flags, Mode::empty())?;
        match is_regular(&fstat(&fd)?) {
            true => Ok(File::from(fd)),
            false => Err(Errno::ENXIO),
        }
    }

    /// A file's path below the root, to be shown.
    pub(super) fn shown(file: &Found) -> String {
        let names: Vec<_> = file.names.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/")
    }
}

impl Files {
    /// None yet, and at most so many.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            found: Vec::new(),
            cut: false,
            refused: Vec::new(),
        }
    }

    pub(super) fn refuse(&mut self, path: &Path, errno: Errno) {
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(format!("{}: {}", path.display(), errno.desc()));
        }
    }
}

fn directory_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
}

fn is_regular(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

/// Whether a name ends so, as that of a compressed file.
pub(super) fn has_extension(name: &CStr, extension: &str) -> bool {
    name.to_bytes().ends_with(extension.as_bytes())
}

#[cfg(test)]
mod tests;
