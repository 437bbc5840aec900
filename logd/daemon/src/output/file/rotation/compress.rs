//! Compresses a rotated file: into a file beside it that is whole and on its device before it takes its name, and only then the
//! original goes. Whatever interrupts this, all lines are in one of the two.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use flate2::write::GzEncoder;
use logd_core::rotation::{Compression, TEMPORARY};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, fchmod, fchown, fstat, fstatvfs, fsync, futimens,
    openat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::mark::Mark;
use super::rename::rename;
use super::walk::open_file;
use crate::output::file::open::open_directory;
use crate::output::file::path::FilePath;

/// How much is read at a time; between two reads it is looked whether to stop.
const CHUNK_BYTES: usize = 256 << 10;

/// zstd's own default: a few hundred megabytes a second, and a tenth of the size for logs as they are.
const ZSTD_LEVEL: i32 = 3;

/// Of a file's length, how much room there must be beside it before its compression begins: logs shrink to less.
const ROOM_SHARE: u64 = 4;

/// Why a file was not compressed. It stays as it is, and the next round tries again.
#[derive(Debug)]
pub(super) enum CompressError {
    Io(io::Error),
    /// The file system would have less free than `min-free`.
    NoRoom,
    /// A file that is not ours has the name.
    Taken,
    /// The daemon ends.
    Stopped,
}

impl From<io::Error> for CompressError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for CompressError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoRoom => f.write_str("there is no room beside the file"),
            Self::Taken => f.write_str("another file has the name of the compressed one"),
            Self::Stopped => f.write_str("the daemon ends"),
        }
    }
}

/// Compresses a rotated file of ours. Nothing is done about one that is gone.
pub(super) fn compress(
    path: &FilePath,
    by: Compression,
    min_free_bytes: u64,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), CompressError> {
    let directory = open_directory(path).map_err(|errno| io::Error::from_raw_os_error(errno as i32))?;
    let name = path.file_name();
    let (original, stat) = match open_file(directory.as_fd(), name) {
        Ok(opened) => opened,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    let space = fstatvfs(&original)?;
    let wanted = min_free_bytes.saturating_add(stat.st_size.unsigned_abs() / ROOM_SHARE);
    if space.f_bavail.saturating_mul(space.f_frsize) < wanted {
        return Err(CompressError::NoRoom);
    }
    let compressed = [name, by.suffix()].concat();
    let temporary = [&compressed, TEMPORARY].concat();
    remove_partial(&directory, &temporary)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(&directory, &*temporary, flags, Mode::RUSR | Mode::WUSR)?);
    let done = Mark::Partial
        .leave_on(&file)
        .map_err(CompressError::from)
        .and_then(|()| encode(original, &file, by, is_stopped))
        .and_then(|()| Ok(finish(&file, &stat)?))
        .and_then(|()| put_in_place(&directory, &temporary, &compressed));
    if done.is_err() {
        // What stays is removed by the next round, which knows it by its mark.
        let _ = unlinkat(&directory, &*temporary, AtFlags::empty());
        return done;
    }
    // The new name is on the device before the old file goes.
    fsync(reopened(&directory)?)?;
    Ok(unlinkat(&directory, name, AtFlags::empty())?)
}

fn encode(original: File, to: &File, by: Compression, is_stopped: &dyn Fn() -> bool) -> Result<(), CompressError> {
    let mut from = BufReader::with_capacity(CHUNK_BYTES, original);
    match by {
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(to, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            copy(&mut from, &mut encoder, is_stopped)?;
            encoder.finish()?;
        }
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(to, flate2::Compression::default());
            copy(&mut from, &mut encoder, is_stopped)?;
            encoder.finish()?;
        }
    }
    Ok(())
}

fn copy(from: &mut impl Read, to: &mut impl Write, is_stopped: &dyn Fn() -> bool) -> Result<(), CompressError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        if is_stopped() {
            return Err(CompressError::Stopped);
        }
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(&chunk[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes it the original's equal: owner, mode, and the time of the last line, by which its age is told.
fn finish(file: &File, original: &Stat) -> Result<(), Errno> {
    Mark::Rotated.leave_on(file)?;
    let own = fstat(file)?;
    if (own.st_uid, own.st_gid) != (original.st_uid, original.st_gid) {
        fchown(
            file,
            Some(Uid::from_raw(original.st_uid)),
            Some(Gid::from_raw(original.st_gid)),
        )?;
    }
    fchmod(file, Mode::from_raw_mode(original.st_mode))?;
    let last = Timespec {
        tv_sec: original.st_mtime,
        tv_nsec: i64::try_from(original.st_mtime_nsec).unwrap_or_default(),
    };
    let times = Timestamps {
        last_access: last,
        last_modification: last,
    };
    futimens(file, &times)?;
    fsync(file)
}

/// Gives it its name. One of ours that has it was made of the same original before a crash: it is replaced.
fn put_in_place(directory: &OwnedFd, temporary: &[u8], name: &[u8]) -> Result<(), CompressError> {
    match rename(directory, temporary, name) {
        Err(Errno::EXIST) => {}
        done => return Ok(done?),
    }
    let is_ours = open_file(directory.as_fd(), name)
        .is_ok_and(|(file, _)| matches!(Mark::of(&file), Some(Mark::Rotated | Mark::Archived)));
    if !is_ours {
        return Err(CompressError::Taken);
    }
    Ok(renameat(directory, temporary, directory, name)?)
}

/// Removes what an interrupted compression has left, and nothing else of that name: it was marked as soon as it was made, and once
/// more when it was whole.
fn remove_partial(directory: &OwnedFd, name: &[u8]) -> Result<(), CompressError> {
    match open_file(directory.as_fd(), name) {
        Err(Errno::NOENT) => Ok(()),
        Ok((file, stat)) if is_left_behind(&file, &stat) => Ok(unlinkat(directory, name, AtFlags::empty())?),
        _ => Err(CompressError::Taken),
    }
}

fn is_left_behind(file: &File, stat: &Stat) -> bool {
    match Mark::of(file) {
        Some(Mark::Partial | Mark::Rotated) => true,
        Some(Mark::Live { .. } | Mark::Archived) => false,
        // Killed before it could be marked.
        None => stat.st_size == 0 && stat.st_uid == geteuid().as_raw(),
    }
}

/// The directory as a descriptor that can be synced, which one for paths only can't.
fn reopened(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(directory, c".", flags, Mode::empty())
}
