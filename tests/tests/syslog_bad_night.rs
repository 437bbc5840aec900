//! One thing after the other breaks, and the programs of the machine that log, sshd first of all, don't notice: none waits longer
//! than 100 ms, what is not broken is written, and what is dropped is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, small_disk};
use ballast_tests::{address, wait};

const LOGD: u8 = 0;
const SIEM: u8 = 1;

const RELP_PORT: u16 = 2514;

/// What a sender of this machine waits at most.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Processes that log at once.
const WRITERS: usize = 4;

/// Twice as much as is kept for a disk that is full, and no more than a busy sshd writes in an hour.
const MESSAGES: usize = 1_000;
const TEXT_BYTES: usize = 600;

/// A disk with room for one night, but not beside the filler.
const DISK_BYTES: usize = 16 << 20;

/// logd with a small file system of its own below `full`, which ends with it; `None` where that can't be made.
fn logd() -> Option<Daemon> {
    let setup = Setup::new("logd").file(
        "logd.toml",
        syslog::logd_head(address(LOGD))
            + "[input.local.unix]\npath = \"socket\"\n\
               [output.full.file]\npath = \"full/log\"\nmin-free = \"0B\"\nwhen-full = \"block\"\n\
               [output.healthy.file]\npath = \"healthy/log\"\n\
               [[rule]]\nto = [\"full\", \"healthy\"]\n",
    );
    small_disk::start(setup, "full", DISK_BYTES)
}

/// Nanoseconds that this thread was ready to run and was not let (the second number of proc(5)'s schedstat): what it waited for
/// the processor and not for logd.
fn waited_for_processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Sends like sshd, from several at once; the longest that one of them waited in a send.
fn log_in(socket: &Path, phase: &str) -> Duration {
    let writer = |writer: usize| {
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(socket).unwrap();
        let text = "x".repeat(TEXT_BYTES);
        let mut longest = Duration::ZERO;
        for n in 0..MESSAGES {
            let line = format!("<38>Oct 11 22:14:15 sshd[{writer}]: {phase} {writer} {n} {text}");
            let before = waited_for_processor();
            let started = Instant::now();
            sender.send(line.as_bytes()).unwrap();
            let waited = started.elapsed();
            longest = longest.max(waited.saturating_sub(waited_for_processor() - before));
        }
        longest
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|n| scope.spawn(move || writer(n))).collect();
        let longest = writers.into_iter().map(|writer| writer.join().unwrap()).max().unwrap();
        eprintln!("{phase}: nobody waited longer than {longest:?}");
        longest
    })
}

/// How many lines of a phase a file has.
fn lines_of(content: &[u8], phase: &str) -> usize {
    let content = String::from_utf8_lossy(content);
    let mark = format!("]: {phase} ");
    content.lines().filter(|line| line.contains(&mark)).count()
}

fn dropped_for_local(output: &str) -> usize {
    let labels = [&*format!("output=\"{output}\""), "reason=\"local\""];
    syslog::metric(address(LOGD), "logd_output_dropped_total", &labels) as usize
}

#[test]
fn a_full_disk_keeps_no_login_waiting_and_what_is_dropped_is_counted() {
    let Some(logd) = logd() else { return };
    let (disk, socket) = (small_disk::at(&logd, "full"), logd.path().join("socket"));
    let healthy = logd.path().join("healthy/log");
    let all = WRITERS * MESSAGES;

    assert!(log_in(&socket, "evening") < WAIT_MAX);
    wait::until_file(&disk.join("log"), |content| lines_of(content, "evening") == all);

    small_disk::fill(&disk.join("filler"));
    // The disk is found to be full as soon as more is written than is left of the last page.
    let network = UdpSocket::bind((address(LOGD), 0)).unwrap();
    let long = format!("<13>Oct 11 22:14:15 host app: {}", "x".repeat(8192));
    wait::until("the disk to be found full", || {
        network
            .send_to(long.as_bytes(), syslog::collector(address(LOGD)))
            .unwrap();
        logd.log().contains("No space left on device").then_some(())
    });
    assert!(log_in(&socket, "night") < WAIT_MAX);
    wait::until_file(&healthy, |content| lines_of(content, "night") == all);
    let dropped = dropped_for_local("full");
    assert!(dropped > 0, "more was sent than is kept for a full disk");
    assert_eq!(dropped_for_local("healthy"), 0);
    logd.wait_for_log("lines of this machine's programs, which don't wait, are dropped");

    fs::remove_file(disk.join("filler")).unwrap();
    let kept = wait::until("the disk to be written to again", || {
        let content = fs::read(disk.join("log")).unwrap();
        let kept = lines_of(&content, "night");
        (kept + dropped >= all).then_some(kept)
    });
    assert_eq!(kept + dropped, all, "every line is written or counted");

    assert!(log_in(&socket, "morning") < WAIT_MAX);
    for file in [&disk.join("log"), &healthy] {
        wait::until_file(file, |content| lines_of(content, "morning") == all);
    }
    assert_eq!(dropped_for_local("full"), dropped);
    assert!(logd.stop().0.success());
}

