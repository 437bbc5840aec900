//! Where sockets meet the core: a request's bytes go in, the reply's come out and are counted.

use std::sync::Arc;

use arc_swap::ArcSwap;
use dnsd_core::answer::{Outcome, Transport, answer};
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
    pub(super) fn answer(&self, request: &[u8], out: &mut [u8]) -> Option<usize> {
        let serving = self.serving.load();
        match answer(&serving.zones, &serving.settings, self.transport, request, out) {
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
