//! A connection's bytes: as they are, or through TLS (RFC 5425).
//!
//! Both are read without waiting, into the caller's buffer, whatever is there. TLS takes its records out of a buffer of the
//! thread's, so that one system call reads many of them; what was decrypted goes straight on into the caller's.

use std::io::{self, Read as _};
use std::net::Shutdown;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::tls::Tls;

/// How much is read at a time.
pub(super) const READ_BYTES: usize = 64 << 10;

/// A connection to a sender.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

/// How a socket is asked for what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// By way of the runtime, which then waits for more.
    Runtime,
    /// The socket itself: the runtime learns with a delay that there is something, and at the end that would be too late.
    Socket,
}

impl Transport {
    /// Waits until there may be something to read. An error is read like anything else.
    pub(super) async fn readable(&self) {
        match self {
            Self::Plain(stream) => drop(stream.readable().await),
            Self::Tls(tls) => tls.readable().await,
        }
    }

    /// Waits until more may be sent.
    pub(super) async fn writable(&self) {
        drop(self.stream().writable().await);
    }

    /// Reads what is there to the end of a buffer; 0 is the end of the stream.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, ask: Ask) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => read(stream, buffer, ask),
            Self::Tls(tls) => tls.read(buffer, ask),
        }
    }

    /// Sends from the beginning of a buffer what can be sent without waiting, and takes it out. Whether nothing is left.
    pub(super) fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Plain(stream) => {
                let mut sent = 0;
                let result = loop {
                    if sent == buffer.len() {
                        break Ok(true);
                    }
                    match stream.try_write(&buffer[sent..]) {
                        Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                        Ok(more) => sent += more,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(false),
                        Err(error) => break Err(error),
                    }
                };
                buffer.drain(..sent);
                result
            }
            Self::Tls(tls) => tls.send(buffer),
        }
    }

    /// Says that nothing more comes from us, as far as that can be said without waiting.
    pub(super) fn say_goodbye(&mut self) {
        if let Self::Tls(tls) = self {
            tls.close();
        }
        // Who is still sending reads our last words before the connection is reset. It may be gone.
        let _ = SockRef::from(self.stream()).shutdown(Shutdown::Write);
    }

    /// Whether the other side has said that nothing more comes, or is gone.
    pub(super) fn is_gone(&self) -> bool {
        let mut asked = [PollFd::new(self.stream(), PollFlags::RDHUP)];
        poll(&mut asked, Some(&Timespec::default())).is_ok_and(|found| found > 0)
    }

    /// The stream ended, or broke, without a word that it does: what was sent last may be cut off.
    pub(super) fn is_cut_off(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.is_cut_off(),
        }
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => tls.stream(),
        }
    }
}

/// Reads once from a socket, to the end of a buffer.
pub(super) fn read(stream: &TcpStream, buffer: &mut Vec<u8>, ask: Ask) -> io::Result<usize> {
    match ask {
        Ask::Runtime => {
            buffer.reserve(READ_BYTES);
            stream.try_read_buf(buffer)
        }
        Ask::Socket => {
            let before = buffer.len();
            buffer.resize(before + READ_BYTES, 0);
            let socket = SockRef::from(stream);
            let read = (&*socket).read(&mut buffer[before..]);
            buffer.truncate(before + read.as_ref().copied().unwrap_or(0));
            read
        }
    }
}
