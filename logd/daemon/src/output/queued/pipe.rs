//! The output `pipe`: lines to a named pipe, for who reads it. Nobody waits for a reader that is slow or not there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use tracing::{info, warn};

use crate::output::queue::Queue;

/// A pipe that could not be opened is tried again after so long.
const REOPEN: Duration = Duration::from_secs(1);

/// Writes until the queue is closed.
pub(super) async fn run(path: &Path, queue: &Arc<Queue>) {
    let mut pipe = Pipe {
        path,
        file: None,
        tried: None,
        rest: Vec::new(),
        failing: false,
    };
    while let Some(records) = queue.take().await {
        for record in records.iter() {
            match pipe.write(record) {
                Ok(()) => queue.count_sent(1, record.len()),
                Err(error) => {
                    queue.count_dropped(
                        if error.kind() == io::ErrorKind::WouldBlock {
                            "full"
                        } else {
                            "refused"
                        },
                        1,
                    );
                    pipe.report(&error, queue);
                }
            }
        }
        queue.settle(records.last());
    }
}

struct Pipe<'p> {
    path: &'p Path,
    file: Option<File>,
    tried: Option<Instant>,
    /// The end of a line that the pipe took the beginning of.
    rest: Vec<u8>,
    failing: bool,
}

impl Pipe<'_> {
    /// Writes a line whole, or nothing of it; a line that was begun is finished before another.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let file = self.open()?;
        while !self.rest.is_empty() {
            let mut file = &file;
            let written = file.write(&self.rest)?;
            self.rest.drain(..written);
        }
        let written = (&file).write(line)?;
        self.rest.extend_from_slice(&line[written..]);
        self.failing = false;
        Ok(())
    }

    fn open(&mut self) -> io::Result<File> {
        if let Some(file) = &self.file {
            return file.try_clone();
        }
        let now = Instant::now();
        if self.tried.is_some_and(|tried| now.duration_since(tried) < REOPEN) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.tried = Some(now);
        // For reading too: then it can be opened before there is a reader, and what is written waits for one.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
            .open(self.path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Err(io::Error::other("not a named pipe"));
        }
        info!(path = %self.path.display(), "pipe opened");
        self.file = Some(file.try_clone()?);
        Ok(file)
    }

    fn report(&mut self, error: &io::Error, queue: &Queue) {
        queue.count_error();
        if !std::mem::replace(&mut self.failing, true) {
            warn!(output = queue.name(), path = %self.path.display(), %error, "lines for a pipe are dropped");
        }
    }
}
