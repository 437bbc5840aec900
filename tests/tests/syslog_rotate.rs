//! Rotation, compression and retention while messages come: all lines of all files together are all messages, once each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, numbered};
use ballast_tests::{address, wait};
use nix::sys::signal::Signal;

const LOGD: u8 = 0;

fn config(keys: &str) -> String {
    let output = format!("[output.all.file]\npath = \"log/%HOSTNAME%/%PROGRAMNAME%.log\"\n{keys}\n");
    syslog::logd_head(address(LOGD)) + &output + "[[rule]]\nto = [\"all\"]\n"
}

fn logd(keys: &str) -> Daemon {
    Setup::new("logd").file("logd.toml", config(keys)).start()
}

/// The files of each host's directory, which come and go meanwhile.
fn names(directory: &Path) -> BTreeSet<String> {
    let below = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    below(directory)
        .flat_map(|host| {
            let files = below(&host.path()).map(move |file| format!("{}/{}", name(&host), name(&file)));
            files.collect::<Vec<_>>()
        })
        .collect()
}

/// Waits until all that was rotated is compressed.
fn wait_until_compressed(logd: &Daemon, suffix: &str) {
    let live = |name: &str| name.ends_with(".log");
    wait::until("all rotated files to be compressed", || {
        let names = names(&logd.path().join("log"));
        names
            .iter()
            .all(|name| live(name) || name.ends_with(suffix))
            .then_some(())
    });
}

#[test]
fn rotation_by_size_under_load_loses_doubles_and_tears_nothing() {
    const SENDERS: usize = 4;
    const NUMBERS: usize = 10_000;
    for (compress, suffix) in [("zstd", ".zst"), ("gzip", ".gz"), ("none", "")] {
        let logd = logd(&format!("rotate = {{ size = \"64KiB\", compress = \"{compress}\" }}"));
        for sender in numbered::senders(syslog::collector(address(LOGD)), SENDERS, NUMBERS) {
            sender.join().unwrap();
        }
        let rotated = || syslog::metric(address(LOGD), "logd_output_files_rotated_total", &["output=\"all\""]);
        wait::until("many rotations", || (rotated() > 20.0).then_some(()));
        wait_until_compressed(&logd, suffix);
        let (status, left) = logd.stop();
        assert!(status.success());
        numbered::assert_all_once(&numbered::lines_below(&left.path().join("log")), SENDERS, NUMBERS);
    }
}

