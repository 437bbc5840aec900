//! Opens a log file, making it and its directories where they are missing, without ever leaving its tree.
//!
//! Below the trusted directory each component is opened by itself with O_NOFOLLOW, relative to the one above it: a link that
//! somebody with write access to the tree has put there is refused, and a directory that is swapped for a link meanwhile
//! has no effect.

mod making;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use logd_core::rotation::Rotated;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::sys::uio::pread;

use super::path::FilePath;
use super::rotation::{Mark, unix_s};
use super::settings::FileSettings;
use making::Making;

/// How often opening starts over when a directory or the file is removed or made by somebody else on the way. Once is a
/// coincidence, so many are somebody who does nothing else.
const RACES_MAX: usize = 4;

/// A log file that is open for appending.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) fd: Arc<OwnedFd>,
    /// When.
    pub(super) opened: Instant,
    pub(super) identity: Identity,
    /// Its last byte is not a newline: somebody's last line was cut off, and ours must not continue it.
    pub(super) ends_mid_line: bool,
    /// The owner could not be set; the file is usable all the same.
    pub(super) owner_refused: Option<Errno>,
    /// How long it is, as far as we know: nobody else writes to it.
    pub(super) size: u64,
    /// Since when it has been written to (unix seconds), where its output rotates or removes files.
    pub(super) since_s: i64,
    /// It could not be marked as ours.
    pub(super) unmarked: Option<rustix::io::Errno>,
    /// When it is due to be rotated by time.
    pub(super) rotate_at: Option<Instant>,
}

/// Which file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file that a path leads to now.
    pub(super) fn at(path: &FilePath) -> Option<Self> {
        let follow = if path.is_fixed() {
            AtFlags::empty()
        } else {
            AtFlags::AT_SYMLINK_NOFOLLOW
        };
        fstatat(AT_FDCWD, path.as_path(), follow)
            .ok()
            .map(|stat| Self::of(&stat))
    }

    /// The file of this name, which may be a link itself.
    pub(super) fn in_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Option<Self> {
        fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .ok()
            .map(|stat| Self::of(&stat))
    }

    fn of(stat: &FileStat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }

    /// The file system it is on.
    pub(super) fn device(self) -> u64 {
        self.device
    }
}

/// A file could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenError {
    /// The system said so.
    System(Errno),
    /// It is a device, a pipe or a directory.
    NotRegular,
    /// It was rotated, and a message names it: no sender writes into what is done with.
    Archived,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(Errno::ELOOP) => f.write_str("a component of the path is a symbolic link"),
            Self::System(errno) => f.write_str(errno.desc()),
            Self::NotRegular => f.write_str("not a regular file"),
            Self::Archived => f.write_str("a file that was rotated"),
        }
    }
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// Opens it for appending.
pub(super) fn open_log(path: &FilePath, settings: &FileSettings) -> Result<Opened, OpenError> {
    let mut races = 0;
    loop {
        match open_once(path, settings) {
            Err(OpenError::System(Errno::ENOENT | Errno::EEXIST)) if races < RACES_MAX => races += 1,
            other => return other,
        }
    }
}

fn open_once(path: &FilePath, settings: &FileSettings) -> Result<Opened, OpenError> {
    let mut making = Making {
        settings,
        owner_refused: None,
    };
    let (directories, name) = path.below();
    let mut directory = making.trusted_directory(path.trusted_directory())?;
    for component in directories {
        directory = making.directory(directory.as_fd(), component, OFlag::O_NOFOLLOW)?;
    }
    let follow = if path.is_fixed() {
        OFlag::empty()
    } else {
        OFlag::O_NOFOLLOW
    };
    let fd = making.file(directory.as_fd(), name, follow)?;
    let stat = fstat(&fd)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(OpenError::NotRegular);
    }
    if !path.is_fixed() && is_archived(&fd, name) {
        return Err(OpenError::Archived);
    }
    let (since_s, unmarked) = if settings.marks_files() {
        mark(&fd, &stat)
    } else {
        (0, None)
    };
    Ok(Opened {
        ends_mid_line: ends_mid_line(&fd, stat.st_size),
        fd: Arc::new(fd),
        opened: Instant::now(),
        identity: Identity::of(&stat),
        owner_refused: making.owner_refused,
        size: stat.st_size.unsigned_abs(),
        since_s,
        unmarked,
        rotate_at: None,
    })
}

/// Whether a file is one that was rotated: its name says so, and its mark. One of a usual name has such a mark when rotating it was
/// interrupted, and is written to further.
fn is_archived(fd: &OwnedFd, name: &Path) -> bool {
    Rotated::parse(name.as_os_str().as_bytes()).is_some() && matches!(Mark::of(fd), Some(Mark::Rotated | Mark::Partial))
}

/// Opens the file of this path if it is there, a regular one, and ours.
pub(super) fn open_existing(path: &FilePath) -> Option<Opened> {
    let directory = open_directory(path).ok()?;
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let fd = openat(&directory, path.file_name(), flags, Mode::empty()).ok()?;
    let stat = fstat(&fd).ok()?;
    let is_regular = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    let Some(Mark::Live { since_s }) = Mark::of(&fd).filter(|_| is_regular) else {
        return None;
    };
    Some(Opened {
        fd: Arc::new(fd),
        opened: Instant::now(),
        identity: Identity::of(&stat),
        ends_mid_line: false,
        owner_refused: None,
        size: stat.st_size.unsigned_abs(),
        since_s,
        unmarked: None,
        rotate_at: None,
    })
}

