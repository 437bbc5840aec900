//! Brings what was written to its device: file by file, or a whole file system at once.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, fstatfs};
use nix::unistd::syncfs;

use super::log_file::{LogFile, Unsynced};
use super::store::Store;
use super::volume::{Syncing, Volume};

/// From so many files on they are synced together. Each alone waits for a commit of the journal and a flush of the device: 1,000
/// files of ext4 on a virtual disk took 5.4 s so, and 0.08 s together; 64 took 380 ms and 6 ms; 4 took 20 ms and 8 ms. It would pay
/// from two on, but syncfs(2) brings along what other programs have written.
const TOGETHER_MIN: usize = 16;

/// Syncs a file of the schedule, and with it the others that are due; all files there are, where that costs one call.
pub(super) fn sync_files(store: &Store, volume: &Volume, first: Arc<LogFile>) {
    let mut syncing = volume.syncing();
    let may_be_together = volume.syncs.len() + 1 >= TOGETHER_MIN && !syncing.has_failed;
    let mut files = vec![first];
    files.extend(if may_be_together {
        volume.syncs.take_all()
    } else {
        volume.syncs.take_due()
    });
    sync_under(&mut syncing, &files);
    store.note_written();
}

/// Syncs what was written to these files, at the end.
pub(super) fn sync_all(mut files: Vec<Arc<LogFile>>) {
    while let Some(first) = files.first() {
        let volume = first.volume().clone();
        let (of_volume, others) = files.into_iter().partition(|file| Arc::ptr_eq(file.volume(), &volume));
        files = others;
        sync_under(&mut volume.syncing(), &of_volume);
    }
}

fn sync_under(syncing: &mut Syncing, files: &[Arc<LogFile>]) {
    let unsynced: Vec<(&LogFile, Unsynced)> = files
        .iter()
        .flat_map(|file| file.take_unsynced().into_iter().map(|one| (&**file, one)))
        .collect();
    let mut done_together = HashSet::new();
    if !syncing.has_failed {
        for (device, first) in file_systems_of_many(unsynced.iter().map(|(_, one)| one)) {
            match sync_file_system(first) {
                Ok(true) => {
                    done_together.insert(device);
                }
                Ok(false) => {}
                Err(_) => syncing.has_failed = true,
            }
        }
    }
    for (file, one) in &unsynced {
        let is_done = one.fd().is_none() || done_together.contains(&one.device);
        let done = if is_done { Ok(()) } else { one.sync() };
        syncing.has_failed |= done.is_err();
        file.note_synced(one, done);
    }
}

/// Syncs one of a file whose lock the caller has.
pub(super) fn sync_one(file: &LogFile, unsynced: &Unsynced) {
    let mut syncing = file.volume().syncing();
    let done = unsynced.sync();
    syncing.has_failed |= done.is_err();
    file.note_synced(unsynced, done);
}

/// The file systems that enough of these are on to be synced whole, each with a descriptor: below one directory others can be mounted,
/// or linked to. It is that of the file that was opened first: a descriptor is told of what was lost since it was opened (Linux 5.8), and
/// whatever these have lost was written later.
fn file_systems_of_many<'u>(unsynced: impl Iterator<Item = &'u Unsynced>) -> Vec<(u64, &'u OwnedFd)> {
    let mut by_device: HashMap<u64, Vec<(Instant, &OwnedFd)>> = HashMap::new();
    for one in unsynced {
        if let Some(fd) = one.fd() {
            by_device.entry(one.device).or_default().push((one.opened, fd));
        }
    }
    by_device.retain(|_, files| files.len() >= TOGETHER_MIN);
    let first_of = |files: Vec<(Instant, &'u OwnedFd)>| files.into_iter().min_by_key(|(opened, _)| *opened);
    by_device
        .into_iter()
        .filter_map(|(device, files)| Some((device, first_of(files)?.1)))
        .collect()
}

/// Syncs the whole file system of this file, if that is known to bring all of it to the device and to tell of what was lost. An error
/// says that something was lost, of this one or of others.
fn sync_file_system(file: &OwnedFd) -> Result<bool, Errno> {
    // Where syncfs(2) waits until all is on the device. FUSE, for one, does not.
    let is_known = fstatfs(file)
        .is_ok_and(|stat| [EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC].contains(&stat.filesystem_type()));
    if !is_known {
        return Ok(false);
    }
    syncfs(file).map(|()| true)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_system_is_synced_whole_for_enough_files_of_its_own_only() {
        let opened = Instant::now();
        let open = || Arc::new(OwnedFd::from(File::open("/dev/null").unwrap()));
        let (late, early) = (open(), open());
        let later = opened + Duration::from_secs(1);
        let of = |device, count| (0..count).map(move |_| (device, later));
        let mut unsynced: Vec<Unsynced> = of(1, TOGETHER_MIN - 1)
            .chain(of(2, TOGETHER_MIN - 1))
            .chain(of(3, TOGETHER_MIN))
            .map(|(device, opened)| Unsynced::on(device, opened, &late))
            .collect();
        unsynced.insert(3, Unsynced::on(1, opened, &early));
        let mut found = file_systems_of_many(unsynced.iter());
        found.sort_by_key(|(device, _)| *device);
        let devices: Vec<u64> = found.iter().map(|(device, _)| *device).collect();
        assert_eq!(devices, [1, 3]);
        assert!(std::ptr::eq(found[0].1, &*early), "the one that was opened first");
    }
}
