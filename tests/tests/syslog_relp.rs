//! RELP: what librelp's users have, and that nothing is lost that was acknowledged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Daemon, Setup, Stopped};
use ballast_tests::syslog::{self, HTTP_PORT, metric, small_disk};
use ballast_tests::{address, peers, wait};
use nix::sys::signal::Signal;

const LOGD: u8 = 0;
const RELAY: u8 = 1;

const RELP_PORT: u16 = 2514;

/// librelp's, which a sender never goes beyond.
const WINDOW: usize = 128;

fn relp() -> SocketAddr {
    SocketAddr::from((address(LOGD), RELP_PORT))
}

/// A configuration that writes what comes by RELP to `all`, with more keys for the input and for the output.
fn config(input: &str, output: &str) -> String {
    format!(
        "work-dir = \"work\"\n\
         [control]\n\
         socket = \"control.sock\"\n\
         http = \"{}:{HTTP_PORT}\"\n\
         [input.net-relp.relp]\n\
         listen = [\"{}\"]\n\
         {input}\n\
         [output.all.file]\n\
         path = \"log/all\"\n\
         min-free = \"0B\"\n\
         format = \"%msg%\\n\"\n\
         {output}\n\
         [[rule]]\n\
         to = [\"all\"]\n",
        address(LOGD),
        relp()
    )
}

fn logd(input: &str, output: &str) -> Daemon {
    Setup::new("logd").file("logd.toml", config(input, output)).start()
}

/// A sender that speaks RELP by hand.
struct Client {
    stream: TcpStream,
    txnr: u32,
    received: String,
}

impl Client {
    fn open() -> Self {
        let mut client = Self {
            stream: syslog::connect(relp()),
            txnr: 0,
            received: String::new(),
        };
        // What was written is in the other side's socket, not held back for what comes next.
        client.stream.set_nodelay(true).unwrap();
        client.send(
            "open",
            "\nrelp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog",
        );
        let opened = client.answer();
        assert!(opened.starts_with("1 rsp ") && opened.contains(" 200 OK\n"), "{opened}");
        assert!(
            opened.contains("\nrelp_version=0\n") && opened.ends_with("\ncommands=syslog\n"),
            "{opened}"
        );
        client
    }

    fn send(&mut self, command: &str, data: &str) {
        self.txnr += 1;
        let frame = match data {
            "" => format!("{} {command} 0\n", self.txnr),
            data => format!("{} {command} {} {data}\n", self.txnr, data.len()),
        };
        self.stream.write_all(frame.as_bytes()).unwrap();
    }

