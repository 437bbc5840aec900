//! Syslog as bytes on a wire and lines in files: message corpora, framings, senders, and trees of log files compared.

pub mod forwarding;
pub mod frozen_disk;
pub mod generated;
pub mod numbered;
pub mod receipt;
pub mod small_disk;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use crate::wait;

/// The port, TCP and UDP, of every collector in the tests.
pub const PORT: u16 = 5514;

/// The port of logd's `/metrics` and `/healthz`.
pub const HTTP_PORT: u16 = 9514;

/// How a message is marked off from the next on a stream (RFC 6587 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line feed ends it; it can't hold one.
    Newline,
    /// Its length stands before it; it can hold anything.
    OctetCounted,
}

impl Framing {
    /// The messages as they go over a stream.
    pub fn frame<M: AsRef<[u8]>>(self, messages: impl IntoIterator<Item = M>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            let message = message.as_ref();
            match self {
                Self::Newline => bytes.extend_from_slice(message),
                Self::OctetCounted => bytes.extend_from_slice(format!("{} ", message.len()).as_bytes()),
            }
            match self {
                Self::Newline => bytes.push(b'\n'),
                Self::OctetCounted => bytes.extend_from_slice(message),
            }
        }
        bytes
    }
}

/// Where a collector of a test listens.
#[must_use]
pub fn collector(address: Ipv4Addr) -> SocketAddr {
    SocketAddr::from((address, PORT))
}

/// Sends bytes over a connection of their own and waits until the collector has closed it: it has read all of them then.
///
/// # Panics
/// When the collector does not take them, or does not close.
pub fn send(to: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(to);
    stream.write_all(bytes).expect("the collector reads");
    close(&mut stream);
}

/// A connection to a collector whose reads end at the deadline.
///
/// # Panics
/// When nobody listens.
#[must_use]
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap_or_else(|error| panic!("{to}: {error}"));
    stream.set_read_timeout(Some(wait::DEADLINE)).expect("a socket option");
    stream.set_write_timeout(Some(wait::DEADLINE)).expect("a socket option");
    stream
}

/// Ends a connection and waits until the collector has closed it too.
///
/// # Panics
/// When it does not.
pub fn close(stream: &mut TcpStream) {
    stream.shutdown(Shutdown::Write).expect("the connection is open");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the collector closes after us");
}

/// Reads `data/syslog/NAME`: a message a line. Empty lines and lines that begin with `# ` are for the reader of the file;
/// `\xNN`, `\n`, `\r`, `\t`, `\0` and `\\` are what they are in Rust, and `\{400 ab}` is `ab` 400 times.
///
/// # Panics
/// When the file is not there or not written so.
#[must_use]
pub fn messages(name: &str) -> Vec<Vec<u8>> {
    let path = crate::data("syslog").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(unescape)
        .collect()
}

/// Reads a message in the notation of the corpora, see [`messages`].
///
/// # Panics
/// When it is not written so.
#[must_use]
pub fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut characters = escape.chars();
        match characters.next().expect("a backslash begins an escape") {
            'x' => {
                bytes.push(u8::from_str_radix(&escape[1..3], 16).expect("two hexadecimal digits"));
                rest = &escape[3..];
                continue;
            }
            '{' => {
                let (repeated, after) = escape[1..].split_once('}').expect("a closing brace");
                let (times, what) = repeated.split_once(' ').expect("a number and a text");
                bytes.extend_from_slice(what.repeat(times.parse().expect("a number")).as_bytes());
                rest = after;
                continue;
            }
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            other => panic!("\\{other} in {line}"),
        }
        rest = characters.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The head of rsyslogd's configuration: a TCP and a UDP input at [`PORT`] of an address, names not looked up, the limits that
