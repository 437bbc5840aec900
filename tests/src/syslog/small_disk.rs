//! logd with a small file system of its own below one of its folders, for what becomes of it when that is full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Daemon, Setup, program};

/// Starts logd with a file system of so many bytes at this folder, which ends with it. `None` where none can be made: mounting needs
/// root, and some containers don't let even root.
///
/// # Panics
/// When logd does not start.
#[must_use]
pub fn start(setup: Setup, folder: &str, bytes: usize) -> Option<Daemon> {
    let can_mount = Command::new("unshare").args(["--mount", "true"]).status();
    if !can_mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no right to mount");
        return None;
    }
    let disk = setup.path().join(folder);
    fs::create_dir_all(&disk).expect("a folder to mount at");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c"])
        .arg(format!(
            "mount -t tmpfs -o size={bytes} tmpfs {} && exec \"$0\" \"$@\"",
            disk.display()
        ))
        .arg(program("logd"));
    Some(setup.start_by(command))
}

/// The folder with the small file system, as only logd's own mounts show it.
///
/// # Panics
/// When the test's folder isn't an absolute path.
#[must_use]
pub fn at(logd: &Daemon, folder: &str) -> PathBuf {
    let path = logd.path().join(folder);
    PathBuf::from(format!("/proc/{}/root", logd.pid())).join(path.strip_prefix("/").expect("an absolute path"))
}

/// Writes a file until there is no room, not even for a byte.
///
/// # Panics
/// When the file can't be made.
pub fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file to fill the disk with");
    let mut size = 64 << 10;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
}
