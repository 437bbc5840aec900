//! Brings what was written to its device: file by file, or a whole file system at once.

use std::sync::Arc;

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
    let is_done = unsynced.len() >= TOGETHER_MIN && !syncing.has_failed && {
        let done = sync_together(unsynced.iter().map(|(_, one)| one));
        syncing.has_failed = done.is_err();
        done == Ok(true)
    };
    for (file, one) in &unsynced {
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

/// Syncs the whole file system of these, if that is known to bring all of them to the device and to tell of what was lost. An error
/// says that something was lost, of these or of others.
fn sync_together<'u>(unsynced: impl Iterator<Item = &'u Unsynced>) -> Result<bool, Errno> {
    // Through the one that was opened first: a descriptor is told of what was lost since it was opened (Linux 5.8), and whatever these
    // have lost was written later.
    let with_fd = unsynced.filter_map(|one| Some((one.opened, one.fd()?)));
    let Some((_, first)) = with_fd.min_by_key(|(opened, _)| *opened) else {
        return Ok(true);
    };
    // Where syncfs(2) waits until all is on the device. FUSE, for one, does not.
    let is_known = fstatfs(first)
        .is_ok_and(|stat| [EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC].contains(&stat.filesystem_type()));
    if !is_known {
        return Ok(false);
    }
    syncfs(first).map(|()| true)
}
