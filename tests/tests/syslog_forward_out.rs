//! logd forwards to rsyslogd and to logd: over every transport, with targets that go, hang, refuse and come back, with a spool
//! that is full, and killed in the middle of it. Messages are numbered; what the target has written says which have arrived.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Daemon, Setup, Stopped};
use ballast_tests::peers::Peer;
use ballast_tests::syslog::{self, Framing, PORT, small_disk};
use ballast_tests::{address, peers, wait};

/// The one that forwards, and those that it forwards to.
const LOGD: u8 = 0;
const TARGET: u8 = 1;
const SECOND: u8 = 2;

const RELP_PORT: u16 = 2514;
const TLS_PORT: u16 = 6514;

/// The window of RELP: so many may come twice.
const WINDOW: usize = 128;

fn numbered(n: usize) -> String {
    format!("<13>Oct 11 22:14:15 host app: message {n}")
}

/// Sends messages to the one that forwards and waits until it has read them.
fn send(numbers: std::ops::Range<usize>) {
    let bytes = Framing::Newline.frame(numbers.map(numbered));
    syslog::send(syslog::collector(address(LOGD)), &bytes);
}

/// The configuration of the one that forwards.
fn forwarding(keys: &str) -> String {
    syslog::logd_head(address(LOGD))
        + &format!(
            "[input.net-relp.relp]\nlisten = [\"{}:{RELP_PORT}\"]\n\
             [output.siem.forward]\n{keys}\n[[rule]]\nselect = \"*.*\"\nto = [\"siem\"]\n",
            address(LOGD)
        )
}

fn start(keys: &str) -> Daemon {
    Setup::new("logd").file("logd.toml", forwarding(keys)).start()
}

/// A target: rsyslogd with all of its inputs.
struct Rsyslogd {
    peer: Peer,
    directory: PathBuf,
}

fn rsyslogd(directory: &Path, n: u8) -> Rsyslogd {
    let config = syslog::rsyslogd_head(directory, address(n))
        + &format!(
            "module(load=\"imrelp\")\ninput(type=\"imrelp\" address=\"{}\" port=\"{RELP_PORT}\")\n",
            address(n)
        )
        + &written_to(directory);
    let peer = peers::rsyslogd(directory, &config, syslog::collector(address(n)));
    // It takes connections on one port before it has another.
    wait::until("imrelp to listen", || TcpStream::connect((address(n), RELP_PORT)).ok());
    Rsyslogd {
        peer,
        directory: directory.to_owned(),
    }
}

/// What rsyslogd writes of a message: its text.
fn written_to(directory: &Path) -> String {
    format!(
        "template(name=\"text\" type=\"string\" string=\"%hostname% %programname%:%msg%\\n\")\n\
         if $programname == \"app\" then action(type=\"omfile\" file=\"{}/all\" template=\"text\")\n",
        directory.display()
    )
}

impl Rsyslogd {
    fn all(&self) -> PathBuf {
        self.directory.join("all")
    }

    fn stop(self) {
        self.peer.stop();
    }
}

/// A target that is logd, in a directory of its own.
fn logd_target(n: u8, more: &str) -> Setup {
    let all = "[output.all.file]\npath = \"all\"\nformat = \"%hostname% %programname%:%msg%\\n\"\n\
               [[rule]]\nselect = \"*.*\"\nto = [\"all\"]\n";
    let relp = format!("[input.net-relp.relp]\nlisten = [\"{}:{RELP_PORT}\"]\n", address(n));
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(n)) + &relp + more + all)
}

/// The numbers of the messages in a file, in the order in which they stand there, unless it is being written to at this
/// moment. No line is torn.
fn numbers(file: &Path) -> Option<Vec<usize>> {
    let content = fs::read_to_string(file)
        .ok()
        .filter(|content| content.ends_with('\n'))?;
    let number = |line: &str| {
        let number = line
            .strip_prefix("host app: message ")
            .unwrap_or_else(|| panic!("torn: {line}"));
        number.split(' ').next().unwrap().parse().unwrap()
    };
    Some(content.lines().map(number).collect())
}

/// Waits until all of the messages have arrived, and returns what has.
fn arrived(file: &Path, wanted: std::ops::Range<usize>) -> Vec<usize> {
    let wanted: BTreeSet<usize> = wanted.collect();
    wait::until(&format!("{} messages in {}", wanted.len(), file.display()), || {
        let found = numbers(file).filter(|found| found.len() >= wanted.len())?;
        wanted.is_subset(&found.iter().copied().collect()).then_some(found)
    })
}

fn in_order(numbers: std::ops::Range<usize>) -> Vec<usize> {
    numbers.collect()
}

fn status(logd: &Daemon) -> String {
    String::from_utf8(logd.run(&["status"]).stdout).unwrap()
}

fn metric(name: &str) -> f64 {
    syslog::metric(address(LOGD), name, &["output=\"siem\""])
}

