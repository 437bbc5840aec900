//! What happens to a log server: it is killed, restarted, and sent what no sender should send. Numbered messages tell what was
//! lost, doubled or torn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::syslog::{self, numbered};
use ballast_tests::{address, wait};
use nix::sys::signal::Signal;

const LOGD: u8 = 0;

fn logd(keys: &str) -> Setup {
    let output = format!("[output.all.file]\npath = \"log/%HOSTNAME%/%PROGRAMNAME%.log\"\n{keys}\n");
    Setup::new("logd").file(
        "logd.toml",
        // Senders that go on sending are read for half of it.
        "drain-timeout = \"4s\"\n".to_owned()
            + &syslog::logd_head(address(LOGD))
            + &output
            + "[[rule]]\nto = [\"all\"]\n",
    )
}

/// Milliseconds that nobody knows before, below this.
fn random_ms(below: u32) -> Duration {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    Duration::from_millis(u64::from(nanos.wrapping_mul(2_654_435_761) % below))
}

fn is_whole(line: &str) -> bool {
    line.ends_with(" in its middle")
}

fn taken() -> usize {
    syslog::metric(address(LOGD), "logd_input_messages_total", &["net-tcp"]) as usize
}

#[test]
fn kill_9_loses_no_more_than_the_last_flush_interval_and_doubles_nothing() {
    const KILLS: usize = 6;
    /// The default of `flush-interval`, and what a thread may be late by on a machine that does other things, too.
    const FLUSHED_AFTER: Duration = Duration::from_millis(100 + 500);
    let mut daemon = logd("rotate = { size = \"64KiB\", compress = \"zstd\" }").start();
    let mut promised = Vec::new();
    for kill in 0..KILLS {
        let stream = syslog::connect(syslog::collector(address(LOGD)));
        let sender = thread::spawn(move || numbered::send_until_gone(stream, kill));
        wait::until("messages to come", || (taken() > 1_000).then_some(()));
        thread::sleep(random_ms(300));
        // What was received by now is in its file when the time is over; what comes later may be lost.
        promised.push(taken());
        thread::sleep(FLUSHED_AFTER);
        daemon.signal(Signal::SIGKILL);
        daemon.wait();
        sender.join().unwrap();
        daemon = daemon.after_kill().start();
    }
    // A start cleans up what was under way.
    let log = daemon.path().join("log");
    wait::until("compression to be done", || {
        let names: Vec<_> = fs::read_dir(log.join("host")).unwrap().collect();
        let done = |name: &str| name == "app.log" || name.ends_with(".zst");
        let all = names
            .iter()
            .all(|entry| done(entry.as_ref().unwrap().file_name().to_str().unwrap()));
        all.then_some(())
    });
    let (status, left) = daemon.stop();
    assert!(status.success());
    let mut lines = numbered::lines_below(&left.path().join("log"));
    // A write that the kernel itself broke off leaves a line without its end, which gets its newline from the next start.
    let torn: Vec<_> = lines.iter().filter(|line| !is_whole(line)).cloned().collect();
    assert!(torn.len() <= KILLS, "{torn:?}");
    lines.retain(|line| is_whole(line));
    let counts = numbered::counted(&lines);
    for (kill, promised) in promised.into_iter().enumerate() {
        let lost = (0..promised).filter(|number| !counts.contains_key(&(kill, *number)));
        assert_eq!(lost.count(), 0, "of {promised} messages before kill {kill}");
    }
    assert!(counts.values().all(|count| *count == 1), "none is doubled");
}

#[test]
fn sigterm_under_load_writes_all_that_was_read_and_no_line_is_torn() {
    const RUNS: usize = 3;
    const SENDERS: usize = 3;
    let mut daemon = logd("rotate = { size = \"64KiB\", compress = \"gzip\" }").start();
    let mut total = 0;
    for _ in 0..RUNS {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let stream = syslog::connect(syslog::collector(address(LOGD)));
                thread::spawn(move || numbered::send_until_gone(stream, sender))
            })
            .collect();
        wait::until("messages to come", || (taken() > 1_000).then_some(()));
        thread::sleep(random_ms(200));
        let (status, left) = daemon.stop();
        assert!(status.success(), "{status}: {}", left.log);
        for sender in senders {
            sender.join().unwrap();
        }
        // What had come of a message whose end was not waited for is written, too. It may lack even its host.
        let log = left.path().join("log");
        let _ = fs::remove_dir_all(log.join("127.0.0.1"));
        let mut lines = numbered::lines_below(&log);
        let before = lines.len();
        lines.retain(|line| is_whole(line));
        assert!(before - lines.len() <= RUNS * SENDERS, "torn lines");
        assert!(lines.len() > total + 1_000);
        total = lines.len();
        // Of each sender and run a beginning without a gap: numbers are there as often as those before them, or less.
        let counts = numbered::counted(&lines);
        for ((sender, number), count) in &counts {
            if *number > 0 {
                let before = counts.get(&(*sender, number - 1)).copied().unwrap_or(0);
                assert!(before >= *count, "a gap before {number} of sender {sender}");
            }
        }
        daemon = left.again().start();
    }
}

