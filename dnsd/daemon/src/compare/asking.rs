//! Asking the other server: over UDP, again if nothing comes, and over TCP what doesn't fit.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dnsd_core::message::{Flags, HEADER_BYTES, Header, Rcode};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::tsig::{Key, ResponseError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until, timeout};

use crate::messages::{Received, question};
use crate::remotes::{Verification, random_id, sign};
use crate::server::MESSAGE_BYTES_MAX;

/// How often a question is sent that nothing comes to.
const TRIES: u32 = 3;

/// How long each is waited for: an authoritative server has the answer at hand.
const PATIENCE: Duration = Duration::from_secs(2);

/// The other server, and how it is asked.
pub(super) struct Server {
    address: SocketAddr,
    key: Option<Arc<Key>>,
    dnssec_ok: bool,
    /// What lies between questions, and when the next may go out.
    pace: Option<(Duration, Mutex<Instant>)>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// Nothing came.
    Silence,
    /// The network says no.
    Io(io::Error),
    /// The answer isn't rightly signed, or the server doesn't take our signature.
    Signature(ResponseError),
    /// What came can't be read.
    Garbled,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("nothing came in time"),
            Self::Io(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::Garbled => f.write_str("what came is no answer that can be read"),
        }
    }
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Server {
    pub(super) fn new(address: SocketAddr, key: Option<Arc<Key>>, dnssec_ok: bool, rate: Option<NonZeroU32>) -> Self {
        Self {
            address,
            key,
            dnssec_ok,
            pace: rate.map(|rate| (Duration::from_secs(1) / rate.get(), Mutex::new(Instant::now()))),
        }
    }

    /// Whether DNSSEC records are asked for.
    pub(super) fn dnssec_ok(&self) -> bool {
        self.dnssec_ok
    }

    /// Waits until another question may go out.
    async fn turn(&self) {
        let Some((between, next)) = &self.pace else { return };
        let at = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            // Who hasn't asked for a while doesn't make up for it.
            let at = (*next).max(Instant::now());
            *next = at + *between;
            at
        };
        sleep_until(at).await;
    }
}

/// As BIND's log has it.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.address.ip(), self.address.port())
    }
}

/// Asks one question at a time.
pub(super) struct Asker {
    server: Arc<Server>,
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Asker {
    /// With a port of its own.
    pub(super) async fn new(server: Arc<Server>) -> io::Result<Self> {
        let any: IpAddr = match server.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(server.address).await?;
        Ok(Self {
            server,
            socket,
            buffer: vec![0; MESSAGE_BYTES_MAX],
        })
    }

    /// Asks, without RD.
    pub(super) async fn ask(&mut self, name: &Name, qtype: Type) -> Result<Received, NoAnswer> {
        let mut failed = NoAnswer::Silence;
        for _ in 0..TRIES {
            self.server.turn().await;
            match timeout(PATIENCE, self.try_once(name, qtype)).await {
                Ok(Ok(received)) => return Ok(received),
                // A server that says so says so again.
                Ok(Err(error @ NoAnswer::Signature(_))) => return Err(error),
                Ok(Err(error)) => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }

    async fn try_once(&mut self, name: &Name, qtype: Type) -> Result<Received, NoAnswer> {
        let (request, mut verification, id) = self.request(name, qtype)?;
        self.socket.send(&request).await?;
        loop {
            let len = self.socket.recv(&mut self.buffer).await?;
            let message = &self.buffer[..len];
            // The answer to an earlier try is late, and nobody's any more.
            if !answers(message, id, &request) {
                continue;
            }
            if Header::read(message).is_some_and(|header| header.flags.contains(Flags::TC)) {
                return self.try_tcp(name, qtype).await;
            }
            return read(message, &mut verification);
        }
    }

    async fn try_tcp(&mut self, name: &Name, qtype: Type) -> Result<Received, NoAnswer> {
        let (request, mut verification, id) = self.request(name, qtype)?;
        let mut stream = TcpStream::connect(self.server.address).await?;
        let length = (request.len() as u16).to_be_bytes();
        stream.write_all(&[&length, &*request].concat()).await?;
        let length = usize::from(stream.read_u16().await?);
        let message = &mut self.buffer[..length];
        stream.read_exact(message).await?;
        if !answers(message, id, &request) {
            return Err(NoAnswer::Garbled);
        }
        read(message, &mut verification)
    }

    fn request(&self, name: &Name, qtype: Type) -> io::Result<(Vec<u8>, Verification, u16)> {
        let id = random_id()?;
        let message = question(id, name.as_name_ref(), qtype, false, self.server.dnssec_ok);
        let (request, verification) = sign(message, self.server.key.as_ref());
        Ok((request, verification, id))
    }
}

/// Whether a message is the response to a request. An error may come without the question.
fn answers(message: &[u8], id: u16, request: &[u8]) -> bool {
    let Some(header) = Header::read(message) else {
        return false;
    };
    if header.id != id || !header.flags.contains(Flags::QR) {
        return false;
    }
    if header.questions == 0 {
        return header.flags.rcode() != Rcode::NOERROR;
    }
    let Some(question_at) = request.get(HEADER_BYTES..) else {
        return false;
    };
    // The name's end and the four octets of type and class behind it.
    let mut end = 0;
    while question_at.get(end).is_some_and(|length| *length != 0) {
        end += 1 + usize::from(question_at[end]);
    }
    let question = question_at.get(..end + 5).unwrap_or(question_at);
    let repeated = message.get(HEADER_BYTES..HEADER_BYTES + question.len());
    repeated.is_some_and(|repeated| repeated.eq_ignore_ascii_case(question))
}

fn read(message: &[u8], verification: &mut Verification) -> Result<Received, NoAnswer> {
    verification.verify(message).map_err(NoAnswer::Signature)?;
    Received::read(message).ok_or(NoAnswer::Garbled)
}
