//! Log rotation, reloads and the end, under load: no message is lost, doubled or torn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::syslog;
use ballast_tests::{address, wait};
use nix::sys::signal::Signal;

const LOGD: u8 = 0;

const RULE: &str = "[[rule]]\nselect = \"*.*\"\nto = [\"log/all\"]\n";

fn logd() -> Setup {
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + RULE)
}

/// Sends messages with these numbers.
fn send_numbered(stream: &mut TcpStream, numbers: Range<usize>) {
    let mut bytes = String::new();
    for n in numbers {
        writeln!(bytes, "<13>Oct 11 22:14:15 host app[1]: message {n}").unwrap();
    }
    stream.write_all(bytes.as_bytes()).unwrap();
}

/// Asserts that the lines are the messages with these numbers, in their order.
fn assert_numbered(lines: &str, numbers: Range<usize>) {
    assert!(lines.is_empty() || lines.ends_with('\n'), "the last line is whole");
    let mut lines = lines.lines();
    for n in numbers.clone() {
        assert_eq!(
            lines.next(),
            Some(format!("Oct 11 22:14:15 host app[1]: message {n}").as_str())
        );
    }
    assert_eq!(lines.next(), None, "nothing after {numbers:?}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Sends something now and again until there is a file: whether its path still leads to it is looked at ten times a second at
/// most, and all that was sent may have come in between.
fn wake_until_it_exists(file: &Path) {
    wait::until("a new file", || {
        if file.exists() {
            return Some(());
        }
        syslog::send(
            syslog::collector(address(LOGD)),
            b"<14>Oct 11 22:14:15 host other: wake\n",
        );
        None
    });
}

/// Moves the file away a few times while messages come, and asserts that the parts make up the whole. `notice` is what makes
/// logd open a new one, where it is not to find out by itself.
fn parts_make_up_the_whole(take_away: impl Fn(&Path, &Path), rounds: usize, mut notice: impl FnMut(&mut Daemon)) {
    const ROUND: usize = 3_000;
    let mut logd = logd().start();
    let file = logd.path().join("log/all");
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    let mut parts = Vec::new();
    for round in 0..rounds {
        let from = round * ROUND;
        send_numbered(&mut stream, from..from + ROUND / 2);
        wake_until_it_exists(&file);
        let part = logd.path().join(format!("part{round}"));
        take_away(&file, &part);
        send_numbered(&mut stream, from + ROUND / 2..from + ROUND);
        notice(&mut logd);
        parts.push(part);
    }
    // Something that comes when it is long noticed: the last part exists, whatever went to the one before.
    let last = rounds * ROUND;
    wake_until_it_exists(&file);
    send_numbered(&mut stream, last..last + 10);
    syslog::close(&mut stream);
    let directory = file.parent().unwrap().parent().unwrap().to_owned();
    let (_, left) = logd.stop();
    let mut whole = String::new();
    for part in &parts {
        whole += &read(&left.path().join(part.strip_prefix(&directory).unwrap()));
    }
    whole += &read(&left.path().join("log/all"));
    let own: String = whole
        .lines()
        .filter(|line| !line.contains(" other: wake"))
        .fold(String::new(), |all, l| all + l + "\n");
    assert_numbered(&own, 0..last + 10);
}

#[test]
fn a_renamed_file_is_noticed_and_nothing_lost() {
    parts_make_up_the_whole(|file, part| fs::rename(file, part).unwrap(), 2, |_| ());
}

#[test]
fn a_deleted_file_is_noticed_and_nothing_lost_that_comes_after() {
    // The link keeps what the deleted file had.
    let delete = |file: &Path, part: &Path| {
        fs::hard_link(file, part).unwrap();
        fs::remove_file(file).unwrap();
    };
    parts_make_up_the_whole(delete, 2, |_| ());
}

#[test]
fn sighup_opens_a_renamed_file_anew_under_load() {
    parts_make_up_the_whole(|file, part| fs::rename(file, part).unwrap(), 20, Daemon::reload);
}

#[test]
fn what_comes_after_sighup_was_obeyed_is_in_the_new_file() {
    let mut logd = logd().start();
    let file = logd.path().join("log/all");
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    for round in 0..10 {
        send_numbered(&mut stream, round..round + 1);
        wait::until_lines(&file, 1);
        let part = logd.path().join(format!("part{round}"));
        fs::rename(&file, &part).unwrap();
        logd.reload();
        assert_numbered(&read(&part), round..round + 1);
    }
}

#[test]
fn two_hundred_reloads_under_load_lose_and_double_nothing() {
    const RELOADS: usize = 200;
    const CHUNK: usize = 400;
    let mut logd = logd().start();
    let other = "[[rule]]\nselect = \"local7.*\"\nto = [\"log/local7\"]\nstop = true\n";
    let specs = [
        syslog::logd_head(address(LOGD)) + other + RULE,
        syslog::logd_head(address(LOGD)) + RULE,
    ];
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    for round in 0..RELOADS {
        send_numbered(&mut stream, round * CHUNK..round * CHUNK + CHUNK / 2);
        logd.replace("logd.toml", &specs[round % 2]);
        logd.signal(Signal::SIGHUP);
        send_numbered(&mut stream, round * CHUNK + CHUNK / 2..(round + 1) * CHUNK);
        logd.wait_for_notice("READY=1");
    }
    syslog::close(&mut stream);
    let (_, left) = logd.stop();
    assert_numbered(&read(&left.path().join("log/all")), 0..RELOADS * CHUNK);
}

#[test]
fn a_reload_changes_what_is_done_with_messages_of_open_connections() {
    let mut logd = logd().start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    send_numbered(&mut stream, 0..1);
    wait::until_lines(&logd.path().join("log/all"), 1);
    let moved = RULE.replace("log/all", "log/moved");
    logd.replace("logd.toml", syslog::logd_head(address(LOGD)) + &moved);
    logd.reload();
    send_numbered(&mut stream, 1..2);
    wait::until_lines(&logd.path().join("log/moved"), 1);
    let (_, left) = logd.stop();
    assert_numbered(&read(&left.path().join("log/all")), 0..1);
    assert_numbered(&read(&left.path().join("log/moved")), 1..2);
}

#[test]
fn a_reload_adds_and_removes_inputs_and_keeps_the_others() {
    let mut logd = logd().start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    send_numbered(&mut stream, 0..1);
    wait::until_lines(&logd.path().join("log/all"), 1);
    let second = address(1);
    let more = format!("[input.more.tcp]\nlisten = [\"{second}:{}\"]\n", syslog::PORT);
    logd.replace("logd.toml", syslog::logd_head(address(LOGD)) + &more + RULE);
    logd.reload();
    let mut through_second = syslog::connect(syslog::collector(second));
    send_numbered(&mut through_second, 1..2);
    wait::until_lines(&logd.path().join("log/all"), 2);
    logd.replace("logd.toml", syslog::logd_head(address(LOGD)) + RULE);
    logd.reload();
    wait::until("the removed input to refuse", || {
        TcpStream::connect(syslog::collector(second)).is_err().then_some(())
    });
    send_numbered(&mut stream, 2..3);
    wait::until_lines(&logd.path().join("log/all"), 3);
    let (_, left) = logd.stop();
    assert_numbered(&read(&left.path().join("log/all")), 0..3);
}

#[test]
fn open_connections_go_with_an_input_that_is_renamed() {
    let mut logd = logd().start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    send_numbered(&mut stream, 0..1);
    wait::until_lines(&logd.path().join("log/all"), 1);
    let head = syslog::logd_head(address(LOGD)).replace("input.net-tcp.", "input.renamed.");
    let renamed = "[[rule]]\nfrom = [\"renamed\"]\nto = [\"log/renamed\"]\n";
    logd.replace("logd.toml", head + renamed);
    logd.reload();
    send_numbered(&mut stream, 1..2);
    wait::until_lines(&logd.path().join("log/renamed"), 1);
    let (_, left) = logd.stop();
    assert_numbered(&read(&left.path().join("log/renamed")), 1..2);
}

#[test]
fn frames_without_an_end_have_a_limit_over_all_connections() {
    let setup = Setup::new("logd").file(
        "logd.toml",
        format!("buffer-max = \"1MiB\"\n{}{RULE}", syslog::logd_head(address(LOGD))),
    );
    let logd = setup.start();
    let to = syslog::collector(address(LOGD));
    let begun: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = syslog::connect(to);
            stream.write_all(&[b'x'; 50_000]).unwrap();
            stream
        })
        .collect();
    wait::until("connections to be closed for it", || {
        let refused = syslog::metric(address(LOGD), "logd_input_refused_total", &["incomplete-max"]);
        (refused >= 1.0).then_some(())
    });
    syslog::send(to, b"<13>Oct 11 22:14:15 host app[1]: message 0\n");
    wait::until_file(&logd.path().join("log/all"), |content| {
        String::from_utf8_lossy(content).contains(" message 0\n")
    });
    wait::until("the limit to hold", || {
        let kept = syslog::metric(address(LOGD), "logd_input_incomplete_bytes", &[]);
        (kept <= f64::from(1 << 20) / 4.0).then_some(())
    });
    drop(begun);
}

