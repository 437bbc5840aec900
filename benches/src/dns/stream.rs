//! Takes a zone from a server over TCP, and looks at no more of it than has to be seen: how many messages and records come, and
//! where the stream ends. `transfer-load` does this in a process of its own, and `bench-dns` reads what it prints.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::process::Process;

/// A whole zone (RFC 5936 §2.1).
const AXFR: u16 = 252;
/// The steps from a version on (RFC 1995 §3).
const IXFR: u16 = 251;
const SOA: u16 = 6;

/// What is taken of the socket at a time.
const READ_BYTES: usize = 256 << 10;

/// A server that sends nothing for so long won't.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The numbers at the end of an SOA record's data (RFC 1035 §3.3.13): the serial and the four times.
const SOA_NUMBERS: usize = 20;

const PROGRAM: &str = "transfer-load";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of the zone.
    Zone,
    /// The steps from this version to the newest.
    StepsFrom(u32),
}

/// What a transfer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The whole zone, whatever was asked for.
    Zone,
    /// Steps between versions.
    Steps,
}

/// One transfer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// What came.
    pub kind: Kind,
    /// From the start of the connection to the last octet.
    pub seconds: f64,
    /// Messages.
    pub messages: u64,
    /// Records, the repeated SOA records among them.
    pub records: u64,
    /// Octets, with the lengths in front of the messages.
    pub octets: u64,
}

/// Takes a zone, or steps, from the server at a port of 127.0.0.1.
///
/// # Errors
/// When the connection fails, or what comes is no transfer.
pub fn take(port: u16, origin: &str, wanted: Wanted) -> io::Result<Transfer> {
    let start = Instant::now();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_nodelay(true)?;
    let request = request(origin, wanted);
    let length = u16::try_from(request.len()).expect("a request is short");
    stream.write_all(&[&length.to_be_bytes(), request.as_slice()].concat())?;
    let mut stream = BufReader::with_capacity(READ_BYTES, stream);
    let mut message = vec![0; usize::from(u16::MAX)];
    let mut seen = Seen::default();
    let mut octets = 0;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let message = &mut message[..usize::from(u16::from_be_bytes(length))];
        stream.read_exact(message)?;
        octets += 2 + message.len() as u64;
        if seen.message(message)? {
            break;
        }
    }
    Ok(Transfer {
        kind: if seen.are_steps { Kind::Steps } else { Kind::Zone },
        seconds: start.elapsed().as_secs_f64(),
        messages: seen.messages,
        records: seen.records,
        octets,
    })
}

/// Takes it `at_once` times at the same time, and that `repeat` times.
///
/// # Errors
/// The first of any transfer.
pub fn take_many(port: u16, origin: &str, wanted: Wanted, repeat: usize, at_once: usize) -> io::Result<Vec<Transfer>> {
    let start = Barrier::new(at_once);
    let one = || {
        (0..repeat)
            .map(|_| {
                start.wait();
                take(port, origin, wanted)
            })
            .collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(one)).collect();
        let taken = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a transfer doesn't panic"));
        taken.collect()
    })
}

/// The request: a question and, for steps, the SOA record of a version, of which servers read the serial.
fn request(origin: &str, wanted: Wanted) -> Vec<u8> {
    let (qtype, authorities) = match wanted {
        Wanted::Zone => (AXFR, 0),
        Wanted::StepsFrom(_) => (IXFR, 1),
    };
    let mut request = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, authorities, 0, 0];
    for label in origin.split('.') {
        request.push(u8::try_from(label.len()).expect("labels of our zones are short"));
        request.extend_from_slice(label.as_bytes());
    }
    request.push(0);
    request.extend_from_slice(&qtype.to_be_bytes());
    request.extend_from_slice(&[0, 1]);
    if let Wanted::StepsFrom(serial) = wanted {
        // The owner is the question's name, both names in the data are the root.
        request.extend_from_slice(b"\xC0\x0C\0\x06\0\x01\0\0\0\0\0\x16\0\0");
        request.extend_from_slice(&serial.to_be_bytes());
        request.extend_from_slice(&[0; 16]);
    }
    request
}

/// What was seen of a stream.
#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    records: u64,
    /// The numbers of the SOA record that the stream starts with, and ends with.
    newest: Option<[u8; SOA_NUMBERS]>,
    /// In steps, which are short, every record is looked at: a message in the middle may end with the newest SOA record.
    are_steps: bool,
    /// How often that has come in steps.
    times_newest: u32,
}

