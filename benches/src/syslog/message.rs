//! The messages of the load: all of one length, each with a number of its own and the name of its host, so that it can be told
//! afterwards whether every one is in its file, once.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Digits of a number.
pub const NUMBER_DIGITS: usize = 10;

/// Digits of a host's.
pub const HOST_DIGITS: usize = 5;

/// What stands before a number.
pub const NUMBER_MARK: &[u8] = b"seq=";

const HOST_MARK: &[u8] = b"host-";

/// The program that all messages are of.
pub const PROGRAM: &str = "app";

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424 with structured data.
    Rfc5424,
}

/// How messages are told apart in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By a line feed.
    Newline,
    /// By their length (RFC 6587 §3.4.1).
    OctetCounted,
    /// Each is sent by itself.
    Alone,
}

/// One framed message, and where in it the changing parts are.
#[derive(Debug, Clone)]
pub struct Layout {
    bytes: Vec<u8>,
    host_at: usize,
    number_at: usize,
}

impl Layout {
    /// A message of this length, its framing not counted.
    ///
    /// # Panics
    /// When its header alone is longer.
    #[must_use]
    pub fn new(message_bytes: usize, format: Format, framing: Framing) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_second(now.as_secs() as i64)
            .unwrap_or_default()
            .to_zoned(TimeZone::UTC);
        let (host, number) = ("0".repeat(HOST_DIGITS), "0".repeat(NUMBER_DIGITS));
        let mut message = match format {
            Format::Rfc3164 => format!("<134>{} host-{host} {PROGRAM}[1234]: seq={number} ", now.strftime("%b %e %H:%M:%S")),
            Format::Rfc5424 => format!(
                "<134>1 {}.123456Z host-{host} {PROGRAM} 1234 req [origin ip=\"192.0.2.1\" software=\"load\"] seq={number} ",
                now.strftime("%Y-%m-%dT%H:%M:%S")
            ),
        }
        .into_bytes();
        assert!(message.len() < message_bytes, "a header has {} bytes", message.len());
        let words = b"connection accepted after retry, session of user is open "
            .iter()
            .cycle();
        let missing = message_bytes - message.len() - 1;
        message.extend(words.take(missing));
        message.push(b'.');
        let bytes = match framing {
            Framing::Newline => [&message[..], b"\n"].concat(),
            Framing::OctetCounted => [format!("{message_bytes} ").as_bytes(), &message].concat(),
            Framing::Alone => message,
        };
        let behind = |mark: &[u8]| {
            let found = bytes.windows(mark.len()).position(|window| window == mark);
            found.expect("the mark is in the format") + mark.len()
        };
        Self {
            host_at: behind(HOST_MARK),
            number_at: behind(NUMBER_MARK),
            bytes,
        }
    }

    /// Its length with its framing.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// So many of them, one after the other.
    #[must_use]
    pub fn repeated(&self, count: usize) -> Vec<u8> {
        self.bytes.repeat(count)
    }

    /// Makes a message the one of this host and number.
    pub fn patch(&self, message: &mut [u8], host: u64, number: u64) {
        put_digits(&mut message[self.host_at..self.host_at + HOST_DIGITS], host);
        put_digits(&mut message[self.number_at..self.number_at + NUMBER_DIGITS], number);
    }
}

/// The name of a host.
#[must_use]
pub fn host_name(host: u64) -> String {
    format!("host-{host:05}")
}

fn put_digits(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// What one connection has to send: its numbers, and the hosts that it speaks for in turn.
#[derive(Debug, Clone)]
pub struct Share {
    next: u64,
    end: u64,
    first_host: u64,
    host_step: u64,
    hosts: u64,
    turn: u64,
}

impl Share {
    /// The shares of `connections` in `count` messages of `hosts`, numbered from `first`. With more hosts than connections a
    /// connection is a relay for several of them; with fewer, a host has several connections.
    #[must_use]
    pub fn of(connections: u64, hosts: u64, first: u64, count: u64) -> Vec<Self> {
        let mut next = first;
        let share = |connection| {
            let of_this = count / connections + u64::from(connection < count % connections);
            let begin = next;
            next += of_this;
            let is_relay = hosts > connections;
            Self {
                next: begin,
                end: next,
                first_host: if is_relay { connection } else { connection % hosts },
                host_step: connections,
                hosts: if is_relay {
                    (hosts - connection).div_ceil(connections)
                } else {
                    1
                },
                turn: 0,
            }
        };
        (0..connections).map(share).collect()
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.end - self.next
    }

    /// Makes a message the next one.
    pub fn fill(&mut self, layout: &Layout, message: &mut [u8]) {
        layout.patch(message, self.first_host + self.host_step * self.turn, self.next);
        self.next += 1;
        self.turn = if self.turn + 1 == self.hosts { 0 } else { self.turn + 1 };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_message_has_its_length_and_its_framing() {
        for (format, framing, length) in [
            (Format::Rfc3164, Framing::Newline, 301),
            (Format::Rfc5424, Framing::OctetCounted, 304),
            (Format::Rfc3164, Framing::Alone, 300),
        ] {
            let layout = Layout::new(300, format, framing);
            let mut message = layout.repeated(1);
            layout.patch(&mut message, 42, 4711);
            let text = String::from_utf8(message).unwrap();
            assert_eq!((layout.length(), text.len()), (length, length));
            assert!(
                text.contains(" host-00042 app") && text.contains("seq=0000004711 "),
                "{text}"
            );
        }
    }

    #[test]
    fn shares_have_every_number_once_and_every_host() {
        for (connections, hosts, count) in [
            (1, 1, 10),
            (10, 100, 1003),
            (4, 3, 50),
            (1000, 1000, 5000),
            (3, 10, 100),
        ] {
            let layout = Layout::new(100, Format::Rfc3164, Framing::Newline);
            let mut message = layout.repeated(1);
            let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
            for mut share in Share::of(connections, hosts, 7, count) {
                while share.left() > 0 {
                    share.fill(&layout, &mut message);
                    let text = String::from_utf8(message.clone()).unwrap();
                    let at = text.find("seq=").unwrap() + 4;
                    assert!(numbers.insert(text[at..at + NUMBER_DIGITS].parse::<u64>().unwrap()));
                    let at = text.find("host-").unwrap();
                    names.insert(text[at..at + 10].to_owned());
                }
            }
            assert_eq!(numbers, (7..7 + count).collect());
            assert_eq!(names.len() as u64, hosts);
        }
    }
}
