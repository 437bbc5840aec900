//! Whether the user that the daemon becomes can go on using the files and folders that it makes: with an owner and a mode
//! that shut it out, it would lose every line after the first.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ballast_shared::config::{Diagnostics, Span};
use ballast_shared::privileges::Process;
use nix::unistd::{Gid, Uid};

use crate::output::file::FileSettings;

/// The user and the groups that the daemon becomes.
pub(super) struct Access {
    user: Uid,
    groups: Vec<Gid>,
    umask: u32,
}

/// What the daemon is shut out of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Files that it made.
    Files,
    /// Folders that it made.
    Folders,
    /// A directory that is there.
    Directory(PathBuf),
}

impl Problem {
    /// Reports it. Of a directory no more than a warning: an access list can allow what the mode does not.
    pub(super) fn report(&self, at: Span, diagnostics: &Diagnostics) {
        match self {
            Self::Files => diagnostics.error_with_help(
                at,
                "the daemon could not write to these files again: it will run as another user",
                "leave `owner` away, or give a group that the daemon is in write permission",
            ),
            Self::Folders => diagnostics.error_with_help(
                at,
                "the daemon could not make files in these folders: it will run as another user",
                "leave `dir-owner` away, or give a group that the daemon is in write permission",
            ),
            Self::Directory(path) => diagnostics.warning(
                at,
                format!(
                    "the daemon will run as another user, who may not make files in {}",
                    path.display()
                ),
            ),
        }
    }
}

/// Permission bits of the class `others`; those of the group and the owner are the same, 3 and 6 bits to the left.
const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const SEARCH: u32 = 0o1;
const WRITE_AND_SEARCH: u32 = 0o3;

impl Access {
    /// That of a daemon that drops its privileges; the others can do what they could.
    pub(super) fn of(process: &Process) -> Option<Self> {
        let user = process.uid().filter(|user| !user.is_root())?;
        Some(Self {
            user,
            groups: process.groups(),
            umask: process.umask().unwrap_or(0),
        })
    }

    /// What the settings of an output shut the daemon out of, and a `directory` that it cannot make files in.
    pub(super) fn problems(&self, settings: &FileSettings, directory: Option<&Path>) -> Vec<Problem> {
        let own_group = self.groups.first().copied();
        let can = |owner: Option<Uid>, group: Option<Gid>, mode: u32, bits: u32| {
            let owner = owner.unwrap_or(self.user);
            self.has(owner, group.or(own_group), mode & !self.umask, bits)
        };
        let mut problems = Vec::new();
        if !can(settings.owner, settings.group, settings.file_mode, WRITE) {
            problems.push(Problem::Files);
        }
        if !can(
            settings.dir_owner,
            settings.dir_group,
            settings.dir_mode,
            WRITE_AND_SEARCH,
        ) {
            problems.push(Problem::Folders);
        }
        problems.extend(directory.and_then(|directory| self.directory_problem(directory)));
        problems
    }

    /// Whether the daemon may read a file, links followed. Of one that isn't there nothing is said.
    pub(super) fn may_read(&self, file: &Path) -> bool {
        let Ok(file) = file.canonicalize() else { return true };
        let may = |path: &Path, bits| {
            let stat = path.metadata();
            stat.map_or(true, |stat| {
                self.has(stat.uid().into(), Some(stat.gid().into()), stat.mode(), bits)
            })
        };
        may(&file, READ) && file.ancestors().skip(1).all(|folder| may(folder, SEARCH))
    }

    /// That the daemon cannot make files in a directory.
    pub(super) fn directory_problem(&self, directory: &Path) -> Option<Problem> {
        let (existing, stat) = nearest_existing(directory)?;
        let group = Some(stat.gid().into());
        let is_shut_out = !self.has(stat.uid().into(), group, stat.mode(), WRITE_AND_SEARCH);
        is_shut_out.then(|| Problem::Directory(existing.to_owned()))
    }

    /// Whether the daemon can write to what is at a path; what is not there says nothing.
    pub(super) fn may_write(&self, path: &Path) -> bool {
        path.metadata().map_or(true, |stat| {
            self.has(stat.uid().into(), Some(stat.gid().into()), stat.mode(), WRITE)
        })
    }

    /// Whether the daemon is in a group.
    pub(super) fn is_in(&self, group: Gid) -> bool {
        self.groups.contains(&group)
    }

    fn has(&self, owner: Uid, group: Option<Gid>, mode: u32, bits: u32) -> bool {
        let shift = if owner == self.user {
            6
        } else if group.is_some_and(|group| self.groups.contains(&group)) {
            3
        } else {
            0
        };
        mode >> shift & bits == bits
    }
}

/// The directory, or the one above it that is there: the missing ones would be made in it.
fn nearest_existing(directory: &Path) -> Option<(&Path, std::fs::Metadata)> {
    directory
        .ancestors()
        .find_map(|path| Some((path, path.metadata().ok()?)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOBODY: Uid = Uid::from_raw(65_534);
    const ADM: Gid = Gid::from_raw(4);
    const ROOT: Option<Uid> = Some(Uid::from_raw(0));

    fn access(umask: u32) -> Access {
        Access {
            user: NOBODY,
            groups: vec![Gid::from_raw(65_534), ADM],
            umask,
        }
    }

    #[test]
    fn files_and_folders_of_another_owner_are_told_apart() {
        let problems = |settings: &FileSettings| access(0o022).problems(settings, None);
        let default = FileSettings::default();
        assert_eq!(problems(&default), []);
        let files = FileSettings {
            owner: ROOT,
            ..default.clone()
        };
        assert_eq!(problems(&files), [Problem::Files]);
        let folders = FileSettings {
            dir_owner: ROOT,
            ..default
        };
        assert_eq!(problems(&folders), [Problem::Folders]);
    }

    #[test]
    fn a_group_helps_who_is_in_it_and_only_what_the_umask_leaves() {
        let works = |group: Gid, file_mode: u32, umask: u32| {
            let settings = FileSettings {
                owner: ROOT,
                group: Some(group),
                file_mode,
                ..FileSettings::default()
            };
            access(umask).problems(&settings, None).is_empty()
        };
        assert!(works(ADM, 0o660, 0o002));
        assert!(!works(ADM, 0o660, 0o022), "the umask takes the group's bit");
        assert!(!works(ADM, 0o640, 0o002));
        assert!(!works(Gid::from_raw(5), 0o660, 0o002), "it is not in this group");
    }

    #[test]
    fn a_directory_that_only_another_may_write_to_is_found() {
        let tree = tempfile::tempdir().unwrap();
        let problems = |mode: u32| {
            fs::set_permissions(tree.path(), fs::Permissions::from_mode(mode)).unwrap();
            access(0o022).problems(&FileSettings::default(), Some(&tree.path().join("not/there")))
        };
        assert_eq!(problems(0o755), [Problem::Directory(tree.path().to_owned())]);
        assert_eq!(problems(0o777), []);
    }

    #[test]
    fn a_file_is_read_where_it_and_all_folders_above_it_let_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (folder_mode, file_mode, expected) in [
            (0o755, 0o644, true),
            (0o755, 0o600, false),
            (0o711, 0o644, true),
            (0o700, 0o644, false),
        ] {
            set(folder.path(), folder_mode);
            set(&file, file_mode);
            assert_eq!(access(0).may_read(&file), expected, "{folder_mode:o} {file_mode:o}");
        }
        assert!(access(0).may_read(&folder.path().join("none")));
    }
}