#[test]
fn sigterm_marks_a_line_whose_end_it_did_not_wait_for() {
    let format = "[default.file]\nformat = \"json\"\n";
    let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + format + RULE);
    let logd = setup.start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    stream.write_all(b"<13>Oct 11 22:14:15 host app: cut o").unwrap();
    let (_, left) = logd.stop();
    let line = read(&left.path().join("log/all"));
    assert!(
        line.contains("cut o\"") && line.contains("\"truncated\":true"),
        "{line}"
    );
}

#[test]
fn a_bad_reload_changes_nothing_and_names_the_line() {
    let logd = logd().start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    send_numbered(&mut stream, 0..1);
    wait::until_lines(&logd.path().join("log/all"), 1);
    let head = syslog::logd_head(address(LOGD));
    let line = head.lines().count() + 2;
    logd.replace("logd.toml", head + "[[rule]]\nselekt = \"*.*\"\nto = [\"log/other\"]\n");
    logd.signal(Signal::SIGHUP);
    logd.wait_for_log(&format!("logd.toml:{line}:1: "));
    send_numbered(&mut stream, 1..2);
    wait::until_lines(&logd.path().join("log/all"), 2);
    syslog::send(
        syslog::collector(address(LOGD)),
        b"<13>Oct 11 22:14:15 host app[1]: message 2\n",
    );
    let (status, left) = logd.stop();
    assert!(status.success());
    assert_numbered(&read(&left.path().join("log/all")), 0..3);
    assert!(!left.path().join("log/other").exists());
}

