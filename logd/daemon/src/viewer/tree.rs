//! The files that an output writes: found by walking its tree with the path template read backwards.
//!
//! No path comes from a client. What stands before the first property of the template is the administrator's and may contain
//! links; below it each component is opened by itself with O_NOFOLLOW, as it is for writing, and only names that the template
//! can have made are looked at.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use logd_core::path::{Inverse, PathTemplate};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::line::Format;
use crate::live::Pattern;

/// More files than this are not looked at in one go: their list alone would take 20 MB.
const FILES_MAX: usize = 100_000;

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
#[derive(Debug, Default)]
pub(super) struct Files {
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
        let mut walk = Walk {
            tree: self,
            wanted,
            until,
            files,
            names: Vec::new(),
        };
        walk.directory(root, None, None);
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

struct Walk<'w> {
    tree: &'w Tree,
    wanted: &'w Wanted,
    until: &'w Until,
    files: &'w mut Files,
    /// The components above.
    names: Vec<CString>,
}

impl Walk<'_> {
    fn directory(&mut self, directory: OwnedFd, host: Option<&str>, program: Option<&str>) {
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
            if self.files.found.len() >= FILES_MAX || self.until.is_over() {
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

impl Files {
    pub(super) fn refuse(&mut self, path: &Path, errno: Errno) {
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(format!("{}: {}", path.display(), errno.desc()));
        }
    }
}

/// What `/viewer/tree` says of an output.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    output: String,
    root: String,
    tells_host: bool,
    tells_program: bool,
    has_time: bool,
    has_severity: bool,
    /// By host, then by program; the empty name where the path says neither.
    hosts: BTreeMap<String, BTreeMap<String, Summary>>,
    /// There are more files than are listed.
    cut: bool,
    refused: Vec<String>,
}

/// The files of one host and program.
#[derive(Debug, Default, Serialize)]
struct Summary {
    files: u64,
    bytes: u64,
    /// When the newest was last written; unix seconds.
    modified: i64,
}

/// Lists what is in a tree.
pub(super) fn list(tree: &Tree, until: &Until) -> Listing {
    let mut files = Files::default();
    tree.files(&Wanted::default(), until, &mut files);
    let mut hosts = BTreeMap::<String, BTreeMap<String, Summary>>::new();
    for file in files.found {
        let of_host = hosts.entry(file.host.unwrap_or_default()).or_default();
        let summary = of_host.entry(file.program.unwrap_or_default()).or_default();
        summary.files += 1;
        summary.bytes += file.bytes;
        summary.modified = summary.modified.max(file.modified_s);
    }
    let (tells_host, tells_program) = tree.tells();
    Listing {
        output: tree.name.clone(),
        root: tree.root(),
        tells_host,
        tells_program,
        has_time: tree.format.has_time(),
        has_severity: tree.format.has_severity(),
        hosts,
        cut: files.cut,
        refused: files.refused,
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
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use logd_core::template::Template;

    use super::*;

    fn until() -> Until {
        Until {
            deadline: Instant::now() + Duration::from_secs(60),
            gone: CancellationToken::new(),
        }
    }

    fn tree(directory: &Path, below: &str) -> Tree {
        let template = Template::parse(&format!("{}/{below}", directory.display())).unwrap();
        Tree::new("hosts", &PathTemplate::new(&template).unwrap(), None)
    }

    fn write(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "line\n").unwrap();
    }

    fn found(tree: &Tree, wanted: &Wanted) -> Vec<String> {
        let mut files = Files::default();
        tree.files(wanted, &until(), &mut files);
        let mut shown: Vec<_> = files.found.iter().map(Tree::shown).collect();
        shown.sort();
        shown
    }

    #[test]
    fn only_files_that_the_template_can_have_named_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "web1/sshd.log",
            "web1/sshd.log-20261201.zst",
            "db1/cron.log",
            "web1/notes.txt",
            "top.log",
        ] {
            write(&dir.path().join(name));
        }
        write(&dir.path().join("web1/deeper/sshd.log"));
        let tree = tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log");
        assert_eq!(
            found(&tree, &Wanted::default()),
            ["db1/cron.log", "web1/sshd.log", "web1/sshd.log-20261201.zst"]
        );
        let of_db1 = Wanted {
            host: Pattern::parse("db*"),
            program: None,
        };
        assert_eq!(found(&tree, &of_db1), ["db1/cron.log"]);
    }

    #[test]
    fn links_below_the_root_are_neither_listed_nor_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        write(&outside.path().join("secret.log"));
        write(&dir.path().join("web1/sshd.log"));
        symlink(outside.path(), dir.path().join("evil")).unwrap();
        symlink(outside.path().join("secret.log"), dir.path().join("web1/link.log")).unwrap();
        let tree = tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log");
        assert_eq!(found(&tree, &Wanted::default()), ["web1/sshd.log"]);

        // A directory or file that is exchanged for a link after it was listed.
        let mut files = Files::default();
        tree.files(&Wanted::default(), &until(), &mut files);
        fs::rename(dir.path().join("web1"), dir.path().join("aside")).unwrap();
        symlink(dir.path().join("aside"), dir.path().join("web1")).unwrap();
        assert!(matches!(tree.open(&files.found[0]), Err(Errno::ENOTDIR | Errno::ELOOP)));
        fs::remove_file(dir.path().join("web1")).unwrap();
        fs::create_dir(dir.path().join("web1")).unwrap();
        symlink(outside.path().join("secret.log"), dir.path().join("web1/sshd.log")).unwrap();
        assert_eq!(tree.open(&files.found[0]).unwrap_err(), Errno::ELOOP);
        fs::remove_file(dir.path().join("web1/sshd.log")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("web1/sshd.log"), Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(tree.open(&files.found[0]).unwrap_err(), Errno::ENXIO);
    }

    #[test]
    fn a_fixed_path_is_one_file_and_what_was_rotated_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        write(&real);
        symlink(&real, dir.path().join("auth.log")).unwrap();
        for name in ["auth.log.1.gz", "auth.log-20261201", "auth.logger", "other.log"] {
            write(&dir.path().join(name));
        }
        let tree = tree(dir.path(), "auth.log");
        assert_eq!(
            found(&tree, &Wanted::default()),
            ["auth.log", "auth.log-20261201", "auth.log.1.gz"]
        );
    }

    #[test]
    fn a_search_that_is_over_finds_no_more_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("web1/sshd.log"));
        let over = until();
        over.gone.cancel();
        let mut files = Files::default();
        tree(dir.path(), "%HOSTNAME%/%PROGRAMNAME%.log").files(&Wanted::default(), &over, &mut files);
        assert!(files.found.is_empty() && files.cut);
    }
}
