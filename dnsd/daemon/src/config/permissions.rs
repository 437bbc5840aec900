//! What whom the daemon becomes may do with files, as far as their modes and owners say: it starts as root, which may do all.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ballast_shared::privileges::Process;

/// Bits of a mode, as those for everybody have them.
const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
/// Of a folder: what is in it can be come to by name.
const SEARCH: u32 = 0o1;

/// Whom the daemon becomes.
#[derive(Debug)]
pub(super) struct User {
    uid: u32,
    groups: Vec<u32>,
}

impl User {
    /// `None` when it stays who starts it, or is root all the time.
    pub(super) fn of(process: &Process) -> Option<Self> {
        let uid = process.uid().filter(|uid| !uid.is_root())?;
        Some(Self {
            uid: uid.as_raw(),
            groups: process.groups().into_iter().map(nix::unistd::Gid::as_raw).collect(),
        })
    }

    /// Whether it may read a file. Of one that isn't there nothing is said.
    pub(super) fn may_read(&self, file: &Path) -> bool {
        self.may(file, READ)
    }

    /// Whether it may replace a file, or make it: what is there already doesn't matter, as another takes its name.
    pub(super) fn may_replace(&self, file: &Path) -> bool {
        // Of a link it is the file that it leads to, as where the new one is written.
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        file.parent().is_none_or(|folder| self.may_fill(folder))
    }

    /// Whether it may make and remove files in a folder.
    pub(super) fn may_fill(&self, folder: &Path) -> bool {
        self.may(folder, WRITE | SEARCH)
    }

    /// Whether it may see which files there are in a folder, and come to them.
    pub(super) fn may_list(&self, folder: &Path) -> bool {
        self.may(folder, READ | SEARCH)
    }

    fn may(&self, path: &Path, wanted: u32) -> bool {
        // Links lead to where the modes count.
        let Ok(path) = fs::canonicalize(path) else { return true };
        let mut folders = path.ancestors().skip(1);
        folders.all(|folder| self.is_let(folder, SEARCH)) && self.is_let(&path, wanted)
    }

    fn is_let(&self, path: &Path, wanted: u32) -> bool {
        let Ok(metadata) = fs::metadata(path) else { return true };
        let mode = metadata.mode();
        // The first that fits counts, be it less than what others have (path_resolution(7)).
        let granted = if metadata.uid() == self.uid {
            mode >> 6
        } else if self.groups.contains(&metadata.gid()) {
            mode >> 3
        } else {
            mode
        };
        granted & wanted == wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_owner_the_group_and_everybody_have_bits_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        open(dir.path(), 0o755);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let made = fs::metadata(&file).unwrap();
        let user = |uid, gid| User { uid, groups: vec![gid] };
        let (owner, member, other) = (
            user(made.uid(), made.gid()),
            user(made.uid() + 1, made.gid()),
            user(made.uid() + 1, made.gid() + 1),
        );
        for (mode, expected) in [
            (0o600, [true, false, false]),
            (0o640, [true, true, false]),
            (0o604, [true, false, true]),
            (0o044, [false, true, true]),
        ] {
            open(&file, mode);
            assert_eq!(
                [&owner, &member, &other].map(|user| user.may_read(&file)),
                expected,
                "{mode:o}"
            );
        }
        assert_eq!(
            [&owner, &member, &other].map(|user| user.may_replace(&file)),
            [true, false, false]
        );
        open(dir.path(), 0o700);
        assert!(!other.may_read(&file), "the folder can't be come through");
        assert!(other.may_read(&dir.path().join("nothing")), "that is for others to say");
    }
}
