//! Walks the files of a tree that its template can have named, following no link.
//!
//! A walk is as deep as the template and has one directory of each level open; names are taken as the system gives them, so its
//! memory does not grow with the tree.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use logd_core::rotation::Rotated;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, unlinkat};
use rustix::io;
use tracing::debug;

use super::mark::Mark;
use super::tree::Tree;

/// A directory that is empty, and has been for so long, is not about to get a file.
const EMPTY_S: i64 = 3_600;

/// From this length on the name of a rotated file may be one that was cut.
const CUT_BYTES_MIN: usize = 220;

/// A file of a tree.
pub(super) struct Found<'w> {
    /// All of its path.
    pub(super) path: &'w [u8],
    pub(super) kind: Kind<'w>,
    /// A plugin keeps it elsewhere.
    pub(super) is_archived: bool,
    pub(super) stat: Stat,
}

/// What its name and its mark say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'w> {
    /// Messages may go to it, since this time.
    Live { since_s: i64 },
    /// It was rotated.
    Rotated(Rotated<'w>),
    /// A compression left it behind.
    Partial,
}

/// Who walks.
pub(super) trait Visitor {
    /// Whether to go no further.
    fn is_done(&self) -> bool;

    /// A file with logd's mark.
    fn visit(&mut self, found: &Found<'_>);

    /// Whether directories that hold nothing go.
    fn removes_empty_directories(&self) -> bool {
        false
    }
}

impl Tree {
    /// Shows the visitor each file of the tree that logd has marked.
    pub(super) fn walk(&self, visitor: &mut dyn Visitor, now_s: i64) {
        let mut path = self.root.to_vec();
        let root: &[u8] = if path.is_empty() { b"." } else { &self.root };
        match openat(CWD, root, directory_flags(), Mode::empty()) {
            Ok(root) => self.walk_directory(&root, 0, &mut path, visitor, now_s),
            // It comes with the first line.
            Err(error) => debug!(output = self.owner.output.name(), %error, "no tree to walk"),
        }
    }

    /// A directory of the component above `depth`, whose path, with its slash, is in `path`.
    fn walk_directory(
        &self,
        directory: &OwnedFd,
        depth: usize,
        path: &mut Vec<u8>,
        visitor: &mut dyn Visitor,
        now_s: i64,
    ) {
        let Ok(mut entries) = Dir::read_from(directory) else {
            return;
        };
        let length = path.len();
        while let Some(Ok(entry)) = entries.read() {
            if visitor.is_done() {
                return;
            }
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            path.extend_from_slice(name);
            if depth + 1 == self.pattern.depth() {
                self.visit_file(directory.as_fd(), name, path, visitor);
            } else if self.pattern.matches(depth, name)
                && matches!(entry.file_type(), FileType::Directory | FileType::Unknown)
                && let Ok(below) = openat(directory, name, directory_flags() | OFlags::NOFOLLOW, Mode::empty())
            {
                path.push(b'/');
                self.walk_directory(&below, depth + 1, path, visitor, now_s);
                if visitor.removes_empty_directories() && is_long_empty(&below, now_s) {
                    // One that is not empty stays.
                    let _ = unlinkat(directory, name, AtFlags::REMOVEDIR);
                }
            }
            path.truncate(length);
        }
    }

    fn visit_file(&self, directory: BorrowedFd<'_>, name: &[u8], path: &[u8], visitor: &mut dyn Visitor) {
        let file = self.pattern.depth() - 1;
        let is_live_name = self.pattern.matches(file, name);
        let rotated = Rotated::parse(name).filter(|rotated| {
            self.pattern.matches(file, rotated.of)
                || rotated.of.len() >= CUT_BYTES_MIN && self.pattern.begins_file_name(rotated.of)
        });
        if !is_live_name && rotated.is_none() {
            return;
        }
        let Ok((opened, stat)) = open_file(directory, name) else {
            return;
        };
        let mark = Mark::of(&opened);
        let kind = match (mark, rotated) {
            (Some(Mark::Partial | Mark::Rotated), Some(rotated)) if rotated.is_temporary => Kind::Partial,
            (Some(Mark::Live { since_s }), _) if is_live_name => Kind::Live { since_s },
            // Marked as live it is of an owner on whose files we may not change the mark.
            (Some(Mark::Rotated | Mark::Archived | Mark::Live { .. }), Some(rotated)) if !rotated.is_temporary => {
                Kind::Rotated(rotated)
            }
            // Marked as rotated, then there was a crash before it got its name.
            (Some(Mark::Rotated), None) => Kind::Live { since_s: stat.st_mtime },
            _ => return,
        };
        visitor.visit(&Found {
            path,
            kind,
            is_archived: mark == Some(Mark::Archived),
            stat,
        });
    }
}

/// Opens a regular file for reading, following no link.
pub(super) fn open_file(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<(File, Stat)> {
    // O_NONBLOCK: a pipe of that name must not hold us until somebody writes to it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Errno::INVAL);
    }
    Ok((File::from(file), stat))
}

fn is_long_empty(directory: &OwnedFd, now_s: i64) -> bool {
    let is_old = fstat(directory).is_ok_and(|stat| stat.st_mtime + EMPTY_S < now_s);
    is_old
        && Dir::read_from(directory).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b"..")))
        })
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}