/// Forwards to rsyslogd with these keys, and stops.
fn forwarded(scheme: &str, port: u16, keys: &str) {
    let directory = tempfile::tempdir().unwrap();
    let target = rsyslogd(directory.path(), TARGET);
    let logd = start(&format!("target = \"{scheme}://{}:{port}\"\n{keys}", address(TARGET)));
    send(0..1000);
    assert_eq!(arrived(&target.all(), 0..1000), in_order(0..1000));
    wait::until("all to be counted", || {
        (metric("logd_output_lines_total") == 1000.0).then_some(())
    });
    assert_eq!(metric("logd_output_connected"), 1.0);
    let (status, _) = logd.stop();
    assert!(status.success(), "{status}");
    target.stop();
}

#[test]
fn rfc5426_over_udp() {
    let directory = tempfile::tempdir().unwrap();
    let target = rsyslogd(directory.path(), TARGET);
    let logd = start(&format!("target = \"udp://{}:{PORT}\"", address(TARGET)));
    // No more at once than the kernel keeps for a rsyslogd that has no time.
    for some in (0..1000).step_by(100) {
        send(some..some + 100);
        assert_eq!(arrived(&target.all(), 0..some + 100), in_order(0..some + 100));
    }
    assert!(logd.stop().0.success());
    target.stop();
}

#[test]
fn rfc6587_over_tcp() {
    forwarded("tcp", PORT, "");
}

#[test]
fn rfc6587_over_tcp_octet_counted() {
    forwarded("tcp", PORT, "framing = \"octet-counted\"");
}

#[test]
fn over_relp() {
    forwarded("relp", RELP_PORT, "");
}

#[test]
fn over_relp_through_a_spool() {
    forwarded("relp", RELP_PORT, "spool = { max = \"64MiB\", sync = \"always\" }");
}

#[test]
fn over_tcp_through_a_spool() {
    forwarded("tcp", PORT, "spool = { max = \"64MiB\" }");
}

#[test]
fn rfc5425_over_tls_with_certificates_of_both_sides_to_rsyslogd() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    let authority = Authority::new(directory.path(), "authority");
    authority.sign("server", "DNS:collector.example.net");
    authority.sign("client", "DNS:logd.example.net");
    let config = format!(
        "global(workDirectory=\"{here}\" net.enableDNS=\"off\" defaultNetstreamDriver=\"gtls\"\n\
         defaultNetstreamDriverCAFile=\"{here}/authority.pem\" defaultNetstreamDriverCertFile=\"{here}/server.pem\"\n\
         defaultNetstreamDriverKeyFile=\"{here}/server.key\")\n\
         module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"x509/name\"\n\
         permittedPeer=[\"logd.example.net\"])\n\
         input(type=\"imtcp\" address=\"{}\" port=\"{TLS_PORT}\")\n",
        address(TARGET)
    ) + &written_to(directory.path());
    let serves = SocketAddr::from((address(TARGET), TLS_PORT));
    let peer = peers::rsyslogd(directory.path(), &config, serves);
    let keys = |peer_name: &str| {
        format!(
            "target = [\"tls://{}\"]\ntls = {{ ca = \"{here}/authority.pem\", certificate = \"{here}/client.pem\",\
             key = \"{here}/client.key\", peer-name = \"{peer_name}\" }}",
            address(TARGET)
        )
    };
    let mut logd = start(&keys("*.example.org"));
    send(0..100);
    logd.wait_for_log("target failed: TLS");
    assert_eq!(numbers(&directory.path().join("all")), None, "nothing has come");
    // The queue of the output as it was is not lost with its settings: it goes on until it can be sent, or the daemon ends.
    logd.replace("logd.toml", forwarding(&keys("*.example.net")));
    logd.reload();
    send(100..1000);
    let found = arrived(&directory.path().join("all"), 100..1000);
    assert_eq!(found, in_order(100..1000));
    drop(logd);
    peer.stop();
}

/// Forwards over RELP and TLS, with certificates of both sides, to rsyslogd with this library of librelp's.
fn forwarded_over_relp_and_tls(library: &str) {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    let authority = Authority::new(directory.path(), "authority");
    authority.sign("server", "DNS:collector.example.net");
    authority.sign("client", "DNS:logd.example.net");
    let config = syslog::rsyslogd_head(directory.path(), address(TARGET))
        + &format!(
            "module(load=\"imrelp\" tls.tlslib=\"{library}\")\n\
             input(type=\"imrelp\" address=\"{}\" port=\"{RELP_PORT}\" tls=\"on\" tls.caCert=\"{here}/authority.pem\"\n\
             tls.myCert=\"{here}/server.pem\" tls.myPrivKey=\"{here}/server.key\" tls.authMode=\"name\"\n\
             tls.permittedPeer=[\"logd.example.net\"])\n",
            address(TARGET)
        )
        + &written_to(directory.path());
    let peer = peers::rsyslogd(directory.path(), &config, syslog::collector(address(TARGET)));
    let keys = |peer_name: &str| {
        format!(
            "target = [\"relp://{}:{RELP_PORT}\"]\nresume-interval = \"200ms\"\n\
             tls = {{ ca = \"{here}/authority.pem\", certificate = \"{here}/client.pem\",\
             key = \"{here}/client.key\", peer-name = \"{peer_name}\" }}",
            address(TARGET)
        )
    };
    let mut logd = start(&keys("*.example.org"));
    send(0..100);
    logd.wait_for_log("target failed: TLS");
    assert_eq!(numbers(&directory.path().join("all")), None, "nothing has come");
    logd.replace("logd.toml", forwarding(&keys("*.example.net")));
    logd.reload();
    send(100..1000);
    let found = arrived(&directory.path().join("all"), 100..1000);
    assert_eq!(found, in_order(100..1000));
    drop(logd);
    peer.stop();
}