#[test]
fn sigterm_writes_all_that_was_sent_before_it() {
    const CONNECTIONS: usize = 20;
    const MESSAGES: usize = 300;
    let logd = logd().start();
    let to = syslog::collector(address(LOGD));
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| syslog::connect(to)).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (connection, stream) in streams.iter_mut().enumerate() {
        let mut bytes = String::new();
        for n in 0..MESSAGES {
            writeln!(bytes, "<13>Oct 11 22:14:15 host tcp[{connection}]: {n}").unwrap();
        }
        stream.write_all(bytes.as_bytes()).unwrap();
        let datagram = format!("<13>Oct 11 22:14:15 host udp[{connection}]: 0");
        socket.send_to(datagram.as_bytes(), to).unwrap();
    }
    // The connections are open, and nothing was waited for.
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}");
    let content = read(&left.path().join("log/all"));
    for connection in 0..CONNECTIONS {
        let tcp = format!("Oct 11 22:14:15 host tcp[{connection}]: ");
        let numbers: Vec<_> = content.lines().filter_map(|line| line.strip_prefix(&tcp)).collect();
        assert_eq!(numbers.len(), MESSAGES, "of connection {connection}");
        assert!(numbers.iter().enumerate().all(|(n, number)| *number == n.to_string()));
        assert!(
            content.contains(&format!("host udp[{connection}]: 0\n")),
            "datagram {connection}"
        );
    }
}

