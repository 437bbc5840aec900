//! The mark that logd leaves on its files: the extended attribute `user.logd`.
//!
//! It names the inode that it was left on. `cp -a`, a backup that is restored and a move to another file system take the attribute along to
//! a file that somebody else has made, perhaps to keep what `keep` is about to remove: that one is not ours.

use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, fgetxattr, fsetxattr, fstat};
use rustix::io::{self, Errno};

const ATTRIBUTE: &str = "user.logd";

/// What a file is to logd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Mark {
    /// It is written to, since this time (unix seconds).
    Live { since_s: i64 },
    /// It was rotated.
    Rotated,
    /// It was rotated, and a plugin keeps it elsewhere.
    Archived,
    /// It is being made of a rotated one. After a crash nothing is lost with it.
    Partial,
}

impl Mark {
    /// The mark of a file; `None`: it is not ours, or nobody can tell.
    pub(in super::super) fn of(file: impl AsFd) -> Option<Self> {
        let mut value = [0; 64];
        let length = fgetxattr(&file, ATTRIBUTE, &mut value).ok()?;
        let value = std::str::from_utf8(value.get(..length)?).ok()?;
        let (mark, inode) = value.rsplit_once(' ')?;
        if inode.parse() != Ok(fstat(&file).ok()?.st_ino) {
            return None;
        }
        Self::parse(mark)
    }

    /// Leaves it on a file.
    pub(in super::super) fn leave_on(self, file: impl AsFd) -> io::Result<()> {
        let inode = fstat(&file)?.st_ino;
        let value = match self {
            Self::Live { since_s } => format!("live {since_s} {inode}"),
            Self::Rotated => format!("rotated {inode}"),
            Self::Archived => format!("archived {inode}"),
            Self::Partial => format!("partial {inode}"),
        };
        fsetxattr(&file, ATTRIBUTE, value.as_bytes(), XattrFlags::empty())
    }

    /// Whether an error means that the file system has no such attributes at all.
    pub(in super::super) fn is_unsupported(error: Errno) -> bool {
        matches!(error, Errno::NOTSUP | Errno::NOSYS)
    }

    fn parse(mark: &str) -> Option<Self> {
        match mark {
            "rotated" => Some(Self::Rotated),
            "archived" => Some(Self::Archived),
            "partial" => Some(Self::Partial),
            _ => Some(Self::Live {
                since_s: mark.strip_prefix("live ")?.parse().ok()?,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_with_its_file_and_others_and_copies_have_none() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Mark::of(&file), None);
        for mark in [
            Mark::Live { since_s: 1_796_132_700 },
            Mark::Partial,
            Mark::Rotated,
            Mark::Archived,
        ] {
            mark.leave_on(&file).unwrap();
            assert_eq!(Mark::of(&file), Some(mark));
            let copy = tempfile::tempfile().unwrap();
            let mut value = [0; 64];
            let length = fgetxattr(&file, ATTRIBUTE, &mut value).unwrap();
            fsetxattr(&copy, ATTRIBUTE, &value[..length], XattrFlags::empty()).unwrap();
            assert_eq!(Mark::of(&copy), None);
        }
        for value in [&b"something else"[..], b"rotated", b"live 1", b"", b"\xff 1"] {
            fsetxattr(&file, ATTRIBUTE, value, XattrFlags::empty()).unwrap();
            assert_eq!(Mark::of(&file), None);
        }
    }
}
