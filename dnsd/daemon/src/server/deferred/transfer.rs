//! Transfers out (RFC 5936, RFC 1995): who gets one, and how it goes out.
//!
//! A connection asks a [`Transfer`] for the next messages when the client has taken those before, between other answers. So
//! a transfer takes as much memory as one batch, a client that reads slowly holds up nobody, and with it ends all there is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsd_core::answer::{Outcome, Reply, Transport};
use dnsd_core::message::{Flags, HEADER_BYTES, Opt, Rcode, ReplyOptions, Request};
use dnsd_core::rrtype::Type;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{Delta, Outgoing, OutgoingError, OutgoingKind, ReplyHead, requested_serial};
use dnsd_core::tsig::ResponseSigner;
use dnsd_core::zones::{ZoneNumber, ZoneState};
use tracing::{debug, info, warn};

use super::super::MESSAGE_BYTES_MAX;
use super::super::responder::{Answer, unix_seconds};
use super::sender::bare;
use super::transfers_out::Running;
use super::{Asked, OurZone, Sender};
use crate::config::{TransferTimes, TransferTransport};
use crate::zones::key::ZoneKey;

/// Messages are written together up to here: few calls, and what waits beside the transfer waits for so much at most.
const BATCH_BYTES: usize = 48 << 10;

/// Steps of more octets than this, with their names written out, are not looked for when the answer is one datagram of a tenth of
/// that: what a datagram costs doesn't grow with the history.
const UDP_STEPS_OCTETS_MAX: usize = 16 << 10;

/// The smallest datagram that every client takes (RFC 1035 §4.2.1).
const UDP_BYTES_MIN: u16 = 512;

/// Why a transfer isn't begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    OverHttps,
    NotOurs,
    Denied,
    NotOverTls,
    NotXot,
    NoVersion,
    NotServed,
    TooMany,
}

/// In BIND's words, where it has some.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OverHttps => "not over HTTPS",
            Self::NotOurs => "non-authoritative zone",
            Self::Denied => "denied",
            Self::NotOverTls => "not over TLS",
            Self::NotXot => "over TLS without version 1.3 and the application protocol dot",
            Self::NoVersion => "IXFR request missing SOA",
            Self::NotServed => "there is no version to send",
            Self::TooMany => "quota reached: there are too many already",
        })
    }
}

/// Answers a request for a transfer, at once or by a transfer that begins.
pub(super) fn answer(asked: Asked<'_>, out: &mut [u8]) -> Answer {
    let Some(request) = asked.parsed() else {
        return asked.code(Rcode::FORMERR, out);
    };
    let qtype = request.question.qtype;
    if asked.client.transport == Transport::Https {
        // One message is all that there is room for (RFC 8484 §6); BIND says so too.
        return refuse(asked, &request, Rcode::NOTIMP, Refusal::OverHttps, out);
    }
    let Some(zone) = asked.zone(&request) else {
        return refuse(asked, &request, Rcode::NOTAUTH, Refusal::NotOurs, out);
    };
    if !asked.is_allowed(&zone.info.rules.allow_transfer) {
        return refuse(asked, &request, Rcode::REFUSED, Refusal::Denied, out);
    }
    if zone.info.rules.transfer_transport == TransferTransport::Tls && !asked.client.transport.is_encrypted() {
        return refuse(asked, &request, Rcode::REFUSED, Refusal::NotOverTls, out);
    }
    if !asked.peer.takes_transfers() {
        return refuse(asked, &request, Rcode::REFUSED, Refusal::NotXot, out);
    }
    let have = requested_serial(&request, asked.request);
    if qtype == Type::IXFR && have.is_none() {
        return refuse(asked, &request, Rcode::FORMERR, Refusal::NoVersion, out);
    }
    let ZoneState::Loaded(version) = zone.state else {
        return refuse(asked, &request, Rcode::SERVFAIL, Refusal::NotServed, out);
    };
    let head = ReplyHead::new(&request, opt(&asked, &request));
    let octets_max = match asked.client.transport {
        Transport::Udp => UDP_STEPS_OCTETS_MAX,
        _ => usize::MAX,
    };
    let outgoing = match have.filter(|_| qtype == Type::IXFR) {
        Some(have) => {
            let steps = steps(&zone, have, version.serial(), octets_max);
            Outgoing::ixfr(head, version.clone(), have, steps)
        }
        None => Outgoing::axfr(head, version.clone()),
    };
    if asked.client.transport == Transport::Udp {
        return answer_datagram(asked, &request, zone.number, outgoing, out);
    }
    let Some(running) = asked
        .responder
        .transfers()
        .begin(asked.client.address, asked.serving.transfers_out_max)
    else {
        return refuse(asked, &request, Rcode::SERVFAIL, Refusal::TooMany, out);
    };
    let counters = asked.responder.counters();
    counters.asked(Some(qtype));
    counters.replied(Rcode::NOERROR, false);
    let transfer = Transfer {
        title: Title::new(&asked, &request, &zone.info.key, outgoing.kind()),
        from: have.filter(|_| outgoing.kind() == OutgoingKind::Steps),
        outgoing,
        signer: asked.signer,
        times: zone.info.rules.transfer_out,
        begun_at: Instant::now(),
        octets: 0,
        running: Some(running),
        broken_off: None,
    };
    transfer.log(&format!("started{}{}", transfer.key(), transfer.versions()));
    Answer::Transfer(Box::new(transfer))
}

