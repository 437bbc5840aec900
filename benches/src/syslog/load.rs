//! The load: numbered messages over many connections from one thread, or datagrams at a rate.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::message::{Layout, Share};
use crate::error::BenchError;
use crate::interrupt;

/// What is handed to the kernel at a time: as much as a sender's buffer has.
const CHUNK_BYTES: usize = 16 << 10;

/// How long to wait for room at a time, so that the end of a run is heeded.
const WAIT_MS: u16 = 100;

/// Datagrams that are sent before the clock is looked at.
const BURST: u64 = 16;

/// How long the thread that sends datagrams sleeps when none is due.
const REST: Duration = Duration::from_micros(200);

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Messages.
    pub messages: u64,
    /// When the first one was.
    pub begin: Instant,
    /// How long it took.
    pub seconds: f64,
}

/// Connections that stay open between two loads.
#[derive(Debug)]
pub struct Connections {
    streams: Vec<TcpStream>,
    epoll: Epoll,
}

/// What a connection is at.
struct Sending {
    share: Share,
    /// Of the last chunk, what the kernel has not taken.
    left: Vec<u8>,
    queued: bool,
}

impl Connections {
    /// Opens so many.
    ///
    /// # Errors
    /// When the collector does not take them.
    pub fn open(port: u16, count: u64) -> Result<Self, BenchError> {
        let failed = || BenchError::io("connect to", "the collector");
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|errno| failed()(errno.into()))?;
        let mut streams = Vec::new();
        for index in 0..count {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed())?;
            stream.set_nonblocking(true).map_err(failed())?;
            let flags = EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            epoll
                .add(&stream, EpollEvent::new(flags, index))
                .map_err(|errno| failed()(errno.into()))?;
            streams.push(stream);
        }
        Ok(Self { streams, epoll })
    }

    /// Sends each connection's share, as fast as the collector takes it.
    ///
    /// # Errors
    /// When a connection breaks, or the run is to end.
    pub fn send(&mut self, layout: &Layout, shares: Vec<Share>) -> Result<Sent, BenchError> {
        let messages = shares.iter().map(Share::left).sum();
        let per_chunk = (CHUNK_BYTES / layout.length()).max(1);
        let mut chunk = layout.repeated(per_chunk);
        let mut sending: Vec<Sending> = shares
            .into_iter()
            .map(|share| Sending {
                share,
                left: Vec::new(),
                queued: true,
            })
            .collect();
        let mut ready: VecDeque<usize> = (0..sending.len()).collect();
        let mut unfinished = sending.len();
        let mut events = vec![EpollEvent::empty(); 1024];
        let begin = Instant::now();
        while unfinished > 0 {
            let Some(index) = ready.pop_front() else {
                interrupt::check()?;
                let count = self
                    .epoll
                    .wait(&mut events, EpollTimeout::from(WAIT_MS))
                    .map_err(|errno| BenchError::io("wait for", "the collector")(errno.into()))?;
                for event in &events[..count] {
                    let index = event.data() as usize;
                    if let Some(connection) = sending.get_mut(index)
                        && !std::mem::replace(&mut connection.queued, true)
                    {
                        ready.push_back(index);
                    }
                }
                continue;
            };
            let Sending { share, left, queued } = &mut sending[index];
            *queued = false;
            if left.is_empty() {
                let count = share.left().min(per_chunk as u64) as usize;
                if count == 0 {
                    // Kept from the queue from now on.
                    *queued = true;
                    unfinished -= 1;
                    continue;
                }
                let bytes = &mut chunk[..count * layout.length()];
                for message in bytes.chunks_exact_mut(layout.length()) {
                    share.fill(layout, message);
                }
                let taken = write(&self.streams[index], bytes)?;
                left.extend_from_slice(&bytes[taken..]);
            } else {
                let taken = write(&self.streams[index], left)?;
                left.drain(..taken);
            }
            if left.is_empty() {
                *queued = true;
                ready.push_back(index);
            }
        }
        Ok(Sent {
            messages,
            begin,
            seconds: begin.elapsed().as_secs_f64(),
        })
    }

    /// Says that nothing more comes.
    pub fn close(self) {
        for stream in &self.streams {
            // One that is broken is closed.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

fn write(mut stream: &TcpStream, bytes: &[u8]) -> Result<usize, BenchError> {
    match stream.write(bytes) {
        Ok(taken) => Ok(taken),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(BenchError::io("send to", "the collector")(error)),
    }
}

/// Sends datagrams at a rate, from so many sockets in turn. `goes_on` is asked now and then, and ends it by saying no.
///
/// # Errors
/// When the system refuses a socket, or the run is to end.
pub fn send_datagrams(
    port: u16,
    layout: &Layout,
    mut shares: Vec<Share>,
    rate: f64,
    mut goes_on: impl FnMut() -> bool,
) -> Result<Sent, BenchError> {
    /// Between two questions whether to go on.
    const ASK_EVERY: Duration = Duration::from_millis(50);
    let failed = || BenchError::io("send datagrams to", "the collector");
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let socket = |_: &Share| -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(target)?;
        Ok(socket)
    };
    let sockets = shares
        .iter()
        .map(socket)
        .collect::<io::Result<Vec<_>>>()
        .map_err(failed())?;
    let total: u64 = shares.iter().map(Share::left).sum();
    let mut message = layout.repeated(1);
    let begin = Instant::now();
    let (mut sent, mut turn, mut asked) = (0, 0, begin);
    while sent < total {
        let elapsed = begin.elapsed();
        if begin + elapsed > asked + ASK_EVERY {
            asked = begin + elapsed;
            interrupt::check()?;
            if !goes_on() {
                break;
            }
        }
        let due = ((elapsed.as_secs_f64() * rate) as u64).min(total);
        if due <= sent {
            thread::sleep(REST);
            continue;
        }
        let share = &mut shares[turn];
        for _ in 0..(due - sent).min(BURST).min(share.left()) {
            share.fill(layout, &mut message);
            // A queue of ours that is full is not the collector's loss: it is waited for.
            while let Err(error) = sockets[turn].send(&message) {
                if error.kind() != ErrorKind::WouldBlock && error.raw_os_error() != Some(nix::libc::ENOBUFS) {
                    return Err(failed()(error));
                }
            }
            sent += 1;
        }
        turn = (turn + 1) % shares.len();
    }
    Ok(Sent {
        messages: sent,
        begin,
        seconds: begin.elapsed().as_secs_f64(),
    })
}
