//! A name server for tests, on a loopback port of its own over UDP and TCP: it has one zone with the steps between its
//! versions, and does with transfers what its script says.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use dnsd_core::answer::{Client, Outcome, Settings, Transport, answer_code, answer_generally};
use dnsd_core::message::{Header, Opcode, Rcode, Request};
use dnsd_core::rrtype::Type;
use dnsd_core::transfer::{Delta, Outgoing, ReplyHead, requested_serial};
use dnsd_core::tsig::{Algorithm, Key, Keys, ResponseSigner, Secret, strip, verify_request};
use dnsd_core::zone::Zone;
use dnsd_core::zones::{ZoneState, Zones};
use tokio::sync::mpsc;

use super::Place;
use crate::config::Remote;

/// Octets of each message of a transfer: small, so that small zones take several.
const TRANSFER_MESSAGE_BYTES: usize = 512;

/// What becomes of transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// They are sent.
    Honest,
    /// The connection is closed before the last message.
    CutOff,
    /// A message in the middle is sent again and again.
    Endless,
    /// IXFR is not known.
    WithoutSteps,
    /// Nothing is answered any more, by UDP or TCP.
    Silent,
}

/// What the server was asked.
pub(crate) type Asked = (Transport, Opcode, Type);

/// The server. It goes on until the process ends.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    /// What it was asked, in order.
    pub(crate) asked: mpsc::UnboundedReceiver<Asked>,
}

struct State {
    served: Mutex<Served>,
    keys: Keys,
    asked: mpsc::UnboundedSender<Asked>,
}

struct Served {
    zone: Arc<Zone>,
    steps: Vec<Arc<Delta>>,
    script: Script,
}

/// A key of which the name is also the secret.
pub(crate) fn key(name: &str) -> Arc<Key> {
    let secret = Secret::new(name.as_bytes()).unwrap();
    Arc::new(Key::new(&name.parse().unwrap(), Algorithm::HMAC_SHA256, &secret))
}

impl Scripted {
    /// Starts one that has this version of a zone. With keys it answers what is signed with one of them only.
    pub(crate) fn start(zone: Zone, keys: &[Arc<Key>]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(address).unwrap();
        let (sender, asked) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            served: Mutex::new(Served {
                zone: Arc::new(zone),
                steps: Vec::new(),
                script: Script::Honest,
            }),
            keys: Keys::new(keys.iter().cloned()),
            asked: sender,
        });
        let (by_udp, by_tcp) = (state.clone(), state.clone());
        thread::spawn(move || by_udp.serve_datagrams(&socket));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = by_tcp.clone();
                thread::spawn(move || state.serve_connection(stream.unwrap()));
            }
        });
        Self { address, state, asked }
    }

    /// Has it serve another version.
    pub(crate) fn set_zone(&self, zone: Zone) {
        let mut served = self.state.served.lock().unwrap();
        let step = Delta::between(&served.zone, &zone);
        served.steps.push(Arc::new(step));
        served.zone = Arc::new(zone);
    }

    pub(crate) fn set_script(&self, script: Script) {
        self.state.served.lock().unwrap().script = script;
    }

    /// As a remote that is spoken with by these keys.
    pub(crate) fn remote(&self, keys: &[Arc<Key>]) -> Arc<Remote> {
        Arc::new(Remote {
            name: "scripted".into(),
            addresses: vec![self.address],
            keys: keys.to_vec(),
            sources: Vec::new(),
            tls: None,
        })
    }

    /// Its place.
    pub(crate) fn place(&self, keys: &[Arc<Key>]) -> Place {
        Place::all_of(&[self.remote(keys)]).remove(0)
    }
}