    /// The next frame from the other side.
    fn answer(&mut self) -> String {
        loop {
            if let Some(frame) = self.take_frame() {
                return frame;
            }
            let mut bytes = [0; 4096];
            let read = self.stream.read(&mut bytes).expect("an answer in time");
            assert!(read > 0, "closed after {:?}", self.received);
            self.received.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
    }

    fn take_frame(&mut self) -> Option<String> {
        let mut fields = self.received.splitn(4, [' ', '\n']);
        let [txnr, command, length] = [fields.next()?, fields.next()?, fields.next()?];
        fields.next()?;
        let data: usize = length.parse().unwrap();
        let header = txnr.len() + 1 + command.len() + 1 + length.len();
        let end = header + usize::from(data > 0) + data + 1;
        (self.received.len() >= end).then(|| self.received.drain(..end).collect())
    }

    /// What comes until the other side closes.
    fn rest(mut self) -> String {
        self.stream.read_to_string(&mut self.received).unwrap();
        self.received
    }
}

fn numbered(n: usize) -> String {
    format!("<13>Oct 11 22:14:15 host app: message {n} of a sender that counts")
}

/// The numbers of the messages in a file, in its order; every line is whole.
fn numbers(content: &str) -> Vec<usize> {
    assert!(content.is_empty() || content.ends_with('\n'));
    let number = |line: &str| {
        let rest = line
            .strip_prefix(" message ")
            .unwrap_or_else(|| panic!("a torn line: {line}"));
        let (number, rest) = rest.split_once(' ').unwrap();
        assert_eq!(rest, "of a sender that counts");
        number.parse().unwrap()
    };
    content.lines().map(number).collect()
}

fn all(directory: &Path) -> String {
    fs::read_to_string(directory.join("log/all")).unwrap_or_default()
}

/// rsyslogd that forwards what comes by TCP to logd by RELP, with more parameters of the action, and keeps in memory what it
/// can't send.
fn relay(directory: &Path, action: &str) -> peers::Peer {
    let config = syslog::rsyslogd_head(directory, address(RELAY))
        + &format!(
            "module(load=\"omrelp\")\n\
             action(type=\"omrelp\" target=\"{}\" port=\"{RELP_PORT}\" template=\"RSYSLOG_ForwardFormat\"\n\
             action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\"\n\
             queue.type=\"linkedList\" queue.size=\"200000\" queue.timeoutEnqueue=\"60000\" {action})\n",
            address(LOGD)
        );
    peers::rsyslogd(directory, &config, syslog::collector(address(RELAY)))
}

/// Sends numbered messages to the relay.
fn send_numbered(range: std::ops::Range<usize>) {
    let messages: Vec<String> = range.map(numbered).collect();
    syslog::send(
        syslog::collector(address(RELAY)),
        &syslog::Framing::Newline.frame(&messages),
    );
}

#[test]
fn a_message_is_answered_at_once_and_is_in_its_file_then() {
    // Whoever waits for this interval fails the test.
    let logd = logd("", "flush-interval = \"1h\"");
    let mut client = Client::open();
    for n in 0..3 * WINDOW {
        client.send("syslog", &numbered(n));
        assert_eq!(client.answer(), format!("{} rsp 6 200 OK\n", n + 2));
        let numbers = numbers(&all(logd.path()));
        assert_eq!(numbers.last(), Some(&n));
    }
    client.send("close", "");
    assert_eq!(client.rest(), format!("{} rsp 0\n0 serverclose 0\n", 3 * WINDOW + 2));
    let (status, _) = logd.stop();
    assert!(status.success());
}

#[test]
fn a_window_is_answered_in_order_when_it_is_synced() {
    let logd = logd("", "flush-interval = \"1h\"\nsync = \"always\"");
    let mut client = Client::open();
    for round in 0..5 {
        for n in 0..WINDOW {
            client.send("syslog", &numbered(round * WINDOW + n));
        }
        for n in 0..WINDOW {
            assert_eq!(client.answer(), format!("{} rsp 6 200 OK\n", round * WINDOW + n + 2));
        }
        assert_eq!(
            numbers(&all(logd.path())),
            (0..(round + 1) * WINDOW).collect::<Vec<_>>()
        );
    }
}

#[test]
fn rsyslogd_sends_all_of_it_once() {
    let logd = logd("", "");
    let directory = tempfile::tempdir().unwrap();
    let relay = relay(directory.path(), "");
    send_numbered(0..20_000);
    let content = wait::until_lines(&logd.path().join("log/all"), 20_000);
    assert_eq!(
        numbers(&String::from_utf8(content).unwrap()),
        (0..20_000).collect::<Vec<_>>()
    );
    assert_eq!(
        metric(address(LOGD), "logd_input_messages_total", &["net-relp"]),
        20_000.0
    );
    relay.stop();
    let (status, _) = logd.stop();
    assert!(status.success());
}

#[test]
fn rsyslogd_sends_over_tls_and_is_known_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    authority.sign("server", "DNS:logd.test");
    authority.sign("client", "DNS:web1.example.net");
    let path = |file: &str| authority.path(file).display().to_string();
    let tls = format!(
        "tls = {{ certificate = \"{}\", key = \"{}\", client-ca = \"{}\", permitted-peers = [\"*.example.net\"] }}",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    let setup = Setup::new("logd");
    let config = config(&tls, "").replace("%msg%", "%peer-name%%msg%");
    let logd = setup.file("logd.toml", config).start();
    let relay_directory = tempfile::tempdir().unwrap();
    let relay = relay(
        relay_directory.path(),
        &format!(
            "tls=\"on\" tls.authmode=\"name\" tls.permittedPeer=[\"logd.test\"] tls.caCert=\"{}\" tls.myCert=\"{}\"\n\
             tls.myPrivKey=\"{}\"",
            path("ca.pem"),
            path("client.pem"),
            path("client.key")
        ),
    );
    send_numbered(0..1000);
    let content = String::from_utf8(wait::until_lines(&logd.path().join("log/all"), 1000)).unwrap();
    let stripped: Vec<&str> = content
        .lines()
        .map(|line| line.strip_prefix("web1.example.net").unwrap())
        .collect();
    assert_eq!(numbers(&(stripped.join("\n") + "\n")), (0..1000).collect::<Vec<_>>());
    relay.stop();
    assert!(logd.stop().0.success());
}

/// Starts logd again in the same directory after its end, whatever that was.
fn again(stopped: Stopped) -> Daemon {
    stopped.again().start()
}

#[test]
fn killed_at_random_moments_nothing_is_lost_and_a_window_at_most_comes_twice() {
    const MESSAGES: usize = 30_000;
    const KILLS: usize = 6;
    let mut logd = logd("", "");
    let directory = tempfile::tempdir().unwrap();
    let relay = relay(directory.path(), "");
    let sender = std::thread::spawn(|| send_numbered(0..MESSAGES));
    for kill in 1..=KILLS {
        // At some line after so many, which is as random as the two machines' schedules.
        let so_far = MESSAGES / (KILLS + 1) * kill;
        let path = logd.path().join("log/all");
        wait::until(&format!("{so_far} lines"), || {
            let content = fs::read(&path).unwrap_or_default();
            (content.iter().filter(|byte| **byte == b'\n').count() >= so_far).then_some(())
        });
        logd = again(logd.kill());
    }
    sender.join().unwrap();
    // The last one is there when all are, in whatever order they came again.
    let path = logd.path().join("log/all");
    let found = wait::until("all messages", || {
        let found = numbers(&fs::read_to_string(&path).unwrap_or_default());
        let mut once = found.clone();
        once.sort_unstable();
        once.dedup();
        (once.len() == MESSAGES).then_some(found)
    });
    assert!(
        found.len() <= MESSAGES + KILLS * WINDOW,
        "{} messages come twice",
        found.len() - MESSAGES
    );
    relay.stop();
    assert!(logd.stop().0.success());
}

/// Room for the messages, but not beside the filler.
const DISK_BYTES: usize = 1 << 20;

/// logd with a small file system of its own below `log`; `None` where that can't be made.
fn logd_on_a_small_disk() -> Option<Daemon> {
    let setup = Setup::new("logd").file("logd.toml", config("", "when-full = \"block\""));
    small_disk::start(setup, "log", DISK_BYTES)
}

#[test]
fn a_full_disk_holds_the_answers_back_until_it_is_freed() {
    let Some(logd) = logd_on_a_small_disk() else { return };
    let disk = small_disk::at(&logd, "log");
    let mut client = Client::open();
    small_disk::fill(&disk.join("filler"));
    for n in 0..WINDOW {
        client.send("syslog", &numbered(n));
    }
    logd.wait_for_log("No space left on device");
    client.stream.set_nonblocking(true).unwrap();
    let mut nothing = [0; 64];
    // What is there of the file system's last page may take the first lines of a write, and no whole batch.
    assert!(
        client.stream.read(&mut nothing).is_err(),
        "nothing is answered while nothing is written"
    );
    client.stream.set_nonblocking(false).unwrap();
    fs::remove_file(disk.join("filler")).unwrap();
    for n in 0..WINDOW {
        assert_eq!(client.answer(), format!("{} rsp 6 200 OK\n", n + 2));
    }
    let content = fs::read_to_string(disk.join("all")).unwrap();
    assert_eq!(numbers(&content), (0..WINDOW).collect::<Vec<_>>());
    assert!(logd.stop().0.success());
}

#[test]
fn who_gives_up_on_a_full_disk_leaves_no_connection_behind() {
    let Some(logd) = logd_on_a_small_disk() else { return };
    let disk = small_disk::at(&logd, "log");
    let mut client = Client::open();
    small_disk::fill(&disk.join("filler"));
    client.send("syslog", &numbered(0));
    logd.wait_for_log("No space left on device");
    drop(client);
    wait::until("the connection to be let go of", || {
        (metric(address(LOGD), "logd_input_connections", &["net-relp"]) == 0.0).then_some(())
    });
    assert_eq!(
        metric(address(LOGD), "logd_input_unacknowledged_total", &["net-relp"]),
        1.0
    );
    fs::remove_file(disk.join("filler")).unwrap();
    // It was received, and so it is written all the same.
    wait::until_lines(&disk.join("all"), 1);
}

#[test]
fn who_never_reads_its_answers_is_not_read_from_for_ever_and_the_others_go_on() {
    let logd = logd("", "");
    let mut deaf = Client::open();
    deaf.stream
        .set_write_timeout(Some(std::time::Duration::from_millis(500)))
        .unwrap();
    let mut sent = 0;
    let frames = |from: usize| -> Vec<u8> {
        (from..from + 1000)
            .flat_map(|n| format!("{} syslog 9 <13>a: bc\n", n + 2).into_bytes())
            .collect()
    };
    // The buffers of both systems take many answers.
    let is_held = (0..5_000).any(|_| {
        let is_held = deaf.stream.write_all(&frames(sent)).is_err();
        sent += 1000;
        is_held
    });
    assert!(is_held, "{sent} messages were taken of who reads no answers");
    let mut client = Client::open();
    client.send("syslog", &numbered(7));
    assert_eq!(client.answer(), "2 rsp 6 200 OK\n");
    drop(deaf);
    drop(client);
    assert!(logd.stop().0.success());
}

#[test]
fn what_is_no_relp_is_turned_away_with_what_came_before_it_answered() {
    let logd = logd("", "");
    for (garbage, reason) in [
        ("<13>no relp at all\n", "header"),
        ("GET / HTTP/1.1\r\n\r\n", "header"),
        ("9 syslog 1 x\n", "transaction-number"),
        ("3 rsp 6 200 OK\n", "command"),
        ("3 syslog 1 xyz\n", "trailer"),
    ] {
        let mut client = Client::open();
        client.send("syslog", &numbered(1));
        client.stream.write_all(garbage.as_bytes()).unwrap();
        assert_eq!(client.rest(), "2 rsp 6 200 OK\n0 serverclose 0\n", "{garbage}");
        assert!(metric(address(LOGD), "logd_input_framing_errors_total", &[reason]) >= 1.0);
    }
    logd.wait_for_log("not RELP");
    // In the middle of a frame.
    let mut client = Client::open();
    client.stream.write_all(b"2 syslog 100 <13>cut").unwrap();
    drop(client);
    assert!(logd.stop().0.success());
}

#[test]
fn a_reload_keeps_sessions_and_sends_on_to_the_new_output() {
    let mut logd = logd("", "");
    let mut client = Client::open();
    client.send("syslog", &numbered(0));
    assert_eq!(client.answer(), "2 rsp 6 200 OK\n");
    logd.replace("logd.toml", config("", "").replace("log/all", "log/other"));
    logd.reload();
    client.send("syslog", &numbered(1));
    assert_eq!(client.answer(), "3 rsp 6 200 OK\n");
    assert_eq!(
        numbers(&fs::read_to_string(logd.path().join("log/other")).unwrap()),
        [1]
    );
}

#[test]
fn sigterm_answers_what_was_received_and_says_goodbye() {
    let mut logd = logd("", "flush-interval = \"1h\"");
    let mut client = Client::open();
    for n in 0..WINDOW {
        client.send("syslog", &numbered(n));
    }
    logd.signal(Signal::SIGTERM);
    let rest = client.rest();
    let answered = rest.matches(" rsp 6 200 OK\n").count();
    assert!(rest.ends_with("0 serverclose 0\n"), "{rest}");
    let status = logd.wait();
    assert!(status.success(), "{status}");
    assert_eq!(answered, WINDOW, "all of it was in the socket");
    assert_eq!(numbers(&all(logd.path())), (0..WINDOW).collect::<Vec<_>>());
}

#[test]
fn what_is_too_long_is_cut_and_answered() {
    let logd = logd("message-max = \"480B\"", "");
    let mut client = Client::open();
    client.send("syslog", &format!("<13>Oct 11 22:14:15 host app: {}", "x".repeat(2000)));
    assert_eq!(client.answer(), "2 rsp 6 200 OK\n");
    client.send("syslog", &numbered(2));
    assert_eq!(client.answer(), "3 rsp 6 200 OK\n");
    let content = all(logd.path());
    assert_eq!(content.lines().count(), 2);
    assert_eq!(metric(address(LOGD), "logd_input_truncated_total", &["net-relp"]), 1.0);
}