/// The steps from the client's version, if it is to have them.
fn steps(zone: &OurZone<'_>, have: Serial, newest: Serial, octets_max: usize) -> Option<Vec<Arc<Delta>>> {
    if !zone.info.rules.provide_ixfr {
        return None;
    }
    let history = zone.info.history.load();
    history.since_within(have, newest, octets_max)
}

fn opt(asked: &Asked<'_>, request: &Request<'_>) -> Option<Opt<'static>> {
    request.edns.map(|edns| Opt {
        payload_bytes: asked.serving.settings.udp_payload_bytes_max.max(UDP_BYTES_MIN),
        dnssec_ok: edns.dnssec_ok,
        options: ReplyOptions::default(),
    })
}

/// The steps in one datagram, or the SOA record that sends the client to TCP (RFC 1995 §4).
fn answer_datagram(
    asked: Asked<'_>,
    request: &Request<'_>,
    zone: ZoneNumber,
    mut outgoing: Outgoing,
    out: &mut [u8],
) -> Answer {
    let taken = request.edns.map_or(UDP_BYTES_MIN, |edns| {
        let most = asked.serving.settings.udp_payload_bytes_max.max(UDP_BYTES_MIN);
        edns.payload_bytes.clamp(UDP_BYTES_MIN, most)
    });
    let limit = usize::from(taken.saturating_sub(asked.client.held_back)).min(out.len());
    match outgoing.only_message(&mut out[..limit]) {
        Ok(len) => {
            let reply = Reply {
                len,
                rcode: Rcode::NOERROR,
                flags: Flags::QR.with(Flags::AA),
                qtype: Some(request.question.qtype),
                qname: Some(HEADER_BYTES..HEADER_BYTES + request.question.name.as_wire().len()),
                zone: Some(zone),
                edns: request.edns.is_some(),
                dnssec_ok: request.edns.is_some_and(|edns| edns.dnssec_ok),
                cookie_valid: false,
                free_bytes: 0,
            };
            asked.reply(Outcome::Reply(reply), out)
        }
        Err(_) => asked.truncated(out),
    }
}

fn refuse(asked: Asked<'_>, request: &Request<'_>, rcode: Rcode, why: Refusal, out: &mut [u8]) -> Answer {
    let transfers = asked.responder.transfers();
    transfers.refused();
    if asked.serving.refusals.admit(asked.now) {
        let name = request.question.name;
        let name = name.to_name().to_string();
        let (sender, name, qtype) = (Sender::new(&asked, request), bare(&name), request.question.qtype);
        match why {
            Refusal::Denied => info!("{sender}: zone transfer '{name}/{qtype}/IN' denied"),
            why => info!("{sender}: bad zone transfer request: '{name}/IN': {why} ({rcode})"),
        }
    }
    asked.code(rcode, out)
}

/// A transfer under way.
pub(crate) struct Transfer {
    outgoing: Outgoing,
    /// The version that the steps lead on from, if steps are what is sent.
    from: Option<Serial>,
    signer: Option<ResponseSigner>,
    title: Title,
    times: TransferTimes,
    begun_at: Instant,
    /// Of the messages with their signatures.
    octets: usize,
    /// Until it has ended.
    running: Option<Running>,
    /// Why it doesn't, if that is not the client.
    broken_off: Option<BrokenOff>,
}

/// Why a transfer ends before its last record.
#[derive(Debug, Clone)]
pub(in crate::server) enum BrokenOff {
    /// A message can't be made.
    Unsendable(OutgoingError),
    /// It has taken longer than it may.
    TooLong(Duration),
}

