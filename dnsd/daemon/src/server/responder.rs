//! Where sockets meet the core: a request's bytes go in, the reply's come out and are counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, Guard};
use ballast_shared::datagrams::Datagram;
use dnsd_core::acl::Who;
use dnsd_core::answer::{Client, Deferred, LookAhead, Outcome, Reply, Settings, Transport, answer_error, answer_ready};
use dnsd_core::message::{ExtendedError, Flags, Opcode, Rcode, truncate};
use dnsd_core::name::NameRef;
use dnsd_core::rate_limit::Verdict;
use dnsd_core::search_name::SearchName;

use super::counters::Counters;
use super::deferred::{Asked, Begin, Handlers, Transfer, TransfersOut};
use super::seldom::SeldomCounters;
use super::views::View;
use super::{Serving, Shared};
use crate::query_log::{CookieState, Query, Recorder};

/// What a client gets of a zone that isn't for it.
pub(super) const PROHIBITED: (Rcode, Option<ExtendedError>) = (Rcode::REFUSED, Some(ExtendedError::PROHIBITED));

/// Answers for one UDP thread, or for all connections of a TCP listener.
pub(crate) struct Responder {
    serving: Arc<ArcSwap<Serving>>,
    transport: Transport,
    counters: Arc<Counters>,
    /// What is counted by others than the one thread that answers over UDP.
    shared_counters: Arc<Counters>,
    transfers: TransfersOut,
    seldom: Arc<SeldomCounters>,
    handlers: Arc<OnceLock<Handlers>>,
    recorder: Recorder,
}

/// Who sent a request.
#[derive(Clone, Copy)]
pub(super) enum Peer<'d> {
    /// Whoever says to be the source of a datagram.
    Sender {
        /// The datagram.
        datagram: &'d Datagram<'d>,
        /// What the socket is bound to that it came in by.
        bound: IpAddr,
    },
    /// Who is at the other end of a connection.
    Connected {
        /// The other end.
        client: SocketAddr,
        /// This end.
        local: IpAddr,
        /// Whether zones may be transferred through it: over TLS as RFC 9103 §7.1 has it only.
        takes_transfers: bool,
    },
}

/// What becomes of a request.
pub(super) enum Answer {
    /// Its reply, of so many octets, is at the front of the buffer.
    Reply(usize),
    /// It has none.
    Nothing,
    /// Its reply is many messages, which a connection sends beside the other answers.
    Transfer(Box<Transfer>),
    /// It is made elsewhere, once it is said how it gets back.
    Later(Begin),
}

impl Peer<'_> {
    /// Its address and port. A client of IPv4 is one, whatever the socket that it came in by.
    pub(super) fn client(&self) -> SocketAddr {
        let client = match self {
            Self::Sender { datagram, .. } => datagram.source,
            Self::Connected { client, .. } => *client,
        };
        SocketAddr::new(client.ip().to_canonical(), client.port())
    }

    /// The same connection, through which zones may be transferred or not.
    pub(super) fn with_transfers(self, takes_transfers: bool) -> Self {
        match self {
            Self::Connected { client, local, .. } => Self::Connected {
                client,
                local,
                takes_transfers,
            },
            sender @ Self::Sender { .. } => sender,
        }
    }

    /// Whether zones may be transferred to it, if it is who may have them.
    pub(super) fn takes_transfers(&self) -> bool {
        match self {
            Self::Sender { .. } => true,
            Self::Connected { takes_transfers, .. } => *takes_transfers,
        }
    }

    /// Which of our addresses it has asked.
    fn asked_address(&self) -> IpAddr {
        match self {
            Self::Sender { datagram, bound } => datagram.destination().unwrap_or(*bound),
            Self::Connected { local, .. } => *local,
        }
    }
}

impl Responder {
    /// For a thread, or all connections of a listener.
    pub(super) fn new(shared: &Shared, transport: Transport) -> Self {
        let counters = shared.counters.add(transport);
        Self {
            serving: shared.serving.clone(),
            transport,
            shared_counters: match transport {
                Transport::Udp => shared.later_counters.clone(),
                _ => counters.clone(),
            },
            counters,
            transfers: shared.transfers.clone(),
            seldom: shared.seldom.clone(),
            handlers: shared.handlers.clone(),
            recorder: shared.query_log.recorder(),
        }
    }

