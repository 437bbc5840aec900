//! One thing after the other breaks, and the programs of the machine that log, sshd first of all, don't notice: none waits longer
//! than 100 ms, what is not broken is written, and what is dropped is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::databases::{Kind, Server};
use ballast_tests::peers::Peer;
use ballast_tests::syslog::{self, small_disk};
use ballast_tests::{address, peers, wait};
use tempfile::TempDir;

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
fn log_in(socket: &Path, phase: &str, numbers: Range<usize>) -> Duration {
    let writer = |writer: usize, numbers: Range<usize>| {
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(socket).unwrap();
        let text = "x".repeat(TEXT_BYTES);
        let mut longest = Duration::ZERO;
        for n in numbers.clone() {
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
        let writers: Vec<_> = (0..WRITERS)
            .map(|n| {
                let numbers = numbers.clone();
                scope.spawn(move || writer(n, numbers))
            })
            .collect();
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

/// Leaves no room on the small disk, and waits until logd has found that out.
fn fill(logd: &Daemon, filler: &Path) {
    small_disk::fill(filler);
    // The disk is found to be full as soon as more is written than is left of the last page.
    let network = UdpSocket::bind((address(LOGD), 0)).unwrap();
    let long = format!("<13>Oct 11 22:14:15 host app: {}", "x".repeat(8192));
    wait::until("the disk to be found full", || {
        network
            .send_to(long.as_bytes(), syslog::collector(address(LOGD)))
            .unwrap();
        logd.log().contains("No space left on device").then_some(())
    });
}

#[test]
fn a_full_disk_keeps_no_login_waiting_and_what_is_dropped_is_counted() {
    let Some(logd) = logd() else { return };
    let (disk, socket) = (small_disk::at(&logd, "full"), logd.path().join("socket"));
    let healthy = logd.path().join("healthy/log");
    let all = WRITERS * MESSAGES;

    assert!(log_in(&socket, "evening", 0..MESSAGES) < WAIT_MAX);
    wait::until_file(&disk.join("log"), |content| lines_of(content, "evening") == all);

    fill(&logd, &disk.join("filler"));
    assert!(log_in(&socket, "night", 0..MESSAGES) < WAIT_MAX);
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

    assert!(log_in(&socket, "morning", 0..MESSAGES) < WAIT_MAX);
    for file in [&disk.join("log"), &healthy] {
        wait::until_file(file, |content| lines_of(content, "morning") == all);
    }
    assert_eq!(dropped_for_local("full"), dropped);
    assert!(logd.stop().0.success());
}

const DATABASE: u8 = 2;

/// Where every message of the night goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    /// A tree of files.
    Tree,
    /// A file on a disk of its own.
    Disk,
    /// A SIEM, of whose absence a little is kept in memory.
    Siem,
    /// The same over RELP, with a spool.
    Spooled,
    /// A database with room for a night before it.
    Database,
    /// A table of rsyslog's with less room than that.
    FrontEnd,
}

const SINKS: [Sink; 6] = [
    Sink::Tree,
    Sink::Disk,
    Sink::Siem,
    Sink::Spooled,
    Sink::Database,
    Sink::FrontEnd,
];

impl Sink {
    /// Its output.
    fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Disk => "full",
            Self::Siem => "siem",
            Self::Spooled => "spooled",
            Self::Database => "database",
            Self::FrontEnd => "front-end",
        }
    }

    fn dropped(self) -> usize {
        let label = format!("output=\"{}\"", self.name());
        syslog::metric(address(LOGD), "logd_output_dropped_total", &[&label]) as usize
    }
}

/// logd, and what it writes to.
struct Night {
    logd: Daemon,
    server: Server,
    siem: TempDir,
}

