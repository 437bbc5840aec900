//! Numbered messages, of which none may be lost, doubled or torn, whatever happened to the files on the way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{close, connect, tree};

/// What each line has to look like, so that one that is torn or run together with another is noticed.
const FILLER: &str = "a sentence that is long enough to be torn somewhere in its middle";

/// The line of a message in `RSYSLOG_TraditionalFileFormat`, without its newline.
#[must_use]
pub fn line(host: &str, sender: usize, number: usize) -> String {
    format!("Oct 11 22:14:15 {host} app[{sender}]: {number} {FILLER}")
}

/// The messages of these numbers, a line each.
#[must_use]
pub fn messages(host: &str, sender: usize, numbers: Range<usize>) -> Vec<u8> {
    let mut bytes = String::new();
    for number in numbers {
        writeln!(bytes, "<13>{}", line(host, sender, number)).expect("a string takes all");
    }
    bytes.into_bytes()
}

/// Sends so many messages of each sender over connections of their own, in small pieces, so that they come for a while.
#[must_use]
pub fn senders(to: SocketAddr, senders: usize, numbers: usize) -> Vec<JoinHandle<()>> {
    const PIECE: usize = 50;
    let send = move |sender: usize| {
        let mut stream = connect(to);
        for from in (0..numbers).step_by(PIECE) {
            let piece = messages("host", sender, from..(from + PIECE).min(numbers));
            stream.write_all(&piece).expect("the collector reads");
        }
        close(&mut stream);
    };
    (0..senders).map(|sender| thread::spawn(move || send(sender))).collect()
}

/// Sends until the collector is gone; how many messages of the sender were given to the kernel.
#[must_use]
pub fn send_until_gone(mut stream: TcpStream, sender: usize) -> usize {
    const PIECE: usize = 50;
    const PAUSE: Duration = Duration::from_millis(5);
    let mut sent = 0;
    while stream.write_all(&messages("host", sender, sent..sent + PIECE)).is_ok() {
        sent += PIECE;
        // Some thousands a second for as long as the collector lives: more would only be more to count.
        thread::sleep(PAUSE);
    }
    sent
}

/// All lines of all files below a directory, those of compressed ones as gzip and zstd see them.
///
/// # Panics
/// When one can't be read.
#[must_use]
pub fn lines_below(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for name in tree(directory).into_keys() {
        let path = directory.join(&name);
        let content = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => filtered("gzip", &path),
            Some("zst") => filtered("zstd", &path),
            _ => std::fs::read(&path).expect("a file"),
        };
        let content = String::from_utf8(content).unwrap_or_else(|_| panic!("{} is no text", name.display()));
        assert!(
            content.is_empty() || content.ends_with('\n'),
            "{}: the last line is whole",
            name.display()
        );
        lines.extend(content.lines().map(str::to_owned));
    }
    lines
}

fn filtered(program: &str, path: &Path) -> Vec<u8> {
    let output = Command::new(program)
        .arg("-dc")
        .stdin(Stdio::from(File::open(path).expect("a file")))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: scripts/install test"));
    assert!(output.status.success(), "{program} {}: {output:?}", path.display());
    output.stdout
}

/// How often each number of each sender is among lines, all of which have to be whole.
///
/// # Panics
/// When a line is not a message as it was sent.
#[must_use]
pub fn counted(lines: &[String]) -> BTreeMap<(usize, usize), usize> {
    let mut counts = BTreeMap::new();
    for text in lines {
        let rest = text.strip_prefix("Oct 11 22:14:15 host app[");
        let numbers = rest.and_then(|rest| {
            let (sender, rest) = rest.split_once("]: ")?;
            let (number, _) = rest.split_once(' ')?;
            Some((sender.parse().ok()?, number.parse().ok()?))
        });
        let (sender, number) = numbers.unwrap_or_else(|| panic!("torn: {text:?}"));
        assert_eq!(*text, line("host", sender, number), "torn");
        *counts.entry((sender, number)).or_insert(0) += 1;
    }
    counts
}

/// Asserts that every number of every sender is there once.
///
/// # Panics
/// When one is missing or there twice, or a line is torn.
pub fn assert_all_once(lines: &[String], senders: usize, numbers: usize) {
    let counts = counted(lines);
    let doubled = counts.values().filter(|count| **count > 1).count();
    let lost = senders * numbers - counts.len();
    assert_eq!(
        (lost, doubled),
        (0, 0),
        "messages lost and doubled, of {}",
        senders * numbers
    );
}
