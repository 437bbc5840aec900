//! The file that lines are appended to, and what becomes of it when it is rotated.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use ballast_shared::privileges::Process;

/// For the owner and its group: who asked what is not for everybody.
const MODE: u32 = 0o640;

/// An open file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    /// The device and the file on it.
    identity: (u64, u64),
    /// Whether the last line is there in part only.
    is_torn: bool,
}

impl LogFile {
    /// Opens a file to append to, and makes it where it isn't there; then it belongs to whom the daemon becomes.
    pub(super) fn open(path: PathBuf, process: &Process) -> io::Result<Self> {
        let is_new = !path.try_exists()?;
        let opened = Self::append_to(path)?;
        if is_new && nix::unistd::geteuid().is_root() && process.uid().is_some() {
            fchown(
                &opened.file,
                process.uid().map(Into::into),
                process.gid().map(Into::into),
            )?;
        }
        Ok(opened)
    }

    fn append_to(path: PathBuf) -> io::Result<Self> {
        let file = open(&path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self {
            path,
            file,
            identity,
            is_torn: false,
        })
    }

    /// Goes over to the file that has the path now, if it is another one: the old one was rotated away. A file that can't be
    /// opened leaves the old one in place.
    pub(super) fn follow(&mut self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.identity => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(_) | Err(_) => {
                *self = Self::append_to(self.path.clone())?;
                Ok(())
            }
        }
    }

    /// Appends whole lines. On an error it says how many of them, at the front, are in the file.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), (u64, io::Error)> {
        let mut written = 0;
        let fail = |written: usize, error| {
            let whole = lines[..written].iter().filter(|byte| **byte == b'\n').count();
            (whole as u64, error)
        };
        if self.is_torn {
            self.file.write_all(b"\n").map_err(|error| fail(0, error))?;
            self.is_torn = false;
        }
        while written < lines.len() {
            match self.file.write(&lines[written..]) {
                Ok(0) => return Err(fail(written, io::ErrorKind::WriteZero.into())),
                Ok(bytes) => {
                    written += bytes;
                    self.is_torn = lines[written - 1] != b'\n';
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fail(written, error)),
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
