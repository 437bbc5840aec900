//! A primary of the test's own, which sends what its script says: no sound server cuts off its transfers, sends another zone or
//! signs wrongly when it is asked to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::message::flag;
use super::name::Name;
use super::question::{ANY_CLASS, IN};
use super::rtype;

/// The octets in front of the question (RFC 1035 §4.1.1).
const HEADER_BYTES: usize = 12;
/// `TSIG` (RFC 8945 §4.2).
const TSIG: u16 = 250;
/// The numbers at the end of an SOA record's data, of which the serial is the first (RFC 1035 §3.3.13).
const SOA_NUMBERS_BYTES: usize = 20;
/// Seconds by which clocks may differ.
const FUDGE: u16 = 300;

/// What the primary does.
pub trait Script: Send + Sync + 'static {
    /// The serial that it says a zone has.
    fn serial(&self, zone: &str) -> u32;

    /// Sends a transfer, or something else. The connection is closed behind it.
    ///
    /// # Errors
    /// When who asked has closed the connection.
    fn transfer(&self, asked: &Asked, stream: &mut TcpStream) -> io::Result<()>;
}

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The zone, in lower case without the last dot.
    pub zone: String,
    /// The type that is asked for.
    pub rtype: u16,
    /// Of an IXFR the version that its sender has (RFC 1995 §3).
    pub has: Option<u32>,
    id: [u8; 2],
    question: Vec<u8>,
    /// Of a signed request the code that its response is bound to.
    mac: Option<Vec<u8>>,
}

/// Starts the primary at an address, over UDP and TCP. It goes on until the test ends.
///
/// # Panics
/// When the address is taken.
pub fn start(address: SocketAddr, key: Option<Key>, script: impl Script) {
    let socket = UdpSocket::bind(address).expect("an address of the test's own");
    let listener = TcpListener::bind(address).expect("an address of the test's own");
    let script = Arc::new(script);
    let (by_udp, by_tcp, tcp_key) = (script.clone(), script, key.clone());
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Some(asked) = Asked::read(&buffer[..length]) else {
                continue;
            };
            let serial = by_udp.serial(&asked.zone);
            // Who asked may be gone.
            let _ = socket.send_to(&asked.soa_response(serial, key.as_ref()), from);
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (script, key) = (by_tcp.clone(), tcp_key.clone());
            thread::spawn(move || {
                let mut stream = stream?;
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut message)?;
                match Asked::read(&message) {
                    Some(asked) if asked.rtype == rtype::SOA => send(
                        &mut stream,
                        &asked.soa_response(script.serial(&asked.zone), key.as_ref()),
                    ),
                    Some(asked) => script.transfer(&asked, &mut stream),
                    None => Ok(()),
                }
            });
        }
    });
}

/// Sends a message behind its length.
///
/// # Errors
/// When the other end has closed the connection.
///
/// # Panics
/// When it is longer than a message can be.
pub fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).expect("no longer than a message can be");
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}