/// The directory of a file that is there, following no link below the trusted one.
pub(super) fn open_directory(path: &FilePath) -> Result<OwnedFd, Errno> {
    let mut directory = open_trusted(path)?;
    for component in path.below().0 {
        directory = open_below(directory.as_fd(), component)?;
    }
    Ok(directory)
}

/// The trusted directory of a file that is there.
pub(super) fn open_trusted(path: &FilePath) -> Result<OwnedFd, Errno> {
    let trusted = path.trusted_directory();
    let here = trusted.as_os_str().is_empty();
    open(
        if here { Path::new(".") } else { trusted },
        directory_flags(),
        Mode::empty(),
    )
}

/// A directory in a directory, if it is no link.
pub(super) fn open_below(above: BorrowedFd<'_>, name: &Path) -> Result<OwnedFd, Errno> {
    openat(above, name, directory_flags() | OFlag::O_NOFOLLOW, Mode::empty())
}

/// Marks a file as ours, unless it is. Since when it has been written to, and why it could not be marked.
fn mark(fd: &OwnedFd, stat: &FileStat) -> (i64, Option<rustix::io::Errno>) {
    if let Some(Mark::Live { since_s }) = Mark::of(fd) {
        return (since_s, None);
    }
    // Somebody else's lines are in it already, as old as the file at most.
    let since_s = if stat.st_size > 0 { born_s(fd, stat) } else { unix_s() };
    (since_s, Mark::Live { since_s }.leave_on(fd).err())
}

/// When a file was made; where the file system doesn't know, when it was last written to.
fn born_s(fd: &OwnedFd, stat: &FileStat) -> i64 {
    let wanted = rustix::fs::StatxFlags::BTIME;
    match rustix::fs::statx(fd, c"", rustix::fs::AtFlags::EMPTY_PATH, wanted) {
        Ok(found) if found.stx_mask & wanted.bits() != 0 => found.stx_btime.tv_sec,
        _ => stat.st_mtime,
    }
}

fn directory_flags() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
}

fn ends_mid_line(fd: &OwnedFd, size: i64) -> bool {
    let mut last = [b'\n'];
    // A file that we may not read is taken to be whole.
    size > 0 && pread(fd, &mut last, size - 1).is_ok() && last != [b'\n']
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn path_in(tree: &Path, rest: &str) -> FilePath {
        let tree = format!("{}/", tree.display());
        FilePath::new(format!("{tree}{rest}").as_bytes(), tree.len())
    }

    #[test]
    fn directories_and_file_are_made_with_their_modes() {
        let tree = tempfile::tempdir().unwrap();
        let settings = FileSettings {
            file_mode: 0o600,
            dir_mode: 0o700,
            ..FileSettings::default()
        };
        open_log(&path_in(tree.path(), "web1/sshd.log"), &settings).unwrap();
        let mode = |name: &str| fs::metadata(tree.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("web1"), mode("web1/sshd.log")), (0o700, 0o600));
    }

    #[test]
    fn a_missing_trusted_directory_is_made() {
        let tree = tempfile::tempdir().unwrap();
        let deep = tree.path().join("var/log/hosts");
        open_log(&path_in(&deep, "web1/sshd.log"), &FileSettings::default()).unwrap();
        assert!(deep.join("web1/sshd.log").exists());
    }

    #[test]
    fn a_link_below_the_trusted_directory_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), tree.path().join("web1")).unwrap();
        open_log(&path_in(tree.path(), "web1/sshd.log"), &FileSettings::default()).unwrap_err();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_the_files_place_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        symlink(outside.path(), tree.path().join("sshd.log")).unwrap();
        let error = open_log(&path_in(tree.path(), "sshd.log"), &FileSettings::default()).unwrap_err();
        assert_eq!(error, OpenError::System(Errno::ELOOP));
    }

    #[test]
    fn links_of_the_administrator_are_followed() {
        let tree = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), tree.path().join("hosts")).unwrap();
        open_log(
            &path_in(&tree.path().join("hosts"), "web1/sshd.log"),
            &FileSettings::default(),
        )
        .unwrap();
        assert!(elsewhere.path().join("web1/sshd.log").exists());

        symlink(elsewhere.path().join("real.log"), tree.path().join("fixed.log")).unwrap();
        let fixed = format!("{}/fixed.log", tree.path().display());
        open_log(&FilePath::new(fixed.as_bytes(), fixed.len()), &FileSettings::default()).unwrap();
        assert!(elsewhere.path().join("real.log").exists());
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&tree.path().join("sshd.log"), Mode::from_bits_truncate(0o600)).unwrap();
        let error = open_log(&path_in(tree.path(), "sshd.log"), &FileSettings::default()).unwrap_err();
        assert_eq!(error, OpenError::NotRegular);
    }

    #[test]
    fn a_cut_off_last_line_is_noticed() {
        let tree = tempfile::tempdir().unwrap();
        for (content, cut_off) in [("", false), ("whole\n", false), ("whole\ncut o", true)] {
            fs::write(tree.path().join("a.log"), content).unwrap();
            let opened = open_log(&path_in(tree.path(), "a.log"), &FileSettings::default()).unwrap();
            assert_eq!(opened.ends_mid_line, cut_off, "{content:?}");
        }
    }
}
