//! What is more than a question about zones in memory: signed requests, transfers, NOTIFY, updates, and questions that others
//! are asked.
//!
//! All of it is decided here, in the thread that received it, before anything is spent on it: who asks (by the address, and
//! by the key once the signature is verified), which view that is, and what the zone's rules say. What can be answered at
//! once is; what takes other servers or the keeper of the zones is sent later ([`Later`]). A transfer goes back to the connection as a [`Transfer`], which makes its messages as the client takes them.

mod forward;
mod later;
mod notify;
mod sender;
mod signed;
mod transfer;
mod transfers_out;
mod update;

use std::fmt;
use std::sync::Arc;

use dnsd_core::acl::{Acl, Who};
use dnsd_core::answer::{Client, Deferred, Outcome, answer_code};
use dnsd_core::message::{Flags, HEADER_BYTES, Header, Rcode, Request};
use dnsd_core::tsig::ResponseSigner;
use dnsd_core::zones::{ZoneNumber, ZoneState};

use tokio::sync::mpsc;

use super::Serving;
use super::responder::{Answer, Peer, Responder, finish, reply_of};
use super::views::{Kind, View, ZoneInfo};
use crate::zones::key::ZoneKey;

pub(crate) use later::Later;
pub(super) use later::{Begin, WayBack};
pub(crate) use notify::NotifyReceived;
use sender::Sender;
pub(super) use transfer::{BrokenOff, Transfer};
pub(crate) use transfers_out::TransfersOut;

/// Who does what requests ask for.
#[derive(Clone)]
pub(crate) struct Handlers {
    /// Takes what is said to have changed. Bounded.
    pub(crate) notifies: mpsc::Sender<NotifyReceived>,
    /// Takes updates of those who may send them, and sends their replies. Returns at once.
    pub(crate) update: Arc<dyn Fn(ZoneKey, Later) + Send + Sync>,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handlers")
    }
}

/// A request, and all that its answer depends on.
pub(super) struct Asked<'a> {
    pub(super) responder: &'a Responder,
    pub(super) serving: &'a Arc<Serving>,
    pub(super) peer: &'a Peer<'a>,
    pub(super) client: Client,
    /// Seconds since 1970.
    pub(super) now: u64,
    pub(super) view: &'a View,
    /// Without its signature, once that is verified.
    pub(super) request: &'a [u8],
    /// What the reply is signed with.
    pub(super) signer: Option<ResponseSigner>,
}

/// A zone that a request is about, by exactly its name.
struct OurZone<'a> {
    number: ZoneNumber,
    state: &'a ZoneState,
    info: &'a Arc<ZoneInfo>,
}

impl<'a> Asked<'a> {
    /// Answers what was deferred.
    pub(super) fn answer(self, deferred: Deferred, out: &mut [u8]) -> Answer {
        match deferred {
            Deferred::Signed { tsig_at } => signed::answer(&self, tsig_at, out),
            Deferred::Transfer => transfer::answer(self, out),
            Deferred::Notify => notify::answer(self, out),
            Deferred::Update => update::answer(self, out),
            Deferred::Forward(zone) => forward::answer(self, zone, out),
        }
    }

    /// The reply that says nothing but a response code.
    fn code(self, rcode: Rcode, out: &mut [u8]) -> Answer {
        let outcome = answer_code(&self.serving.settings, &self.client, self.request, rcode, out);
        self.reply(outcome, out)
    }

    /// The reply that sends the client to TCP.
    fn truncated(self, out: &mut [u8]) -> Answer {
        self.noerror_with(Flags::TC, out)
    }

    /// The reply that says by a flag alone what is to be said.
    fn noerror_with(self, flag: Flags, out: &mut [u8]) -> Answer {
        let outcome = answer_code(&self.serving.settings, &self.client, self.request, Rcode::NOERROR, out);
        let Outcome::Reply(mut reply) = outcome else {
            return Answer::Nothing;
        };
        reply.flags = reply.flags.with(flag);
        if let Some(mut header) = Header::read(out) {
            header.flags = header.flags.with(flag);
            out[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        }
        self.reply(Outcome::Reply(reply), out)
    }

    /// Sends what was written, signed if the request was.
    fn reply(self, outcome: Outcome, out: &mut [u8]) -> Answer {
        let counters = self.responder.counters();
        let key = self.signer.as_ref().map(|signer| signer.key().name().as_name_ref());
        let Some(length) = finish(self.serving, counters, &self.client, key, reply_of(outcome), out) else {
            return Answer::Nothing;
        };
        let signed = match self.signer {
            Some(mut signer) => signer.sign(out, length, self.now),
            None => Ok(length),
        };
        // There is room, as it was held back; a reply without the signature would be worse than none.
        signed.map_or(Answer::Nothing, Answer::Reply)
    }

    fn who(&self) -> Who<'_> {
        let key = self.signer.as_ref().map(|signer| signer.key().name().as_name_ref());
        Who::new(self.client.address, key)
    }

    fn is_allowed(&self, list: &Acl) -> bool {
        list.allows(&self.who(), &self.serving.local)
    }

    /// The request, which the core has read before.
    fn parsed(&self) -> Option<Request<'a>> {
        Request::parse(Header::read(self.request)?, self.request).ok()
    }

    /// The zone of exactly this name, if the client's view has one that is not only forwarded.
    fn zone(&self, request: &Request<'_>) -> Option<OurZone<'a>> {
        let zones = self.view.zones();
        let number = zones.number(request.question.name)?;
        let info = self.view.info(number)?;
        let state = zones.state(number)?;
        let is_ours = !matches!(state, ZoneState::Forward) && !matches!(info.kind, Kind::Forward(_));
        is_ours.then_some(OurZone { number, state, info })
    }
}
