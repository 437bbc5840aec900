//! Whole lines into a named pipe or a terminal, whose reader may be slow, or gone: it is waited for a little, and then lines are
//! dropped until it reads again.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::output::queue::Queue;

/// A reader that has made no room for so long is taken for gone; it is not waited for again before it has read. Long enough for
/// one that is only slow, as its messages wait in the queue meanwhile.
const WAIT_MS_MAX: u16 = 1000;

/// What could not be opened is tried again after so long.
const REOPEN: Duration = Duration::from_secs(1);

/// How a device is opened, and what it must be.
pub(super) type Open = fn(&Path) -> io::Result<File>;

/// The device at a path.
pub(super) struct LineWriter<'w> {
    path: &'w Path,
    open: Open,
    queue: &'w Queue,
    device: Option<Device>,
    tried: Option<Instant>,
    is_failing: bool,
}

struct Device {
    file: Arc<File>,
    /// The end of a line that the device took the beginning of.
    rest: Vec<u8>,
    /// The reader was waited for in vain.
    is_stalled: bool,
}

impl<'w> LineWriter<'w> {
    /// Opens nothing yet.
    pub(super) fn new(path: &'w Path, open: Open, queue: &'w Queue) -> Self {
        Self {
            path,
            open,
            queue,
            device: None,
            tried: None,
            is_failing: false,
        }
    }

    /// Lets go of a device that is not at its path any more.
    pub(super) fn look(&mut self) {
        let is_there = |device: &Device| {
            let ours = device.file.metadata()?;
            let there = std::fs::metadata(self.path)?;
            io::Result::Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        if self
            .device
            .as_ref()
            .is_some_and(|device| !is_there(device).unwrap_or(false))
        {
            self.device = None;
        }
    }

    /// Writes a line, whole or nothing of it, and counts what became of it.
    pub(super) async fn write(&mut self, line: &[u8]) {
        let written = match self.device() {
            Ok(device) => device.write(line).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => {
                self.queue.count_sent(1, line.len());
                if std::mem::take(&mut self.is_failing) {
                    info!(output = self.queue.name(), path = %self.path.display(), "lines are taken again");
                }
            }
            Err(error) => {
                let is_full = error.kind() == ErrorKind::WouldBlock;
                if !is_full {
                    self.device = None;
                }
                self.queue.count_dropped(if is_full { "full" } else { "refused" }, 1);
                self.report(&error, is_full);
            }
        }
    }

    /// Ends a line that was begun, if the reader lets it.
    pub(super) async fn finish(&mut self) {
        if let Some(device) = &mut self.device {
            // Nobody is left to be told.
            let _ = device.finish().await;
        }
    }

    fn device(&mut self) -> io::Result<&mut Device> {
        if self.device.is_none() {
            let now = Instant::now();
            if self.tried.is_some_and(|tried| now.duration_since(tried) < REOPEN) {
                return Err(ErrorKind::NotFound.into());
            }
            self.tried = Some(now);
            self.device = Some(Device {
                file: Arc::new((self.open)(self.path)?),
                rest: Vec::new(),
                is_stalled: false,
            });
            self.tried = None;
        }
        Ok(self.device.as_mut().expect("it was opened if it was not"))
    }

    /// Says it once: a reader that is gone is gone for many lines.
    fn report(&mut self, error: &io::Error, is_full: bool) {
        if std::mem::replace(&mut self.is_failing, true) {
            return;
        }
        self.queue.count_error();
        let (output, path) = (self.queue.name(), self.path.display());
        if is_full {
            warn!(output, %path, "nobody reads what is written there: lines are dropped");
        } else {
            warn!(output, %path, %error, "lines are dropped");
        }
    }
}

impl Device {
    async fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.finish().await?;
        let written = self.some(line).await?;
        // The rest of a line that is longer than what a pipe takes in one piece.
        self.rest.extend_from_slice(&line[written..]);
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<()> {
        while !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let written = self.some(&rest).await;
            let from = *written.as_ref().unwrap_or(&0);
            self.rest.extend_from_slice(&rest[from..]);
            written?;
        }
        Ok(())
    }

    /// Writes what the device has room for, once it has any.
    async fn some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (&*self.file).write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && !self.is_stalled => {}
            other => {
                self.is_stalled &= other.is_err();
                return other;
            }
        }
        let file = self.file.clone();
        // Not by the runtime's own means, which ask for more care with descriptors than a pause is worth.
        let waited = spawn_blocking(move || wait_for_room(&file)).await;
        waited.expect("waiting does not panic")?;
        let written = (&*self.file).write(bytes);
        self.is_stalled = written
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        written
    }
}

fn wait_for_room(file: &File) -> io::Result<()> {
    let mut waits = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut waits, PollTimeout::from(WAIT_MS_MAX)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens a device without becoming its session's leader, and without ever waiting for it.
pub(super) fn open_device(path: &Path, for_reading_too: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(for_reading_too)
        .write(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
}
