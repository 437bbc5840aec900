//! A line in a file of `work-dir` that says how far an input has read, for the next run.
//!
//! The file is opened before privileges are dropped and written in place: a write(2) is there or not when the process is killed.
//! It is not synced. After a power cut the line is an older one at worst, and something is read twice.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use tracing::warn;

/// The line, and the file that keeps it.
pub(super) struct Kept {
    path: PathBuf,
    file: Option<File>,
    line: String,
}

impl Kept {
    /// What the last run has left; an empty line where there is nothing.
    pub(super) fn load(path: PathBuf) -> Self {
        let line = fs::read_to_string(&path).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default().to_owned();
        let open = || -> io::Result<File> { File::options().create(true).truncate(false).write(true).open(&path) };
        let file = open()
            .inspect_err(|error| warn!(path = %path.display(), %error, "a restart will read from the beginning"))
            .ok();
        Self { path, file, line }
    }

    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Keeps this line instead.
    pub(super) fn keep(&mut self, line: &str) {
        let Some(file) = self.file.as_ref().filter(|_| self.line != line) else {
            return;
        };
        line.clone_into(&mut self.line);
        // What is left of a longer line stands behind this one.
        if let Err(error) = file.write_all_at(format!("{line}\n").as_bytes(), 0) {
            warn!(path = %self.path.display(), %error, "how far was read could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_over_a_restart_and_a_shorter_one_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        let mut kept = Kept::load(path.clone());
        assert_eq!(kept.line(), "");
        for line in ["a long line", "short"] {
            kept.keep(line);
            assert_eq!(Kept::load(path.clone()).line(), line);
        }
    }
}
