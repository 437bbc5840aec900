//! The walk through a tree.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};

use super::{FILES_MAX, Files, Found, Tree, Until, Wanted, directory_flags, is_regular};
use crate::live::Pattern;

/// A walk.
pub(super) struct Walk<'w> {
    tree: &'w Tree,
    wanted: &'w Wanted,
    until: &'w Until,
    files: &'w mut Files,
    /// The components above.
    names: Vec<CString>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(tree: &'w Tree, wanted: &'w Wanted, until: &'w Until, files: &'w mut Files) -> Self {
        Self {
            tree,
            wanted,
            until,
            files,
            names: Vec::new(),
        }
    }

    /// Adds the files of a directory, of which the path so far tells host and program, and of those in it.
    pub(super) fn directory(&mut self, directory: OwnedFd, host: Option<&str>, program: Option<&str>) {
        let mut directory = match Dir::from_fd(directory) {
            Ok(directory) => directory,
            Err(errno) => return self.refuse(errno),
        };
        let mut entries = Vec::new();
        for entry in directory.iter() {
            match entry {
                Ok(entry) => entries.push((entry.file_name().to_owned(), entry.file_type())),
                Err(errno) => {
                    self.refuse(errno);
                    break;
                }
            }
            if entries.len() > FILES_MAX {
                self.files.cut = true;
                break;
            }
        }
        for (name, kind) in entries {
            if self.files.found.len() >= self.files.max || self.until.is_over() {
                self.files.cut = true;
                return;
            }
            self.entry(&directory, name, kind, host, program);
        }
    }

    fn entry(&mut self, directory: &Dir, name: CString, kind: Option<Type>, host: Option<&str>, program: Option<&str>) {
        let bytes = name.as_bytes();
        if matches!(bytes, b"." | b"..") {
            return;
        }
        let Some(told) = self.tree.inverse.read(self.names.len(), bytes) else {
            return;
        };
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let host = told.host.map(text).or_else(|| host.map(str::to_owned));
        let program = told.program.map(text).or_else(|| program.map(str::to_owned));
        let excludes = |pattern: Option<&Pattern>, name: Option<&String>| {
            pattern
                .zip(name)
                .is_some_and(|(pattern, name)| !pattern.matches(name.as_bytes()))
        };
        if excludes(self.wanted.host.as_ref(), host.as_ref())
            || excludes(self.wanted.program.as_ref(), program.as_ref())
        {
            return;
        }
        if self.names.len() + 1 == self.tree.inverse.depth() {
            self.file(directory, name, host, program);
        } else if kind.is_none_or(|kind| kind == Type::Directory) {
            match openat(
                directory,
                name.as_c_str(),
                directory_flags() | OFlag::O_NOFOLLOW,
                Mode::empty(),
            ) {
                Ok(below) => {
                    self.names.push(name);
                    self.directory(below, host.as_deref(), program.as_deref());
                    self.names.pop();
                }
                // Files, links, and what was removed meanwhile.
                Err(Errno::ENOTDIR | Errno::ELOOP | Errno::ENOENT) => {}
                Err(errno) => {
                    self.names.push(name);
                    self.refuse(errno);
                    self.names.pop();
                }
            }
        }
    }

    fn file(&mut self, directory: &Dir, name: CString, host: Option<String>, program: Option<String>) {
        let follow = match self.tree.is_fixed {
            true => AtFlags::empty(),
            false => AtFlags::AT_SYMLINK_NOFOLLOW,
        };
        let Ok(stat) = fstatat(directory, name.as_c_str(), follow) else {
            return;
        };
        if !is_regular(&stat) {
            return;
        }
        let names = self.names.iter().cloned().chain([name]).collect();
        self.files.found.push(Found {
            names,
            host,
            program,
            bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified_s: stat.st_mtime,
            identity: (stat.st_dev, stat.st_ino),
        });
    }

    fn refuse(&mut self, errno: Errno) {
        let below: PathBuf = self
            .names
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        self.files.refuse(&self.tree.root.join(below), errno);
    }
}
