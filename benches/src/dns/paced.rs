//! An open load: every query is sent at a time that was fixed in advance, whether or not the server keeps up, and its latency
//! counts from that time. A server that sleeps to collect a batch, or stalls while it reloads, can't hide it by being asked
//! less.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use serde::{Deserialize, Serialize};

use super::mix::Query;
use crate::error::BenchError;
use crate::histogram::Histogram;
use crate::process::Process;

/// Sockets that the queries take turns on, so that every socket of a server with several (SO_REUSEPORT) is asked.
const SOCKETS: usize = 16;

/// An unanswered query counts as lost after this time. Far less than what it takes until its id is used again.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// Queries that are sent in a row when the generator is late, before it looks for answers.
const BURST_MAX: usize = 16;

/// Sockets are made and memory is touched before the first query is due.
const START_AFTER: Duration = Duration::from_millis(20);

const PROGRAM: &str = "paced-queries";

/// Ids of a message.
const IDS: usize = 1 << 16;

/// What came of the queries. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Queries that were due.
    pub due: u64,
    /// Queries that were answered.
    pub answered: u64,
    /// Latencies, from the time that a query was due.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// How late the generator itself was: the 99th percentile.
    pub generator_p99: f64,
}

impl Figures {
    /// Queries that were not answered.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.due - self.answered
    }
}

/// How the generator waits for the next query to be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// By looking at the clock, on a core of its own: to the microsecond.
    Busy,
    /// By sleeping, where it shares the cores with the server: to some 50 microseconds (the kernel's timer slack).
    Asleep,
}

/// Asks the server at a port of 127.0.0.1, `rate` times a second, the queries over and over.
///
/// # Errors
/// When a socket fails.
pub fn ask(port: u16, queries: &[Query], rate: u32, time: Duration, waiting: Waiting) -> io::Result<Figures> {
    let messages: Vec<Vec<u8>> = queries.iter().map(|query| query.wire(0)).collect();
    let mut load = Load::new(port)?;
    let due = u64::from(rate) * time.as_millis() as u64 / 1000;
    load.run(&messages, u64::from(rate), due, waiting)?;
    let microseconds = |duration: Duration| duration.as_secs_f64() * 1e6;
    Ok(Figures {
        due,
        answered: load.latencies.total(),
        p50: microseconds(load.latencies.quantile(0.5)),
        p99: microseconds(load.latencies.quantile(0.99)),
        p999: microseconds(load.latencies.quantile(0.999)),
        max: microseconds(load.latencies.max()),
        generator_p99: microseconds(load.lateness.quantile(0.99)),
    })
}

struct Load {
    sockets: Vec<UdpSocket>,
    /// For each socket and id, when the query was due, while it is not answered.
    due: Vec<Option<Duration>>,
    ready: Epoll,
    latencies: Histogram,
    lateness: Histogram,
}

impl Load {
    fn new(port: u16) -> io::Result<Self> {
        let ready = Epoll::new(EpollCreateFlags::empty())?;
        let mut sockets = Vec::with_capacity(SOCKETS);
        for index in 0..SOCKETS {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect((Ipv4Addr::LOCALHOST, port))?;
            socket.set_nonblocking(true)?;
            ready.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            sockets.push(socket);
        }
        Ok(Self {
            sockets,
            due: vec![None; SOCKETS * IDS],
            ready,
            latencies: Histogram::default(),
            lateness: Histogram::default(),
        })
    }

    fn run(&mut self, messages: &[Vec<u8>], rate: u64, total: u64, waiting: Waiting) -> io::Result<()> {
        let due = |n: u64| Duration::from_nanos(n * 1_000_000_000 / rate);
        let start = Instant::now() + START_AFTER;
        let mut next = 0;
        let mut message = Vec::with_capacity(512);
        loop {
            let now = since(start);
            for _ in 0..BURST_MAX {
                if next == total || now.is_none_or(|now| due(next) > now) {
                    break;
                }
                message.clone_from(&messages[next as usize % messages.len()]);
                self.send(next, due(next), &mut message)?;
                self.lateness.record(now.unwrap_or_default().saturating_sub(due(next)));
                next += 1;
            }
            if waiting == Waiting::Asleep {
                self.sleep_until(start + due(next))?;
            }
            self.receive(start)?;
            let answered = self.latencies.total() == total;
            if next == total && (answered || now.is_some_and(|now| now > due(total) + LOST_AFTER)) {
                return Ok(());
            }
        }
    }

