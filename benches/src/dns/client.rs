//! Asks a server and looks at its answers: whether a zone is served, and whether what it says to the mix is what the others
//! say.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use super::mix::{Query, QueryType};
use super::stream::skip_name;
use crate::error::BenchError;
use crate::interrupt;
use crate::process::Process;

/// Queries that are under way together. The smallest of them takes 768 bytes of a socket's 208 KiB, so none is dropped.
const BATCH: usize = 64;

/// How long the answers to a batch may take before the missing ones are asked for again.
const BATCH_MAX: Duration = Duration::from_millis(200);

/// How often an unanswered query is sent when the server is known to serve.
const TRIES: usize = 5;

/// The same while it may not serve yet, and may have no socket: short, for a start is timed by it.
const STARTING_MAX: Duration = Duration::from_millis(5);

/// What is looked at of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The response code (RFC 1035 §4.1.1).
    pub rcode: u8,
    /// The AA bit.
    pub authoritative: bool,
    /// Records of the answer section.
    pub records: u16,
    /// Octets of the message.
    pub bytes: usize,
    /// The first record's serial, when the answer is an SOA record for the name that was asked for.
    pub serial: Option<u32>,
}

impl Answer {
    fn read(message: &[u8]) -> Option<Self> {
        let header = message.first_chunk::<12>()?;
        if header[2] & 0x80 == 0 {
            return None;
        }
        Some(Self {
            rcode: header[3] & 0x0F,
            authoritative: header[2] & 0x04 != 0,
            records: u16::from_be_bytes([header[6], header[7]]),
            bytes: message.len(),
            serial: serial(message),
        })
    }

    fn serves_zone(&self) -> bool {
        self.rcode == 0 && self.authoritative && self.records == 1
    }
}

/// The serial of an SOA record that answers a question of its own name (RFC 1035 §3.3.13).
fn serial(message: &[u8]) -> Option<u32> {
    let question = skip_name(message, 12)?;
    let owner = question + 4;
    let fixed = skip_name(message, owner)?;
    let rtype = message.get(fixed..fixed + 2)?;
    if rtype != QueryType::Soa.code().to_be_bytes() {
        return None;
    }
    let mailbox = skip_name(message, fixed + 10)?;
    let serial = skip_name(message, mailbox)?;
    Some(u32::from_be_bytes(*message.get(serial..)?.first_chunk()?))
}

/// How many answers of each kind: by response code and number of answer records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerCounts(BTreeMap<(u8, u16), u32>);

impl AnswerCounts {
    /// The part of the answers that have this response code.
    #[must_use]
    pub fn share(&self, rcode: u8) -> f64 {
        let with: u32 = self.0.iter().filter(|((r, _), _)| *r == rcode).map(|(_, n)| n).sum();
        f64::from(with) / self.total().max(1) as f64
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().copied().map(u64::from).sum()
    }
}

impl fmt::Display for AnswerCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, ((rcode, records), count)) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { ", " };
            write!(f, "{separator}{count} × rcode {rcode} with {records} records")?;
        }
        Ok(())
    }
}

/// What a server said to a list of queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Of each kind.
    pub counts: AnswerCounts,
    /// Octets of an answer on average.
    pub mean_bytes: f64,
}

/// A client of a server on this machine.
#[derive(Debug)]
pub struct Client(UdpSocket);

