//! The output `users`: messages to the terminals of those who are logged in.

mod logind;
mod utmp;

use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logd_core::terminal::safe;
use tracing::debug;

use super::tty;
use crate::output::queue::Queue;

/// Where terminals are.
const DEVICES: &str = "/dev";

/// `[output.NAME.users]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Users {
    pub(crate) who: Who,
    /// The file that says who is logged in; `None`: the system's, and what systemd-logind knows.
    pub(crate) utmp: Option<PathBuf>,
}

/// Who gets the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// `["*"]`
    Everyone,
    Named(Box<[String]>),
}

/// Somebody at a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    user: String,
    /// Below `/dev`.
    terminal: String,
}

/// Writes until the queue is closed.
pub(super) async fn run(users: &Users, queue: &Arc<Queue>) {
    while let Some(records) = queue.take().await {
        let terminals = users.terminals();
        for message in records.iter() {
            match tell(&terminals, &safe(message)) {
                Told::Somebody => queue.count_sent(1, message.len()),
                Told::Nobody(reason) => queue.count_dropped(reason, 1),
            }
        }
        queue.settle(records.last());
    }
}

/// What became of a message.
enum Told {
    Somebody,
    /// And why.
    Nobody(&'static str),
}

/// Writes a message to all of them. A terminal that takes nothing, because its user has stopped it, misses it.
fn tell(terminals: &[PathBuf], message: &[u8]) -> Told {
    let mut told = Told::Nobody("nobody");
    for terminal in terminals {
        match write(terminal, message) {
            Ok(()) => told = Told::Somebody,
            Err(error) => {
                debug!(terminal = %terminal.display(), %error, "a terminal does not take a message");
                if let Told::Nobody(reason) = &mut told {
                    *reason = if error.kind() == ErrorKind::WouldBlock {
                        "full"
                    } else {
                        "refused"
                    };
                }
            }
        }
    }
    told
}

/// Writes without waiting. A terminal that its owner must not write to is left alone, as by rsyslog; `mesg n` keeps out who
/// writes by the right of its group, which root is not.
fn write(terminal: &Path, message: &[u8]) -> io::Result<()> {
    const OWNER_WRITES: u32 = 0o200;
    let mut file = tty::open(terminal)?;
    if file.metadata()?.permissions().mode() & OWNER_WRITES == 0 {
        return Err(ErrorKind::PermissionDenied.into());
    }
    // What is not taken at once is not waited for: the end of a long message to a terminal that is nearly full.
    file.write(message).map(drop)
}

impl Users {
    /// The terminals at which they are.
    fn terminals(&self) -> Vec<PathBuf> {
        let mut sessions = match &self.utmp {
            Some(file) => utmp::sessions(file),
            None => {
                let mut sessions = utmp::sessions(Path::new(utmp::FILE));
                sessions.extend(logind::sessions(Path::new(logind::DIRECTORY)));
                sessions
            }
        };
        sessions.retain(|session| self.who.has(&session.user) && is_below(&session.terminal));
        sessions.sort_by(|a, b| a.terminal.cmp(&b.terminal));
        sessions.dedup_by(|a, b| a.terminal == b.terminal);
        sessions
            .iter()
            .map(|session| Path::new(DEVICES).join(&session.terminal))
            .collect()
    }
}

impl Who {
    fn has(&self, user: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Named(names) => names.iter().any(|name| name == user),
        }
    }
}

/// Whether a name from outside stays below the directory of the devices.
fn is_below(terminal: &str) -> bool {
    use std::path::Component;
    !terminal.is_empty()
        && Path::new(terminal)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminals_name_cannot_leave_dev() {
        assert!(is_below("pts/0") && is_below("tty1"));
        assert!(!is_below("../etc/passwd") && !is_below("/etc/passwd") && !is_below(""));
    }
}
