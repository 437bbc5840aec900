//! Where sockets meet the core: a request's bytes go in, the reply's come out and are counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use dnsd_core::answer::{Client, Outcome, Transport, answer};
use dnsd_core::message::Flags;

use super::Serving;
use super::counters::Counters;

/// Answers for one thread or connection.
#[derive(Clone)]
pub(crate) struct Responder {
    /// Loaded for each request and not kept in between: whoever is idle would keep an old version of every zone in memory.
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

    /// Writes the reply to the front of `out` and says how long it is; `None` when there is to be none.
    pub(super) fn answer(&self, address: IpAddr, request: &[u8], out: &mut [u8]) -> Option<usize> {
        let serving = self.serving.load();
        let client = Client {
            transport: self.transport,
            // A client of IPv4 is one, whatever the socket that it came in by.
            address: address.to_canonical(),
            now: unix_seconds(),
        };
        match answer(&serving.zones, &serving.settings, &client, request, out) {
            Outcome::Reply(reply) => {
                let truncated = reply.flags.contains(Flags::TC);
                self.counters.answered(reply.qtype, reply.rcode, truncated);
                Some(reply.len)
            }
            Outcome::Drop(_) => {
                self.counters.ignored();
                None
            }
        }
    }

    /// Counts a reply that the system or the client didn't take.
    pub(super) fn unsent(&self) {
        self.counters.unsent();
    }
}

/// The time as signatures and cookies have it: it wraps in 2106, as their serial arithmetic expects (RFC 1982).
fn unix_seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}