impl Transfer {
    /// How long the client may take to read what it gets now.
    pub(in crate::server) fn write_max(&self) -> Duration {
        let left = self.times.total_max.saturating_sub(self.begun_at.elapsed());
        self.times.idle_max.min(left)
    }

    /// Appends the next messages, each with its length in front (RFC 1035 §4.2.2). `message` is room for one.
    ///
    /// # Errors
    /// When there is no way to go on: the client can only be told by the end of the connection.
    pub(in crate::server) fn next_batch(&mut self, message: &mut [u8], batch: &mut Vec<u8>) -> Result<(), BrokenOff> {
        let made = self.make_batch(message, batch);
        self.broken_off = made.as_ref().err().cloned();
        made
    }

    fn make_batch(&mut self, message: &mut [u8], batch: &mut Vec<u8>) -> Result<(), BrokenOff> {
        if self.begun_at.elapsed() > self.times.total_max {
            return Err(BrokenOff::TooLong(self.times.total_max));
        }
        let room = self.signer.as_ref().map_or(0, ResponseSigner::room);
        let limit = message.len().min(MESSAGE_BYTES_MAX).saturating_sub(room);
        let now = unix_seconds();
        while batch.len() < BATCH_BYTES {
            let made = self.outgoing.next_message(&mut message[..limit]);
            let Some(mut length) = made.map_err(BrokenOff::Unsendable)? else {
                break;
            };
            if let Some(signer) = &mut self.signer {
                let signed = signer.sign(message, length, now);
                length = signed.map_err(|_| BrokenOff::Unsendable(OutgoingError::NoRoom))?;
            }
            // At most 65535: the limit and what was held back of it.
            batch.extend_from_slice(&(length as u16).to_be_bytes());
            batch.extend_from_slice(&message[..length]);
            self.octets += length;
        }
        Ok(())
    }

    /// Whether the last message has been made.
    pub(in crate::server) fn is_finished(&self) -> bool {
        self.outgoing.is_finished()
    }

    /// Everything is written.
    pub(in crate::server) fn end(mut self) {
        if let Some(running) = self.running.take() {
            running.end();
        }
        let (totals, took) = (self.outgoing.totals(), self.begun_at.elapsed());
        let per_second = self.octets as f64 / took.as_secs_f64().max(0.001);
        self.log(&format!(
            "ended: {} messages, {} records, {} bytes, {}.{:03} secs ({per_second:.0} bytes/sec){}",
            totals.messages,
            totals.records,
            self.octets,
            took.as_secs(),
            took.subsec_millis(),
            format_args!(" (serial {})", self.outgoing.zone().serial())
        ));
    }

    /// A secondary that has the newest version asks as often as it likes.
    fn log(&self, what: &str) {
        match self.outgoing.kind() {
            OutgoingKind::Soa => debug!("{} {what}", self.title),
            _ => info!("{} {what}", self.title),
        }
    }

    /// What it is signed with.
    fn key(&self) -> String {
        let signed = self.signer.as_ref().map(|signer| signer.key().name().to_string());
        signed.map_or_else(String::new, |name| format!(": TSIG {}", bare(&name)))
    }

    fn versions(&self) -> String {
        let to = self.outgoing.zone().serial();
        match self.from {
            Some(from) => format!(" (serial {from} -> {to})"),
            None => format!(" (serial {to})"),
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.running.is_none() {
            return;
        }
        let (title, octets) = (&self.title, self.octets);
        match &self.broken_off {
            Some(why) => warn!("{title} broke off after {octets} bytes: {why}"),
            None => warn!("{title} broke off after {octets} bytes: the connection has ended"),
        }
    }
}

/// Who asked for what, as BIND's log has it.
struct Title(String);

impl Title {
    fn new(asked: &Asked<'_>, request: &Request<'_>, zone: &ZoneKey, kind: OutgoingKind) -> Self {
        let what = match (request.question.qtype, kind) {
            (Type::IXFR, OutgoingKind::Zone) => "AXFR-style IXFR",
            (Type::IXFR, OutgoingKind::Steps) => "IXFR",
            (Type::IXFR, OutgoingKind::Soa) => "IXFR up-to-date",
            _ => "AXFR",
        };
        let sender = Sender::new(asked, request);
        Self(format!("{sender}: transfer of '{zone}': {what}"))
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsendable(error) => error.fmt(f),
            Self::TooLong(most) => write!(
                f,
                "it has taken longer than max-transfer-time-out, {} s",
                most.as_secs()
            ),
        }
    }
}

impl std::error::Error for BrokenOff {}
