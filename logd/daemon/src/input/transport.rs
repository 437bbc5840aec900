//! A connection's bytes: as they are, or through TLS (RFC 5425).
//!
//! Both are read without waiting, into the caller's buffer, whatever is there. TLS takes its records out of a buffer of the
//! thread's, so that one system call reads many of them; what was decrypted goes straight on into the caller's.

use std::io;
use std::net::Shutdown;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use tokio::io::Interest;
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

/// What was read at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) bytes: usize,
    /// There is nothing more at the moment: the next read would say so and no more.
    pub(super) is_all: bool,
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

    /// Reads what is there to the end of a buffer; no bytes are the end of the stream.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, ask: Ask) -> io::Result<Chunk> {
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
pub(super) fn read(stream: &TcpStream, buffer: &mut Vec<u8>, ask: Ask) -> io::Result<Chunk> {
    buffer.reserve(READ_BYTES);
    let room = buffer.capacity() - buffer.len();
    let mut once = || -> io::Result<Chunk> {
        let bytes = rustix::io::read(stream, spare_capacity(buffer))?;
        // Less than there was room for is all that there was (epoll(7), question 9).
        let is_all = 0 < bytes && bytes < room;
        Ok(Chunk { bytes, is_all })
    };
    if ask == Ask::Socket {
        return once();
    }
    // The runtime is told that nothing is left, as though a read had found nothing, and waits for the next event.
    let mut all = None;
    let read = stream.try_io(Interest::READABLE, || {
        let chunk = once()?;
        if chunk.is_all {
            all = Some(chunk);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(chunk)
    });
    all.map_or(read, Ok)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{Shutdown, TcpListener, TcpStream as StdStream};

    use super::*;

    fn pair() -> (StdStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sender = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        (sender, TcpStream::from_std(stream).unwrap())
    }

    #[tokio::test]
    async fn what_comes_after_all_was_read_is_waited_for_and_read() {
        let (mut sender, stream) = pair();
        let mut buffer = Vec::new();
        for _ in 0..3 {
            sender.write_all(b"some").unwrap();
            stream.readable().await.unwrap();
            let chunk = read(&stream, &mut buffer, Ask::Runtime).unwrap();
            assert_eq!(chunk, Chunk { bytes: 4, is_all: true });
            let nothing = read(&stream, &mut buffer, Ask::Runtime).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        }
        assert_eq!(buffer, b"somesomesome");
    }

    #[tokio::test]
    async fn the_end_is_read_though_it_came_with_the_last_bytes() {
        for ask in [Ask::Runtime, Ask::Socket] {
            let (mut sender, stream) = pair();
            sender.write_all(b"some").unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
            let mut buffer = Vec::new();
            for expected in [4, 0] {
                stream.readable().await.unwrap();
                assert_eq!(read(&stream, &mut buffer, ask).unwrap().bytes, expected);
            }
            assert_eq!(buffer, b"some");
        }
    }
}
