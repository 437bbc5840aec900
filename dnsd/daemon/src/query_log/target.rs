//! Where lines go.

use std::io;

use ballast_shared::privileges::Process;

use super::file::LogFile;
use super::syslog::Syslog;
use crate::config::{QueryLogConfig, QueryLogTarget};

/// A file or the system's log, open.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file.
    File(LogFile),
    /// The system's log.
    Syslog(Syslog),
}

impl Target {
    /// Opens what the configuration says. `process` is who the daemon is, or is to become, and owns a file that isn't there
    /// yet.
    ///
    /// # Errors
    /// When the file can't be opened. A system without a log is no error: it may come later.
    pub(crate) fn open(config: &QueryLogConfig, process: &Process) -> io::Result<Self> {
        match &config.target {
            QueryLogTarget::File(path) => LogFile::open(path.clone(), process).map(Self::File),
            QueryLogTarget::Syslog(facility) => Ok(Self::Syslog(Syslog::new(*facility))),
        }
    }
}
