//! A primary of many small zones, within this program: what secondaries ask of it, and when, is what is measured. It keeps no
//! differences and knows no signatures.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use dnsd_core::message::{Flags, Header, Opcode, Opt, ReplyOptions, Request};
use dnsd_core::name::{NAME_BYTES_MAX, Name, NameRef};
use dnsd_core::notify::write_notify;
use dnsd_core::rrtype::Type;
use dnsd_core::transfer::{Outgoing, ReplyHead, requested_serial};
use dnsd_core::zone::{Zone, ZoneBuilder};

use super::zones::{SMALL_ZONES, small_origin, small_text};
use crate::answers;
use crate::error::BenchError;
use crate::interrupt;

/// How often the threads look whether they are to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A connection over which nothing comes for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// NOTIFYs that are sent in a row: no socket is too small for so many.
const NOTIFIES_IN_A_ROW: usize = 64;

/// What a row of them may take to be read.
const NOTIFY_GAP: Duration = Duration::from_millis(2);

/// Who has not answered a NOTIFY by then is told again.
const NOTIFY_PATIENCE: Duration = Duration::from_millis(500);

/// How often; a secondary that answers none of so many won't.
const NOTIFY_ROUNDS: usize = 20;

/// A running primary. It ends when this is dropped.
#[derive(Debug)]
pub struct Primary {
    shared: Arc<Shared>,
    address: SocketAddr,
    threads: Vec<thread::JoinHandle<()>>,
}

/// What secondaries asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// When each question for a serial came, and each request for a transfer by UDP.
    pub questions: Vec<Instant>,
    /// Transfers.
    pub transfers: usize,
    /// Connections that were taken.
    pub connections: usize,
    /// The most that were open at the same time.
    pub most_connections: usize,
}

