//! One logd that forwards, and what it forwards to. Messages are numbered; what the target has written says which have arrived.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use super::Framing;
use crate::daemon::{Daemon, Setup};
use crate::peers::Peer;
use crate::{address, peers, syslog, wait};

/// The one that forwards.
pub const LOGD: u8 = 0;
/// Its target.
pub const TARGET: u8 = 1;
/// Another one.
pub const SECOND: u8 = 2;

/// The port of RELP, everywhere.
pub const RELP_PORT: u16 = 2514;
/// That of syslog over TLS.
pub const TLS_PORT: u16 = 6514;

/// The window of RELP: so many may come twice.
pub const WINDOW: usize = 128;

/// A message that is its number.
pub fn numbered(n: usize) -> String {
    format!("<13>Oct 11 22:14:15 host app: message {n}")
}

/// Sends messages to the one that forwards and waits until it has read them.
pub fn send(numbers: std::ops::Range<usize>) {
    let bytes = Framing::Newline.frame(numbers.map(numbered));
    syslog::send(syslog::collector(address(LOGD)), &bytes);
}

/// The configuration of the one that forwards.
pub fn forwarding(keys: &str) -> String {
    syslog::logd_head(address(LOGD))
        + &format!(
            "[input.net-relp.relp]\nlisten = [\"{}:{RELP_PORT}\"]\n\
             [output.siem.forward]\n{keys}\n[[rule]]\nselect = \"*.*\"\nto = [\"siem\"]\n",
            address(LOGD)
        )
}

/// Starts the one that forwards, with these keys of its output.
pub fn start(keys: &str) -> Daemon {
    Setup::new("logd").file("logd.toml", forwarding(keys)).start()
}

/// A target: rsyslogd with all of its inputs.
pub struct Rsyslogd {
    peer: Peer,
    directory: PathBuf,
}

/// Starts it in this directory, at this test's n-th address.
pub fn rsyslogd(directory: &Path, n: u8) -> Rsyslogd {
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
pub fn written_to(directory: &Path) -> String {
    format!(
        "template(name=\"text\" type=\"string\" string=\"%hostname% %programname%:%msg%\\n\")\n\
         if $programname == \"app\" then action(type=\"omfile\" file=\"{}/all\" template=\"text\")\n",
        directory.display()
    )
}

impl Rsyslogd {
    /// The file with what it was sent.
    pub fn all(&self) -> PathBuf {
        self.directory.join("all")
    }

    /// Ends it.
    pub fn stop(self) {
        self.peer.stop();
    }
}

/// A target that is logd, in a directory of its own.
pub fn logd_target(n: u8, more: &str) -> Setup {
    let all = "[output.all.file]\npath = \"all\"\nformat = \"%hostname% %programname%:%msg%\\n\"\n\
               [[rule]]\nselect = \"*.*\"\nto = [\"all\"]\n";
    let relp = format!("[input.net-relp.relp]\nlisten = [\"{}:{RELP_PORT}\"]\n", address(n));
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(n)) + &relp + more + all)
}

/// The numbers of the messages in a file, in the order in which they stand there, unless it is being written to at this
/// moment. No line is torn.
pub fn numbers(file: &Path) -> Option<Vec<usize>> {
    let content = fs::read_to_string(file)
        .ok()
        .filter(|content| content.ends_with('\n'))?;
    let number = |line: &str| {
        let number = line
            .strip_prefix("host app: message ")
            .unwrap_or_else(|| panic!("torn: {line}"));
        let first = number.split(' ').next().unwrap_or_default();
        first.parse().unwrap_or_else(|_| panic!("torn: {line}"))
    };
    Some(content.lines().map(number).collect())
}

/// Waits until all of the messages have arrived, and returns what has.
pub fn arrived(file: &Path, wanted: std::ops::Range<usize>) -> Vec<usize> {
    let wanted: BTreeSet<usize> = wanted.collect();
    wait::until(&format!("{} messages in {}", wanted.len(), file.display()), || {
        let found = numbers(file).filter(|found| found.len() >= wanted.len())?;
        wanted.is_subset(&found.iter().copied().collect()).then_some(found)
    })
}

/// All of them, one after the other.
pub fn in_order(numbers: std::ops::Range<usize>) -> Vec<usize> {
    numbers.collect()
}

/// What `logd status` prints.
pub fn status(logd: &Daemon) -> String {
    String::from_utf8(logd.run(&["status"]).stdout).expect("status is text")
}

/// A metric of the output that forwards.
pub fn metric(name: &str) -> f64 {
    syslog::metric(address(LOGD), name, &["output=\"siem\""])
}

/// Messages that are dropped because the target or the spool refuses them.
pub fn refused() -> f64 {
    let labels = ["output=\"siem\"", "reason=\"refused\""];
    syslog::metric(address(LOGD), "logd_output_dropped_total", &labels)
}

/// A client of RELP that counts what was acknowledged.
pub struct RelpClient {
    /// The connection.
    pub stream: TcpStream,
    /// Of the command that was sent last.
    pub txnr: usize,
}

impl RelpClient {
    /// Opens a session.
    pub fn connect(to: Ipv4Addr) -> Self {
        let mut stream = syslog::connect(SocketAddr::from((to, RELP_PORT)));
        let offers = "relp_version=0\nrelp_software=test\ncommands=syslog";
        writeln!(stream, "1 open {} {offers}", offers.len()).expect("it takes a command");
        let mut client = Self { stream, txnr: 1 };
        client.frame().expect("it answers");
        client
    }

    /// Sends messages, and returns how many were acknowledged before the connection ended.
    pub fn send(&mut self, numbers: std::ops::Range<usize>) -> usize {
        self.send_at_once(50, numbers, "")
    }

    /// The same with so many on their way at a time, and this behind their numbers.
    pub fn send_at_once(&mut self, at_once: usize, numbers: std::ops::Range<usize>, filler: &str) -> usize {
        let mut acknowledged = 0;
        for chunk in in_order(numbers).chunks(at_once) {
            let mut bytes = String::new();
            for n in chunk {
                self.txnr += 1;
                let message = numbered(*n) + filler;
                writeln!(bytes, "{} syslog {} {message}", self.txnr, message.len()).expect("a string takes all");
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

    /// Reads a frame: an answer, or what it is asked; `None` at the end.
    pub fn frame(&mut self) -> Option<String> {
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