#[test]
fn over_relp_and_tls_to_rsyslogd_with_gnutls() {
    forwarded_over_relp_and_tls("gnutls");
}

#[test]
fn over_relp_and_tls_to_rsyslogd_with_openssl() {
    forwarded_over_relp_and_tls("openssl");
}

#[test]
fn over_relp_from_logd_to_logd() {
    let target = logd_target(TARGET, "").start();
    let logd = start(&format!("target = \"relp://{}:{RELP_PORT}\"", address(TARGET)));
    send(0..5000);
    assert_eq!(arrived(&target.path().join("all"), 0..5000), in_order(0..5000));
    assert!(logd.stop().0.success());
    assert!(target.stop().0.success());
}

/// Forwards to a target that goes while there is nothing to be sent, to the next one meanwhile, and to the first when it is back.
fn to_the_next_target_and_back(spool: &str) {
    let first = logd_target(TARGET, "").start();
    let second = logd_target(SECOND, "").start();
    let logd = start(&format!(
        "target = [\"relp://{}:{RELP_PORT}\", \"relp://{}:{RELP_PORT}\"]\nresume-interval = \"300ms\"\n{spool}",
        address(TARGET),
        address(SECOND)
    ));
    send(0..1000);
    arrived(&first.path().join("all"), 0..1000);
    wait_for_acknowledged(1000);
    let (status, left) = first.stop();
    assert!(status.success());
    send(1000..2000);
    let at_second = arrived(&second.path().join("all"), 1000..2000);
    assert_eq!(at_second, in_order(1000..2000));
    wait_for_acknowledged(2000);
    let first = left.again().start();
    logd.wait_for_log("the target is there again");
    send(2000..3000);
    let at_first = arrived(&first.path().join("all"), 2000..3000);
    assert_eq!(at_first, [in_order(0..1000), in_order(2000..3000)].concat());
    let labels = |n: u8| format!("target=\"relp://{}:{RELP_PORT}\"", address(n));
    let connected = |n: u8| syslog::metric(address(LOGD), "logd_output_connected", &[&labels(n)]);
    assert_eq!((connected(TARGET), connected(SECOND)), (1.0, 0.0));
    assert!(logd.stop().0.success());
}

#[test]
fn the_next_target_is_used_while_the_first_is_away_and_the_first_again_when_it_is_back() {
    to_the_next_target_and_back("");
}

#[test]
fn with_a_spool_too_the_next_target_is_used_while_the_first_is_away() {
    to_the_next_target_and_back("spool = { max = \"64MiB\" }");
}

/// Waits until the targets are known to have so many.
fn wait_for_acknowledged(messages: usize) {
    wait::until("all to have arrived", || {
        (metric("logd_output_lines_total") == messages as f64).then_some(())
    });
}

#[test]
fn a_target_that_closes_idle_connections_gets_what_comes_next_once_and_in_order() {
    let listener = TcpListener::bind((address(TARGET), PORT)).unwrap();
    // A logd that has ended does not connect.
    listener.set_nonblocking(true).unwrap();
    let logd = start(&format!(
        "target = \"tcp://{}:{PORT}\"\nresume-interval = \"200ms\"",
        address(TARGET)
    ));
    let mut last = None;
    // Fewer and more than have arrived before.
    for round in [0..10, 10..11, 11..12, 12..1000, 1000..1001] {
        drop(last.take());
        let (connection, _) = wait::until("a connection", || listener.accept().ok());
        connection.set_read_timeout(Some(wait::DEADLINE)).unwrap();
        let mut lines = BufReader::new(connection).lines();
        send(round.clone());
        for n in round.clone() {
            let line = lines.next().unwrap().unwrap();
            assert!(line.ends_with(&format!(" message {n}")), "{line}");
        }
        wait_for_acknowledged(round.end);
        last = Some(lines);
    }
    assert!(logd.stop().0.success());
    assert_eq!(last.unwrap().count(), 0, "none comes twice");
}