impl Asked {
    /// The most questions of any second.
    #[must_use]
    pub fn most_in_a_second(&self) -> usize {
        let mut most = 0;
        let mut first = 0;
        for (last, at) in self.questions.iter().enumerate() {
            while at.duration_since(self.questions[first]) >= Duration::from_secs(1) {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }
}

#[derive(Debug)]
struct Shared {
    udp: UdpSocket,
    tcp: TcpListener,
    zones: RwLock<HashMap<Box<[u8]>, Arc<Zone>>>,
    asked: Mutex<Asked>,
    open: AtomicUsize,
    /// Zones whose NOTIFY has been answered.
    told: Mutex<HashSet<Box<[u8]>>>,
    is_to_end: AtomicBool,
}

impl Primary {
    /// Serves all small zones at a port of 127.0.0.1.
    ///
    /// # Errors
    /// When it can't have the port.
    pub fn start(port: u16) -> Result<Self, BenchError> {
        let failed = || BenchError::io("serve zones at", "127.0.0.1");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let udp = UdpSocket::bind(address).map_err(failed())?;
        udp.set_read_timeout(Some(LOOK_EVERY)).map_err(failed())?;
        let shared = Arc::new(Shared {
            udp,
            tcp: TcpListener::bind(address).map_err(failed())?,
            zones: RwLock::default(),
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            told: Mutex::default(),
            is_to_end: AtomicBool::new(false),
        });
        let mut primary = Self {
            shared: shared.clone(),
            address,
            threads: Vec::new(),
        };
        primary.serve(1);
        for work in [Shared::answer_datagrams as fn(&Arc<Shared>), Shared::take_connections] {
            let shared = shared.clone();
            primary.threads.push(thread::spawn(move || work(&shared)));
        }
        Ok(primary)
    }

    /// Gives all zones this serial.
    pub fn serve(&self, serial: u32) {
        let zones = (0..SMALL_ZONES).map(|n| {
            let zone = compile(&small_origin(n), &small_text(n, serial));
            (key(zone.origin()), Arc::new(zone))
        });
        let zones = zones.collect();
        *self.shared.zones.write().unwrap_or_else(PoisonError::into_inner) = zones;
    }

    /// Tells the secondary at a port of 127.0.0.1 of all zones, as fast as it answers.
    ///
    /// # Errors
    /// When it doesn't answer for all.
    pub fn notify(&self, port: u16) -> Result<(), BenchError> {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        lock(&self.shared.told).clear();
        for _ in 0..NOTIFY_ROUNDS {
            let untold: Vec<Arc<Zone>> = {
                let told = lock(&self.shared.told);
                let zones = self.shared.zones.read().unwrap_or_else(PoisonError::into_inner);
                let untold = zones.iter().filter(|(key, _)| !told.contains(*key));
                untold.map(|(_, zone)| zone.clone()).collect()
            };
            if untold.is_empty() {
                return Ok(());
            }
            for row in untold.chunks(NOTIFIES_IN_A_ROW) {
                for zone in row {
                    let mut message = [0; 512];
                    let length = write_notify(1, zone, &mut message).expect("512 octets are enough for a NOTIFY");
                    let sent = self.shared.udp.send_to(&message[..length], to);
                    sent.map_err(BenchError::io("notify", "127.0.0.1"))?;
                }
                interrupt::sleep(NOTIFY_GAP)?;
            }
            let count = self.shared.zones.read().unwrap_or_else(PoisonError::into_inner).len();
            interrupt::until(NOTIFY_PATIENCE, || {
                Ok((lock(&self.shared.told).len() == count).then_some(()))
            })?;
        }
        let silent = io::Error::new(ErrorKind::TimedOut, "the secondary does not answer");
        Err(BenchError::io("notify", "127.0.0.1")(silent))
    }

    /// What was asked since the last call.
    #[must_use]
    pub fn take_asked(&self) -> Asked {
        let mut asked = lock(&self.shared.asked);
        let open = self.shared.open.load(Ordering::Relaxed);
        let empty = Asked {
            most_connections: open,
            ..Asked::default()
        };
        std::mem::replace(&mut *asked, empty)
    }
}

impl Drop for Primary {
    fn drop(&mut self) {
        self.shared.is_to_end.store(true, Ordering::Relaxed);
        // Who waits for a connection gets one.
        drop(TcpStream::connect(self.address));
        for thread in self.threads.drain(..) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer_datagrams(self: &Arc<Self>) {
        let mut request = vec![0; usize::from(u16::MAX)];
        let mut reply = vec![0; usize::from(u16::MAX)];
        while !self.is_to_end.load(Ordering::Relaxed) {
            let Ok((length, from)) = self.udp.recv_from(&mut request) else {
                continue;
            };
            let request = &request[..length];
            if self.note_told(request) {
                continue;
            }
            let Some(mut outgoing) = self.transfer(request) else {
                continue;
            };
            lock(&self.asked).questions.push(Instant::now());
            if let Ok(length) = outgoing.only_message(&mut reply[..1232]) {
                // Who has gone needs no answer.
                let _ = self.udp.send_to(&reply[..length], from);
            }
        }
    }

    /// Notes the response to a NOTIFY.
    fn note_told(&self, message: &[u8]) -> bool {
        let Some(header) = Header::read(message) else {
            return true;
        };
        if !header.flags.contains(Flags::QR) {
            return false;
        }
        if header.flags.opcode() == Opcode::NOTIFY
            && let Ok(response) = Request::parse(header, message)
        {
            lock(&self.told).insert(key(response.question.name));
        }
        true
    }

    fn take_connections(self: &Arc<Self>) {
        while let Ok((stream, _)) = self.tcp.accept() {
            if self.is_to_end.load(Ordering::Relaxed) {
                return;
            }
            let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
            {
                let mut asked = lock(&self.asked);
                asked.connections += 1;
                asked.most_connections = asked.most_connections.max(open);
            }
            let shared = self.clone();
            thread::spawn(move || {
                // The end of a connection, whichever it is.
                let _ = shared.serve_connection(stream);
                shared.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    fn serve_connection(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(IDLE_MAX))?;
        stream.set_nodelay(true)?;
        let mut message = vec![0; usize::from(u16::MAX)];
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut request)?;
            let Some(mut outgoing) = self.transfer(&request) else {
                return Ok(());
            };
            {
                let mut asked = lock(&self.asked);
                if is_transfer(&request) {
                    asked.transfers += 1;
                } else {
                    asked.questions.push(Instant::now());
                }
            }
            let mut reply = Vec::new();
            while let Ok(Some(length)) = outgoing.next_message(&mut message) {
                let length = u16::try_from(length).expect("a message is no longer than its buffer");
                reply.extend_from_slice(&length.to_be_bytes());
                reply.extend_from_slice(&message[..usize::from(length)]);
            }
            stream.write_all(&reply)?;
        }
    }

    /// The reply to a request: the zone, or its SOA record; `None` when it is for no zone of ours.
    fn transfer(&self, message: &[u8]) -> Option<Outgoing> {
        let request = Request::parse(Header::read(message)?, message).ok()?;
        let zones = self.zones.read().unwrap_or_else(PoisonError::into_inner);
        let zone = zones.get(&key(request.question.name))?.clone();
        let opt = request.edns.map(|_| Opt {
            payload_bytes: 1232,
            dnssec_ok: false,
            options: ReplyOptions::default(),
        });
        let head = ReplyHead::new(&request, opt);
        Some(match request.question.qtype {
            Type::AXFR => Outgoing::axfr(head, zone),
            Type::IXFR => {
                let have = requested_serial(&request, message)?;
                Outgoing::ixfr(head, zone, have, None)
            }
            _ => {
                let have = zone.serial();
                Outgoing::ixfr(head, zone, have, None)
            }
        })
    }
}

fn is_transfer(message: &[u8]) -> bool {
    let request = Header::read(message).and_then(|header| Request::parse(header, message).ok());
    request.is_some_and(|request| matches!(request.question.qtype, Type::AXFR | Type::IXFR))
}

fn compile(origin: &str, text: &str) -> Zone {
    let origin = Name::parse(origin.as_bytes(), Some(&Name::root())).expect("the zone's name is one");
    let mut builder = ZoneBuilder::new(origin);
    answers::read(text, |r| builder.add(r.owner, r.class, r.ttl, r.rtype, r.rdata, None));
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

/// A name as zones are found by it.
fn key(name: NameRef<'_>) -> Box<[u8]> {
    name.lowercase_into(&mut [0; NAME_BYTES_MAX]).into()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_any_second_is_not_that_of_a_clock_s_seconds() {
        let start = Instant::now();
        let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
        let asked = Asked {
            questions: vec![at(0), at(900), at(950), at(1100), at(1800), at(2500)],
            ..Asked::default()
        };
        assert_eq!(asked.most_in_a_second(), 4);
        assert_eq!(Asked::default().most_in_a_second(), 0);
    }
}