/// The SIEM on a good day: it writes what comes.
fn siem() -> Setup {
    let config = format!(
        "[input.relp.relp]\nlisten = [\"{}:{RELP_PORT}\"]\n[[rule]]\nto = [\"./log\"]\n",
        address(SIEM)
    );
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(SIEM)) + &config)
}

/// How many different lines of a phase a file has: over RELP one may come twice.
fn different_lines_of(content: &[u8], phase: &str) -> usize {
    let content = String::from_utf8_lossy(content);
    let mark = format!("]: {phase} ");
    let lines: BTreeSet<&str> = content.lines().filter(|line| line.contains(&mark)).collect();
    lines.len()
}

#[test]
fn a_dead_siem_keeps_no_login_waiting_and_what_is_dropped_is_counted() {
    let all = WRITERS * MESSAGES;
    let well = siem().start();
    // Room for one of these phases and some of another.
    let logd = Setup::new("logd")
        .file(
            "logd.toml",
            syslog::logd_head(address(LOGD))
                + &format!(
                    "[input.local.unix]\npath = \"socket\"\n\
                     [output.siem.forward]\ntarget = \"relp://{}:{RELP_PORT}\"\ntimeout = \"1s\"\nresume-interval = \"200ms\"\n\
                     queue = {{ max = \"4MiB\", when-full = \"block\" }}\n\
                     [output.healthy.file]\npath = \"healthy/log\"\n\
                     [[rule]]\nto = [\"siem\", \"healthy\"]\n",
                    address(SIEM)
                ),
        )
        .start();
    let (socket, healthy) = (logd.path().join("socket"), logd.path().join("healthy/log"));

    assert!(log_in(&socket, "evening") < WAIT_MAX);
    wait::until_file(&well.path().join("log"), |content| {
        different_lines_of(content, "evening") == all
    });
    let (status, left) = well.stop();
    assert!(status.success(), "{status}");

    // Its kernel takes connections, and nobody reads.
    let hanging = TcpListener::bind((address(SIEM), RELP_PORT)).unwrap();
    assert!(log_in(&socket, "night") < WAIT_MAX);
    logd.wait_for_log("it has taken nothing for 1s");
    drop(hanging);
    logd.wait_for_log("Connection refused");
    assert!(log_in(&socket, "small hours") < WAIT_MAX);
    for phase in ["night", "small hours"] {
        wait::until_file(&healthy, |content| lines_of(content, phase) == all);
    }
    let dropped = dropped_for_local("siem");
    assert!(dropped > 0, "more was sent than is kept for a dead SIEM");
    assert_eq!(dropped_for_local("healthy"), 0);

    let back = left.again().start();
    let has = |phases: &[&str]| {
        let content = fs::read(back.path().join("log")).unwrap_or_default();
        phases
            .iter()
            .map(|phase| different_lines_of(&content, phase))
            .sum::<usize>()
    };
    wait::until("what was kept to be sent", || {
        (has(&["night", "small hours"]) + dropped >= 2 * all).then_some(())
    });
    assert_eq!(
        has(&["night", "small hours"]) + dropped,
        2 * all,
        "every line is sent or counted"
    );
    assert!(log_in(&socket, "morning") < WAIT_MAX);
    wait::until("the morning to be there", || (has(&["morning"]) == all).then_some(()));
    wait::until_file(&healthy, |content| lines_of(content, "morning") == all);
    assert_eq!(dropped_for_local("siem"), dropped);
    assert!(logd.stop().0.success());
    assert!(back.stop().0.success());
}