/// logd has by default, and all that was received written at its end.
#[must_use]
pub fn rsyslogd_head(directory: &Path, address: Ipv4Addr) -> String {
    format!(
        "global(workDirectory=\"{}\" net.enableDNS=\"off\" maxMessageSize=\"64k\")\n\
         main_queue(queue.timeoutshutdown=\"20000\" queue.dequeuebatchsize=\"1024\")\n\
         module(load=\"imtcp\")\n\
         input(type=\"imtcp\" address=\"{address}\" port=\"{PORT}\")\n\
         module(load=\"imudp\")\n\
         input(type=\"imudp\" address=\"{address}\" port=\"{PORT}\")\n",
        directory.display()
    )
}

/// The head of logd's configuration: the same inputs as [`rsyslogd_head`] and the control socket and pages.
#[must_use]
pub fn logd_head(address: Ipv4Addr) -> String {
    format!(
        "work-dir = \"work\"\n\
         [control]\n\
         socket = \"control.sock\"\n\
         http = \"{address}:{HTTP_PORT}\"\n\
         [input.net-tcp.tcp]\n\
         listen = [\"{address}:{PORT}\"]\n\
         [input.net-udp.udp]\n\
         listen = [\"{address}:{PORT}\"]\n"
    )
}

/// The value of a counter or gauge of logd, summed over the series whose line holds all of `labels`; 0 when there is none.
///
/// # Panics
/// When the page is not served.
#[must_use]
pub fn metric(address: Ipv4Addr, name: &str, labels: &[&str]) -> f64 {
    page(address, "/metrics")
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// What logd serves under a path of its HTTP address, the head of the response included.
///
/// # Panics
/// When it is not served.
#[must_use]
pub fn page(address: Ipv4Addr, path: &str) -> String {
    let mut stream = connect(SocketAddr::from((address, HTTP_PORT)));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is read");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    response
}

/// All regular files below a directory, by their paths in it.
///
/// # Panics
/// When it can't be read.
#[must_use]
pub fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("its type");
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(directory).expect("it is below").to_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

/// Asserts that two trees hold the same files with the same bytes.
///
/// # Panics
/// When they don't: with the files that only one has and the first lines that differ in each of the others.
pub fn assert_same(expected: &BTreeMap<PathBuf, Vec<u8>>, found: &BTreeMap<PathBuf, Vec<u8>>) {
    let mut differences = String::new();
    for (name, content) in expected {
        match found.get(name) {
            None => writeln!(
                differences,
                "missing: {}, which begins with {}",
                name.display(),
                shown(content.split(|b| *b == b'\n').next().unwrap_or_default())
            ),
            Some(other) => write!(
                differences,
                "{}",
                differing_lines(&name.display().to_string(), content, other)
            ),
        }
        .expect("a string takes all");
    }
    for (name, content) in found.iter().filter(|(name, _)| !expected.contains_key(*name)) {
        let line = shown(content.split(|b| *b == b'\n').next().unwrap_or_default());
        writeln!(
            differences,
            "not expected: {}, which begins with {line}",
            name.display()
        )
        .expect("a string takes all");
    }
    assert!(differences.is_empty(), "\n{differences}");
}

/// How many differing lines of a file are shown.
const SHOWN_MAX: usize = 12;

fn differing_lines(name: &str, expected: &[u8], found: &[u8]) -> String {
    if expected == found {
        return String::new();
    }
    let expected: Vec<_> = expected.split(|b| *b == b'\n').collect();
    let found: Vec<_> = found.split(|b| *b == b'\n').collect();
    let mut text = format!(
        "{name}: {} lines expected, {} found\n",
        expected.len() - 1,
        found.len() - 1
    );
    let differing = (0..expected.len().max(found.len())).filter(|n| expected.get(*n) != found.get(*n));
    for line in differing.take(SHOWN_MAX) {
        for (mark, side) in [('-', &expected), ('+', &found)] {
            let content = side.get(line).map_or_else(|| "(no such line)".to_owned(), |l| shown(l));
            writeln!(text, "  {mark}{}: {content}", line + 1).expect("a string takes all");
        }
    }
    text
}

/// Bytes as they can be read in a failed test's output.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], bytes.len()),
        None => text,
    }
}
