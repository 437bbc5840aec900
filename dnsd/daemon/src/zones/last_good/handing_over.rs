//! The copies' folder goes over to the user that the daemon becomes, with what an earlier run of it as root has left there.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

use nix::fcntl::OFlag;
use tracing::warn;

/// Gives the folder away, and in it and in the views' folders the files that are root's: with these the daemon could do nothing,
/// journals of updates among them.
///
/// # Errors
/// When the folder itself can't be given away.
pub(crate) fn hand_over(folder: &Path, user: u32, group: Option<u32>) -> io::Result<()> {
    chown(folder, Some(user), group)?;
    let give_all = |folder: &Path| {
        let mut folders = Vec::new();
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            match give(&entry, user, group) {
                Ok(true) => folders.push(entry.path()),
                Ok(false) => {}
                Err(error) => warn!(%error, "{} can't be handed over to [process] user", entry.path().display()),
            }
        }
        folders
    };
    for view in give_all(folder) {
        // There are no folders in these.
        give_all(&view);
    }
    Ok(())
}

/// Whether it is a folder. Who has the folder already, the daemon of before, may have put anything in it: links are not followed,
/// and a file that has another name somewhere is left alone.
fn give(entry: &DirEntry, user: u32, group: Option<u32>) -> io::Result<bool> {
    let found = fs::symlink_metadata(entry.path())?;
    if found.uid() != 0 || !(found.is_file() || found.is_dir()) {
        return Ok(found.is_dir());
    }
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened: File = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(entry.path())?;
    let metadata = opened.metadata()?;
    let is_ours = metadata.is_dir() || (metadata.is_file() && metadata.nlink() == 1);
    if is_ours && metadata.uid() == 0 {
        fchown(&opened, Some(user), group)?;
    }
    Ok(metadata.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_root_has_left_goes_over_and_what_has_other_names_does_not() {
        let dir = tempfile::tempdir().unwrap();
        if fs::metadata(dir.path()).unwrap().uid() != 0 {
            // Only root gives files away.
            return;
        }
        let (folder, outside) = (dir.path().join("zones"), dir.path().join("outside"));
        fs::create_dir_all(folder.join("view")).unwrap();
        for file in [&folder.join("net.journal"), &folder.join("view/net.last"), &outside] {
            fs::write(file, "").unwrap();
        }
        fs::hard_link(&outside, folder.join("hard.last")).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("soft.last")).unwrap();
        hand_over(&folder, 4711, Some(4712)).unwrap();
        let owner = |path: &str| {
            let found = fs::symlink_metadata(dir.path().join(path)).unwrap();
            (found.uid(), found.gid())
        };
        for path in ["zones", "zones/view", "zones/net.journal", "zones/view/net.last"] {
            assert_eq!(owner(path), (4711, 4712), "{path}");
        }
        for path in ["outside", "zones/hard.last", "zones/soft.last"] {
            assert_eq!(owner(path).0, 0, "{path}");
        }
    }
}
