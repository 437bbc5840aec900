//! The answer to a query: bytes in, bytes out, no clock, and no allocation or lock but for the sections that a version of a zone
//! gets at its first question.
//!
//! The daemon's sockets hand over what they received and send what comes back. What it takes more to answer than zones in
//! memory comes back as [`Deferred`]: signed requests, transfers, NOTIFY, updates, and queries that are to be forwarded.
//! Everything else a DNS message can ask for is answered NOTIMP or REFUSED here. Where RFCs leave a choice, the answer is that of BIND 9.18 with its defaults:
//! name servers in the authority section of a positive answer only when recursion was not asked for, aliases followed
//! inside the zone and not into another one (whose data has rules of its own on who may see it).

mod additional;
mod authority;
mod chaos;
mod cookie;
mod denial;
mod look_ahead;
mod minimal;
mod options;
mod outcome;
mod plain;
mod prepared;
mod relay;
mod resolve;
mod signed_set;

use std::net::IpAddr;

use crate::message::{
    Edns, ExtendedError, Flags, HEADER_BYTES, Header, Mark, Opcode, Opt, Question, Rcode, ReplyOptions, Request,
    RequestError, SetHead, Writer,
};
use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::rrtype::{Class, Type};
use crate::search_name::SearchName;
use crate::zone::RecordSet;
use crate::zones::{ZoneNumber, ZoneState, Zones};

pub use chaos::{Chaos, ChaosText};
pub use cookie::{CookieSecret, Cookies};
pub use look_ahead::LookAhead;
pub use minimal::MinimalResponses;
use options::Options;
pub use outcome::{Deferred, DropReason, Outcome, Reply};
pub(crate) use prepared::Prepared;
pub use relay::relay;
use resolve::{Resolution, Resolver};

/// The smallest UDP message that every client takes (RFC 1035 §4.2.1).
const UDP_BYTES_MIN: usize = 512;
/// What fits into a UDP message without fragments on practically every path (RFC 9715 §3.1).
pub const UDP_PAYLOAD_BYTES: u16 = 1232;

/// The longest question: a name, its type and its class.
const QUESTION_BYTES_MAX: usize = NAME_BYTES_MAX + 4;

/// How a request came, and so how large its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A datagram: what doesn't fit is cut off, with the TC bit set.
    Udp,
    /// A stream: 65535 octets.
    Tcp,
    /// The same encrypted (RFC 7858).
    Tls,
    /// HTTP, encrypted (RFC 8484): as much, and one message.
    Https,
    /// A stream of QUIC's, encrypted (RFC 9250).
    Quic,
}

impl Transport {
    /// Whether it is a connection: the client is where it says it is.
    #[must_use]
    pub fn is_connected(self) -> bool {
        self != Self::Udp
    }

    /// Whether nobody on the way can read along.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Https | Self::Quic)
    }
}

/// Who asks, and when: what an answer depends on beside the request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// How the request came.
    pub transport: Transport,
    /// The address that it came from; of a datagram it may be forged.
    pub address: IpAddr,
    /// Seconds since 1970 (UTC), as the server's clock has them.
    pub now: u32,
    /// Octets of what the client takes that are needed behind the reply: for its signature.
    pub held_back: u16,
}

/// What an operator may set about answers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest UDP answer in octets, whatever the client says it takes, and what we say we take. At least 512.
    pub udp_payload_bytes_max: u16,
    /// Whether a question of type ANY or RRSIG over UDP gets one set only (RFC 8482 §4.1), which keeps the answer from
    /// being much larger than the question whoever it is sent to. Over TCP it always gets all of them.
    pub minimal_any: bool,
    /// What positive answers leave out.
    pub minimal_responses: MinimalResponses,
    /// What is told about the server itself: in class CH, and as NSID (RFC 5001) whatever is asked.
    pub chaos: Chaos,
    /// How cookies are answered (RFC 7873); `None` as if nobody had sent one.
    pub cookies: Option<Cookies>,
    /// What a client over TCP that asks is told of how long its connection may be idle, in units of 100 milliseconds
    /// (RFC 7828); `None`: nothing.
    pub tcp_keepalive: Option<u16>,
    /// Whether queries with RD for names of no zone are [forwarded](Deferred::Forward) instead of refused.
    pub forwards: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            udp_payload_bytes_max: UDP_PAYLOAD_BYTES,
            minimal_any: true,
            minimal_responses: MinimalResponses::default(),
            chaos: Chaos::default(),
            cookies: None,
            tcp_keepalive: None,
            forwards: false,
        }
    }
}

/// Answers one request. `out` should have room for 512 octets, or 65535 for a stream; nothing is written past it, and
/// what it can't hold is left out with the TC bit set.
#[inline]
pub fn answer(zones: &Zones, settings: &Settings, client: &Client, request: &[u8], out: &mut [u8]) -> Outcome {
    answer_ready(zones, settings, client, request, None, out)
}

