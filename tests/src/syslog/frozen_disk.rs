//! logd with a file system of its own that can be made to hang: every write to it waits, as with a file server that is away or a disk
//! that is dying, until it is let go.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::small_disk;
use crate::daemon::{Daemon, Setup, program};

/// The smallest that ext4 makes with a journal, and room to spare.
const DISK_BYTES: u64 = 64 << 20;

/// Starts logd with an ext4 at this folder, which ends with it. `None` where none can be made: that needs root and a loop device, and
/// some containers have neither.
///
/// # Panics
/// When logd does not start.
#[must_use]
pub fn start(setup: Setup, folder: &str) -> Option<Daemon> {
    let (disk, image) = (setup.path().join(folder), setup.path().join("disk.image"));
    fs::create_dir_all(&disk).expect("a folder to mount at");
    File::create(&image)
        .and_then(|file| file.set_len(DISK_BYTES))
        .expect("a file to make a disk of");
    let made = Command::new("mkfs.ext4").arg("-q").arg(&image).status();
    let mount = format!("mount -o loop {} {}", image.display(), disk.display());
    let can_mount = || Command::new("unshare").args(["--mount", "sh", "-c", &mount]).status();
    if !(made.is_ok_and(|made| made.success()) && can_mount().is_ok_and(|mounted| mounted.success())) {
        eprintln!("skipped: no right to mount, or no loop device");
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")])
        .arg(program("logd"));
    Some(setup.start_by(command))
}

/// A file system that hangs until this is dropped.
pub struct Frozen {
    thaws: Child,
}

/// Lets the file system at logd's folder hang. It is let go however the test ends: nobody could end a process that waits for it.
///
/// # Panics
/// When it can't be frozen.
#[must_use]
pub fn freeze(logd: &Daemon, folder: &str) -> Frozen {
    let disk = small_disk::at(logd, folder);
    // Waits for the end of its standard input, which is that of the test at the latest, in a session that nobody kills with it.
    let thaws = Command::new("setsid")
        .args(["sh", "-c", "cat > /dev/null; fsfreeze -u ."])
        .current_dir(&disk)
        .stdin(Stdio::piped())
        .spawn()
        .expect("setsid is there");
    let frozen = Frozen { thaws };
    fsfreeze(&disk);
    frozen
}

fn fsfreeze(disk: &Path) {
    let status = Command::new("fsfreeze").arg("-f").arg(disk).status();
    assert!(
        status.expect("fsfreeze is there").success(),
        "{} is frozen",
        disk.display()
    );
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.thaws.stdin.take());
        let _ = self.thaws.wait();
    }
}