    /// Takes what requests that came together are answered from: one version of all zones, one time. It is not to be kept
    /// while waiting for more: whoever is idle would keep an old version of every zone in memory.
    pub(super) fn begin_batch(&self) -> Answering<'_> {
        Answering {
            responder: self,
            serving: self.serving.load(),
            now: unix_seconds(),
            log: self.log(),
        }
    }

    /// Counts replies that the system or the client didn't take.
    pub(super) fn unsent(&self, replies: usize) {
        self.counters.unsent(replies);
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(super) fn shared_counters(&self) -> &Arc<Counters> {
        &self.shared_counters
    }

    /// `None` at the start.
    pub(super) fn handlers(&self) -> Option<&Handlers> {
        self.handlers.get()
    }

    /// Where queries are noted, if they are.
    pub(super) fn log(&self) -> Option<&Recorder> {
        self.recorder.is_on().then_some(&self.recorder)
    }

    pub(super) fn transfers(&self) -> &TransfersOut {
        &self.transfers
    }

    pub(super) fn seldom(&self) -> &SeldomCounters {
        &self.seldom
    }
}

/// Answers the requests of one batch.
pub(super) struct Answering<'r> {
    responder: &'r Responder,
    serving: Guard<Arc<Serving>>,
    now: u64,
    /// Where queries are noted, if they are.
    log: Option<&'r Recorder>,
}

impl Answering<'_> {
    /// Counts a message that gets no reply whatever it says.
    pub(super) fn ignore(&self) {
        self.responder.counters.ignored();
    }

    /// Takes a look at all requests of a batch of two or more: they are answered sooner then.
    pub(super) fn look_ahead<'m>(&self, ahead: &mut LookAhead, requests: impl Iterator<Item = &'m [u8]>) {
        ahead.look(self.serving.views.outside().zones(), requests);
    }

    /// Writes the reply to the front of `out`, if it is one that can be written at once.
    pub(super) fn answer(&self, peer: &Peer<'_>, request: &[u8], out: &mut [u8]) -> Answer {
        self.answer_ready(peer, request, None, out)
    }

    /// The same with the name that the request asks for, as it was [looked at](Self::look_ahead).
    pub(super) fn answer_ready(
        &self,
        peer: &Peer<'_>,
        request: &[u8],
        name: Option<&SearchName>,
        out: &mut [u8],
    ) -> Answer {
        let client = Client {
            transport: self.responder.transport,
            address: peer.client().ip(),
            // It wraps in 2106, as the serial arithmetic of signatures and cookies expects (RFC 1982).
            now: self.now as u32,
            held_back: 0,
        };
        let Serving {
            views, settings, local, ..
        } = &**self.serving;
        let who = || Who::new(client.address, None);
        let view = views.of(who, local);
        let outcome = answer_ready(view.zones(), settings, &client, request, name, out);
        if let Some(log) = self.log {
            self.note(log, peer, view, request, &outcome);
        }
        let asked_zone = match &outcome {
            Outcome::Reply(reply) => reply.zone,
            Outcome::Deferred(_) | Outcome::Drop(_) => None,
        };
        let reply = match outcome {
            Outcome::Reply(reply) if view.allows_query(reply.zone, who, local) => Some(reply),
            Outcome::Reply(_) => reply_of(answer_error(settings, &client, request, PROHIBITED, out)),
            Outcome::Deferred(deferred) => return self.answer_deferred(peer, client, view, request, deferred, out),
            Outcome::Drop(_) => None,
        };
        if let Some(reply) = &reply {
            view.count(asked_zone, reply.rcode);
        }
        match finish(&self.serving, &self.responder.counters, &client, None, reply, out) {
            Some(length) => Answer::Reply(length),
            None => Answer::Nothing,
        }
    }

    /// Notes a query for the log; a signed one is noted when it is known whose signature that is.
    #[cold]
    fn note(&self, log: &Recorder, peer: &Peer<'_>, view: &View, request: &[u8], outcome: &Outcome) {
        if !matches!(outcome, Outcome::Deferred(Deferred::Signed { .. })) {
            note(log, peer, &self.serving.settings, view, None, request, outcome);
        }
    }

    #[cold]
    fn answer_deferred(
        &self,
        peer: &Peer<'_>,
        client: Client,
        view: &View,
        request: &[u8],
        deferred: Deferred,
        out: &mut [u8],
    ) -> Answer {
        let asked = Asked {
            responder: self.responder,
            serving: &self.serving,
            peer,
            client,
            now: self.now,
            view,
            request,
            signer: None,
        };
        asked.answer(deferred, out)
    }
}