impl State {
    fn serve_datagrams(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            if let Some(message) = self.answer(&buffer[..len], Transport::Udp).first() {
                // Who asked may be gone.
                let _ = socket.send_to(message, from);
            }
        }
    }

    fn serve_connection(&self, mut stream: TcpStream) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut request).unwrap();
            let mut messages = self.answer(&request, Transport::Tcp);
            let script = self.served.lock().unwrap().script;
            if matches!(script, Script::CutOff | Script::Endless) {
                messages.pop();
            }
            loop {
                for message in &messages {
                    let framed = [&(message.len() as u16).to_be_bytes()[..], message].concat();
                    if stream.write_all(&framed).is_err() {
                        return;
                    }
                }
                if script != Script::Endless || messages.is_empty() {
                    break;
                }
                // What has no SOA record ends nothing.
                messages = messages.split_off(messages.len() - 1);
            }
            if script == Script::CutOff {
                return;
            }
        }
    }

    fn answer(&self, message: &[u8], transport: Transport) -> Vec<Vec<u8>> {
        let client = Client {
            transport,
            address: IpAddr::from([127, 0, 0, 1]),
            now: 0,
            held_back: 0,
        };
        let mut out = vec![0; 65535];
        let now = super::signing::unix_seconds();
        let header = Header::read(message).unwrap();
        let parsed = Request::parse(header, message).unwrap();
        let code = |rcode, out: &mut [u8]| {
            let Outcome::Reply(reply) = answer_code(&Settings::default(), &client, message, rcode, out) else {
                panic!("a reply")
            };
            reply.len
        };
        let (mut signer, bare) = match parsed.tsig_at {
            Some(tsig_at) => match verify_request(message, tsig_at, &self.keys, now) {
                Ok(signer) => {
                    let mut bare = message.to_vec();
                    strip(&mut bare, tsig_at);
                    (Some(signer), bare)
                }
                Err(rejected) => {
                    let len = code(rejected.rcode(), &mut out);
                    let len = rejected.sign(&mut out, len, now).unwrap();
                    return vec![out[..len].to_vec()];
                }
            },
            None if self.keys.iter().next().is_some() => {
                let len = code(Rcode::REFUSED, &mut out);
                return vec![out[..len].to_vec()];
            }
            None => (None, message.to_vec()),
        };
        let request = Request::parse(Header::read(&bare).unwrap(), &bare).unwrap();
        let (opcode, qtype) = (request.header.flags.opcode(), request.question.qtype);
        // The test may have ended.
        let _ = self.asked.send((transport, opcode, qtype));
        let served = self.served.lock().unwrap();
        let head = || ReplyHead::new(&request, None);
        let transfer = match qtype {
            _ if served.script == Script::Silent => return Vec::new(),
            Type::AXFR => Outgoing::axfr(head(), served.zone.clone()),
            Type::IXFR if served.script == Script::WithoutSteps => {
                return vec![signed(code(Rcode::NOTIMP, &mut out), &mut out, &mut signer, now)];
            }
            Type::IXFR => {
                let have = requested_serial(&request, &bare).unwrap();
                let first = served.steps.iter().position(|step| step.from() == have);
                let steps = first.map(|first| served.steps[first..].to_vec());
                Outgoing::ixfr(head(), served.zone.clone(), have, steps)
            }
            _ if opcode == Opcode::NOTIFY => {
                return vec![signed(code(Rcode::NOERROR, &mut out), &mut out, &mut signer, now)];
            }
            _ => {
                let zones = Zones::new([(served.zone.origin().to_name(), ZoneState::Loaded(served.zone.clone()))]);
                let reply = answer_generally(&zones, &Settings::default(), &client, &bare, &mut out);
                let Outcome::Reply(reply) = reply else {
                    panic!("a reply")
                };
                return vec![signed(reply.len, &mut out, &mut signer, now)];
            }
        };
        all(transfer, &mut out, &mut signer, now)
    }
}

fn all(mut transfer: Outgoing, out: &mut [u8], signer: &mut Option<ResponseSigner>, now: u64) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some(len) = transfer.next_message(&mut out[..TRANSFER_MESSAGE_BYTES]).unwrap() {
        messages.push(signed(len, out, signer, now));
    }
    messages
}

fn signed(len: usize, out: &mut [u8], signer: &mut Option<ResponseSigner>, now: u64) -> Vec<u8> {
    let len = match signer {
        Some(signer) => signer.sign(out, len, now).unwrap(),
        None => len,
    };
    out[..len].to_vec()
}