#[test]
fn rotation_by_time_and_on_demand_under_load_loses_doubles_and_tears_nothing() {
    const SENDERS: usize = 4;
    const NUMBERS: usize = 30_000;
    let logd = logd("rotate = { every = \"1s\", compress = \"zstd\" }\nflush-interval = \"10ms\"");
    let senders = numbered::senders(syslog::collector(address(LOGD)), SENDERS, NUMBERS);
    while senders.iter().any(|sender| !sender.is_finished()) {
        assert!(logd.run(&["rotate"]).status.success());
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let (status, left) = logd.stop();
    assert!(status.success());
    let rotated = names(&left.path().join("log"));
    assert!(rotated.len() > 3, "{rotated:?}");
    numbered::assert_all_once(&numbered::lines_below(&left.path().join("log")), SENDERS, NUMBERS);
}

#[test]
fn files_without_new_lines_are_rotated_when_their_time_is_over_even_over_a_restart() {
    let keys = "rotate = { every = \"2s\" }";
    let daemon = logd(keys);
    let log = daemon.path().join("log");
    syslog::send(syslog::collector(address(LOGD)), &numbered::messages("host", 0, 0..3));
    wait::until("the idle file to be rotated", || {
        let names = names(&log);
        (names.len() == 1 && !names.contains("host/app.log")).then_some(())
    });
    syslog::send(syslog::collector(address(LOGD)), &numbered::messages("host", 0, 3..6));
    let (_, left) = daemon.stop();
    let daemon = left.again().start();
    let log = daemon.path().join("log");
    wait::until("the file of before the restart to be rotated", || {
        let names = names(&log);
        (names.len() == 2 && !names.contains("host/app.log")).then_some(())
    });
    numbered::assert_all_once(&numbered::lines_below(&log), 1, 6);
}

#[test]
fn rotate_says_how_many_files_and_knows_its_outputs() {
    let logd = logd("rotate = {}");
    syslog::send(syslog::collector(address(LOGD)), &numbered::messages("host", 0, 0..3));
    syslog::send(syslog::collector(address(LOGD)), &numbered::messages("other", 0, 0..3));
    wait::until_lines(&logd.path().join("log/other/app.log"), 3);
    wait::until_lines(&logd.path().join("log/host/app.log"), 3);
    let said = |arguments: &[&str]| {
        let output = logd.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(said(&["rotate", "all"]), (0, "2 files rotated\n".to_owned()));
    assert_eq!(said(&["rotate"]), (0, "0 files rotated\n".to_owned()));
    let (code, text) = said(&["rotate", "none"]);
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("no output \"none\" has `rotate`"), "{text}");
    assert_eq!(names(&logd.path().join("log")).len(), 2);
}

#[test]
fn lines_that_came_before_logd_rotate_are_in_the_rotated_file() {
    let logd = logd("rotate = {}\nflush-interval = \"1h\"");
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    for round in 0..20 {
        stream
            .write_all(&numbered::messages("host", 0, round..round + 1))
            .unwrap();
        let taken = || syslog::metric(address(LOGD), "logd_input_messages_total", &["net-tcp"]);
        wait::until("the message to be read", || {
            (taken() >= (round + 1) as f64).then_some(())
        });
        assert!(logd.run(&["rotate"]).status.success());
        let log = logd.path().join("log");
        assert_eq!(names(&log).len(), round + 1, "none is overwritten");
        numbered::assert_all_once(&numbered::lines_below(&log), 1, round + 1);
    }
}

#[test]
fn what_keep_is_over_for_goes_and_what_others_put_there_stays() {
    let daemon = logd("rotate = {}\nkeep = { age = \"30d\" }");
    for host in ["dead", "alive"] {
        syslog::send(syslog::collector(address(LOGD)), &numbered::messages(host, 0, 0..3));
        wait::until_lines(&daemon.path().join("log").join(host).join("app.log"), 3);
    }
    assert!(daemon.run(&["rotate"]).status.success());
    let log = daemon.path().join("log");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 86_400);
    let aged = |path: &Path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(old).unwrap();
    };
    for name in names(&log).iter().filter(|name| name.starts_with("dead/")) {
        aged(&log.join(name));
    }
    fs::write(log.join("alive/other.log-20200101"), "of another program\n").unwrap();
    aged(&log.join("alive/other.log-20200101"));
    // A round follows; so it does after a start.
    assert!(daemon.run(&["rotate"]).status.success());
    wait::until("the old file and its directory to go", || {
        (!log.join("dead").exists()).then_some(())
    });
    let left = names(&log);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains("alive/other.log-20200101"), "{left:?}");
    let removed = syslog::metric(address(LOGD), "logd_output_files_removed_total", &["reason=\"age\""]);
    assert_eq!(removed, 1.0);
}

#[test]
fn a_sender_of_made_up_hostnames_gets_a_file_of_its_own_and_loses_nothing() {
    const HOSTS: usize = 2_000;
    // Ten minutes' worth at once.
    const FILES: usize = 20;
    let logd = logd("new-files-max = 2");
    let mut bytes = Vec::new();
    for host in 0..HOSTS {
        bytes.extend(numbered::messages(&format!("made-up-{host}"), 0, 0..1));
    }
    syslog::send(syslog::collector(address(LOGD)), &bytes);
    logd.wait_for_log("new-files-max");
    let diverted = syslog::metric(address(LOGD), "logd_output_diverted_total", &["output=\"all\""]);
    let (_, left) = logd.stop();
    let files = syslog::tree(&left.path().join("log"));
    let own = files.iter().find(|(name, _)| name.starts_with("127.0.0.1/"));
    let (name, own) = own.unwrap_or_else(|| panic!("{:?}", files.keys()));
    assert_eq!(name.to_str(), Some("127.0.0.1/127.0.0.1.log"));
    assert!((FILES + 1..=FILES + 3).contains(&files.len()), "{} files", files.len());
    let own_lines = own.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(own_lines, diverted as usize);
    assert_eq!(own_lines + files.len() - 1, HOSTS);
}

#[test]
fn a_reload_that_turns_rotation_on_and_off_under_load_loses_nothing() {
    const SENDERS: usize = 2;
    const NUMBERS: usize = 10_000;
    let mut logd = logd("");
    let senders = numbered::senders(syslog::collector(address(LOGD)), SENDERS, NUMBERS);
    for round in 0.. {
        let keys = ["rotate = { size = \"64KiB\", compress = \"gzip\" }", ""][round % 2];
        logd.replace("logd.toml", config(keys));
        logd.signal(Signal::SIGHUP);
        logd.wait_for_notice("READY=1");
        if senders.iter().all(std::thread::JoinHandle::is_finished) {
            break;
        }
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let (status, left) = logd.stop();
    assert!(status.success());
    numbered::assert_all_once(&numbered::lines_below(&left.path().join("log")), SENDERS, NUMBERS);
}
