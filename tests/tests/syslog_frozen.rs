//! A file system that hangs keeps its own senders waiting and nobody else's; nothing is lost when it answers again, and a daemon
//! that is told to end meanwhile ends in time and says what is lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, frozen_disk, numbered, small_disk};
use ballast_tests::{address, wait};
use nix::sys::signal::Signal;

const LOGD: u8 = 0;

/// Connections of each kind: some of both on every serving thread.
const SENDERS: usize = 8;

/// More than all buffers hold.
const MESSAGES: usize = 10_000;

/// The default of `flush-interval` is 100 ms. On a machine that has much else to do a line may take some of these.
const VISIBLE: Duration = Duration::from_secs(2);

/// The word of the messages for the file system that hangs is the host.
const SPEC: &str = "[output.frozen.file]\npath = \"frozen/all\"\nmin-free = \"0B\"\n\
    [output.healthy.file]\npath = \"healthy/all\"\nmin-free = \"0B\"\n\
    [[rule]]\nwhere = { property = \"hostname\", is = \"host\" }\nto = [\"frozen\"]\nstop = true\n\
    [[rule]]\nto = [\"healthy\"]\n";

fn logd(keys: &str) -> Option<Daemon> {
    let config = format!("{keys}{}{SPEC}", syslog::logd_head(address(LOGD)));
    let logd = frozen_disk::start(Setup::new("logd").file("logd.toml", config), "frozen")?;
    let to = syslog::collector(address(LOGD));
    syslog::send(to, &numbered::messages("host", SENDERS, 0..1));
    syslog::send(to, &numbered::messages("other", SENDERS, 0..1));
    wait::until_lines(&small_disk::at(&logd, "frozen").join("all"), 1);
    wait::until_lines(&logd.path().join("healthy/all"), 1);
    Some(logd)
}

#[test]
fn a_file_system_that_hangs_holds_its_own_senders_and_nobody_elses() {
    let Some(logd) = logd("buffer-max = \"4MiB\"\n") else {
        return;
    };
    let to = syslog::collector(address(LOGD));
    let mut others: Vec<TcpStream> = (0..SENDERS).map(|_| syslog::connect(to)).collect();
    let frozen = frozen_disk::freeze(&logd, "frozen");
    let senders = numbered::senders(to, SENDERS, MESSAGES);
    let buffered = || syslog::metric(address(LOGD), "logd_buffered_bytes", &[]);
    let held = (1 << 20) as f64;
    wait::until("the senders to be held back", || (buffered() >= held).then_some(()));

    let healthy = logd.path().join("healthy/all");
    for (sender, stream) in others.iter_mut().enumerate() {
        let sent = Instant::now();
        stream.write_all(&numbered::messages("other", sender, 1..2)).unwrap();
        wait::until_lines(&healthy, sender + 2);
        assert!(sent.elapsed() < VISIBLE, "sender {sender}: {:?}", sent.elapsed());
    }
    assert!(senders.iter().all(|sender| !sender.is_finished()), "they wait");
    assert!(buffered() < 3.0 * held, "what they sent leaves room for others");

    drop(frozen);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let disk = small_disk::at(&logd, "frozen");
    let content = wait::until_lines(&disk.join("all"), SENDERS * MESSAGES + 1);
    let content = String::from_utf8(content).unwrap();
    let lines: Vec<String> = content.lines().skip(1).map(str::to_owned).collect();
    numbered::assert_all_once(&lines, SENDERS, MESSAGES);
    assert!(logd.stop().0.success());
}

#[test]
fn a_socket_for_datagrams_takes_those_for_other_files_while_one_hangs() {
    /// More than a file may be behind before connections are held back.
    const BEHIND: f64 = (2 << 20) as f64;
    let Some(logd) = logd("") else { return };
    let frozen = frozen_disk::freeze(&logd, "frozen");
    let network = UdpSocket::bind((address(LOGD), 0)).unwrap();
    let send = |host: &str, rest: &str| {
        let datagram = format!("<13>{} {rest}", numbered::line(host, 0, 1));
        network
            .send_to(datagram.as_bytes(), syslog::collector(address(LOGD)))
            .unwrap();
    };
    let long = "x".repeat(8 << 10);
    wait::until("the file to be far behind", || {
        (0..8).for_each(|_| send("host", &long));
        (syslog::metric(address(LOGD), "logd_buffered_bytes", &[]) >= BEHIND).then_some(())
    });
    let sent = Instant::now();
    send("other", "short");
    wait::until_lines(&logd.path().join("healthy/all"), 2);
    assert!(sent.elapsed() < VISIBLE, "{:?}", sent.elapsed());
    drop(frozen);
    assert!(logd.stop().0.success());
}

#[test]
fn sigterm_while_a_file_system_hangs_ends_in_time_and_counts_what_is_lost() {
    const DRAIN: Duration = Duration::from_secs(2);
    /// The tasks that only answer questions have two seconds more.
    const END_MAX: Duration = Duration::from_secs(6);
    let Some(mut logd) = logd(&format!("drain-timeout = \"{}s\"\n", DRAIN.as_secs())) else {
        return;
    };
    let to = syslog::collector(address(LOGD));
    let frozen = frozen_disk::freeze(&logd, "frozen");
    syslog::send(to, &numbered::messages("host", 0, 0..100));
    syslog::send(to, &numbered::messages("other", 0, 1..101));
    let told = Instant::now();
    logd.signal(Signal::SIGTERM);
    wait::until("it to say what is lost", || {
        let log = logd.log();
        let lost = log
            .lines()
            .find(|line| line.contains("could not be written are lost"))?;
        assert!(lost.contains("lines=100"), "{lost}");
        Some(())
    });
    assert!(told.elapsed() < END_MAX, "{:?}", told.elapsed());
    // The others are written, whichever came first.
    assert_eq!(
        fs::read_to_string(logd.path().join("healthy/all"))
            .unwrap()
            .lines()
            .count(),
        101
    );
    // The kernel keeps a process until its last system call has returned.
    drop(frozen);
    assert_eq!(logd.wait().code(), Some(74));
}
