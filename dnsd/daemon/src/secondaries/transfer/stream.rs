//! The connection of a transfer, over TCP or TLS: messages behind their lengths (RFC 1035 §4.2.2), within two times, and hung up
//! from outside.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};

use super::TransferError;
use crate::config::{RemoteTls, TLS_PROTOCOL};
use crate::remotes::{HANDSHAKE_MAX, Place};

/// The largest that a message can be.
pub(super) const MESSAGE_BYTES_MAX: usize = u16::MAX as usize;
/// What is taken of the socket at a time: several messages of the size that servers send.
const READ_BYTES: usize = 256 << 10;
/// How long a connection is waited for; what isn't there by then is not there. BIND waits as long.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// Ends a transfer from outside: its connection is closed, whatever it waits for.
#[derive(Debug, Clone, Default)]
pub(crate) struct HangUp(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
enum Line {
    /// Not yet, or between two connections.
    #[default]
    None,
    Open(TcpStream),
    HungUp,
}

impl HangUp {
    /// Ends the transfer.
    pub(crate) fn hang_up(&self) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Open(stream) = &*line {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
        *line = Line::HungUp;
    }

    pub(super) fn is_hung_up(&self) -> bool {
        matches!(*self.0.lock().unwrap_or_else(PoisonError::into_inner), Line::HungUp)
    }

    /// From now on this connection is closed; false when it is to be closed already.
    fn watch(&self, stream: TcpStream) -> bool {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*line, Line::HungUp) {
            return false;
        }
        *line = Line::Open(stream);
        true
    }
}

/// A stream that gives up when nothing comes for long, or when its time is over.
pub(super) struct Bounded {
    stream: TcpStream,
    idle_max: Duration,
    deadline: Instant,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(self.idle_max.min(left)))?;
        match self.stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && left <= self.idle_max => {
                Err(io::ErrorKind::TimedOut.into())
            }
            read => read,
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What messages go through.
pub(super) enum Channel {
    /// The connection itself.
    Clear(Bounded),
    /// TLS over it (RFC 9103).
    Tls(Box<StreamOwned<ClientConnection, Bounded>>),
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A connection that messages are read from.
pub(super) struct Connection(BufReader<Channel>);

impl Connection {
    pub(super) fn open(
        place: &Place,
        idle_max: Duration,
        deadline: Instant,
        hang_up: &HangUp,
    ) -> Result<Self, TransferError> {
        let stream = connect(place, deadline)?;
        stream.set_write_timeout(Some(CONNECT_MAX))?;
        stream.set_nodelay(true)?;
        if !hang_up.watch(stream.try_clone()?) {
            return Err(TransferError::Closed);
        }
        let bounded = Bounded {
            stream,
            idle_max,
            deadline,
        };
        let channel = match &place.remote.tls {
            None => Channel::Clear(bounded),
            Some(tls) => Channel::Tls(Box::new(shake_hands(bounded, place, tls)?)),
        };
        Ok(Self(BufReader::with_capacity(READ_BYTES, channel)))
    }

    pub(super) fn get_mut(&mut self) -> &mut Channel {
        self.0.get_mut()
    }

    /// The next message, in a buffer that has room for any.
    pub(super) fn next_message<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length)?;
        let message = &mut buffer[..usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(message)?;
        Ok(message)
    }
}

/// Does the handshake in its own time, which is one of a transfer that has just begun.
fn shake_hands(
    mut bounded: Bounded,
    place: &Place,
    tls: &RemoteTls,
) -> Result<StreamOwned<ClientConnection, Bounded>, TransferError> {
    let mut connection = ClientConnection::new(tls.config.clone(), tls.name_at(place.address.ip()))?;
    let (idle_max, deadline) = (bounded.idle_max, bounded.deadline);
    bounded.idle_max = HANDSHAKE_MAX;
    bounded.deadline = deadline.min(Instant::now() + HANDSHAKE_MAX);
    while connection.is_handshaking() {
        connection
            .complete_io(&mut bounded)
            .map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransferError::SlowHandshake,
                _ => error.into(),
            })?;
    }
    if connection.alpn_protocol() != Some(TLS_PROTOCOL) {
        return Err(TransferError::NotDot);
    }
    (bounded.idle_max, bounded.deadline) = (idle_max, deadline);
    Ok(StreamOwned::new(connection, bounded))
}

fn connect(place: &Place, deadline: Instant) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(place.address), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = place.source() {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    socket
        .connect_timeout(&place.address.into(), CONNECT_MAX.min(left))
        .map_err(|error| match error.kind() {
            // Not the transfer's whole time.
            io::ErrorKind::TimedOut => io::Error::other("the primary doesn't take the connection"),
            _ => error,
        })?;
    Ok(socket.into())
}