/// The same with the name that the request asks for, as it was [made ready](LookAhead::name).
pub fn answer_ready(
    zones: &Zones,
    settings: &Settings,
    client: &Client,
    request: &[u8],
    name: Option<&SearchName>,
    out: &mut [u8],
) -> Outcome {
    match plain::answer(zones, settings, client, request, name, out) {
        Some(reply) => Outcome::Reply(reply),
        None => answer_generally(zones, settings, client, request, out),
    }
}

/// What [`answer`] gives where it knows no shorter way, and gives all the same where it does: public for the tests that
/// hold the two together.
pub fn answer_generally(
    zones: &Zones,
    settings: &Settings,
    client: &Client,
    request: &[u8],
    out: &mut [u8],
) -> Outcome {
    answer_with(zones, settings, client, request, out, forwarded)
}

/// What our own zones say to a query, forward zones or not: when their servers fail, or for who may not ask them.
pub fn answer_locally(zones: &Zones, settings: &Settings, client: &Client, request: &[u8], out: &mut [u8]) -> Outcome {
    answer_with(zones, settings, client, request, out, |_, _, _| None)
}

/// Whom a query is to be forwarded to, if it is to be: a forward zone, or, where no zone is, the server's forwarders.
type ForwardedTo = Option<Option<ZoneNumber>>;

