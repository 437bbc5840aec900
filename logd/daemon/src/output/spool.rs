//! The spools of outputs on the disk: a folder each, `spool/NAME` in the work directory, for [`logd_core::spool`] to work with.
//!
//! The folder is locked: nobody else writes to it. After a reload the worker that takes an output over waits until the one before
//! it has put what it had into the spool.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use logd_core::spool::Disk;
use nix::errno::Errno;

/// The folder of all spools, in the work directory.
const FOLDER: &str = "spool";

/// Digits of the greatest number: in the order of their names, segments are in that of their records.
const NAME_DIGITS: usize = 20;
const EXTENSION: &str = "spool";
const POSITION: &str = "position";
const LOCK: &str = "lock";

/// The position takes less; what is behind it is none of ours.
const POSITION_FILE_BYTES_MAX: u64 = 4096;

/// Records hold whatever messages do: they are for nobody else to read.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Where the spool of an output is.
pub(crate) fn directory(work_dir: &Path, output: &str) -> PathBuf {
    work_dir.join(FOLDER).join(output)
}

/// Spools that are there and not of these outputs, each with its size: somebody has to decide about the records in them.
pub(crate) fn left_over(work_dir: &Path, outputs: &[&str]) -> Vec<(PathBuf, u64)> {
    let Ok(entries) = fs::read_dir(work_dir.join(FOLDER)) else {
        // There are none, or they are not for us to see.
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| !outputs.iter().any(|output| entry.file_name() == *output))
        .map(|entry| (entry.path(), segments_bytes(&entry.path())))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    found.sort();
    found
}

fn segments_bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == EXTENSION))
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// The files of a spool.
#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    /// The segment that is appended to, and the one that is read.
    appending: Option<(u64, File)>,
    reading: Option<(u64, File)>,
    /// Segments were made or removed since the folder was synced.
    is_folder_changed: bool,
    position: File,
    _lock: File,
}

