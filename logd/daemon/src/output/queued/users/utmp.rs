//! Who is logged in, as login, sshd and others enter it in utmp: records of one length, glibc's `struct utmp`.

use std::path::Path;

use super::Session;

/// Where it is.
pub(super) const FILE: &str = "/run/utmp";

/// More than any machine has sessions; what is longer is no utmp.
const BYTES_MAX: usize = 16 << 20;

/// With 32-bit times also where `long` has 64, so that programs of both kinds can share the file; ARM's 64-bit machines, which
/// never had the others' file, have it longer.
const RECORD_BYTES: usize = if cfg!(target_arch = "aarch64") { 400 } else { 384 };

/// `ut_type` of a record that is somebody's session.
const USER_PROCESS: i16 = 7;

/// `ut_line` and `ut_user`, each ended by a NUL if it is shorter.
const LINE: std::ops::Range<usize> = 8..40;
const USER: std::ops::Range<usize> = 44..76;

/// The sessions in a file; none in one that is not there, as on systems that have given it up.
pub(super) fn sessions(file: &Path) -> Vec<Session> {
    match std::fs::read(file) {
        Ok(bytes) if bytes.len() <= BYTES_MAX => bytes.chunks_exact(RECORD_BYTES).filter_map(session).collect(),
        _ => Vec::new(),
    }
}

fn session(record: &[u8]) -> Option<Session> {
    let kind = i16::from_ne_bytes([record[0], record[1]]);
    let text = |field: &[u8]| {
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    (kind == USER_PROCESS).then(|| Session {
        user: text(&record[USER]),
        terminal: text(&record[LINE]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, user: &str, line: &str) -> Vec<u8> {
        let mut record = vec![0; RECORD_BYTES];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[LINE][..line.len()].copy_from_slice(line.as_bytes());
        record[USER][..user.len()].copy_from_slice(user.as_bytes());
        record
    }

    #[test]
    fn sessions_are_told_from_the_other_records_and_a_torn_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("utmp");
        let longest = "n".repeat(32);
        let mut bytes = [
            record(2, "reboot", "~"),
            record(USER_PROCESS, "alice", "pts/0"),
            record(8, "bob", "pts/1"),
            record(USER_PROCESS, &longest, "tty1"),
        ]
        .concat();
        bytes.extend_from_slice(&record(USER_PROCESS, "torn", "pts/2")[..100]);
        std::fs::write(&file, bytes).unwrap();
        let session = |user: &str, terminal: &str| Session {
            user: user.into(),
            terminal: terminal.into(),
        };
        assert_eq!(sessions(&file), [session("alice", "pts/0"), session(&longest, "tty1")]);
    }

    #[test]
    fn where_there_is_no_file_nobody_is_logged_in() {
        assert_eq!(sessions(Path::new("/not/there")), []);
    }
}