impl Night {
    /// Everything works. `None` where no small disk can be made.
    fn begin() -> Option<Self> {
        let server = Server::start(Kind::Postgres, SocketAddr::from((address(DATABASE), 5432)));
        let url = server.url(server.serves());
        let database = format!("url = \"{url}\"\npassword-file = \"password\"\ntimeout = \"1s\"\n");
        let siem = address(SIEM);
        let spec = format!(
            "[input.local.unix]\npath = \"socket\"\n\
             [output.tree.file]\npath = \"tree/%HOSTNAME%/%PROGRAMNAME%.log\"\n\
             [output.full.file]\npath = \"full/log\"\nmin-free = \"0B\"\nwhen-full = \"block\"\n\
             [output.siem.forward]\ntarget = \"tcp://{siem}:{}\"\nresume-interval = \"1s\"\nqueue = {{ max = \"1MiB\" }}\n\
             [output.spooled.forward]\ntarget = \"relp://{siem}:{RELP_PORT}\"\nresume-interval = \"1s\"\n\
             spool = {{ max = \"64MiB\" }}\n\
             [output.database.postgres]\n{database}queue = {{ max = \"16MiB\", when-full = \"block\" }}\n\
             [output.front-end.postgres]\n{database}schema = \"system-events\"\n\
             queue = {{ max = \"1MiB\", when-full = \"block\" }}\n\
             [[rule]]\nto = [\"tree\", \"full\", \"siem\", \"spooled\", \"database\", \"front-end\"]\n",
            syslog::PORT
        );
        let setup = Setup::new("logd")
            .file("password", format!("{}\n", server.password()))
            .file("logd.toml", syslog::logd_head(address(LOGD)) + &spec);
        let logd = small_disk::start(setup, "full", DISK_BYTES)?;
        let siem = tempfile::tempdir().unwrap();
        Some(Self { logd, server, siem })
    }

    /// rsyslogd, with what comes by each input in a file of its own.
    fn start_siem(&self) -> Peer {
        let (directory, at) = (self.siem.path().display(), address(SIEM));
        let config = syslog::rsyslogd_head(self.siem.path(), at)
            + &format!(
                "module(load=\"imrelp\")\ninput(type=\"imrelp\" address=\"{at}\" port=\"{RELP_PORT}\")\n\
                 template(name=\"by-input\" type=\"string\" string=\"{directory}/%inputname%\")\n\
                 if $programname == \"sshd\" then action(type=\"omfile\" dynaFile=\"by-input\")\n"
            );
        let peer = peers::rsyslogd(self.siem.path(), &config, syslog::collector(at));
        for sink in [Sink::Siem, Sink::Spooled] {
            wait::until("logd to be connected", || is_connected(sink).then_some(()));
        }
        peer
    }