#[test]
fn a_target_that_takes_connections_and_nothing_else_is_given_up() {
    let hanging = TcpListener::bind((address(TARGET), PORT)).unwrap();
    let second = logd_target(SECOND, "").start();
    let logd = start(&format!(
        "target = [\"relp://{}:{PORT}\", \"tcp://{}:{PORT}\"]\ntimeout = \"500ms\"",
        address(TARGET),
        address(SECOND)
    ));
    send(0..1000);
    assert_eq!(arrived(&second.path().join("all"), 0..1000), in_order(0..1000));
    assert!(logd.log().contains("it has taken nothing for 500ms"), "{}", logd.log());
    assert!(logd.stop().0.success());
    drop(hanging);
}

#[test]
fn over_tcp_a_target_that_does_not_read_is_given_up_when_the_kernels_have_no_more_room() {
    let hanging = TcpListener::bind((address(TARGET), PORT)).unwrap();
    let second = logd_target(SECOND, "").start();
    let logd = start(&format!(
        "target = [\"tcp://{}:{PORT}\", \"tcp://{}:{PORT}\"]\ntimeout = \"500ms\"\nqueue = {{ max = \"64MiB\", when-full = \"block\" }}",
        address(TARGET),
        address(SECOND)
    ));
    let filler = "x".repeat(8000);
    let mut bytes = String::new();
    for n in 0..4000 {
        writeln!(bytes, "{} {filler}", numbered(n)).unwrap();
    }
    syslog::send(syslog::collector(address(LOGD)), bytes.as_bytes());
    logd.wait_for_log("it has taken nothing for 500ms");
    // What the kernel of the first had taken is lost with plain TCP, as the manual says; the rest is not.
    let all = second.path().join("all");
    let found = wait::until("the last message", || {
        numbers(&all).filter(|found| found.contains(&3999))
    });
    assert_eq!(found, in_order(found[0]..4000));
    assert!(found.len() > 100, "{} of them", found.len());
    assert!(logd.stop().0.success());
    drop(hanging);
}

#[test]
fn a_target_that_is_killed_and_started_again_gets_all_of_it_and_at_most_a_window_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut target = rsyslogd(directory.path(), TARGET);
    let logd = start(&format!(
        "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}\nresume-interval = \"200ms\"",
        address(TARGET)
    ));
    const ROUNDS: usize = 3;
    const PER_ROUND: usize = 4000;
    for round in 0..ROUNDS {
        let sender = thread::spawn(move || send(round * PER_ROUND..(round + 1) * PER_ROUND));
        let some = round * PER_ROUND + PER_ROUND / 4;
        wait::until("some of them", || {
            numbers(&target.all())?.iter().any(|n| *n >= some).then_some(())
        });
        // In an orderly way: rsyslogd acknowledges what is in its queue, and would lose that.
        target.stop();
        sender.join().unwrap();
        target = rsyslogd(directory.path(), TARGET);
    }
    let found = arrived(&target.all(), 0..ROUNDS * PER_ROUND);
    let doubled = found.len() - ROUNDS * PER_ROUND;
    assert!(doubled <= ROUNDS * WINDOW, "{doubled} came twice");
    let mut first_time = BTreeSet::new();
    let firsts: Vec<usize> = found.into_iter().filter(|n| first_time.insert(*n)).collect();
    assert_eq!(firsts, in_order(0..ROUNDS * PER_ROUND), "in order");
    assert!(logd.stop().0.success());
    target.stop();
}

/// A client of RELP that counts what was acknowledged.
struct RelpClient {
    stream: TcpStream,
    txnr: usize,
}

impl RelpClient {
    fn connect(to: Ipv4Addr) -> Self {
        let mut stream = syslog::connect(SocketAddr::from((to, RELP_PORT)));
        let offers = "relp_version=0\nrelp_software=test\ncommands=syslog";
        writeln!(stream, "1 open {} {offers}", offers.len()).unwrap();
        let mut client = Self { stream, txnr: 1 };
        client.frame().unwrap();
        client
    }

    /// Sends messages, and returns how many were acknowledged before the connection ended.
    fn send(&mut self, numbers: std::ops::Range<usize>) -> usize {
        self.send_at_once(50, numbers, "")
    }

    /// The same with so many on their way at a time, and this behind their numbers.
    fn send_at_once(&mut self, at_once: usize, numbers: std::ops::Range<usize>, filler: &str) -> usize {
        let mut acknowledged = 0;
        for chunk in in_order(numbers).chunks(at_once) {
            let mut bytes = String::new();
            for n in chunk {
                self.txnr += 1;
                let message = numbered(*n) + filler;
                writeln!(bytes, "{} syslog {} {message}", self.txnr, message.len()).unwrap();
            }
            if self.stream.write_all(bytes.as_bytes()).is_err() {
                return acknowledged;
            }
            for _ in chunk {
                match self.frame() {
                    Some(frame) if frame.contains("200 OK") => acknowledged += 1,
                    _ => return acknowledged,
                }
            }
        }
        acknowledged
    }

