//! Whether a file can be read by who the daemon becomes, as its mode and those of the folders above it say.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Process;

/// The bits of a mode that let read, and those that let a folder be walked through: of the owner; the group's and others' are
/// three and six bits lower.
const READ: u32 = 0o400;
const WALK: u32 = 0o100;

impl Process {
    /// Whether the user that the daemon becomes can read a file, links followed. An access control list may let it all the same.
    ///
    /// # Errors
    /// When the file, or a folder above it, can't be looked at.
    pub fn may_read(&self, file: &Path) -> io::Result<bool> {
        let Some(uid) = self.uid().filter(|uid| !uid.is_root()) else {
            return Ok(true);
        };
        let groups: Vec<u32> = self.groups().into_iter().map(nix::unistd::Gid::as_raw).collect();
        let file = fs::canonicalize(file)?;
        for folder in file.ancestors().skip(1) {
            if !allows(&fs::metadata(folder)?, WALK, uid.as_raw(), &groups) {
                return Ok(false);
            }
        }
        Ok(allows(&fs::metadata(&file)?, READ, uid.as_raw(), &groups))
    }
}

/// The first that fits decides: the owner's bits, the group's or the others' (path_resolution(7)).
fn allows(metadata: &Metadata, owners_bit: u32, uid: u32, groups: &[u32]) -> bool {
    let bit = if metadata.uid() == uid {
        owners_bit
    } else if groups.contains(&metadata.gid()) {
        owners_bit >> 3
    } else {
        owners_bit >> 6
    };
    metadata.mode() & bit != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Diagnostics, load};
    use crate::privileges::ProcessSpec;

    fn nobody(folder: &Path) -> Process {
        let file = folder.join("process.toml");
        fs::write(&file, "[process]\nuser = \"nobody\"\n").unwrap();
        let diagnostics = Diagnostics::new();
        let mut spec = ProcessSpec::default();
        load(&file, &diagnostics, &mut |root| {
            spec.read(&root.table("process").unwrap())
        });
        Process::resolve(&spec, &diagnostics)
    }

    #[test]
    fn mode_and_folders_decide_what_another_user_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = nobody(folder.path());
        let key = folder.path().join("key.pem");
        fs::write(&key, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(folder.path(), 0o755);
        for (mode, expected) in [(0o600, false), (0o640, false), (0o604, true), (0o000, false)] {
            set(&key, mode);
            assert_eq!(nobody.may_read(&key).unwrap(), expected, "{mode:o}");
        }
        set(&key, 0o644);
        set(folder.path(), 0o700);
        assert!(!nobody.may_read(&key).unwrap());
        assert!(Process::default().may_read(&key).unwrap());
        assert!(nobody.may_read(&folder.path().join("none")).is_err());
    }
}