fn answer_with(
    zones: &Zones,
    settings: &Settings,
    client: &Client,
    request: &[u8],
    out: &mut [u8],
    forwarded: impl Fn(&Zones, &Settings, &Request<'_>) -> ForwardedTo,
) -> Outcome {
    let header = match readable(request) {
        Ok(header) => header,
        Err(reason) => return Outcome::Drop(reason),
    };
    let parsed = Request::parse(header, request);
    // A signature covers whatever stands in front of it, malformed or not; who has none gets no error but what a question gets.
    if let Ok(Request {
        tsig_at: Some(tsig_at), ..
    }) = parsed
    {
        return Outcome::Deferred(Deferred::Signed { tsig_at });
    }
    let Some((mut reply, options)) = PendingReply::begin(settings, client, header, &parsed, out) else {
        return Outcome::Drop(DropReason::NoRoom);
    };
    match (header.flags.opcode(), &parsed) {
        (Opcode::QUERY, _) => {}
        (Opcode::NOTIFY, Ok(_)) => return Outcome::Deferred(Deferred::Notify),
        (Opcode::UPDATE, Ok(_)) => return Outcome::Deferred(Deferred::Update),
        (Opcode::NOTIFY | Opcode::UPDATE, Err(_)) => return reply.finish(Resolution::bare(Rcode::FORMERR)),
        // What no question can be shown for is answered by the header alone, as BIND does.
        _ => return reply.finish(Resolution::bare(Rcode::NOTIMP)),
    }
    let request = match parsed {
        Ok(request) => request,
        Err(RequestError::Question) => return reply.finish(Resolution::bare(Rcode::FORMERR)),
        Err(RequestError::NoQuestion(_)) => {
            let asks_for_cookie = options.is_some_and(|options| options.reply.cookie.is_some());
            let rcode = if asks_for_cookie {
                Rcode::NOERROR
            } else {
                Rcode::FORMERR
            };
            return reply.finish(Resolution::bare(rcode));
        }
        Err(RequestError::Records(question)) => {
            reply.question(question);
            return reply.finish(Resolution::bare(Rcode::FORMERR));
        }
    };
    if !reply.question(request.question) {
        return reply.finish(Resolution {
            truncated: true,
            ..Resolution::bare(Rcode::NOERROR)
        });
    }
    let Some(options) = options else {
        return reply.finish(Resolution::bare(Rcode::FORMERR));
    };
    let transport = client.transport;
    let resolution = match refusal(&request, transport) {
        Some(rcode) => Resolution::bare(rcode),
        None if wants_better_cookie(settings, transport, &options) => Resolution::bare(Rcode::BADCOOKIE),
        None if request.question.class == Class::CH => {
            chaos::answer(&settings.chaos, request.question, &mut reply.writer)
        }
        None if matches!(request.question.qtype, Type::AXFR | Type::IXFR) => {
            return Outcome::Deferred(Deferred::Transfer);
        }
        None => {
            if let Some(zone) = forwarded(zones, settings, &request) {
                return Outcome::Deferred(Deferred::Forward(zone));
            }
            Resolver::new(zones, settings, transport, &request, &mut reply.writer).resolve()
        }
    };
    reply.finish(resolution)
}

/// The reply that says nothing but a response code, with what the request's EDNS makes of any reply.
pub fn answer_code(settings: &Settings, client: &Client, request: &[u8], rcode: Rcode, out: &mut [u8]) -> Outcome {
    answer_error(settings, client, request, (rcode, None), out)
}

/// The same, saying also why (RFC 8914).
pub fn answer_error(
    settings: &Settings,
    client: &Client,
    request: &[u8],
    (rcode, extended_error): (Rcode, Option<ExtendedError>),
    out: &mut [u8],
) -> Outcome {
    let header = match readable(request) {
        Ok(header) => header,
        Err(reason) => return Outcome::Drop(reason),
    };
    let parsed = Request::parse(header, request);
    let Some((mut reply, _)) = PendingReply::begin(settings, client, header, &parsed, out) else {
        return Outcome::Drop(DropReason::NoRoom);
    };
    if let Ok(Request { question, .. }) | Err(RequestError::Records(question)) = parsed {
        reply.question(question);
    }
    reply.finish(Resolution {
        extended_error,
        ..Resolution::bare(rcode)
    })
}

/// The header of a request that may be answered at all.
fn readable(request: &[u8]) -> Result<Header, DropReason> {
    let header = Header::read(request).ok_or(DropReason::TooShort)?;
    // An answer to an answer would be answered again.
    if header.flags.contains(Flags::QR) {
        return Err(DropReason::Response);
    }
    Ok(header)
}

/// Who doesn't want recursion gets what there is here.
fn forwarded(zones: &Zones, settings: &Settings, request: &Request<'_>) -> ForwardedTo {
    let question = request.question;
    let recursion_desired = request.header.flags.contains(Flags::RD);
    match zones.find(&SearchName::new(question.name), question.qtype) {
        Some((number, ZoneState::Forward)) if recursion_desired => Some(Some(number)),
        None if settings.forwards && recursion_desired => Some(None),
        _ => None,
    }
}

/// How long the answer may be (RFC 6891 §6.2.3, §6.2.5).
fn message_bytes_max(settings: &Settings, client: &Client, payload_bytes: Option<u16>, room: usize) -> usize {
    let wanted = match (client.transport, payload_bytes) {
        (Transport::Tcp | Transport::Tls | Transport::Https | Transport::Quic, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => UDP_BYTES_MIN,
        (Transport::Udp, Some(payload_bytes)) => {
            usize::from(payload_bytes.min(settings.udp_payload_bytes_max)).max(UDP_BYTES_MIN)
        }
    };
    (wanted - usize::from(client.held_back).min(wanted)).min(room)
}

/// Whether a question is one that zones aren't even looked at for.
fn refusal(request: &Request<'_>, transport: Transport) -> Option<Rcode> {
    if request.edns.is_some_and(|edns| edns.version != 0) {
        return Some(Rcode::BADVERS);
    }
    match request.question.class {
        Class::IN | Class::CH => {}
        // Not classes that data can have (RFC 6895 §3.2).
        Class::ANY | Class::NONE | Class(0) => return Some(Rcode::FORMERR),
        _ => return Some(Rcode::REFUSED),
    }
    match request.question.qtype {
        // A zone doesn't fit a datagram (RFC 5936 §4.2).
        Type::AXFR if transport == Transport::Udp => Some(Rcode::FORMERR),
        Type::ANY | Type::AXFR | Type::IXFR => None,
        Type::MAILA | Type::MAILB => Some(Rcode::NOTIMP),
        qtype if qtype.is_meta() => Some(Rcode::FORMERR),
        _ => None,
    }
}

/// Whether a client is to come back with the cookie that it gets now. One that sends none doesn't know how to, and over TCP
/// its address isn't forged.
fn wants_better_cookie(settings: &Settings, transport: Transport, options: &Options<'_>) -> bool {
    settings.cookies.as_ref().is_some_and(|cookies| cookies.required)
        && transport == Transport::Udp
        && options.reply.cookie.is_some()
        && !options.cookie_valid
}

/// The OPT record of a reply of at most `limit` octets.
fn reply_opt<'o>(settings: &Settings, edns: Edns<'_>, options: ReplyOptions<'o>, limit: usize) -> Opt<'o> {
    let mut opt = Opt {
        payload_bytes: settings.udp_payload_bytes_max.max(UDP_BYTES_MIN as u16),
        dnssec_ok: edns.dnssec_ok,
        options,
    };
    // The longest name of a server would leave no room for the longest question in the smallest message.
    if HEADER_BYTES + QUESTION_BYTES_MAX + opt.wire_bytes() > limit {
        opt.options.nsid = None;
    }
    opt
}

/// What the records of a zone's set begin with in a reply, under the name that was asked for or that others point to.
fn head<'n>(owner: NameRef<'n>, set: RecordSet<'_>) -> SetHead<'n> {
    SetHead {
        owner,
        rtype: set.rtype(),
        class: Class::IN,
        ttl: set.ttl(),
    }
}

/// A reply whose sections are being written, with what its header and OPT record will say.
struct PendingReply<'r, 'b> {
    header: Header,
    question: Option<Question<'r>>,
    opt: Option<Opt<'r>>,
    cookie_valid: bool,
    /// Whether the client may have other servers asked.
    recursion_available: bool,
    /// Octets of the signature that is to follow.
    signature_bytes: u16,
    /// Behind the question.
    sections_at: Mark,
    writer: Writer<'b>,
}

impl<'r, 'b> PendingReply<'r, 'b> {
    /// With the request's EDNS looked at; `None` when there is no room for a header. The options are `None` when they are
    /// malformed.
    fn begin(
        settings: &'r Settings,
        client: &Client,
        header: Header,
        parsed: &Result<Request<'r>, RequestError<'r>>,
        out: &'b mut [u8],
    ) -> Option<(Self, Option<Options<'r>>)> {
        let edns = match parsed {
            Ok(request) => request.edns,
            Err(RequestError::NoQuestion(edns)) => *edns,
            Err(_) => None,
        };
        let payload_bytes = edns.map(|edns| edns.payload_bytes);
        let limit = message_bytes_max(settings, client, payload_bytes, out.len());
        let writer = Writer::new(&mut out[..limit])?;
        // What options mean in another version is not known.
        let options = match edns {
            Some(edns) if edns.version == 0 => Options::read(settings, client, edns),
            _ => Some(Options::default()),
        };
        let mut reply = Self::new(header, client.held_back, writer);
        if let Some(edns) = edns {
            reply.opt(settings, edns, options.unwrap_or_default(), limit);
        }
        Some((reply, options))
    }

    fn new(header: Header, signature_bytes: u16, writer: Writer<'b>) -> Self {
        Self {
            header,
            question: None,
            opt: None,
            cookie_valid: false,
            recursion_available: false,
            signature_bytes,
            sections_at: writer.mark(),
            writer,
        }
    }

    /// Makes the OPT record, for which there must be room in `limit` octets however full the reply gets.
    fn opt(&mut self, settings: &Settings, edns: Edns<'_>, options: Options<'r>, limit: usize) {
        let opt = reply_opt(settings, edns, options.reply, limit);
        self.writer.hold_back_opt(&opt);
        self.opt = Some(opt);
        self.cookie_valid = options.cookie_valid;
    }

    /// Repeats the question; `false` when there is no room even for that.
    fn question(&mut self, question: Question<'r>) -> bool {
        self.question = Some(question);
        let has_room = self.writer.question(&question).is_ok();
        self.sections_at = self.writer.mark();
        has_room
    }

    fn finish(mut self, mut resolution: Resolution) -> Outcome {
        // What would be signed of an answer that isn't whole is no answer (RFC 8945 §5.3).
        if resolution.truncated && self.signature_bytes > 0 {
            self.writer.rollback(self.sections_at);
            resolution.rcode = Rcode::NOERROR;
        }
        let opcode = self.header.flags.opcode();
        // RD and CD are copied (RFC 1035 §4.1.1, RFC 4035 §3.2.2) where they mean something: in queries.
        let copied = match opcode {
            Opcode::QUERY => self.header.flags.only(Flags::RD.with(Flags::CD)),
            _ => Flags::default(),
        };
        let mut flags = Flags::QR.with(copied).with_opcode(opcode);
        if resolution.authoritative {
            flags = flags.with(Flags::AA);
        }
        if resolution.truncated {
            flags = flags.with(Flags::TC);
        }
        if self.recursion_available {
            flags = flags.with(Flags::RA);
        }
        if let Some(opt) = &mut self.opt {
            let mut explained = *opt;
            explained.options.extended_error = resolution.extended_error;
            if self.writer.room() >= explained.wire_bytes() {
                *opt = explained;
            }
            let other = self.writer.position() + usize::from(self.signature_bytes);
            opt.pad(other, self.writer.room().saturating_sub(opt.wire_bytes()));
        }
        let len = self
            .writer
            .finish(self.header.id, flags, resolution.rcode, self.opt.as_ref());
        Outcome::Reply(Reply {
            len,
            rcode: resolution.rcode,
            flags,
            qtype: self.question.map(|question| question.qtype),
            qname: self
                .question
                .map(|question| HEADER_BYTES..HEADER_BYTES + question.name.as_wire().len()),
            zone: resolution.zone,
            edns: self.opt.is_some(),
            dnssec_ok: self.opt.is_some_and(|opt| opt.dnssec_ok),
            cookie_valid: self.cookie_valid,
            free_bytes: resolution.free_bytes,
        })
    }
}

#[cfg(test)]
mod tests;