    /// Reads an answer.
    fn frame(&mut self) -> Option<String> {
        let mut head = String::new();
        // TXNR SP COMMAND SP LENGTH
        while head.matches(' ').count() < 3 {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).ok()?;
            if byte[0] == b'\n' {
                return Some(head);
            }
            head.push(char::from(byte[0]));
        }
        let length: usize = head.trim_end().rsplit(' ').next()?.parse().ok()?;
        let mut data = vec![0; length + 1];
        self.stream.read_exact(&mut data).ok()?;
        Some(head + &String::from_utf8_lossy(&data))
    }
}

#[test]
fn killed_at_any_moment_what_was_acknowledged_is_in_the_spool_and_arrives_whole_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let keys = format!(
        "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}\nresume-interval = \"200ms\"",
        address(TARGET)
    );
    let mut setup = Setup::new("logd").file("logd.toml", forwarding(&keys));
    let mut wanted = BTreeSet::new();
    const PER_ROUND: usize = 3000;
    let mut target = None;
    for round in 0..6 {
        let logd = setup.start();
        // In every other round there is nobody to take them.
        if round % 2 == 1 {
            target = Some(rsyslogd(directory.path(), TARGET));
        }
        let begin = round * PER_ROUND;
        let sender = thread::spawn(move || RelpClient::connect(address(LOGD)).send(begin..begin + PER_ROUND));
        // At another place of its work each time.
        let moment = (300 + round * 400) as f64;
        wait::until("some to have come", || {
            let received = syslog::metric(address(LOGD), "logd_input_messages_total", &["input=\"net-relp\""]);
            (received >= moment || sender.is_finished()).then_some(())
        });
        let left: Stopped = logd.kill();
        let acknowledged = sender.join().unwrap();
        wanted.extend(begin..begin + acknowledged);
        if let Some(target) = target.take() {
            target.stop();
        }
        setup = left.again();
    }
    let target = rsyslogd(directory.path(), TARGET);
    let logd = setup.start();
    assert!(wanted.len() > 1000, "{} were acknowledged", wanted.len());
    let found = wait::until("all that was acknowledged", || {
        let found = numbers(&target.all())?;
        wanted.is_subset(&found.iter().copied().collect()).then_some(found)
    });
    let mut first_time = BTreeSet::new();
    let firsts: Vec<usize> = found.iter().copied().filter(|n| first_time.insert(*n)).collect();
    assert!(firsts.is_sorted(), "in order");
    let doubled = found.len() - firsts.len();
    assert!(doubled <= 7 * WINDOW, "{doubled} came twice");
    assert!(logd.stop().0.success());
    target.stop();
}

/// A target that speaks RELP and refuses what it is told to.
struct Refusing {
    /// The messages that it has taken.
    taken: Arc<Mutex<Vec<usize>>>,
}

