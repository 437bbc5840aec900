//! The record of decisions: a file of JSON lines that is only added to, until it is large; then its older half is forgotten.
//! A line that was cut off by a crash is taken away when the file is opened.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

/// Octets of a file: some two thousand decisions.
pub(super) const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An open record.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    file: File,
    /// The length of what is whole.
    length: u64,
    bytes_max: u64,
}

impl Record {
    /// Opens the record at a path, or begins it, and gives what is in it. What is no line of it is passed over.
    pub(super) fn open<T: DeserializeOwned>(path: &Path, bytes_max: u64) -> io::Result<(Self, Vec<T>)> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            warn!("{}: the last line was cut off, and is taken away", path.display());
            file.set_len(whole as u64)?;
        }
        let mut lines = Vec::new();
        for line in text[..whole]
            .split(|octet| *octet == b'\n')
            .filter(|line| !line.is_empty())
        {
            match serde_json::from_slice(line) {
                Ok(line) => lines.push(line),
                Err(error) => warn!("{}: a line is passed over: {error}", path.display()),
            }
        }
        let record = Self {
            path: path.to_owned(),
            file,
            length: whole as u64,
            bytes_max,
        };
        Ok((record, lines))
    }

    /// Adds a line, which is on the disk when this returns. Gives whether the older half was forgotten.
    pub(super) fn add(&mut self, line: &impl Serialize) -> io::Result<bool> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let is_large = self.length > 0 && self.length + text.len() as u64 > self.bytes_max;
        if is_large {
            self.forget_older_half()?;
        }
        // What a write that failed has left there is written over.
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&text)?;
        self.length += text.len() as u64;
        self.file.set_len(self.length)?;
        self.file.sync_data()?;
        Ok(is_large)
    }

    /// All of it is there at any time: the newer half is written beside it, and then takes its name.
    fn forget_older_half(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(self.length).read_to_end(&mut text)?;
        let half = text.len() / 2;
        let newer = text[half..]
            .iter()
            .position(|octet| *octet == b'\n')
            .map_or(text.len(), |end| half + end + 1);
        let beside = self.path.with_extension("new");
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&beside)?;
        file.write_all(&text[newer..])?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.length = (text.len() - newer) as u64;
        self.file = file;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