impl Seen {
    /// Takes a message; says whether it was the last.
    fn message(&mut self, message: &[u8]) -> io::Result<bool> {
        let broken = || io::Error::new(ErrorKind::InvalidData, "no message of a transfer");
        let header = message.first_chunk::<12>().ok_or_else(broken)?;
        let count = |at: usize| u64::from(u16::from_be_bytes([header[at], header[at + 1]]));
        let (questions, answers) = (count(4), count(6));
        if header[3] & 0x0F != 0 {
            return Err(io::Error::other(format!("rcode {}", header[3] & 0x0F)));
        }
        self.messages += 1;
        self.records += answers;
        if self.messages > 1 && !self.are_steps {
            return Ok(self.newest.is_some_and(|newest| message.ends_with(&newest)));
        }
        let mut at = 12;
        for _ in 0..questions {
            at = skip_name(message, at).ok_or_else(broken)? + 4;
        }
        let mut is_last = false;
        for n in 0..answers {
            let (rtype, end) = record(message, at).ok_or_else(broken)?;
            let numbers = (rtype == SOA).then(|| message[..end].last_chunk().copied()).flatten();
            if self.newest.is_none() {
                self.newest = numbers;
            } else if self.messages == 1 && n == 1 {
                // A second SOA record is that of the client's version (RFC 1995 §4).
                self.are_steps = numbers.is_some() && numbers != self.newest;
                is_last = numbers == self.newest;
                if !self.are_steps {
                    break;
                }
            } else if numbers.is_some() && numbers == self.newest {
                self.times_newest += 1;
                // Before the records that the last step adds, and at the end.
                is_last = self.times_newest == 2;
            }
            at = end;
        }
        let is_short = self.messages == 1 && !self.are_steps && answers > 2;
        Ok(is_last || is_short && self.newest.is_some_and(|newest| message.ends_with(&newest)))
    }
}

/// The type of the record at an octet, and where it ends.
fn record(message: &[u8], at: usize) -> Option<(u16, usize)> {
    let fixed = skip_name(message, at)?;
    let head = message.get(fixed..)?.first_chunk::<10>()?;
    let end = fixed + 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
    (end <= message.len()).then(|| (u16::from_be_bytes([head[0], head[1]]), end))
}

/// Where a name that starts at `at` ends: at its root label or at a pointer (RFC 1035 §4.1.4).
pub(super) fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer >= 0xC0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// A load of transfers.
#[derive(Debug, Clone, Copy)]
pub struct TransferLoad<'a> {
    /// Where our programs are.
    pub programs: &'a Path,
    /// The server's port.
    pub port: u16,
    /// Where it runs.
    pub core: usize,
    /// The zone.
    pub origin: &'a str,
    /// What of it.
    pub wanted: Wanted,
    /// How often, one after the other.
    pub repeat: usize,
    /// How many at the same time.
    pub at_once: usize,
}

impl TransferLoad<'_> {
    /// Takes them, and says how each was.
    ///
    /// # Errors
    /// When one fails or they take longer than this.
    pub fn run(&self, directory: &Path, limit: Duration) -> Result<Vec<Transfer>, BenchError> {
        let mut command = Command::new(self.programs.join(PROGRAM));
        command
            .args(["--port", &self.port.to_string(), "--zone", self.origin])
            .args(["--repeat", &self.repeat.to_string()])
            .args(["--at-once", &self.at_once.to_string()]);
        if let Wanted::StepsFrom(serial) = self.wanted {
            command.args(["--from", &serial.to_string()]);
        }
        let output = Process::start(PROGRAM, &command, directory, Some(self.core))?.finish(limit)?;
        let taken: Vec<Transfer> = serde_json::from_str(&output).map_err(|_| BenchError::Output {
            program: PROGRAM,
            wanted: "transfers",
            log: output,
        })?;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of answers: SOA records with these serials, and an A record for each zero.
    fn message(serials: &[u32]) -> Vec<u8> {
        let mut message = vec![0, 1, 0x84, 0, 0, 0, 0, serials.len() as u8, 0, 0, 0, 0];
        for serial in serials {
            match serial {
                0 => message.extend_from_slice(b"\x01a\0\0\x01\0\x01\0\0\0\0\0\x04\x0A\0\0\x01"),
                serial => {
                    message.extend_from_slice(b"\0\0\x06\0\x01\0\0\0\0\0\x16\0\0");
                    message.extend_from_slice(&serial.to_be_bytes());
                    message.extend_from_slice(&[0; 16]);
                }
            }
        }
        message
    }

    fn ends(messages: &[&[u32]]) -> (Vec<bool>, bool) {
        let mut seen = Seen::default();
        let ends = messages
            .iter()
            .map(|serials| seen.message(&message(serials)).unwrap())
            .collect();
        (ends, seen.are_steps)
    }

    #[test]
    fn a_zone_ends_with_its_soa_record() {
        assert_eq!(ends(&[&[7, 0, 0, 7]]), (vec![true], false));
        assert_eq!(ends(&[&[7], &[0, 0], &[0, 7]]), (vec![false, false, true], false));
        assert_eq!(ends(&[&[7, 0], &[7]]), (vec![false, true], false));
        assert_eq!(ends(&[&[7, 7]]), (vec![true], false));
    }

    #[test]
    fn rfc1995_4_steps_end_with_the_newest_soa_record_for_the_third_time() {
        assert_eq!(ends(&[&[7, 5, 0, 7, 0, 7]]), (vec![true], true));
        assert_eq!(ends(&[&[7, 5, 0, 6, 0, 6, 7], &[0, 7]]), (vec![false, true], true));
        assert_eq!(ends(&[&[7, 5, 0, 7], &[0, 7]]), (vec![false, true], true));
    }

    #[test]
    fn a_refusal_is_an_error() {
        let mut refused = message(&[]);
        refused[3] = 5;
        let error = Seen::default().message(&refused).unwrap_err();
        assert_eq!(error.to_string(), "rcode 5");
    }

    #[test]
    fn a_request_for_steps_has_a_version_in_its_authority_section() {
        let request = request("a.example", Wanted::StepsFrom(7));
        let soa = skip_name(&request, 12).unwrap() + 4;
        assert_eq!(record(&request, soa), Some((SOA, request.len())));
        assert_eq!(request[9], 1);
    }
}
