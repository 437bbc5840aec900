//! A line in a file of `work-dir` that says how far an input has read, for the next run.
//!
//! The file is opened before privileges are dropped and written in place: a write(2) is there or not when the process is killed.
//! It is not synced. After a power cut the line is an older one at worst, and something is read twice.
//!
//! The inputs don't wait for the file system that `work-dir` is on: the runtime's pool for blocking calls writes the line, one
//! call at a time and always the newest that there is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

/// The line, and the file that keeps it.
pub(super) struct Kept {
    file: Option<Arc<KeptFile>>,
    line: String,
    /// The last call that was started; before it has ended no other one is.
    call: Option<JoinHandle<()>>,
}

struct KeptFile {
    path: PathBuf,
    file: File,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// What is to be written next.
    line: Option<String>,
    /// A call is under way that will see it.
    is_seen: bool,
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
        let file = file.map(|file| {
            Arc::new(KeptFile {
                path,
                file,
                waiting: Mutex::default(),
            })
        });
        Self { file, line, call: None }
    }

    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Keeps this line instead, soon.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(super) fn keep(&mut self, line: &str) {
        let Some(file) = self.file.as_ref().filter(|_| self.line != line) else {
            return;
        };
        line.clone_into(&mut self.line);
        let mut waiting = file.waiting();
        waiting.line = Some(line.to_owned());
        if !std::mem::replace(&mut waiting.is_seen, true) {
            let file = file.clone();
            self.call = Some(spawn_blocking(move || file.write()));
        }
    }

    /// Waits until the last line is in its file.
    pub(super) async fn written(&mut self) {
        if let Some(call) = self.call.take() {
            // It fails with the runtime only, and then nothing is left to be done.
            let _ = call.await;
        }
    }
}

impl KeptFile {
    /// Writes until nothing waits.
    fn write(&self) {
        while let Some(line) = self.next() {
            // What is left of a longer line stands behind this one.
            if let Err(error) = self.file.write_all_at(format!("{line}\n").as_bytes(), 0) {
                warn!(path = %self.path.display(), %error, "how far was read could not be kept");
            }
        }
    }

    fn next(&self) -> Option<String> {
        let mut waiting = self.waiting();
        let next = waiting.line.take();
        waiting.is_seen = next.is_some();
        next
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime;

    use super::*;

    #[tokio::test]
    async fn a_line_is_kept_over_a_restart_and_a_shorter_one_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        let mut kept = Kept::load(path.clone());
        assert_eq!(kept.line(), "");
        for line in ["a long line", "short"] {
            kept.keep(line);
            kept.written().await;
            assert_eq!(Kept::load(path.clone()).line(), line);
        }
    }

    #[tokio::test]
    async fn of_many_lines_the_last_one_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        let mut kept = Kept::load(path.clone());
        for number in 0..10_000 {
            kept.keep(&number.to_string());
        }
        kept.written().await;
        assert_eq!(Kept::load(path).line(), "9999");
    }

    #[test]
    fn who_keeps_a_line_does_not_write_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        let runtime = runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (let_go, held) = mpsc::channel::<()>();
        runtime.block_on(async {
            // As a file system that does not answer: no call returns.
            spawn_blocking(move || held.recv());
            let mut kept = Kept::load(path.clone());
            kept.keep("one");
            kept.keep("other");
            assert_eq!(Kept::load(path.clone()).line(), "");
            drop(let_go);
            kept.written().await;
            assert_eq!(Kept::load(path).line(), "other");
        });
    }
}