/// Notes a query for the log, with the key that it was signed with.
pub(super) fn note(
    log: &Recorder,
    peer: &Peer<'_>,
    settings: &Settings,
    view: &View,
    key: Option<NameRef<'_>>,
    request: &[u8],
    outcome: &Outcome,
) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let Some(query) = Query::of_message(request, time.as_millis() as u64, peer.client(), peer.asked_address()) else {
        return;
    };
    let cookie = match outcome {
        _ if settings.cookies.is_none() => CookieState::Absent,
        Outcome::Reply(reply) if reply.cookie_valid => CookieState::Good,
        _ => query.cookie,
    };
    log.record(&Query {
        is_tcp: matches!(peer, Peer::Connected { .. }),
        cookie,
        key,
        view: view.name().map(|name| &**name),
        ..query
    });
}

/// The reply that was written; `None` for a request that gets none.
pub(super) fn reply_of(outcome: Outcome) -> Option<Reply> {
    match outcome {
        Outcome::Reply(reply) => Some(reply),
        Outcome::Drop(_) | Outcome::Deferred(_) => None,
    }
}

/// Whether there may be too many such replies. What was done is said, as from BIND: whoever hears nothing of an update that was
/// done sends it again, and is told that its prerequisites don't hold.
fn is_limited(reply: &Reply) -> bool {
    reply.flags.opcode() == Opcode::QUERY
        || matches!(
            reply.rcode,
            Rcode::FORMERR | Rcode::NOTIMP | Rcode::REFUSED | Rcode::NOTAUTH
        )
}

/// Counts a reply, has it limited, and says how long it is then; `None` when nothing is to be sent. `key` is the one that the
/// request was signed with.
pub(super) fn finish(
    serving: &Serving,
    counters: &Counters,
    client: &Client,
    key: Option<NameRef<'_>>,
    reply: Option<Reply>,
    out: &mut [u8],
) -> Option<usize> {
    let Some(reply) = reply else {
        counters.ignored();
        return None;
    };
    let mut length = reply.len;
    if serving
        .forwarder
        .is_open_to(|| Who::new(client.address, key), &serving.local)
    {
        offer_recursion(out);
    }
    counters.asked(reply.qtype);
    let mut truncated = reply.flags.contains(Flags::TC);
    if let Some(rate_limit) = serving.rate_limit.as_ref().filter(|_| is_limited(&reply)) {
        let verdict = rate_limit.limiter.check(client, &reply, &out[..length]);
        counters.rate_limited(verdict);
        match verdict {
            Verdict::Drop if !rate_limit.log_only => return None,
            Verdict::Slip if !rate_limit.log_only => {
                length = truncate(&mut out[..length])?;
                truncated = true;
            }
            _ => {}
        }
    }
    counters.replied(reply.rcode, truncated);
    Some(length)
}

/// Sets the RA bit of a reply to a query (RFC 1035 §4.1.1), which says that there are others who may be asked, not that they were.
fn offer_recursion(reply: &mut [u8]) {
    if let [_, _, high, low, ..] = reply
        && Flags(u16::from_be_bytes([*high, *low])).opcode() == Opcode::QUERY
    {
        let flags = Flags(u16::from_be_bytes([*high, *low])).with(Flags::RA);
        [*high, *low] = flags.0.to_be_bytes();
    }
}

/// The time as signatures have it (RFC 8945 §4.2).
pub(super) fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}