/// A record of class IN that lives for a minute.
#[must_use]
pub fn record(owner: &str, rtype: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("no longer than a record can be");
    let owner = Name::of(owner);
    [
        owner.as_wire(),
        &rtype.to_be_bytes(),
        &IN.to_be_bytes(),
        &60_u32.to_be_bytes(),
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

/// A zone's SOA record, by which it is asked for anew after an hour.
#[must_use]
pub fn soa(zone: &str, serial: u32) -> Vec<u8> {
    let name = Name::of(zone);
    let mut data = [name.as_wire(), name.as_wire()].concat();
    for number in [serial, 3600, 600, 86_400, 60] {
        data.extend(number.to_be_bytes());
    }
    record(zone, rtype::SOA, &data)
}

impl Asked {
    fn read(message: &[u8]) -> Option<Self> {
        let id = *message.first_chunk()?;
        let at = HEADER_BYTES;
        let end = name_end(message, at)?;
        let fields = message.get(end..end + 4)?;
        let mut labels = Vec::new();
        let mut rest = &message[at..end];
        while let Some((&length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let (label, next) = after.split_at(usize::from(length));
            labels.push(String::from_utf8_lossy(label).to_lowercase());
            rest = next;
        }
        Some(Self {
            zone: labels.join("."),
            rtype: u16::from_be_bytes([fields[0], fields[1]]),
            has: held_serial(message, end + 4),
            id,
            question: message[at..end + 4].to_vec(),
            mac: request_mac(message, end + 4),
        })
    }

    /// A response to it with these records in its answer section.
    #[must_use]
    pub fn response(&self, answers: &[Vec<u8>]) -> Vec<u8> {
        self.response_to(&self.question, answers)
    }

    /// A response to the same question for another zone.
    #[must_use]
    pub fn response_of(&self, zone: &str, answers: &[Vec<u8>]) -> Vec<u8> {
        let fields = &self.question[self.question.len() - 4..];
        self.response_to(&[Name::of(zone).as_wire(), fields].concat(), answers)
    }

    fn response_to(&self, question: &[u8], answers: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(answers.len()).expect("no more than a message can have");
        let mut message = self.id.to_vec();
        for number in [flag::QR | flag::AA, 1, count, 0, 0] {
            message.extend(number.to_be_bytes());
        }
        message.extend(question);
        message.extend(answers.concat());
        message
    }

    fn soa_response(&self, serial: u32, key: Option<&Key>) -> Vec<u8> {
        let mut message = self.response(&[soa(&self.zone, serial)]);
        if let Some(mut signer) = key.and_then(|key| Signer::of(self, key)) {
            signer.sign(&mut message);
        }
        message
    }
}

/// A key for HMAC-SHA256.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its secret, as octets.
    pub secret: &'static [u8],
}

/// Signs the messages of one response (RFC 8945 §5.3).
#[derive(Debug)]
pub struct Signer {
    key: Key,
    /// The code before: of the request, then of the last message that was signed.
    prior: Vec<u8>,
    is_first: bool,
    /// The messages since then that were not signed.
    unsigned: Vec<u8>,
}

impl Signer {
    /// For the response to a request; `None` when that isn't signed.
    #[must_use]
    pub fn of(asked: &Asked, key: &Key) -> Option<Self> {
        Some(Self {
            key: key.clone(),
            prior: asked.mac.clone()?,
            is_first: true,
            unsigned: Vec::new(),
        })
    }

    /// Leaves a message unsigned, which the next signature vouches for.
    pub fn pass(&mut self, message: &[u8]) {
        self.unsigned.extend(message);
    }

    /// Signs a message.
    ///
    /// # Panics
    /// When the clock is before 1970.
    pub fn sign(&mut self, message: &mut Vec<u8>) {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock that is set");
        let timers = [&since.as_secs().to_be_bytes()[2..], &FUDGE.to_be_bytes()].concat();
        let (name, algorithm) = (Name::of(self.key.name), Name::of("hmac-sha256"));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.secret).expect("any length will do");
        mac.update(&(self.prior.len() as u16).to_be_bytes());
        mac.update(&self.prior);
        mac.update(&std::mem::take(&mut self.unsigned));
        mac.update(message);
        if std::mem::replace(&mut self.is_first, false) {
            // The variables of RFC 8945 §4.3.3; of later messages the timers only (§5.3.1).
            mac.update(name.as_wire());
            mac.update(&ANY_CLASS.to_be_bytes());
            mac.update(&[0; 4]);
            mac.update(algorithm.as_wire());
            mac.update(&timers);
            mac.update(&[0; 4]);
        } else {
            mac.update(&timers);
        }
        self.prior = mac.finalize().into_bytes().to_vec();
        let data = [
            algorithm.as_wire(),
            &timers,
            &(self.prior.len() as u16).to_be_bytes(),
            &self.prior,
            &message[..2],
            &[0; 4],
        ]
        .concat();
        let head = [&TSIG.to_be_bytes()[..], &ANY_CLASS.to_be_bytes(), &[0; 4]].concat();
        message.extend(name.as_wire());
        message.extend(head);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
        message[HEADER_BYTES - 1] += 1;
    }
}

/// Where a name ends that may end in a pointer.
fn name_end(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xC0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// The serial of the SOA record in a request's authority section.
fn held_serial(message: &[u8], at: usize) -> Option<u32> {
    let authorities = message.get(8..10)?;
    let head = name_end(message, at).filter(|_| authorities != [0, 0])?;
    let fields = message.get(head..head + 10)?;
    let end = head + 10 + usize::from(u16::from_be_bytes([fields[8], fields[9]]));
    let serial = message.get(end - SOA_NUMBERS_BYTES..)?.first_chunk()?;
    Some(u32::from_be_bytes(*serial))
}

/// The code in a request's TSIG record, its last one.
fn request_mac(message: &[u8], mut at: usize) -> Option<Vec<u8>> {
    loop {
        let head = name_end(message, at)?;
        let fields = message.get(head..head + 10)?;
        let data = head + 10;
        let end = data + usize::from(u16::from_be_bytes([fields[8], fields[9]]));
        if fields[..2] == TSIG.to_be_bytes() {
            // Behind the algorithm's name, the time and the fudge.
            let size_at = name_end(message, data)? + 8;
            let size = message.get(size_at..size_at + 2)?;
            let mac = size_at + 2;
            return Some(
                message
                    .get(mac..mac + usize::from(u16::from_be_bytes([size[0], size[1]])))?
                    .to_vec(),
            );
        }
        at = end;
    }
}