    fn send(&mut self, n: u64, due: Duration, message: &mut [u8]) -> io::Result<()> {
        let socket = n as usize % SOCKETS;
        let id = n as usize / SOCKETS % IDS;
        message[..2].copy_from_slice(&(id as u16).to_be_bytes());
        self.due[socket * IDS + id] = Some(due);
        // What the socket has no room for, or nobody listens for, is never answered and so counted as lost.
        ignore_absence(self.sockets[socket].send(message)).map(drop)
    }

    /// Until a query is due or an answer is there.
    fn sleep_until(&self, due: Instant) -> io::Result<()> {
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let mut answers = [PollFd::new(self.ready.0.as_fd(), PollFlags::POLLIN)];
            ppoll(&mut answers, Some(TimeSpec::from_duration(left)), None)?;
        }
        Ok(())
    }

    fn receive(&mut self, start: Instant) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); SOCKETS];
        let count = self.ready.wait(&mut events, EpollTimeout::ZERO)?;
        let mut message = [0; 4096];
        for event in &events[..count] {
            let index = event.data() as usize;
            while let Some(length) = ignore_absence(self.sockets[index].recv(&mut message))? {
                let is_answer = length >= 12 && message[2] & 0x80 != 0;
                let id = usize::from(u16::from_be_bytes([message[0], message[1]]));
                let due = self.due[index * IDS + id].take_if(|_| is_answer);
                if let (Some(due), Some(now)) = (due, since(start)) {
                    self.latencies.record(now.saturating_sub(due));
                }
            }
        }
        Ok(())
    }
}

/// Time since the first query was due, `None` while it is not.
fn since(start: Instant) -> Option<Duration> {
    Instant::now().checked_duration_since(start)
}

fn ignore_absence(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::ConnectionRefused | ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}

/// One run in a process of its own, so that it has a core to itself.
#[derive(Debug, Clone, Copy)]
pub struct PacedRun<'a> {
    /// Where our programs are.
    pub programs: &'a Path,
    /// The port of 127.0.0.1.
    pub port: u16,
    /// Where it runs, busy; `None` is on any core, asleep between the queries.
    pub core: Option<usize>,
    /// The zone whose mix is asked.
    pub origin: &'a str,
    /// Queries a second.
    pub rate: u32,
    /// How long.
    pub time: Duration,
}

impl PacedRun<'_> {
    /// Starts it, with its output in `directory`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(&self, directory: &Path) -> Result<Process, BenchError> {
        let mut command = Command::new(self.programs.join(PROGRAM));
        command.args(["--zone", self.origin]);
        for (option, value) in [
            ("--port", u64::from(self.port)),
            ("--rate", u64::from(self.rate)),
            ("--seconds", self.time.as_secs()),
        ] {
            command.arg(option).arg(value.to_string());
        }
        if self.core.is_none() {
            command.arg("--asleep");
        }
        Process::start(PROGRAM, &command, directory, self.core)
    }

    /// Waits for the figures of what was started.
    ///
    /// # Errors
    /// When it fails.
    pub fn finish(&self, process: Process) -> Result<Figures, BenchError> {
        const END_MAX: Duration = Duration::from_secs(10);
        let output = process.finish(self.time + END_MAX)?;
        serde_json::from_str(&output).map_err(|_| BenchError::Output {
            program: PROGRAM,
            wanted: "figures",
            log: output,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::super::mix::mix;
    use super::super::zones::HOSTS;
    use super::*;

    /// A server that leaves every tenth query without an answer.
    fn forgetful(queries: usize) -> (u16, thread::JoinHandle<()>) {
        let (port, address) = mpsc::channel();
        let server = thread::spawn(move || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            port.send(socket.local_addr().unwrap().port()).unwrap();
            let mut message = [0; 512];
            for n in 0..queries {
                let (length, client) = socket.recv_from(&mut message).unwrap();
                message[2] |= 0x80;
                if n % 10 != 0 {
                    socket.send_to(&message[..length], client).unwrap();
                }
            }
        });
        (address.recv().unwrap(), server)
    }

    #[test]
    fn what_is_not_answered_is_lost() {
        let (port, server) = forgetful(200);
        let figures = ask(
            port,
            &mix(&HOSTS, 50),
            2000,
            Duration::from_millis(100),
            Waiting::Asleep,
        )
        .unwrap();
        server.join().unwrap();
        assert_eq!((figures.due, figures.lost()), (200, 20));
        assert!(figures.p50 > 0.0 && figures.p50 <= figures.p99 && figures.p99 <= figures.max);
    }
}
