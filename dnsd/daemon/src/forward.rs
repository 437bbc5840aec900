//! Questions that other servers are asked: those below a forward zone, and, with `[forward]`, those for names of no zone.
//!
//! The answering threads decide whether a question is forwarded at all ([`Forwarder::route`]): by whom it may be, by its name,
//! and by how many are under way. What is goes to a task, which looks into the cache, asks one forwarder after the other
//! (`upstream.rs`), and gives the response back as octets, for `dnsd_core::answer::relay` to make the reply of.

mod cache;
mod counts;
mod private_names;
mod question;
mod upstream;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use dnsd_core::acl::{Acl, LocalNetworks, Who};
use dnsd_core::name::NameRef;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use cache::Flushed;
pub(crate) use counts::ForwardCounts;
pub(crate) use private_names::empty_zones;
pub(crate) use question::Question;

use crate::config::{CacheLimits, Config, ForwardPolicy, ForwardZone, Remote};
use counts::ForwardCounters;
use private_names::is_private;
use upstream::{Forwarders, Upstream};

/// Questions under way at a time: BIND's `recursive-clients`. Each holds a socket for as long as it waits.
const ASKED_MAX: usize = 1000;

/// Forwards questions. It is made for a configuration; what it has learned is handed on to the next.
#[derive(Debug)]
pub(crate) struct Forwarder {
    global: Option<Global>,
    /// By whom is asked: zones that have the same forwarders share what these have answered.
    upstreams: HashMap<Forwarders, Arc<Upstream>>,
    limits: CacheLimits,
    permits: Arc<Semaphore>,
    counters: Arc<ForwardCounters>,
    /// Where it is asked: answering threads have no runtime of their own. `None` where there is none at all.
    runtime: Option<Handle>,
}

/// For names of no zone.
#[derive(Debug)]
struct Global {
    allow: Arc<Acl>,
    upstream: Arc<Upstream>,
}

/// What becomes of a question that could be forwarded.
#[derive(Debug)]
pub(crate) enum Route {
    /// It isn't: who asks may not have it forwarded, or nothing is below this name.
    Locally,
    /// Its name means something else in every network, and nobody outside of ours knows it.
    Private,
    /// There are too many under way.
    Busy,
    /// It is.
    Ask(Path),
}

/// Where a question goes.
#[derive(Debug)]
pub(crate) struct Path {
    runtime: Handle,
    upstream: Arc<Upstream>,
    /// What is answered when nobody there answers.
    pub(crate) policy: ForwardPolicy,
    _permit: OwnedSemaphorePermit,
}

impl Forwarder {
    /// For a configuration; `old` hands over what it has cached of the same forwarders, as far as they are asked in the same
    /// way.
    pub(crate) fn new(config: &Config, old: Option<&Self>) -> Self {
        // Without `[forward]` forward zones have its defaults.
        let limits = config.forward.as_ref().map(|forward| forward.cache).unwrap_or_default();
        let permits = old.map_or_else(|| Arc::new(Semaphore::new(ASKED_MAX)), |old| old.permits.clone());
        let counters = old.map(|old| old.counters.clone()).unwrap_or_default();
        let old = old.filter(|old| old.limits == limits);
        let mut upstreams = HashMap::new();
        let mut upstream = |remotes: &[Arc<Remote>]| {
            let forwarders = Forwarders::of(remotes);
            let known = old.and_then(|old| old.upstreams.get(&forwarders));
            let made = upstreams.entry(forwarders).or_insert_with_key(|forwarders| {
                known.map_or_else(
                    || Arc::new(Upstream::new(forwarders, &limits, counters.clone())),
                    Arc::clone,
                )
            });
            made.clone()
        };
        let global = config.forward.as_ref().map(|forward| Global {
            allow: forward.allow.clone(),
            upstream: upstream(&forward.forwarders),
        });
        let in_views = config.views.iter().flat_map(|view| &view.zones.forwards);
        for zone in config.zones.forwards.iter().chain(in_views) {
            upstream(&zone.forwarders);
        }
        Self {
            global,
            upstreams,
            limits,
            permits,
            counters,
            runtime: Handle::try_current().ok(),
        }
    }

    /// Whether a client may have questions for any name forwarded.
    pub(crate) fn is_open_to<'w>(&self, who: impl FnOnce() -> Who<'w>, local: &LocalNetworks) -> bool {
        self.global
            .as_ref()
            .is_some_and(|global| global.allow.allows(&who(), local))
    }

    /// Who is asked below a forward zone, or, without one, for a name of no zone; `None`: nobody.
    pub(crate) fn target<'f>(&'f self, zone: Option<&'f ForwardZone>) -> Option<Target<'f>> {
        let Some(zone) = zone else {
            let global = self.global.as_ref()?;
            return Some(Target {
                allow: &global.allow,
                policy: ForwardPolicy::Only,
                upstream: &global.upstream,
            });
        };
        // A zone of another configuration than this one is about to go or to come.
        let upstream = self.upstreams.get(&Forwarders::of(&zone.forwarders))?;
        (!upstream.is_empty()).then_some(Target {
            allow: &zone.allow,
            policy: zone.policy,
            upstream,
        })
    }

    /// What becomes of a question below a forward zone, or, without one, for a name of no zone.
    pub(crate) fn route(
        &self,
        zone: Option<&ForwardZone>,
        name: NameRef<'_>,
        who: &Who<'_>,
        local: &LocalNetworks,
    ) -> Route {
        let Some(Target {
            allow,
            policy,
            upstream,
        }) = self.target(zone)
        else {
            return Route::Locally;
        };
        if !allow.allows(who, local) {
            return Route::Locally;
        }
        if stays_here(zone, name) {
            return Route::Private;
        }
        let Some(runtime) = self.runtime.clone() else {
            return Route::Locally;
        };
        match self.permits.clone().try_acquire_owned() {
            Ok(permit) => Route::Ask(Path {
                runtime,
                upstream: upstream.clone(),
                policy,
                _permit: permit,
            }),
            Err(_) => Route::Busy,
        }
    }
}

impl Forwarder {
    /// Forgets what forwarders have answered, and says how many answers these were. What is under way is kept when it comes.
    pub(crate) fn flush(&self, what: Flushed<'_>) -> usize {
        self.upstreams.values().map(|upstream| upstream.flush(what)).sum()
    }

    /// What became of questions so far.
    pub(crate) fn counts(&self) -> ForwardCounts {
        self.counters.counts(ASKED_MAX - self.permits.available_permits())
    }
}

/// Who is asked, and for whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'f> {
    /// Whose questions are forwarded.
    pub(crate) allow: &'f Acl,
    /// What is answered when nobody there answers.
    pub(crate) policy: ForwardPolicy,
    upstream: &'f Arc<Upstream>,
}

impl Target<'_> {
    /// Who is asked, in this order.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.upstream.addresses()
    }
}

/// Whether a name is of a private network, whose names never leave. Who has a forward zone in one of these networks is asked about
/// it; the zone above all of them, or the root, says nothing of that.
pub(crate) fn stays_here(zone: Option<&ForwardZone>, name: NameRef<'_>) -> bool {
    is_private(name) && !zone.is_some_and(|zone| is_private(zone.name.as_name_ref()))
}

impl Path {
    /// Has `task` done, which gets the path.
    pub(crate) fn run<F>(self, task: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = self.runtime.clone();
        runtime.spawn(task(self));
    }

    /// The response to a question, as octets; `None` when no forwarder has one.
    pub(crate) async fn ask(&self, question: &Question) -> Option<Vec<u8>> {
        self.upstream.ask(question).await
    }
}
