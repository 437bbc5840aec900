//! The names of senders by reverse lookup: `%fromhost%` with `resolve = true`.
//!
//! An address is looked up once, whoever asks for it, by a task beside the log path, which waits for it a short time at most.
//! What came of it is kept for as long as the answer is good for; for a short time more datagrams go by it until the new answer is
//! there, so that a sender is not now its name and now its address. A connection is not named by it: it may be another machine's,
//! which has the address now, and a connection lasts. A name counts when it leads back to the address: whoever has an address can
//! write any name into its reverse zone.

mod cache;
mod connected;
mod resolver;
#[cfg(test)]
mod tests;

pub(crate) use connected::Connected;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at};

use crate::turns::{Limits, Place, Turns};
use cache::{Cache, Found, Known};
use resolver::{Answer, Resolver};

/// How long messages wait for their sender's name: a resolver that has to ask others has answered by then, or is about to be given
/// up by whoever asks by hand.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a lookup may take: some tries, of which the last one is of use to the messages that come later.
const LOOKUP_MAX: Duration = Duration::from_secs(10);

/// Lookups at a time, and those of one network: what one takes is up to the servers of the address's network, which may be slow on
/// purpose. Enough for a fleet that comes back at once, few enough for a resolver's own limits; a network's server answers its
/// share in some milliseconds. As many wait as an input has connections: beyond, an address is a name.
const LIMITS: Limits = Limits {
    turns: 256,
    turns_per_network: 32,
    places: 10_000,
    places_per_network: 1000,
};

/// How long a lookup may wait for its turn: as long as those take that have one.
const TURN_WAIT_MAX: Duration = LOOKUP_MAX;

/// For how long a name is good, whatever its TTL says: a lookup a minute is no burden, and a name of yesterday is too old.
const NAME_LEAST: Duration = Duration::from_secs(60);
const NAME_MOST: Duration = Duration::from_secs(86_400);

/// For how long it is good that there is none.
const NOTHING: Duration = Duration::from_secs(300);

/// How long nobody asks again when no server has answered.
const FAILED: Duration = Duration::from_secs(60);

/// The same when there was no turn to ask one: they come and go faster than servers.
const BUSY: Duration = Duration::from_secs(10);

/// How long after its time an answer is still used while it is asked for again. One that nobody has asked for in so long may be of
/// a machine that is gone, and of another one's address.
const OLD_MOST: Duration = NAME_LEAST;

/// How often a connection that sends has its name looked up again, at most: as often as a name changes.
const AGAIN: Duration = NAME_LEAST;

/// The names that are known, and how further ones are found.
pub(crate) struct Names {
    servers: Arc<[SocketAddr]>,
    resolver: Resolver,
    cache: Mutex<Cache>,
    turns: Arc<Turns>,
    /// Where lookups run.
    runtime: Handle,
    metrics: NamesMetrics,
}

struct NamesMetrics {
    found: Counter,
    nothing: Counter,
    unconfirmed: Counter,
    failed: Counter,
    busy: Counter,
}

/// The lookup of one address.
#[derive(Debug)]
pub(crate) struct Lookup {
    begun: Instant,
    /// Once it is over.
    outcome: OnceLock<Outcome>,
    over: Notify,
}

#[derive(Debug)]
struct Outcome {
    /// The name, if there is one.
    name: Option<String>,
    /// Nobody has answered: the name is the one that was known before.
    has_failed: bool,
}

impl Lookup {
    /// One that has just begun.
    pub(crate) fn new(begun: Instant) -> Arc<Self> {
        Arc::new(Self {
            begun,
            outcome: OnceLock::new(),
            over: Notify::new(),
        })
    }

