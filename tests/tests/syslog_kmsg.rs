//! The kernel's log, over restarts; and the mark.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use ballast_tests::daemon::Setup;
use ballast_tests::{address, syslog, wait};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const LOGD: u8 = 0;

fn setup(input: &str) -> Setup {
    let rest = format!(
        "{input}\n[output.all.file]\npath = \"log\"\nformat = '%pri-text% %syslogtag%%msg%\\n'\n\
         [[rule]]\nto = [\"all\"]\n"
    );
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + &rest)
}

/// Writes records of these numbers, one write each, as the device gives them.
fn write(device: &mut File, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        let record = format!("4,{n},{},-;record {n}\n SUBSYSTEM=test\n", n * 1000);
        device.write_all(record.as_bytes()).unwrap();
    }
}

fn text(path: &Path, lines: usize) -> String {
    String::from_utf8(wait::until_lines(path, lines)).unwrap()
}

#[test]
fn a_restart_neither_loses_nor_doubles_records_and_what_was_overwritten_is_counted() {
    let setup = setup("[input.kernel.kmsg]\npath = \"kmsg\"");
    let device = setup.path().join("kmsg");
    mkfifo(&device, Mode::S_IRWXU).unwrap();
    // Open at both ends, so that it never comes to its end, as the device does not.
    let mut kernel = File::options().read(true).write(true).open(&device).unwrap();
    write(&mut kernel, 1..=10);
    let logd = setup.start();
    text(&logd.path().join("log"), 10);
    let (status, left) = logd.stop();
    assert!(status.success());

    // The device gives a reader all that it has, and of 13 and 14 it has nothing any more.
    write(&mut kernel, 5..=12);
    write(&mut kernel, 15..=16);
    let logd = left.again().start();
    let log = text(&logd.path().join("log"), 14);
    let expected: String = (1..=12)
        .chain(15..=16)
        .map(|n| format!("kern.warning kernel: record {n}\n"))
        .collect();
    assert_eq!(log, expected);
    let lost = syslog::metric(address(LOGD), "logd_input_dropped_total", &["reason=\"overwritten\""]);
    assert_eq!(lost as u64, 2);

    // Killed, it has kept all the same how far it was.
    let left = logd.kill();
    write(&mut kernel, 10..=17);
    let logd = left.again().start();
    assert_eq!(
        text(&logd.path().join("log"), 15),
        expected + "kern.warning kernel: record 17\n"
    );
    assert!(logd.stop().0.success());
}

#[test]
fn facility_escapes_and_the_tags_of_programs_are_kept() {
    let setup = setup("[input.kernel.kmsg]\npath = \"kmsg\"");
    let device = setup.path().join("kmsg");
    mkfifo(&device, Mode::S_IRWXU).unwrap();
    let mut kernel = File::options().read(true).write(true).open(&device).unwrap();
    for record in [
        &br"6,1,1,-;Gr\xc3\xbc\xc3\x9fe\x0afrom below"[..],
        b"30,2,2,-;systemd[1]: Started a unit.\n",
        b"12,3,3,c;no tag\n",
        b"no record at all\n",
        b"0,4,4,-,caller=T1;panic\n",
    ] {
        kernel.write_all(record).unwrap();
        if !record.ends_with(b"\n") {
            kernel.write_all(b"\n").unwrap();
        }
    }
    let logd = setup.start();
    let log = text(&logd.path().join("log"), 4);
    assert_eq!(
        log,
        "kern.info kernel: Gr\u{fc}\u{df}e#012from below\ndaemon.info systemd[1]: Started a unit.\n\
         user.warning no tag\nkern.emerg kernel: panic\n"
    );
    assert!(logd.stop().0.success());
}

#[test]
fn the_real_device_is_read_from_its_beginning_once() {
    if File::open("/dev/kmsg").is_err() {
        eprintln!("skipped: no right to read /dev/kmsg");
        return;
    }
    let logd = setup("[input.kernel.kmsg]").start();
    let log = logd.path().join("log");
    text(&log, 1);
    let marker = format!("ballast-test-{}", std::process::id());
    let written = fs::write("/dev/kmsg", format!("<14>{marker}: from a test\n"));
    if written.is_err() {
        eprintln!("skipped: no right to write to /dev/kmsg");
        return;
    }
    let line = format!("user.info {marker}: from a test\n");
    let has_line = |content: &[u8]| String::from_utf8_lossy(content).contains(&line);
    wait::until_file(&log, has_line);
    let left = logd.stop().1;
    let before = fs::read(left.path().join("log")).unwrap();
    let logd = left.again().start();
    fs::write("/dev/kmsg", format!("<14>{marker}: again\n")).unwrap();
    let again = format!("user.info {marker}: again\n");
    let after = wait::until_file(&logd.path().join("log"), |content| {
        String::from_utf8_lossy(content).contains(&again)
    });
    let after = String::from_utf8_lossy(&after).into_owned();
    assert!(after.as_bytes().starts_with(&before));
    assert_eq!(after.matches(&line).count(), 1, "read once");
    assert!(logd.stop().0.success());
}

#[test]
fn a_mark_is_made_every_so_often_and_a_reload_changes_how_often() {
    let mut logd = setup("[input.mark.mark]\nevery = \"1h\"").start();
    let config = fs::read_to_string(logd.path().join("logd.toml")).unwrap();
    logd.replace("logd.toml", config.replace("\"1h\"", "\"1s\""));
    logd.reload();
    let log = text(&logd.path().join("log"), 2);
    assert!(log.lines().all(|line| line == "syslog.info logd: -- MARK --"), "{log}");
    assert!(logd.stop().0.success());
}