impl Refusing {
    /// `refuses` is given a message's number, and how many were refused before.
    fn start(refuses: impl Fn(usize, usize) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let taking = taken.clone();
        // It ends with the test.
        thread::spawn(move || {
            let mut refused = 0;
            for connection in listener.incoming() {
                let mut session = RelpClient {
                    stream: connection.unwrap(),
                    txnr: 0,
                };
                while let Some(frame) = session.frame() {
                    let txnr = frame.split(' ').next().unwrap();
                    let number = frame.split("message ").nth(1).map(|rest| rest.trim().parse().unwrap());
                    let answer = match number {
                        Some(number) if refuses(number, refused) => {
                            refused += 1;
                            "500 not this one"
                        }
                        Some(number) => {
                            taking.lock().unwrap().push(number);
                            "200 OK"
                        }
                        None => "200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog",
                    };
                    if writeln!(session.stream, "{txnr} rsp {} {answer}", answer.len()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { taken }
    }

    /// Each that was taken, in the order in which they came first.
    fn taken(&self) -> Vec<usize> {
        let mut first_time = BTreeSet::new();
        let taken = self.taken.lock().unwrap().clone();
        taken.into_iter().filter(|number| first_time.insert(*number)).collect()
    }
}

fn refused() -> f64 {
    let labels = ["output=\"siem\"", "reason=\"refused\""];
    syslog::metric(address(LOGD), "logd_output_dropped_total", &labels)
}

/// Forwards to a target that refuses three of the messages.
fn three_refused(spool: &str) {
    let target = Refusing::start(|number, _| matches!(number, 7 | 8 | 300));
    let logd = start(&format!(
        "target = \"relp://{}:{RELP_PORT}\"\nresume-interval = \"200ms\"\n{spool}",
        address(TARGET)
    ));
    send(0..500);
    let wanted: Vec<usize> = (0..500).filter(|n| !matches!(n, 7 | 8 | 300)).collect();
    wait::until("all others to be taken and the three to be given up", || {
        (target.taken() == wanted && refused() == 3.0).then_some(())
    });
    logd.wait_for_log("messages are dropped that the target refuses");
    assert!(logd.log().contains("500 not this one"), "{}", logd.log());
    wait::until("the others to be counted", || {
        (metric("logd_output_lines_total") == 497.0 && metric("logd_output_queued_bytes") == 0.0).then_some(())
    });
    let (status, _) = logd.stop();
    assert!(status.success(), "{status}: nothing is left");
}

#[test]
fn a_message_that_the_target_refuses_for_ever_is_counted_and_holds_up_nothing() {
    three_refused("");
}

#[test]
fn a_message_in_the_spool_that_the_target_refuses_for_ever_is_counted_and_holds_up_nothing() {
    three_refused("spool = { max = \"64MiB\" }");
}

#[test]
fn a_target_that_refuses_all_for_a_while_gets_all_of_it_when_it_takes_messages_again() {
    const REFUSED: usize = 1500;
    let target = Refusing::start(|_, refused| refused < REFUSED);
    let logd = start(&format!(
        "target = \"relp://{}:{RELP_PORT}\"\nresume-interval = \"200ms\"",
        address(TARGET)
    ));
    send(0..500);
    // The window in which it comes to itself may come in another order.
    wait::until("all to be taken", || {
        let mut taken = target.taken();
        taken.sort_unstable();
        (taken == in_order(0..500)).then_some(())
    });
    assert_eq!(refused(), 0.0);
    assert!(logd.stop().0.success());
}

/// A configuration with a target that hangs, and a spool that is full of what was sent: its limit is the least that there is, and
/// messages are long, so that it is soon reached.
fn to_a_full_spool(n: u8, queue: &str) -> String {
    format!(
        "target = \"relp://{}:{RELP_PORT}\"\nqueue = {{ max = \"{queue}\" }}\n\
         spool = {{ max = \"64MiB\", when-full = \"block\" }}",
        address(n)
    )
}

/// Sends so many long messages, in a thread: who sends may be held back.
fn send_long(count: usize) -> thread::JoinHandle<()> {
    let filler = "x".repeat(60_000);
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    thread::spawn(move || {
        for n in 0..count {
            writeln!(stream, "{} {filler}", numbered(n)).unwrap();
        }
        syslog::close(&mut stream);
    })
}

fn wait_for_a_full_spool() {
    wait::until("the spool to be full, and more to be queued", || {
        let is_full = metric("logd_output_spool_bytes") > 63.0 * 1024.0 * 1024.0;
        (is_full && metric("logd_output_oldest_unwritten_seconds") > 0.0).then_some(())
    });
}

#[test]
fn a_reload_to_another_target_helps_when_a_spool_that_blocks_is_full() {
    const MESSAGES: usize = 1300;
    // Its kernel takes connections, and that is all.
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let mut logd = start(&to_a_full_spool(TARGET, "2MiB"));
    let sender = send_long(MESSAGES);
    wait_for_a_full_spool();
    assert!(!sender.is_finished(), "it is held back");
    let second = logd_target(SECOND, "").start();
    logd.replace("logd.toml", forwarding(&to_a_full_spool(SECOND, "2MiB")));
    logd.reload();
    let found = arrived(&second.path().join("all"), 0..MESSAGES);
    assert_eq!(found, in_order(0..MESSAGES), "in order, and each once");
    sender.join().unwrap();
    assert_eq!(metric("logd_output_dropped_total"), 0.0);
    assert!(logd.stop().0.success());
}

#[test]
fn at_the_end_a_full_spool_takes_what_is_queued_and_the_next_run_sends_it() {
    // More than the spool may hold, and not more than it and the queue.
    const MESSAGES: usize = 1200;
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let logd = start(&to_a_full_spool(TARGET, "16MiB"));
    send_long(MESSAGES).join().unwrap();
    wait_for_a_full_spool();
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}: {}", left.log);
    let second = logd_target(SECOND, "").start();
    let setup = left.again();
    let logd = setup
        .file("logd.toml", forwarding(&to_a_full_spool(SECOND, "16MiB")))
        .start();
    let found = arrived(&second.path().join("all"), 0..MESSAGES);
    assert_eq!(found, in_order(0..MESSAGES), "in order, and each once");
    assert!(logd.stop().0.success());
}

#[test]
fn at_the_end_a_full_spool_takes_a_full_queue_too() {
    let config = |n| "drain-timeout = \"4s\"\n".to_owned() + &forwarding(&to_a_full_spool(n, "2MiB"));
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let logd = Setup::new("logd").file("logd.toml", config(TARGET)).start();
    let filler = " ".to_owned() + &"x".repeat(60_000);
    let sender = thread::spawn(move || RelpClient::connect(address(LOGD)).send_at_once(500, 0..2000, &filler));
    wait_for_a_full_spool();
    wait::until("the queue to be full", || {
        (metric("logd_output_queued_bytes") >= 2.0 * 1024.0 * 1024.0).then_some(())
    });
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}: {}", left.log);
    let acknowledged = sender.join().unwrap();
    let second = logd_target(SECOND, "").start();
    let logd = left.again().file("logd.toml", config(SECOND)).start();
    let found = arrived(&second.path().join("all"), 0..acknowledged + 1);
    wait::until("the spool to be empty", || {
        (metric("logd_output_spool_records") == 0.0).then_some(())
    });
    let found = numbers(&second.path().join("all")).unwrap_or(found);
    assert_eq!(found, in_order(0..found.len()), "in order, and each once");
    let queued = (found.len() - acknowledged) * 60_000;
    assert!(queued > 2 << 20, "{queued} octets were in the queue");
    assert!(logd.stop().0.success());
}

#[test]
fn what_an_output_that_a_reload_took_away_can_not_send_in_time_is_counted() {
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let second = logd_target(SECOND, "").start();
    let to = |n: u8, drain_timeout: &str| {
        let keys = format!("target = \"relp://{}:{RELP_PORT}\"", address(n));
        format!("drain-timeout = \"{drain_timeout}\"\n") + &forwarding(&keys)
    };
    let mut logd = Setup::new("logd").file("logd.toml", to(TARGET, "30s")).start();
    send(0..100);
    logd.replace("logd.toml", to(SECOND, "30s"));
    logd.reload();
    let shown = status(&logd);
    assert!(
        shown.contains("draining siem") && shown.contains("100 records"),
        "{shown}"
    );
    send(100..200);
    arrived(&second.path().join("all"), 100..200);
    // Another target away, with less time.
    logd.replace("logd.toml", to(TARGET, "1s"));
    logd.reload();
    send(200..300);
    logd.replace("logd.toml", to(SECOND, "1s"));
    logd.reload();
    let labels = ["output=\"siem\"", "reason=\"abandoned\""];
    wait::until("the second hundred to be given up", || {
        (syslog::metric(address(LOGD), "logd_output_dropped_total", &labels) == 100.0).then_some(())
    });
    logd.wait_for_log("an output has ended with records, which are lost");
    let shown = status(&logd);
    assert_eq!(shown.matches("draining siem").count(), 1, "{shown}");
    assert!(shown.contains("abandoned 100"), "{shown}");
    drop(logd);
    assert_eq!(numbers(&second.path().join("all")).unwrap(), in_order(100..200));
}

#[test]
fn what_an_output_that_a_reload_took_away_had_in_its_spool_is_for_the_next_one_of_its_name() {
    let _hanging = TcpListener::bind((address(TARGET), RELP_PORT)).unwrap();
    let keys = |n| {
        format!(
            "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}",
            address(n)
        )
    };
    let mut logd = start(&keys(TARGET));
    send(0..100);
    logd.replace("logd.toml", forwarding(&keys(TARGET)).replace("siem", "other"));
    logd.reload();
    send(100..200);
    logd.wait_for_log("spool/siem has ");
    let second = logd_target(SECOND, "").start();
    logd.replace("logd.toml", forwarding(&keys(SECOND)));
    logd.reload();
    assert_eq!(arrived(&second.path().join("all"), 0..100), in_order(0..100));
    assert!(logd.stop().0.success());
}

#[test]
fn what_could_not_be_stored_when_a_reload_came_is_not_acknowledged() {
    let spooled = format!(
        "target = \"tcp://{}:{PORT}\"\nspool = {{ max = \"64MiB\" }}",
        address(TARGET)
    );
    // No folder can be made there.
    let setup = Setup::new("logd").file("work/spool", "");
    let mut logd = setup.file("logd.toml", forwarding(&spooled)).start();
    logd.wait_for_log("cannot open the spool");
    let sender = thread::spawn(|| RelpClient::connect(address(LOGD)).send(0..50));
    wait::until("all to have come", || {
        let received = syslog::metric(address(LOGD), "logd_input_messages_total", &["input=\"net-relp\""]);
        (received == 50.0).then_some(())
    });
    assert!(!sender.is_finished(), "they are not answered");
    logd.replace(
        "logd.toml",
        forwarding(&format!("target = \"tcp://{}:{PORT}\"", address(TARGET))),
    );
    logd.reload();
    assert_eq!(sender.join().unwrap(), 0, "it has them still, and sends them again");
    assert_eq!(refused(), 50.0);
}

/// More than the smallest spool holds, sent while there is no target; the numbers that arrive when there is one, and how many
/// the metrics say were dropped.
fn overfull(when_full: &str) -> (Vec<usize>, usize) {
    const MESSAGES: usize = 1300;
    let filler = "x".repeat(60_000);
    let logd = start(&format!(
        "target = \"tcp://{}:{PORT}\"\nresume-interval = \"200ms\"\n\
         spool = {{ max = \"64MiB\", when-full = \"{when_full}\" }}",
        address(TARGET)
    ));
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    let sender = thread::spawn(move || {
        for n in 0..MESSAGES {
            // A blocked one waits for the target.
            writeln!(stream, "{} {filler}", numbered(n)).unwrap();
        }
        syslog::close(&mut stream);
    });
    let is_full = || match when_full {
        // The last record that would go over the limit waits.
        "block" => metric("logd_output_spool_bytes") > 63.0 * 1024.0 * 1024.0,
        _ => metric("logd_output_dropped_total") > 0.0 && sender.is_finished(),
    };
    wait::until("the spool to be full", || is_full().then_some(()));
    assert!(metric("logd_output_spool_bytes") <= 64.0 * 1024.0 * 1024.0);
    let target = logd_target(TARGET, "").start();
    let all = target.path().join("all");
    let (found, dropped) = wait::until("all that is in the spool", || {
        let is_empty = metric("logd_output_spool_records") == 0.0 && metric("logd_output_queued_bytes") == 0.0;
        let found = numbers(&all)?;
        let dropped = metric("logd_output_dropped_total") as usize;
        (sender.is_finished() && is_empty && found.len() + dropped >= MESSAGES).then_some((found, dropped))
    });
    sender.join().unwrap();
    assert_eq!(found.len() + dropped, MESSAGES, "every one is counted");
    assert!(logd.stop().0.success());
    (found, dropped)
}

#[test]
fn a_full_spool_that_blocks_holds_its_senders_back_and_loses_nothing() {
    let (found, dropped) = overfull("block");
    assert_eq!((found, dropped), (in_order(0..1300), 0));
}

#[test]
fn a_full_spool_that_drops_the_newest_keeps_the_oldest() {
    let (found, dropped) = overfull("drop-newest");
    assert!(dropped > 0);
    assert_eq!(found[0], 0);
    assert!(found.is_sorted());
}

#[test]
fn a_full_spool_that_drops_the_oldest_keeps_the_newest() {
    let (found, dropped) = overfull("drop-oldest");
    assert!(dropped > 0);
    assert_eq!(found, in_order(dropped..1300));
}

#[test]
fn a_full_disk_below_a_spool_that_blocks_loses_nothing() {
    let keys = format!(
        "target = \"relp://{}:{RELP_PORT}\"\nresume-interval = \"200ms\"\n\
         spool = {{ max = \"64MiB\", when-full = \"block\" }}",
        address(TARGET)
    );
    let setup = Setup::new("logd").file("logd.toml", forwarding(&keys));
    let Some(logd) = small_disk::start(setup, "work/spool", 2 << 20) else {
        return;
    };
    const MESSAGES: usize = 5000;
    let filler = "x".repeat(1000);
    let sender = thread::spawn(move || {
        let messages = (0..MESSAGES).map(|n| format!("{} {filler}", numbered(n)));
        syslog::send(syslog::collector(address(LOGD)), &Framing::Newline.frame(messages));
    });
    logd.wait_for_log("cannot write to the spool");
    let target = logd_target(TARGET, "").start();
    let found = arrived(&target.path().join("all"), 0..MESSAGES);
    assert_eq!(found, in_order(0..MESSAGES));
    sender.join().unwrap();
    logd.wait_for_log("the spool is written to again");
    assert!(logd.stop().0.success());
}

#[test]
fn a_reload_with_another_target_sends_it_what_is_in_the_spool() {
    let keys = |n| {
        format!(
            "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}",
            address(n)
        )
    };
    let mut logd = start(&keys(TARGET));
    send(0..1000);
    wait::until("the records to be in the spool", || {
        (metric("logd_output_spool_records") == 1000.0).then_some(())
    });
    let second = logd_target(SECOND, "").start();
    logd.replace("logd.toml", forwarding(&keys(SECOND)));
    logd.reload();
    send(1000..2000);
    assert_eq!(arrived(&second.path().join("all"), 0..2000), in_order(0..2000));
    let status = status(&logd);
    assert!(
        status.contains(&format!(" to relp://{}:{RELP_PORT}", address(SECOND))),
        "{status}"
    );
    assert!(logd.stop().0.success());
}

#[test]
fn a_spool_that_no_output_has_any_more_is_told_of() {
    let keys = format!(
        "target = \"tcp://{}:{PORT}\"\nspool = {{ max = \"64MiB\" }}",
        address(TARGET)
    );
    let logd = start(&keys);
    send(0..10);
    wait::until("the records to be in the spool", || {
        (metric("logd_output_spool_records") == 10.0).then_some(())
    });
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}: they are in the spool");
    let setup = left
        .again()
        .file("logd.toml", forwarding(&keys).replace("siem", "other"));
    let checked = setup.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
    assert!(
        said.contains("spool/siem has ") && said.contains(" bytes that no output sends"),
        "{said}"
    );
}