    /// The lines of a sink that are whole.
    fn lines(&self, sink: Sink) -> Vec<String> {
        let of = |path: &Path| {
            let content = fs::read(path).unwrap_or_default();
            let end = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let text = String::from_utf8(content[..end].to_vec()).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let rows = |sql| self.server.try_rows(sql).unwrap_or_default();
        match sink {
            Sink::Tree => {
                let tree = self.logd.path().join("tree");
                let files = syslog::tree(&tree);
                files.keys().flat_map(|name| of(&tree.join(name))).collect()
            }
            Sink::Disk => of(&small_disk::at(&self.logd, "full").join("log")),
            Sink::Siem => of(&self.siem.path().join("imtcp")),
            Sink::Spooled => of(&self.siem.path().join("imrelp")),
            Sink::Database => rows("SELECT left(message, 80) FROM logd_messages"),
            Sink::FrontEnd => rows("SELECT left(Message, 80) FROM SystemEvents"),
        }
    }

    /// How many messages of a phase a sink has, none of them twice.
    fn written(&self, sink: Sink, phase: &str) -> usize {
        let lines = self.lines(sink);
        let numbers: Vec<_> = lines.iter().filter_map(|line| numbers_of(line, phase)).collect();
        let different: BTreeSet<_> = numbers.iter().collect();
        assert_eq!(numbers.len(), different.len(), "{phase}: {sink:?} has some twice");
        numbers.len()
    }

    /// Waits until a sink has so many messages of a phase.
    fn wait_for(&self, sink: Sink, phase: &str, count: usize) {
        wait::until(&format!("{phase}: {count} messages in {sink:?}"), || {
            (self.written(sink, phase) == count).then_some(())
        });
    }

    fn wait_for_all(&self, sink: Sink, phase: &str) {
        self.wait_for(sink, phase, ALL);
    }

    /// Waits until every message of a phase is written or counted, of a sink that had counted so many before; how many it has now.
    fn wait_for_counted(&self, sink: Sink, phase: &str, before: usize) -> usize {
        let dropped = sink.dropped();
        wait::until(&format!("{phase}: {sink:?} to have what was not dropped"), || {
            (self.written(sink, phase) + dropped - before >= ALL).then_some(())
        });
        assert_eq!(
            self.written(sink, phase) + sink.dropped() - before,
            ALL,
            "{phase}: every message is written or counted"
        );
        dropped
    }

    /// While these don't work: nobody waits, and all others have everything.
    fn log_in_without(&self, broken: &[Sink], phase: &str) {
        let working = SINKS.into_iter().filter(|sink| !broken.contains(sink));
        let working: Vec<_> = working.map(|sink| (sink, sink.dropped())).collect();
        let socket = self.logd.path().join("socket");
        // No faster than who works takes it: less than a queue holds at once.
        for from in (0..MESSAGES).step_by(ROUND) {
            assert!(log_in(&socket, phase, from..from + ROUND) < WAIT_MAX);
            for (sink, before) in &working {
                self.wait_for(*sink, phase, WRITERS * (from + ROUND));
                assert_eq!(sink.dropped(), *before, "{phase}: {sink:?} is not broken");
            }
        }
    }
}

const ALL: usize = WRITERS * MESSAGES;

/// What each of them sends before it is looked at.
const ROUND: usize = MESSAGES / 4;

fn is_connected(sink: Sink) -> bool {
    let label = format!("output=\"{}\"", sink.name());
    syslog::metric(address(LOGD), "logd_output_connected", &[&label]) == 1.0
}

/// The writer and the number of a message of this phase.
fn numbers_of(line: &str, phase: &str) -> Option<(usize, usize)> {
    let (_, rest) = line.split_once(phase)?;
    let mut words = rest.split_ascii_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[test]
fn a_dead_siem_a_hung_database_and_a_full_disk_keep_nobody_waiting_and_every_drop_is_counted() {
    let Some(night) = Night::begin() else { return };
    let siem = night.start_siem();
    night.log_in_without(&[], "evening");
    assert_eq!(SINKS.map(Sink::dropped), [0; 6], "all is well");

    drop(siem);
    for sink in [Sink::Siem, Sink::Spooled] {
        wait::until("the end of the SIEM to be seen", || (!is_connected(sink)).then_some(()));
    }
    night.log_in_without(&[Sink::Siem, Sink::Spooled], "without-siem");
    assert!(Sink::Siem.dropped() > 0, "more was sent than is kept without a spool");
    let siem = night.start_siem();
    let without_siem = night.wait_for_counted(Sink::Siem, "without-siem", 0);
    night.wait_for_all(Sink::Spooled, "without-siem");
    assert_eq!(Sink::Spooled.dropped(), 0);

    let hung = night.server.hang();
    night.log_in_without(&[Sink::Database, Sink::FrontEnd], "without-database");
    night.logd.wait_for_log("no answer within 1s");
    let front_end = Sink::FrontEnd.dropped();
    assert!(front_end > 0, "more was sent than waits for the database");
    drop(hung);
    night.wait_for_all(Sink::Database, "without-database");
    assert_eq!(Sink::Database.dropped(), 0);
    assert_eq!(night.wait_for_counted(Sink::FrontEnd, "without-database", 0), front_end);

    let filler = small_disk::at(&night.logd, "full").join("filler");
    fill(&night.logd, &filler);
    night.log_in_without(&[Sink::Disk], "without-disk");
    let without_disk = Sink::Disk.dropped();
    assert!(without_disk > 0, "more was sent than is kept for a full disk");
    fs::remove_file(filler).unwrap();
    assert_eq!(night.wait_for_counted(Sink::Disk, "without-disk", 0), without_disk);

    night.log_in_without(&[], "morning");
    assert_eq!(
        SINKS.map(Sink::dropped),
        [0, without_disk, without_siem, 0, 0, front_end],
        "what works drops nothing"
    );
    assert!(night.logd.stop().0.success());
    siem.stop();
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

    assert!(log_in(&socket, "evening", 0..MESSAGES) < WAIT_MAX);
    wait::until_file(&well.path().join("log"), |content| {
        different_lines_of(content, "evening") == all
    });
    let (status, left) = well.stop();
    assert!(status.success(), "{status}");

    // Its kernel takes connections, and nobody reads.
    let hanging = TcpListener::bind((address(SIEM), RELP_PORT)).unwrap();
    assert!(log_in(&socket, "night", 0..MESSAGES) < WAIT_MAX);
    logd.wait_for_log("it has taken nothing for 1s");
    drop(hanging);
    logd.wait_for_log("Connection refused");
    assert!(log_in(&socket, "small hours", 0..MESSAGES) < WAIT_MAX);
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
    assert!(log_in(&socket, "morning", 0..MESSAGES) < WAIT_MAX);
    wait::until("the morning to be there", || (has(&["morning"]) == all).then_some(()));
    wait::until_file(&healthy, |content| lines_of(content, "morning") == all);
    assert_eq!(dropped_for_local("siem"), dropped);
    assert!(logd.stop().0.success());
    assert!(back.stop().0.success());
}