#[test]
fn sigterm_writes_all_of_a_closed_connection_of_megabytes() {
    const MESSAGES: usize = 60_000;
    let logd = logd().start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    send_numbered(&mut stream, 0..MESSAGES);
    syslog::close(&mut stream);
    let (_, left) = logd.stop();
    assert_numbered(&read(&left.path().join("log/all")), 0..MESSAGES);
}

/// A file system that has less than this free is full: all of them.
const FULL: &str = "[output.all.file]\npath = \"log/all\"\nmin-free = \"900000TiB\"\n";
const TO_FULL: &str = "[[rule]]\nto = [\"all\"]\n";

#[test]
fn a_second_sigterm_ends_a_drain_that_waits_for_a_full_disk() {
    let setup = Setup::new("logd").file(
        "logd.toml",
        "drain-timeout = \"1h\"\n".to_owned() + &syslog::logd_head(address(LOGD)) + FULL + TO_FULL,
    );
    let mut logd = setup.start();
    send_numbered(&mut syslog::connect(syslog::collector(address(LOGD))), 0..1);
    logd.wait_for_log("min-free");
    logd.signal(Signal::SIGTERM);
    logd.wait_for_notice("STOPPING=1");
    logd.signal(Signal::SIGTERM);
    assert_eq!(
        logd.wait().code(),
        Some(74),
        "what was not written is told by the exit code"
    );
    assert!(logd.log().contains("lines=1"), "{}", logd.log());
}

#[test]
fn a_reload_keeps_the_count_of_files_that_are_held_up() {
    let head = syslog::logd_head(address(LOGD));
    let setup = Setup::new("logd").file(
        "logd.toml",
        "drain-timeout = \"1s\"\n".to_owned() + &head + FULL + TO_FULL,
    );
    let mut logd = setup.start();
    let held_up = || syslog::metric(address(LOGD), "logd_output_held_up_files", &["output=\"all\""]);
    send_numbered(&mut syslog::connect(syslog::collector(address(LOGD))), 0..1);
    wait::until("the file to be held up", || (held_up() == 1.0).then_some(()));
    let changed = format!("drain-timeout = \"1s\"\n{head}{FULL}flush-interval = \"1s\"\n{TO_FULL}");
    logd.replace("logd.toml", changed);
    logd.reload();
    assert_eq!(held_up(), 1.0);
    let health = syslog::page(address(LOGD), "/healthz");
    assert!(health.contains("output all is full"), "{health}");
    assert!(!logd.log().contains("written to again"), "{}", logd.log());
}

#[test]
fn a_reload_that_hangs_keeps_neither_status_nor_sigterm_waiting() {
    let config = syslog::logd_head(address(LOGD)) + RULE;
    let logd = Setup::new("logd")
        .file("logd.toml", &config)
        .file("for-status.toml", &config)
        .start();
    // Who opens a pipe waits until somebody writes to it, as one waits for a file server that is away.
    fs::remove_file(logd.path().join("logd.toml")).unwrap();
    nix::unistd::mkfifo(&logd.path().join("logd.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut logd = logd;
    logd.signal(Signal::SIGHUP);
    logd.wait_for_notice("RELOADING=1");
    let status = Command::new(program("logd"))
        .args(["status", "--config"])
        .arg(logd.path().join("for-status.toml"))
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    send_numbered(&mut syslog::connect(syslog::collector(address(LOGD))), 0..1);
    wait::until_lines(&logd.path().join("log/all"), 1);
    assert!(logd.stop().0.success());
}
