//! Where sockets meet the core: a request's bytes go in, the reply's come out and are counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, Guard};
use dnsd_core::acl::Who;
use dnsd_core::answer::{Client, Outcome, Transport, answer, answer_code, look_ahead};
use dnsd_core::message::{Flags, Rcode, truncate};
use dnsd_core::rate_limit::Verdict;

use super::counters::Counters;
use super::{Serving, deferred};

/// Answers for one UDP thread, or for all connections of a TCP listener.
pub(crate) struct Responder {
    serving: Arc<ArcSwap<Serving>>,
    transport: Transport,
    counters: Arc<Counters>,
}

impl Responder {
    pub(super) fn new(serving: Arc<ArcSwap<Serving>>, transport: Transport, counters: Arc<Counters>) -> Self {
        Self {
            serving,
            transport,
            counters,
        }
    }

    /// Takes what requests that came together are answered from: one version of all zones, one time. It is not to be kept
    /// while waiting for more: whoever is idle would keep an old version of every zone in memory.
    pub(super) fn begin_batch(&self) -> Answering<'_> {
        Answering {
            responder: self,
            serving: self.serving.load(),
            now: unix_seconds(),
        }
    }

    /// Counts replies that the system or the client didn't take.
    pub(super) fn unsent(&self, replies: usize) {
        self.counters.unsent(replies);
    }
}

/// Answers the requests of one batch.
pub(super) struct Answering<'r> {
    responder: &'r Responder,
    serving: Guard<Arc<Serving>>,
    now: u32,
}

impl Answering<'_> {
    /// Counts a message that gets no reply whatever it says.
    pub(super) fn ignore(&self) {
        self.responder.counters.ignored();
    }

    /// Takes a look at all requests of a batch of two or more: they are answered sooner then.
    pub(super) fn look_ahead<'m>(&self, requests: impl Iterator<Item = &'m [u8]>) {
        look_ahead(self.serving.views.outside().zones(), requests);
    }

    /// Writes the reply to the front of `out` and says how long it is; `None` when there is to be none.
    pub(super) fn answer(&self, address: IpAddr, request: &[u8], out: &mut [u8]) -> Option<usize> {
        let counters = &self.responder.counters;
        let client = Client {
            transport: self.responder.transport,
            // A client of IPv4 is one, whatever the socket that it came in by.
            address: address.to_canonical(),
            now: self.now,
            held_back: 0,
        };
        let Serving {
            views, settings, local, ..
        } = &**self.serving;
        let who = || Who::new(client.address, None);
        let view = views.of(who, local);
        let zones = view.zones();
        let outcome = match answer(zones, settings, &client, request, out) {
            Outcome::Reply(reply) if !view.allows_query(reply.zone, who, local) => {
                answer_code(settings, &client, request, Rcode::REFUSED, out)
            }
            Outcome::Deferred(deferred) => deferred::answer(zones, settings, &client, request, deferred, out),
            outcome => outcome,
        };
        match outcome {
            Outcome::Reply(reply) => {
                let mut length = reply.len;
                counters.asked(reply.qtype);
                let mut truncated = reply.flags.contains(Flags::TC);
                if let Some(rate_limit) = &self.serving.rate_limit {
                    let verdict = rate_limit.limiter.check(&client, &reply, &out[..length]);
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
            Outcome::Drop(_) | Outcome::Deferred(_) => {
                counters.ignored();
                None
            }
        }
    }
}

/// The time as signatures and cookies have it: it wraps in 2106, as their serial arithmetic expects (RFC 1982).
fn unix_seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}
