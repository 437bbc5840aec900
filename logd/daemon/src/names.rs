//! The names of senders by reverse lookup: `%fromhost%` with `resolve = true`.
//!
//! An address is looked up once, whoever asks for it, by a task beside the log path, which waits for it a short time at most.
//! What came of it is kept for as long as the answer is good for; then it is used until the new answer is there, so that a
//! sender is not now its name and now its address. A name counts when it leads back to the address: whoever has an address can
//! write any name into its reverse zone.

mod cache;
mod resolver;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{timeout, timeout_at};

use cache::{Cache, Found};
use resolver::{Answer, Resolver};

/// How long messages wait for their sender's name: a resolver that has to ask others has answered by then, or is about to be given
/// up by whoever asks by hand.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a lookup may take: some tries, of which the last one is of use to the messages that come later.
const LOOKUP_MAX: Duration = Duration::from_secs(10);

/// Lookups at a time: enough for a fleet that comes back at once, few enough for a resolver's own limits.
const ASKED_MAX: usize = 256;

/// Lookups that are under way or wait: as many as an input has connections. Beyond, an address is a name.
const PENDING_MAX: usize = 10_000;

/// For how long a name is good, whatever its TTL says: a lookup a minute is no burden, and a name of yesterday is too old.
const NAME_LEAST: Duration = Duration::from_secs(60);
const NAME_MOST: Duration = Duration::from_secs(86_400);

/// For how long it is good that there is none.
const NOTHING: Duration = Duration::from_secs(300);

/// How long nobody asks again when no server has answered.
const FAILED: Duration = Duration::from_secs(60);

/// The names that are known, and how further ones are found.
pub(crate) struct Names {
    servers: Arc<[SocketAddr]>,
    resolver: Resolver,
    cache: Mutex<Cache>,
    asked: Semaphore,
    pending: Arc<Semaphore>,
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
    /// Once it is over: the name, if there is one.
    answer: OnceLock<Option<String>>,
    over: Notify,
}

impl Lookup {
    /// One that has just begun.
    pub(crate) fn new(begun: Instant) -> Arc<Self> {
        Arc::new(Self {
            begun,
            answer: OnceLock::new(),
            over: Notify::new(),
        })
    }

    /// The name, as soon as there is one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.answer.get()?.as_deref()
    }

    /// Whether messages wait for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.answer.get().is_none() && self.begun.elapsed() < WAIT_MAX
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

    /// Ends it.
    pub(crate) fn settle(&self, name: Option<String>) {
        // It is settled by who looks it up, once.
        let _ = self.answer.set(name);
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
            asked: Semaphore::new(ASKED_MAX),
            pending: Arc::new(Semaphore::new(PENDING_MAX)),
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

    /// What is known of an address, or becomes known.
    pub(crate) fn look_up(self: &Arc<Self>, address: IpAddr) -> Arc<Lookup> {
        let mut cache = self.cache();
        let (lookup, new) = match cache.find(address, Instant::now()) {
            Found::Good(lookup) => return lookup,
            Found::Old { lookup, new } => (lookup, new),
            Found::New(new) => (new.clone(), new),
        };
        let Ok(pending) = self.pending.clone().try_acquire_owned() else {
            cache.forget(address);
            drop(cache);
            self.metrics.busy.increment(1);
            new.settle(None);
            return lookup;
        };
        drop(cache);
        let names = self.clone();
        self.runtime.spawn(async move {
            names.ask(address, &new).await;
            drop(pending);
        });
        lookup
    }

    async fn ask(&self, address: IpAddr, lookup: &Arc<Lookup>) {
        let _turn = self.asked.acquire().await;
        let answer = timeout(LOOKUP_MAX, self.resolver.look_up(address)).await;
        let (counter, name, good) = match answer.unwrap_or(Answer::Failed) {
            Answer::Name { name, ttl } => (&self.metrics.found, Some(name), ttl.clamp(NAME_LEAST, NAME_MOST)),
            Answer::Nothing => (&self.metrics.nothing, None, NOTHING),
            Answer::Unconfirmed => (&self.metrics.unconfirmed, None, NOTHING),
            Answer::Failed => (&self.metrics.failed, None, FAILED),
        };
        counter.increment(1);
        let has_failed = std::ptr::eq(counter, &self.metrics.failed);
        lookup.settle(name);
        self.cache().settle(address, lookup, Instant::now() + good, has_failed);
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
