//! The system's log: a datagram to `/dev/log` for each line, in the form that syslog(3) gives it.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::clock::Clock;

/// Where the system's log takes datagrams.
const DEV_LOG: &str = "/dev/log";

/// How long a log that is busy holds up the writer for one line; then the line is lost, so that a log that hangs costs lines
/// and not the daemon's end.
const SEND_MAX: Duration = Duration::from_millis(100);

/// A log that isn't there isn't looked for with every line.
const CONNECT_RETRY: Duration = Duration::from_secs(1);

/// `informational` (RFC 5424 §6.2.1), as named logs queries.
const SEVERITY: u8 = 6;

/// A connection to the system's log.
#[derive(Debug)]
pub(crate) struct Syslog {
    path: PathBuf,
    priority: u8,
    clock: Clock,
    socket: Option<UnixDatagram>,
    retry_at: Option<Instant>,
}

impl Syslog {
    /// For a facility, by its number.
    pub(super) fn new(facility: u8) -> Self {
        Self::at(DEV_LOG.into(), facility)
    }

    /// For a log that is elsewhere.
    pub(super) fn at(path: PathBuf, facility: u8) -> Self {
        Self {
            path,
            priority: facility * 8 + SEVERITY,
            clock: Clock::new(TimeZone::system(), Clock::SYSLOG),
            socket: None,
            retry_at: None,
        }
    }

    /// Appends what stands in front of a line.
    pub(super) fn head(&mut self, to: &mut Vec<u8>, time_ms: u64) {
        let (priority, time) = (self.priority, self.clock.text(time_ms));
        // Writing to a Vec can't fail.
        let _ = write!(to, "<{priority}>{time} dnsd[{}]: ", std::process::id());
    }

    /// Sends one line with its head. A log that was started anew is found again.
    pub(super) fn send(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            match socket.send(line) {
                Ok(_) => return Ok(()),
                // It is there, and busy.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => self.socket = None,
            }
        }
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| now < at) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.retry_at = Some(now + CONNECT_RETRY);
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.path)?;
        socket.set_write_timeout(Some(SEND_MAX))?;
        socket.send(line)?;
        self.socket = Some(socket);
        self.retry_at = None;
        Ok(())
    }
}
