//! Makes the directories and the file that are missing, with the owner and the modes of their output.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{fchown, fchownat};

use super::super::rotation::{Mark, unix_s};
use super::super::settings::FileSettings;
use super::directory_flags;

/// Makes what is missing, with the owner and the modes of the output.
pub(super) struct Making<'s> {
    pub(super) settings: &'s FileSettings,
    pub(super) owner_refused: Option<Errno>,
}

impl Making<'_> {
    /// The directory that the administrator named: links in it are the administrator's.
    pub(super) fn trusted_directory(&mut self, path: &Path) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        match open(path, directory_flags(), Mode::empty()) {
            Err(Errno::ENOENT) => {}
            found => return found,
        }
        let mut directory = open(
            if path.is_absolute() { "/" } else { "." },
            directory_flags(),
            Mode::empty(),
        )?;
        for component in path.components() {
            match component {
                Component::Normal(_) | Component::ParentDir => {
                    directory = self.directory(directory.as_fd(), component.as_ref(), OFlag::empty())?;
                }
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Ok(directory)
    }

    pub(super) fn directory(&mut self, above: BorrowedFd<'_>, name: &Path, follow: OFlag) -> Result<OwnedFd, Errno> {
        match openat(above, name, directory_flags() | follow, Mode::empty()) {
            Err(Errno::ENOENT) => {}
            found => return found,
        }
        match mkdirat(above, name, Mode::from_bits_truncate(self.settings.dir_mode)) {
            Ok(()) if self.settings.dir_owner.is_some() || self.settings.dir_group.is_some() => {
                let (owner, group) = (self.settings.dir_owner, self.settings.dir_group);
                let given = fchownat(above, name, owner, group, AtFlags::AT_SYMLINK_NOFOLLOW);
                self.owner_refused = self.owner_refused.or(given.err());
            }
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        openat(above, name, directory_flags() | follow, Mode::empty())
    }

    pub(super) fn file(&mut self, directory: BorrowedFd<'_>, name: &Path, follow: OFlag) -> Result<OwnedFd, Errno> {
        // O_NONBLOCK: a pipe in the file's place must not hold us until somebody reads it.
        let flags = OFlag::O_APPEND | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | follow;
        // Reading is wanted for the last byte only: a file that we may write and not read is fine.
        let found = match openat(directory, name, flags | OFlag::O_RDWR, Mode::empty()) {
            Err(Errno::EACCES) => openat(directory, name, flags | OFlag::O_WRONLY, Mode::empty()),
            other => other,
        };
        match found {
            Err(Errno::ENOENT) => {}
            found => return found,
        }
        let mode = Mode::from_bits_truncate(self.settings.file_mode);
        // O_EXCL, because only a file of our own making gets an owner. A fixed path may be a link to a file that is not there
        // yet, which O_EXCL would not follow.
        let exclusive = if follow.is_empty() {
            OFlag::empty()
        } else {
            OFlag::O_EXCL
        };
        let fd = openat(
            directory,
            name,
            flags | OFlag::O_RDWR | OFlag::O_CREAT | exclusive,
            mode,
        )?;
        if self.settings.marks_files() {
            // While it is still our own: a mark takes the right to write. That it has none is noticed by who opens it.
            let _ = Mark::Live { since_s: unix_s() }.leave_on(&fd);
        }
        if self.settings.owner.is_some() || self.settings.group.is_some() {
            let given = fchown(&fd, self.settings.owner, self.settings.group);
            self.owner_refused = self.owner_refused.or(given.err());
        }
        Ok(fd)
    }
}
