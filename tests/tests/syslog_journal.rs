//! The journal, read through the real journalctl from files that systemd-journal-remote makes of the export format.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use ballast_tests::daemon::Setup;
use ballast_tests::{address, syslog, wait};

const LOGD: u8 = 0;

/// Makes journal files; in Debian's package of this name.
const JOURNAL_REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// An entry of this number, with further fields.
fn entry(n: u64, fields: &[u8]) -> Vec<u8> {
    let head = format!(
        "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n",
        1_700_000_000_000_000 + n,
        1_000 + n
    );
    [head.as_bytes(), fields, b"\n"].concat()
}

/// Makes a journal file of entries.
fn make(journal: &Path, name: &str, entries: &[u8]) {
    let export = journal.with_extension("export");
    fs::write(&export, entries).unwrap();
    let made = Command::new(JOURNAL_REMOTE)
        .arg("--output")
        .arg(journal.join(name))
        .arg(&export)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn text(path: &Path, lines: usize) -> String {
    String::from_utf8(wait::until_lines(path, lines)).unwrap()
}

#[test]
fn entries_become_messages_and_a_restart_goes_on_after_the_last() {
    if !Path::new(JOURNAL_REMOTE).exists() {
        eprintln!("skipped: {JOURNAL_REMOTE} is not installed");
        return;
    }
    let rest = "[input.local.journal]\ndirectory = \"journal\"\n\
                [output.all.file]\npath = \"log\"\n\
                format = '%timereported:::date-unixtimestamp% %pri-text% %syslogtag%%msg%\\n'\n\
                [[rule]]\nto = [\"all\"]\n";
    let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + rest);
    let journal = setup.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let first = [
        entry(
            1,
            b"MESSAGE=Accepted publickey for root\nPRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=77\n_PID=78\n",
        ),
        entry(
            2,
            b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n_COMM=app\n_PID=9\n_SOURCE_REALTIME_TIMESTAMP=1600000000000000\n",
        ),
        entry(3, b"PRIORITY=3\nNO_MESSAGE=this is none for syslog\n"),
        entry(4, b"MESSAGE=bare\n"),
    ];
    make(&journal, "first.journal", &first.concat());
    let logd = setup.start();
    let expected = "1700000000 auth.info sshd[77]: Accepted publickey for root\n\
                    1600000000 user.notice app[9]: two#012lines\n\
                    1700000000 user.notice journal: bare\n";
    assert_eq!(text(&logd.path().join("log"), 3), expected);
    let (status, left) = logd.stop();
    assert!(status.success());

    make(
        &journal,
        "second.journal",
        &entry(5, b"MESSAGE=after the restart\nSYSLOG_IDENTIFIER=app\n"),
    );
    let logd = left.again().start();
    let expected = format!("{expected}1700000000 user.notice app: after the restart\n");
    assert_eq!(text(&logd.path().join("log"), 4), expected);
    assert!(logd.stop().0.success());
}
