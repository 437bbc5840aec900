//! Who is logged in, as systemd-logind knows it, for systems without utmp (Debian since 13): a file of `KEY=value` for each
//! session, the same that libsystemd's sd_session_get_tty reads.

use std::path::Path;

use super::Session;

/// Where they are.
pub(super) const DIRECTORY: &str = "/run/systemd/sessions";

/// A file of a session has a dozen short lines.
const BYTES_MAX: u64 = 64 << 10;

/// The sessions that have a terminal.
pub(super) fn sessions(directory: &Path) -> Vec<Session> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    // Beside each file is a FIFO, which must not be opened: that would wait.
    let files = entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|m| m.is_file() && m.len() <= BYTES_MAX));
    files
        .filter_map(|file| session(&std::fs::read_to_string(file.path()).ok()?))
        .collect()
}

fn session(text: &str) -> Option<Session> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    Some(Session {
        user: value("USER")?,
        terminal: value("TTY")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_at_a_terminal_is_found_and_one_without_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write(
            "1",
            "# a comment\nUID=1000\nUSER=alice\nACTIVE=1\nTTY=pts/3\nREMOTE=1\n",
        );
        write("2", "UID=0\nUSER=root\nACTIVE=1\nTYPE=unspecified\n");
        let alice = Session {
            user: "alice".into(),
            terminal: "pts/3".into(),
        };
        assert_eq!(sessions(directory.path()), [alice]);
    }
}
