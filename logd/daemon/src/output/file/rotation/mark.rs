//! The mark that logd leaves on its files: the extended attribute `user.logd`.

use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};
use rustix::io::{self, Errno};

const ATTRIBUTE: &str = "user.logd";

/// What a file is to logd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Mark {
    /// It is written to, since this time (unix seconds).
    Live { since_s: i64 },
    /// It was rotated.
    Rotated,
    /// It is being made of a rotated one. After a crash nothing is lost with it.
    Partial,
}

impl Mark {
    /// The mark of a file; `None`: it is not ours, or nobody can tell.
    pub(in super::super) fn of(file: impl AsFd) -> Option<Self> {
        let mut value = [0; 64];
        let length = fgetxattr(file, ATTRIBUTE, &mut value).ok()?;
        Self::parse(value.get(..length)?)
    }

    /// Leaves it on a file.
    pub(in super::super) fn leave_on(self, file: impl AsFd) -> io::Result<()> {
        let value = match self {
            Self::Live { since_s } => format!("live {since_s}"),
            Self::Rotated => "rotated".to_owned(),
            Self::Partial => "partial".to_owned(),
        };
        fsetxattr(file, ATTRIBUTE, value.as_bytes(), XattrFlags::empty())
    }

    /// Whether an error means that the file system has no such attributes at all.
    pub(in super::super) fn is_unsupported(error: Errno) -> bool {
        matches!(error, Errno::NOTSUP | Errno::NOSYS)
    }

    fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"rotated" => Some(Self::Rotated),
            b"partial" => Some(Self::Partial),
            _ => {
                let since = std::str::from_utf8(value.strip_prefix(b"live ")?).ok()?;
                Some(Self::Live {
                    since_s: since.parse().ok()?,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_with_its_file_and_others_have_none() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Mark::of(&file), None);
        for mark in [Mark::Live { since_s: 1_796_132_700 }, Mark::Partial, Mark::Rotated] {
            mark.leave_on(&file).unwrap();
            assert_eq!(Mark::of(&file), Some(mark));
        }
        fsetxattr(&file, ATTRIBUTE, b"something else", XattrFlags::empty()).unwrap();
        assert_eq!(Mark::of(&file), None);
    }
}
