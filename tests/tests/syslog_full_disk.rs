//! A file system that is full and freed again: nothing of a TCP connection is lost, and no line is torn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::thread;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, numbered, small_disk};
use ballast_tests::{address, wait};

const LOGD: u8 = 0;

/// Room for the messages, but not beside the filler.
const DISK_BYTES: usize = 4 << 20;
const MESSAGES: usize = 20_000;

/// logd with a small file system of its own below `log`; `None` where that can't be made.
fn logd_on_a_small_disk(keys: &str) -> Option<Daemon> {
    let spec = format!(
        "[output.all.file]\npath = \"log/all\"\nmin-free = \"0B\"\n{keys}\n[[rule]]\nselect = \"*.*\"\nto = [\"all\"]\n"
    );
    let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + &spec);
    small_disk::start(setup, "log", DISK_BYTES)
}

fn numbered(n: usize) -> String {
    format!("Oct 11 22:14:15 host app: message {n} of a connection that is held back while the disk is full")
}

#[test]
fn a_full_disk_holds_the_connection_back_and_when_freed_all_is_written() {
    let Some(logd) = logd_on_a_small_disk("when-full = \"block\"") else {
        return;
    };
    let disk = small_disk::at(&logd, "log");
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    writeln!(stream, "<13>{}", numbered(0)).unwrap();
    wait::until_lines(&disk.join("all"), 1);
    small_disk::fill(&disk.join("filler"));
    let sender = thread::spawn(move || {
        let mut bytes = String::new();
        for n in 1..MESSAGES {
            writeln!(bytes, "<13>{}", numbered(n)).unwrap();
        }
        stream.write_all(bytes.as_bytes()).unwrap();
        syslog::close(&mut stream);
    });
    logd.wait_for_log("No space left on device");
    fs::remove_file(disk.join("filler")).unwrap();
    let content = wait::until_lines(&disk.join("all"), MESSAGES);
    sender.join().unwrap();
    let content = String::from_utf8(content).unwrap();
    for (n, line) in content.lines().enumerate() {
        assert_eq!(line, numbered(n));
    }
    assert!(content.ends_with('\n'));
    assert!(logd.stop().0.success());
}

#[test]
fn a_full_disk_drops_whole_lines_and_counts_them_when_told_to() {
    let Some(logd) = logd_on_a_small_disk("when-full = \"drop\"") else {
        return;
    };
    let disk = small_disk::at(&logd, "log");
    small_disk::fill(&disk.join("filler"));
    let mut bytes = String::new();
    for n in 0..MESSAGES {
        writeln!(bytes, "<13>{}", numbered(n)).unwrap();
    }
    // It is all taken while the disk is full.
    syslog::send(syslog::collector(address(LOGD)), bytes.as_bytes());
    logd.wait_for_log("No space left on device");
    fs::remove_file(disk.join("filler")).unwrap();
    let last = "Oct 11 22:14:15 host app: after";
    let content = wait::until("the disk to be written to again", || {
        syslog::send(syslog::collector(address(LOGD)), format!("<13>{last}\n").as_bytes());
        fs::read_to_string(disk.join("all"))
            .ok()
            .filter(|content| content.contains(last))
    });
    let whole = content.lines().filter(|line| *line != last);
    let kept: Vec<usize> = whole
        .map(|line| {
            let rest = line.strip_prefix("Oct 11 22:14:15 host app: message ").unwrap();
            let n = rest.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(line, numbered(n), "no line is torn");
            n
        })
        .collect();
    assert!(kept.is_sorted_by(|a, b| a < b), "in order and once each");
    let dropped = syslog::metric(address(LOGD), "logd_output_dropped_total", &[]);
    let counted = usize::try_from(dropped as i64).unwrap();
    assert!(
        dropped > 0.0 && kept.len() + counted >= MESSAGES,
        "{} written, {counted} counted",
        kept.len()
    );
    assert!(logd.stop().0.success());
}

#[test]
fn rotation_and_compression_go_on_when_a_full_disk_is_freed_and_nothing_is_lost() {
    let Some(logd) = logd_on_a_small_disk("rotate = { size = \"256KiB\", compress = \"zstd\" }") else {
        return;
    };
    let disk = small_disk::at(&logd, "log");
    let to = syslog::collector(address(LOGD));
    syslog::send(to, &numbered::messages("host", 0, 0..1));
    wait::until_lines(&disk.join("all"), 1);
    small_disk::fill(&disk.join("filler"));
    // A rename takes no room, a compressed file does.
    assert!(logd.run(&["rotate"]).status.success());
    logd.wait_for_log("there is no room beside the file");
    let sender = thread::spawn(move || {
        let mut stream = syslog::connect(to);
        stream.write_all(&numbered::messages("host", 0, 1..MESSAGES)).unwrap();
        syslog::close(&mut stream);
    });
    logd.wait_for_log("No space left on device");
    // A line that is written in half keeps its file.
    assert!(logd.run(&["rotate"]).status.success());
    fs::remove_file(disk.join("filler")).unwrap();
    sender.join().unwrap();
    let written = || syslog::metric(address(LOGD), "logd_output_lines_total", &["output=\"all\""]);
    wait::until("all lines to be written", || {
        (written() >= MESSAGES as f64).then_some(())
    });
    assert!(logd.run(&["rotate"]).status.success());
    wait::until("all of it to be compressed", || {
        let names = fs::read_dir(&disk).unwrap().map(|entry| entry.unwrap().file_name());
        names
            .into_iter()
            .all(|name| name.to_string_lossy().ends_with(".zst"))
            .then_some(())
    });
    numbered::assert_all_once(&numbered::lines_below(&disk), 1, MESSAGES);
    assert!(logd.stop().0.success());
}