#[test]
fn a_sender_that_never_ends_its_line_holds_up_nobody_and_is_cut() {
    const ENDLESS_BYTES: usize = 8 << 20;
    let logd = logd("").start();
    let to = syslog::collector(address(LOGD));
    let mut endless = syslog::connect(to);
    endless.write_all(b"<13>Oct 11 22:14:15 other app: ").unwrap();
    let piece = [b'x'; 64 << 10];
    for _ in 0..ENDLESS_BYTES / piece.len() {
        endless.write_all(&piece).unwrap();
    }
    syslog::send(to, &numbered::messages("host", 0, 0..1_000));
    wait::until_lines(&logd.path().join("log/host/app.log"), 1_000);
    let kept = || syslog::metric(address(LOGD), "logd_input_incomplete_bytes", &[]);
    assert!(kept() <= f64::from(1 << 18), "{} bytes are kept of it", kept());
    endless.write_all(b"\n").unwrap();
    endless.write_all(&numbered::messages("host", 1, 0..10)).unwrap();
    syslog::close(&mut endless);
    let (_, left) = logd.stop();
    let other = fs::read(left.path().join("log/other/app.log")).unwrap();
    assert!(
        other.len() <= 65 << 10 && other.ends_with(b"x\n"),
        "{} bytes of it are written",
        other.len()
    );
    fs::remove_dir_all(left.path().join("log/other")).unwrap();
    let counts = numbered::counted(&numbered::lines_below(&left.path().join("log")));
    assert_eq!(counts.len(), 1_010);
}

#[test]
fn files_that_are_moved_deleted_and_reopened_under_load_of_many_lose_nothing_that_was_not_deleted() {
    const SENDERS: usize = 4;
    const NUMBERS: usize = 10_000;
    let mut daemon = logd("flush-interval = \"5ms\"").start();
    let file = daemon.path().join("log/host/app.log");
    let senders = numbered::senders(syslog::collector(address(LOGD)), SENDERS, NUMBERS);
    let mut round = 0;
    while senders.iter().any(|sender| !sender.is_finished()) {
        let aside = daemon.path().join(format!("log/host/part{round}"));
        // What is deleted keeps a name, so that what was in it can be counted.
        match round % 3 {
            0 => drop(fs::rename(&file, &aside)),
            1 => {
                if fs::hard_link(&file, &aside).is_ok() {
                    fs::remove_file(&file).unwrap();
                }
            }
            _ => daemon.reload(),
        }
        round += 1;
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let (status, left) = daemon.stop();
    assert!(status.success());
    let counts = numbered::counted(&numbered::lines_below(&left.path().join("log")));
    // Lines that were being written to a file while it was deleted go to the new one, too: they may be there twice, never not at all.
    assert_eq!(counts.len(), SENDERS * NUMBERS, "{round} rounds");
}

/// Starts logd with a listening socket as its descriptor 3, announced as systemd does.
fn start_activated(setup: Setup, listener: &TcpListener) -> Daemon {
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg("exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"")
        .arg(program("logd"))
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    setup.start_by(command)
}

/// Sends a message over a connection of its own; whether the collector has closed it in an orderly way, so that it was read.
/// That the connection is refused is the end of the test.
fn deliver(to: SocketAddr, number: usize) -> bool {
    let mut stream = TcpStream::connect(to).expect("no connection is refused");
    stream.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let message = numbered::messages("host", 0, number..number + 1);
    stream.write_all(&message).is_ok()
        && stream.shutdown(Shutdown::Write).is_ok()
        && stream.read_to_end(&mut Vec::new()).is_ok()
}

#[test]
fn with_socket_activation_restarts_refuse_no_connection_and_lose_nothing_that_was_read() {
    const RESTARTS: usize = 6;
    let to = syslog::collector(address(LOGD));
    let listener = TcpListener::bind(to).unwrap();
    let mut daemon = start_activated(logd(""), &listener);
    let stop = Arc::new(AtomicBool::new(false));
    let sender = {
        let stop = stop.clone();
        thread::spawn(move || {
            let mut delivered = BTreeSet::new();
            for number in 0.. {
                if deliver(to, number) {
                    delivered.insert(number);
                }
                if stop.load(Ordering::Relaxed) {
                    return delivered;
                }
            }
            unreachable!("numbers don't end")
        })
    };
    for _ in 0..RESTARTS {
        let before = taken();
        wait::until("messages to come", || (taken() > before + 20).then_some(()));
        let (status, left) = daemon.stop();
        assert!(status.success(), "{}", left.log);
        daemon = start_activated(left.again(), &listener);
    }
    stop.store(true, Ordering::Relaxed);
    let delivered = sender.join().unwrap();
    let (status, left) = daemon.stop();
    assert!(status.success());
    let counts = numbered::counted(&numbered::lines_below(&left.path().join("log")));
    let lost: Vec<_> = delivered
        .iter()
        .filter(|number| !counts.contains_key(&(0, **number)))
        .collect();
    assert!(lost.is_empty(), "of {} delivered: {lost:?}", delivered.len());
    assert!(counts.values().all(|count| *count == 1), "none is doubled");
}