impl Client {
    /// A client of the server at a port of 127.0.0.1, which need not run yet.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn new(port: u16) -> Result<Self, BenchError> {
        let connect = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect((Ipv4Addr::LOCALHOST, port))?;
            Ok(socket)
        };
        connect().map(Self).map_err(BenchError::io("ask", "127.0.0.1"))
    }

    /// Asks all of the queries, each again when there is no answer, and counts the answers.
    ///
    /// # Errors
    /// When some stay without an answer.
    pub fn count(&self, server: &Process, queries: &[Query]) -> Result<Answers, BenchError> {
        let mut counts = AnswerCounts::default();
        let mut bytes = 0;
        for batch in queries.chunks(BATCH) {
            let mut open: Vec<(u16, &Query)> = (0..).zip(batch).collect();
            for _ in 0..TRIES {
                for (_, answer) in self.ask(&mut open, BATCH_MAX)? {
                    *counts.0.entry((answer.rcode, answer.records)).or_default() += 1;
                    bytes += answer.bytes;
                }
                if open.is_empty() {
                    break;
                }
            }
            if !open.is_empty() {
                return Err(server.late("answer to a query of the mix", BATCH_MAX));
            }
        }
        Ok(Answers {
            counts,
            mean_bytes: bytes as f64 / queries.len().max(1) as f64,
        })
    }

    /// Waits until every zone answers for itself with authority, and asks for those that don't so often.
    ///
    /// # Errors
    /// When the server ends before, or at the limit.
    ///
    /// # Panics
    /// With more than 65536 zones, which are told apart by the message's id.
    pub fn wait_for_zones(
        &self,
        server: &mut Process,
        origins: &[String],
        every: Duration,
        limit: Duration,
    ) -> Result<(), BenchError> {
        self.wait_for_all(server, origins, every, limit, Answer::serves_zone)
    }

    /// Waits until every zone has this serial, and asks for those that haven't so often: what is asked is work for the server.
    ///
    /// # Errors
    /// When the server ends before, or at the limit.
    ///
    /// # Panics
    /// With more than 65536 zones.
    pub fn wait_for_serial(
        &self,
        server: &mut Process,
        origins: &[String],
        serial: u32,
        every: Duration,
        limit: Duration,
    ) -> Result<(), BenchError> {
        self.wait_for_all(server, origins, every, limit, |answer| answer.serial == Some(serial))
    }

    fn wait_for_all(
        &self,
        server: &mut Process,
        origins: &[String],
        every: Duration,
        limit: Duration,
        is_there: impl Fn(&Answer) -> bool,
    ) -> Result<(), BenchError> {
        let queries: Vec<Query> = origins.iter().map(|origin| soa(origin)).collect();
        let mut open: Vec<(u16, &Query)> = queries
            .iter()
            .enumerate()
            .map(|(n, query)| (u16::try_from(n).expect("at most 65536 zones"), query))
            .collect();
        let done = interrupt::until(limit, || {
            server.running()?;
            // Zones come in an order of the server's own: each pass asks for all that are missing, and stops at the first
            // batch in which none is there.
            let mut missing = Vec::new();
            let mut asked = 0;
            for batch in open.chunks(BATCH) {
                asked += batch.len();
                let mut unanswered = batch.to_vec();
                let answers = self.ask(&mut unanswered, STARTING_MAX)?;
                let serving: Vec<u16> = answers
                    .iter()
                    .filter(|(_, answer)| is_there(answer))
                    .map(|(id, _)| *id)
                    .collect();
                missing.extend(batch.iter().filter(|(id, _)| !serving.contains(id)).copied());
                if serving.is_empty() {
                    break;
                }
            }
            missing.extend_from_slice(&open[asked..]);
            open = missing;
            if !open.is_empty() {
                interrupt::sleep(every)?;
            }
            Ok(open.is_empty().then_some(()))
        })?;
        done.ok_or_else(|| server.late("answer for every zone", limit))
    }

    /// The serial that a zone is served with, `None` while it is not.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn serial(&self, origin: &str) -> Result<Option<u32>, BenchError> {
        let query = soa(origin);
        let answers = self.ask(&mut vec![(0, &query)], BATCH_MAX)?;
        Ok(answers.first().and_then(|(_, answer)| answer.serial))
    }

    /// What a server says to a query; `None` without an answer.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn answer(&self, query: &Query) -> Result<Option<Answer>, BenchError> {
        let answers = self.ask(&mut vec![(0, query)], BATCH_MAX)?;
        Ok(answers.first().map(|(_, answer)| *answer))
    }

    /// Waits for any answer at all, of a server that knows no zones.
    ///
    /// # Errors
    /// When the server ends before, or at the limit.
    pub fn wait_for_any(&self, server: &mut Process, limit: Duration) -> Result<(), BenchError> {
        let query = soa("bench.example");
        let done = interrupt::until(limit, || {
            server.running()?;
            let answers = self.ask(&mut vec![(0, &query)], STARTING_MAX)?;
            Ok((!answers.is_empty()).then_some(()))
        })?;
        done.ok_or_else(|| server.late("answer", limit))
    }

    /// Sends the open queries and takes the answers of those that are answered in time off the list.
    fn ask(&self, open: &mut Vec<(u16, &Query)>, limit: Duration) -> Result<Vec<(u16, Answer)>, BenchError> {
        self.exchange(open, limit).map_err(BenchError::io("ask", "127.0.0.1"))
    }

    fn exchange(&self, open: &mut Vec<(u16, &Query)>, limit: Duration) -> io::Result<Vec<(u16, Answer)>> {
        for (id, query) in &*open {
            tolerate(self.0.send(&query.wire(*id)))?;
        }
        let mut answers = Vec::with_capacity(open.len());
        let mut message = [0; 4096];
        let deadline = Instant::now() + limit;
        while !open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.0.set_read_timeout(Some(left))?;
            let length = match tolerate(self.0.recv(&mut message))? {
                Received::Bytes(length) => length,
                Received::Refused => break,
                Received::Nothing => continue,
            };
            let Some(answer) = Answer::read(&message[..length]) else {
                continue;
            };
            let id = u16::from_be_bytes([message[0], message[1]]);
            // A late answer to an earlier batch has an id that is not open, or is one to the same name.
            if let Some(place) = open.iter().position(|(open, _)| *open == id) {
                open.swap_remove(place);
                answers.push((id, answer));
            }
        }
        Ok(answers)
    }
}

fn soa(origin: &str) -> Query {
    Query {
        name: origin.to_owned(),
        qtype: QueryType::Soa,
    }
}

enum Received {
    Bytes(usize),
    /// Nobody listens there yet.
    Refused,
    Nothing,
}

fn tolerate(result: io::Result<usize>) -> io::Result<Received> {
    match result {
        Ok(bytes) => Ok(Received::Bytes(bytes)),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused => Ok(Received::Refused),
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(Received::Nothing),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_soa_answer_tells_its_serial() {
        let mut message = soa("a.example").wire(7);
        message[2] = 0x84;
        message[7] = 1;
        message.extend_from_slice(b"\xC0\x0C\0\x06\0\x01\0\0\x0E\x10\0\x16\x02ns\xC0\x0C\x04root\xC0\x0C");
        message.extend_from_slice(&2026_u32.to_be_bytes());
        message.extend_from_slice(&[0; 16]);
        let answer = Answer::read(&message).unwrap();
        assert!(answer.serves_zone());
        assert_eq!(answer.serial, Some(2026));
    }

    #[test]
    fn a_query_or_a_fragment_is_no_answer() {
        assert_eq!(Answer::read(&soa("a.example").wire(7)), None);
        assert_eq!(Answer::read(b"\0\x07\x84\0"), None);
    }

    #[test]
    fn a_share_is_of_all_answers() {
        let counts = AnswerCounts(BTreeMap::from([((0, 1), 70), ((0, 0), 20), ((3, 0), 10)]));
        assert!((counts.share(3) - 0.1).abs() < 1e-9);
        assert_eq!(
            counts.to_string(),
            "20 × rcode 0 with 0 records, 70 × rcode 0 with 1 records, 10 × rcode 3 with 0 records"
        );
    }
}
