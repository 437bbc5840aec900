//! A zone in several versions, each a file that is written down to the disk before anything is measured, and the folder in which
//! a server sees one after the other.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::dns::peers::{Peer, ServedZone};
use crate::dns::zones::Layout;
use crate::error::BenchError;
use crate::process::Process;

/// The versions, from serial 1 on.
#[derive(Debug)]
pub(super) struct Versions {
    origin: &'static str,
    directory: PathBuf,
}

impl Versions {
    /// A first version, and one for each edit, which gives so many hosts another address.
    pub(super) fn write(directory: PathBuf, layout: &Layout, edits: &[u32]) -> Result<Self, BenchError> {
        let versions = Self {
            origin: layout.origin,
            directory,
        };
        for (serial, count) in (1..).zip(0..=edits.len()) {
            let file = versions.file(serial);
            let write = || -> io::Result<()> {
                let mut new = File::create(&file)?;
                new.write_all(layout.edited(serial, &edits[..count]).as_bytes())?;
                new.sync_all()
            };
            write().map_err(BenchError::io("write", &file))?;
        }
        Ok(versions)
    }

    fn file(&self, serial: u32) -> PathBuf {
        self.directory.join(format!("{serial}.version"))
    }

    /// The first version in a folder.
    pub(super) fn begin(&self, folder: &Path) -> Result<ServedZone, BenchError> {
        let zone = ServedZone {
            origin: self.origin.to_owned(),
            file: folder.join(format!("{}.zone", self.origin)),
        };
        self.put(&zone, 1)?;
        Ok(zone)
    }

    /// Renames a version into the place of the one before, as a careful editor does, and tells the server if it has to be told.
    pub(super) fn edit(&self, zone: &ServedZone, serial: u32, peer: Peer, server: &Process) -> Result<(), BenchError> {
        self.put(zone, serial)?;
        if peer.reloads_on_signal() {
            server.reload();
        }
        Ok(())
    }

    /// A link takes no time, however large the file is. Servers look at the time of its last change.
    fn put(&self, zone: &ServedZone, serial: u32) -> Result<(), BenchError> {
        let aside = zone.file.with_extension("new");
        let put = || -> io::Result<()> {
            let version = self.file(serial);
            File::options()
                .write(true)
                .open(&version)?
                .set_times(FileTimes::new().set_modified(SystemTime::now()))?;
            fs::hard_link(&version, &aside)?;
            fs::rename(&aside, &zone.file)
        };
        put().map_err(BenchError::io("replace", &zone.file))
    }
}
