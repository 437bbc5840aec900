//! Questions that other servers are asked: those below a forward zone, and, with `[forward]`, those for names of no zone.
//!
//! The answering threads decide whether a question is forwarded at all ([`Forwarder::route`]): by whom it may be, by its name,
//! and by how many are under way. What is goes to a task, which looks into the cache, asks one forwarder after the other
//! (`upstream.rs`), and gives the response back as octets, for `dnsd_core::answer::relay` to make the reply of.

mod private_names;
mod question;
mod upstream;

use std::collections::HashMap;
use std::sync::Arc;

use dnsd_core::acl::{Acl, LocalNetworks, Who};
use dnsd_core::name::NameRef;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use private_names::empty_zones;
pub(crate) use question::Question;

use crate::config::{CacheLimits, Config, ForwardPolicy, ForwardZone, Remote};
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
        let old = old.filter(|old| old.limits == limits);
        let mut upstreams = HashMap::new();
        let mut upstream = |remotes: &[Arc<Remote>]| {
            let forwarders = Forwarders::of(remotes);
            let known = old.and_then(|old| old.upstreams.get(&forwarders));
            let made = upstreams.entry(forwarders).or_insert_with_key(|forwarders| {
                known.map_or_else(|| Arc::new(Upstream::new(forwarders, &limits)), Arc::clone)
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
            runtime: Handle::try_current().ok(),
        }
    }

    /// Whether a client may have questions for any name forwarded.
    pub(crate) fn is_open_to<'w>(&self, who: impl FnOnce() -> Who<'w>, local: &LocalNetworks) -> bool {
        self.global
            .as_ref()
            .is_some_and(|global| global.allow.allows(&who(), local))
    }

    /// What becomes of a question below a forward zone, or, without one, for a name of no zone.
    pub(crate) fn route(
        &self,
        zone: Option<&ForwardZone>,
        name: NameRef<'_>,
        who: &Who<'_>,
        local: &LocalNetworks,
    ) -> Route {
        let (allow, upstream, policy) = match (zone, &self.global) {
            (Some(zone), _) => {
                let upstream = self.upstreams.get(&Forwarders::of(&zone.forwarders));
                // A zone of another configuration than this one is about to go or to come.
                let Some(upstream) = upstream.filter(|upstream| !upstream.is_empty()) else {
                    return Route::Locally;
                };
                (&zone.allow, upstream, zone.policy)
            }
            (None, Some(global)) => (&global.allow, &global.upstream, ForwardPolicy::Only),
            (None, None) => return Route::Locally,
        };
        if !allow.allows(who, local) {
            return Route::Locally;
        }
        // Who has a forward zone in one of these networks is asked about it; the zone above all of them, or the root, says nothing
        // of that.
        let is_meant = zone.is_some_and(|zone| is_private(zone.name.as_name_ref()));
        if is_private(name) && !is_meant {
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