    /// The name, as soon as there is one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.outcome.get()?.name.as_deref()
    }

    fn is_over(&self) -> bool {
        self.outcome.get().is_some()
    }

    fn has_failed(&self) -> bool {
        self.outcome.get().is_some_and(|outcome| outcome.has_failed)
    }

    /// Whether messages wait for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.is_over() && self.begun.elapsed() < WAIT_MAX
    }

    /// Waits until messages don't wait for it any more. What takes longer goes on for those that come later.
    pub(crate) async fn settled(&self) {
        let over = async {
            let notified = self.over.notified();
            tokio::pin!(notified);
            // Before the look, so that an answer between the look and the wait is not missed.
            notified.as_mut().enable();
            if self.is_waited_for() {
                notified.await;
            }
        };
        let _ = timeout_at((self.begun + WAIT_MAX).into(), over).await;
    }

    /// Ends it with an answer.
    pub(crate) fn settle(&self, name: Option<String>) {
        self.end(Outcome {
            name,
            has_failed: false,
        });
    }

    /// Ends it without one, which takes no name away that was known before.
    fn fail(&self, former: Option<&str>) {
        self.end(Outcome {
            name: former.map(str::to_owned),
            has_failed: true,
        });
    }

    fn end(&self, outcome: Outcome) {
        // It is ended by who looks it up, once.
        let _ = self.outcome.set(outcome);
        self.over.notify_waiters();
    }
}

impl Names {
    /// Asks these servers, by tasks of the runtime at hand.
    pub(crate) fn new(servers: Arc<[SocketAddr]>) -> Arc<Self> {
        let lookups = |outcome: &'static str| counter!("logd_name_lookups_total", "outcome" => outcome);
        Arc::new(Self {
            resolver: Resolver::new(&servers),
            servers,
            cache: Mutex::default(),
            turns: Turns::new(LIMITS),
            runtime: Handle::current(),
            metrics: NamesMetrics {
                found: lookups("found"),
                nothing: lookups("nothing"),
                unconfirmed: lookups("unconfirmed"),
                failed: lookups("failed"),
                busy: lookups("busy"),
            },
        })
    }

    /// Whether these are the servers that it asks.
    pub(crate) fn asks(&self, servers: &[SocketAddr]) -> bool {
        *self.servers == *servers
    }

    /// What is known of an address, or becomes known: for datagrams.
    pub(crate) fn look_up(self: &Arc<Self>, address: IpAddr) -> Arc<Lookup> {
        self.find(address).in_use
    }

    /// What is known of an address for as long as it is good, or becomes known: for what is named for longer.
    fn look_up_newest(self: &Arc<Self>, address: IpAddr) -> Arc<Lookup> {
        self.find(address).newest
    }

    fn find(self: &Arc<Self>, address: IpAddr) -> Known {
        let mut cache = self.cache();
        let (known, former) = match cache.find(address, Instant::now()) {
            Found::Known(known) => return known,
            Found::Old(known) => {
                let former = known.in_use.clone();
                (known, Some(former))
            }
            Found::New(new) => (Known::only(new), None),
        };
        let Some(place) = self.turns.place(address) else {
            known.newest.fail(former.as_ref().and_then(|former| former.name()));
            match former {
                Some(_) => cache.settle(address, &known.newest, Instant::now() + BUSY),
                // The next message asks again.
                None => cache.forget(address),
            }
            drop(cache);
            self.metrics.busy.increment(1);
            return known;
        };
        drop(cache);
        let (names, lookup) = (self.clone(), known.newest.clone());
        self.runtime.spawn(async move {
            names.ask(address, &lookup, former.as_deref(), &place).await;
        });
        known
    }

    async fn ask(&self, address: IpAddr, lookup: &Arc<Lookup>, former: Option<&Lookup>, place: &Place) {
        let former = former.and_then(Lookup::name);
        let Ok(_turn) = timeout(TURN_WAIT_MAX, place.turn()).await else {
            self.metrics.busy.increment(1);
            lookup.fail(former);
            return self.cache().settle(address, lookup, Instant::now() + BUSY);
        };
        let answer = timeout(LOOKUP_MAX, self.resolver.look_up(address)).await;
        let (counter, good) = match answer.unwrap_or(Answer::Failed) {
            Answer::Name { name, ttl } => {
                lookup.settle(Some(name));
                (&self.metrics.found, ttl.clamp(NAME_LEAST, NAME_MOST))
            }
            Answer::Nothing => {
                lookup.settle(None);
                (&self.metrics.nothing, NOTHING)
            }
            Answer::Unconfirmed => {
                lookup.settle(None);
                (&self.metrics.unconfirmed, NOTHING)
            }
            Answer::Failed => {
                lookup.fail(former);
                (&self.metrics.failed, FAILED)
            }
        };
        counter.increment(1);
        self.cache().settle(address, lookup, Instant::now() + good);
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