impl Files {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::WouldBlock`] when somebody has it locked.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(directory)?;
        let file = |name| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(FILE_MODE)
                .open(directory.join(name))
        };
        let lock = file(LOCK)?;
        lock.try_lock()?;
        Ok(Self {
            directory: directory.to_owned(),
            appending: None,
            reading: None,
            is_folder_changed: true,
            position: file(POSITION)?,
            _lock: lock,
        })
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{segment:0NAME_DIGITS$}.{EXTENSION}"))
    }

    fn reading(&mut self, segment: u64) -> io::Result<&File> {
        if self.reading.as_ref().is_none_or(|(open, _)| *open != segment) {
            self.reading = Some((segment, File::open(self.path(segment))?));
        }
        Ok(&self.reading.as_ref().expect("it was just opened").1)
    }

    fn forget(&mut self, segment: u64) {
        self.appending.take_if(|(open, _)| *open == segment);
        self.reading.take_if(|(open, _)| *open == segment);
        self.is_folder_changed = true;
    }
}

impl Disk for Files {
    type Error = io::Error;

    fn has_no_room(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    fn is_damaged(error: &io::Error) -> bool {
        // What file systems and disks say of a bad sector, or of checksums that don't match.
        const DAMAGE: [Errno; 6] = [
            Errno::EIO,
            Errno::ENODATA,
            Errno::EBADMSG,
            Errno::EUCLEAN,
            Errno::EILSEQ,
            Errno::EREMOTEIO,
        ];
        // Somebody has removed it.
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        let errno = error.raw_os_error().map(Errno::from_raw);
        is_gone || errno.is_some_and(|errno| DAMAGE.contains(&errno))
    }

    fn segments(&mut self) -> io::Result<Vec<u64>> {
        let number = |path: &Path| -> Option<u64> {
            let is_segment = path.extension()? == EXTENSION;
            let name = path.file_stem()?.to_str().filter(|name| name.len() == NAME_DIGITS)?;
            is_segment.then(|| name.parse().ok())?
        };
        let mut segments = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            segments.extend(number(&entry?.path()));
        }
        Ok(segments)
    }

    fn append(&mut self, segment: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.appending.as_ref().is_none_or(|(open, _)| *open != segment) || at == 0 {
            // A short write that is left behind is behind the end of the segment that is appended to next, too.
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(at == 0)
                .mode(FILE_MODE)
                .open(self.path(segment))?;
            self.is_folder_changed = true;
            self.appending = Some((segment, file));
        }
        let (_, file) = self.appending.as_ref().expect("it was just opened");
        file.write_all_at(bytes, at)
    }

    fn read(&mut self, segment: u64, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = self.reading(segment)?;
        let mut length = 0;
        while length < into.len() {
            match file.read_at(&mut into[length..], at + length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(length)
    }

    fn length(&mut self, segment: u64) -> io::Result<u64> {
        Ok(self.reading(segment)?.metadata()?.len())
    }

    fn cut(&mut self, segment: u64, length: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.path(segment))?.set_len(length)
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        match &self.appending {
            Some((open, file)) if *open == segment => file.sync_data()?,
            _ => File::open(self.path(segment))?.sync_data()?,
        }
        if self.is_folder_changed {
            File::open(&self.directory)?.sync_all()?;
            self.is_folder_changed = false;
        }
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        self.forget(segment);
        match fs::remove_file(self.path(segment)) {
            // Gone is what it was to be.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn set_aside(&mut self, segment: u64) -> io::Result<()> {
        self.forget(segment);
        let path = self.path(segment);
        let aside = (0_u32..)
            .map(|n| path.with_extension(format!("{EXTENSION}.aside-{n}")))
            .find(|aside| !aside.exists())
            .expect("a number that is free");
        match fs::rename(path, aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn position(&mut self) -> io::Result<Vec<u8>> {
        let length = self.position.metadata()?.len().min(POSITION_FILE_BYTES_MAX);
        let mut bytes = vec![0; length as usize];
        self.position.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn write_position(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.position.write_all_at(bytes, at)
    }
}

#[cfg(test)]
mod tests {
    use logd_core::spool::{Batch, Found, SPOOL_BYTES_MIN, Spool, WhenFull};

    use super::*;

    fn open(directory: &Path) -> (Spool<Files>, Found) {
        Spool::open(Files::open(directory).unwrap(), SPOOL_BYTES_MIN, WhenFull::Block).unwrap()
    }

    fn read(spool: &mut Spool<Files>) -> Vec<Vec<u8>> {
        let mut batch = Batch::default();
        spool.read(1 << 20, 1000, &mut batch).unwrap();
        batch.records().map(|(_, content)| content.to_vec()).collect()
    }

    #[test]
    fn records_are_there_again_when_it_is_opened_again() {
        let work_dir = tempfile::tempdir().unwrap();
        let directory = directory(work_dir.path(), "siem");
        let (mut spool, _) = open(&directory);
        spool.append([b"one".as_slice(), b"two"], 1, [7; 8]).unwrap();
        spool.sync().unwrap();
        assert_eq!(read(&mut spool), [b"one", b"two"]);
        spool.acknowledge(2).unwrap();
        drop(spool);
        let (mut spool, found) = open(&directory);
        assert_eq!(found, Found::default());
        spool.append([b"three".as_slice()], 2, [8; 8]).unwrap();
        assert_eq!(read(&mut spool), [b"two".as_slice(), b"three"]);
    }

    #[test]
    fn a_torn_tail_is_cut_off_its_file_and_a_foreign_file_set_aside() {
        let work_dir = tempfile::tempdir().unwrap();
        let directory = directory(work_dir.path(), "siem");
        let (mut spool, _) = open(&directory);
        spool.append([b"one".as_slice()], 1, [7; 8]).unwrap();
        drop(spool);
        let segment = directory.join("00000000000000000001.spool");
        let whole = fs::read(&segment).unwrap();
        fs::write(&segment, [&whole[..], &whole[32..50]].concat()).unwrap();
        fs::write(directory.join("00000000000000000000.spool"), [b'x'; 100]).unwrap();
        let (mut spool, found) = open(&directory);
        assert_eq!((found.torn_bytes, found.set_aside.len()), (18, 1));
        assert_eq!(fs::read(&segment).unwrap(), whole);
        assert!(directory.join("00000000000000000000.spool.aside-0").exists());
        assert_eq!(read(&mut spool), [b"one"]);
    }

    #[test]
    fn a_folder_that_somebody_has_is_not_waited_for() {
        let work_dir = tempfile::tempdir().unwrap();
        let directory = directory(work_dir.path(), "siem");
        let has = Files::open(&directory).unwrap();
        let refused = Files::open(&directory).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(has);
        Files::open(&directory).unwrap();
    }

    #[test]
    fn spools_that_no_output_has_are_found_unless_they_are_empty() {
        let work_dir = tempfile::tempdir().unwrap();
        assert_eq!(left_over(work_dir.path(), &[]), []);
        for name in ["gone", "kept", "empty"] {
            let (mut spool, _) = open(&directory(work_dir.path(), name));
            if name != "empty" {
                spool.append([b"one".as_slice()], 1, [7; 8]).unwrap();
            }
        }
        let found = left_over(work_dir.path(), &["kept"]);
        assert_eq!(found, [(work_dir.path().join("spool/gone"), 63)]);
    }
}
