//! Asking a server over UDP and TCP.

use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream, UdpSocket};

use super::message::Message;
use super::name::Name;
use super::question::Query;
use super::rtype;
use crate::wait::DEADLINE;

/// The largest that a message can be, in octets.
const MESSAGE_BYTES_MAX: usize = 65535;

/// A datagram socket that takes answers from one server's address only.
pub struct Udp {
    socket: UdpSocket,
}

impl Udp {
    /// A socket for questions to this server.
    ///
    /// # Panics
    /// When the system has no socket.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).expect("a socket");
        // Datagrams from elsewhere don't reach a connected socket, so the address that answers is the one that was asked.
        socket.connect(server).expect("an address");
        socket.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        Self { socket }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn send(&self, bytes: &[u8]) {
        self.socket.send(bytes).expect("someone listens");
    }

    /// The next datagram.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let length = self.socket.recv(&mut buffer).expect("an answer over UDP");
        buffer.truncate(length);
        buffer
    }

    /// Sends bytes and returns the answer's.
    #[must_use]
    pub fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        self.send(bytes);
        self.receive()
    }

    /// Asks.
    ///
    /// # Panics
    /// When no answer comes, or one that is malformed or another's.
    #[must_use]
    pub fn ask(&self, query: &Query) -> Message {
        decode(&self.exchange(&query.to_bytes()), query)
    }

    /// Sends bytes, and after them a question whose answer comes back whatever became of them; tells whether an answer to
    /// the bytes came too.
    #[must_use]
    pub fn answers(&self, bytes: &[u8]) -> bool {
        let probe = Query::of(".", rtype::NS).id(0x7E57);
        self.send(bytes);
        self.send(&probe.to_bytes());
        let is_probe = |answer: &[u8]| answer.starts_with(&probe.id.to_be_bytes());
        let first = self.receive();
        if !is_probe(&first) {
            assert!(is_probe(&self.receive()), "the probe is answered after the bytes");
        }
        !is_probe(&first)
    }
}

/// A connection.
pub struct Tcp {
    stream: TcpStream,
}

impl Tcp {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("someone listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream }
    }

    /// The connection itself, for bytes that are no message.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends messages, each behind its length, with as few packets as they fit in (RFC 7766 §8).
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn send<'a>(&self, messages: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        (&self.stream).write_all(&framed(messages))
    }

    /// The next message.
    ///
    /// # Errors
    /// When the connection ends before one.
    pub fn receive(&self) -> io::Result<Vec<u8>> {
        let mut length = [0; 2];
        (&self.stream).read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        (&self.stream).read_exact(&mut message)?;
        Ok(message)
    }

    /// Asks.
    ///
    /// # Panics
    /// When no answer comes, or one that is malformed or another's.
    #[must_use]
    pub fn ask(&self, query: &Query) -> Message {
        self.send([&query.to_bytes()[..]]).expect("the connection is open");
        decode(&self.receive().expect("an answer over TCP"), query)
    }

    /// Whether the server has closed the connection, or does so in time.
    ///
    /// # Panics
    /// When it sends something, or nothing happens.
    pub fn wait_for_close(&self) {
        let mut byte = [0];
        match (&self.stream).read(&mut byte) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("expected the connection to be closed: {other:?}"),
        }
    }
}

/// Messages as they are on a connection, each behind its length (RFC 1035 §4.2.2).
///
/// # Panics
/// When one is longer than 65535 octets.
pub fn framed<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend(u16::try_from(message.len()).expect("below 64 KiB").to_be_bytes());
        bytes.extend(message);
    }
    bytes
}

fn decode(bytes: &[u8], query: &Query) -> Message {
    let message = Message::decode(bytes).unwrap_or_else(|error| panic!("{query}: {error:?}: {bytes:02x?}"));
    assert_eq!(message.id, query.id, "{query}");
    message
}

/// All records of a zone, by AXFR (RFC 5936), without the SOA record at the end.
///
/// # Panics
/// When the server refuses.
#[must_use]
pub fn transfer(server: SocketAddr, origin: &Name) -> Vec<super::message::Record> {
    let query = Query::of_name(origin.clone(), rtype::AXFR);
    let connection = Tcp::to(server);
    let mut records = connection.ask(&query).answers;
    assert!(!records.is_empty(), "{server} refuses to transfer {origin}");
    while records.len() == 1 || records.last().map(|record| record.rtype) != Some(rtype::SOA) {
        let next = decode(&connection.receive().expect("the rest of the transfer"), &query);
        records.extend(next.answers);
    }
    records.pop();
    records
}
