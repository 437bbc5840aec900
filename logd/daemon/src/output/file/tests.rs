//! The promises of the output `file`: whole lines only, in order, in the file that the path leads to, and none lost.

mod buffering;
mod descriptors;
mod full;
mod hanging;
mod paths;
mod reload;
mod settling;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::log_file::LogFile;
use super::sync::sync_files;
use super::*;
use crate::output::Patience;

/// A tree of log files, written to by the test's own hand: no flusher runs unless a test starts one.
struct Tree {
    directory: TempDir,
    store: Arc<Store>,
    owner: Owner,
}

const PLENTY: StoreLimits = StoreLimits {
    buffer_bytes_max: 64 << 20,
    open_files_max: 100,
};

impl Tree {
    fn new(limits: StoreLimits, settings: FileSettings) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            store: Arc::new(Store::new(limits)),
            owner: owner(1, "test", settings),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> Arc<LogFile> {
        let root = self.directory.path().as_os_str().len() + 1;
        self.store
            .file(self.path(name).as_os_str().as_encoded_bytes(), root, &self.owner)
            .0
    }

    fn append(&self, name: &str, line: &str) {
        let appended = self.file(name).append(&self.store, &self.owner, Patience::Waits, |to| {
            to.extend_from_slice(line.as_bytes());
        });
        assert_eq!(appended, Appended::Buffered);
    }

    /// A file of another directory of the configuration, which may be on another file system.
    fn below(&self, directory: &str, name: &str) -> Arc<LogFile> {
        let trusted = self.path(directory).as_os_str().len() + 1;
        let path = self.path(directory).join(name);
        self.store
            .file(path.as_os_str().as_encoded_bytes(), trusted, &self.owner)
            .0
    }

    /// What the volumes' threads do every ten seconds.
    fn sweep(&self) {
        self.store
            .volumes()
            .all()
            .iter()
            .for_each(|volume| self.store.sweep(volume));
    }

    /// What a thread does whose schedule has this sync.
    fn sync(&self, name: &str) {
        let file = self.file(name);
        sync_files(&self.store, &file.volume().clone(), file);
    }

    fn flush(&self, name: &str) {
        self.file(name).flush(&self.store);
    }

    fn content(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

/// An output of this name in the configuration of this generation.
fn owner(generation: u64, name: &str, settings: FileSettings) -> Owner {
    Owner {
        output: Arc::new(FileOutput::new(name, settings)),
        generation,
    }
}

/// Waits for what another thread does.
fn until(what: &str, happens: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !happens() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn settings() -> FileSettings {
    FileSettings::default()
}
