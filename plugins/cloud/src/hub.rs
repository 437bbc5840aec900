//! What the daemon's tasks share: the inventory, how the providers are, and the news that there is a new version.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_shared::plugin::host::{Host, WireHost};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::events::Events;
use crate::inventory::{Clash, Delta, Inventory, Listing, Start};
use crate::providers::Word;
use crate::resources::Resources;

/// How a provider is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Hosts in its last whole listing; `None`: there was none yet.
    pub hosts: Option<usize>,
    /// When that was, in seconds since 1970.
    pub listed_at: Option<u64>,
    /// Why it can't tell anything newer.
    pub problem: Option<String>,
    /// How often it could not, since the start.
    pub failures: u64,
}

/// The inventory and its providers.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
    seq: watch::Sender<u64>,
    resources: Resources,
    events: Arc<Events>,
}

#[derive(Debug)]
struct State {
    inventory: Inventory,
    providers: Vec<ProviderStatus>,
    /// Those that have been told.
    clashes: Vec<Clash>,
}

impl Hub {
    /// Without a host, for these providers. `epoch` is a text that no other start of the daemon has.
    #[must_use]
    pub fn new(epoch: String, providers: &[String]) -> Self {
        let mut inventory = Inventory::new(epoch, providers.len());
        if providers.is_empty() {
            // Nobody knows of a host: there is none.
            inventory.rearrange(&[]);
        }
        let (seq, _) = watch::channel(inventory.seq());
        Self {
            state: Mutex::new(State {
                inventory,
                providers: providers.iter().map(|name| ProviderStatus::named(name)).collect(),
                clashes: Vec::new(),
            }),
            seq,
            resources: Resources::default(),
            events: Arc::default(),
        }
    }

    /// What there is besides machines.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// What happens, and whom to tell of it.
    #[must_use]
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a provider has found out: a whole listing, or why there is none. A provider that isn't there any more says nothing.
    pub fn told(&self, provider: &str, outcome: Result<Listing, String>) {
        let mut state = self.state();
        let Some(place) = state.place_of(provider) else { return };
        match outcome {
            Ok(listing) => {
                let status = &mut state.providers[place];
                if status.problem.take().is_some() {
                    info!("provider {provider}: it can be listed again");
                }
                status.hosts = Some(listing.len());
                status.listed_at = Some(now());
                let delta = state.inventory.take(place, listing);
                self.settle(&mut state, provider, delta.as_deref());
            }
            Err(problem) => {
                let status = &mut state.providers[place];
                if status.problem.as_ref() != Some(&problem) {
                    error!("provider {provider}: what it said before goes on to count: {problem}");
                }
                status.problem = Some(problem);
                status.failures += 1;
            }
        }
    }

    /// What a provider that asks a cloud has found out.
    pub fn reported(&self, provider: &str, word: Word) {
        match word {
            Word::Listing(hosts) => self.told(provider, Ok(Listing::new(valid(provider, hosts)))),
            Word::Change { hosts, gone } => {
                let hosts = valid(provider, hosts);
                let gone: Vec<Arc<str>> = gone.into_iter().map(Into::into).collect();
                let mut state = self.state();
                let Some(place) = state.place_of(provider) else { return };
                let delta = state.inventory.amend(place, hosts, &gone);
                self.settle(&mut state, provider, delta.as_deref());
            }
            Word::Resources(kind, outcome) => self.resources.told(provider, kind, outcome, now()),
            Word::Event(event) => drop(self.events.tell(event)),
            Word::Failing { error, .. } => self.told(provider, Err(error)),
        }
    }

    /// Takes over which providers there are.
    pub fn rearrange(&self, providers: &[String]) {
        self.resources.retain(providers);
        let mut state = self.state();
        let place = |name: &String| state.providers.iter().position(|status| status.name == *name);
        let places: Vec<Option<usize>> = providers.iter().map(place).collect();
        let named = |(name, place): (&String, &Option<usize>)| {
            place.map_or_else(|| ProviderStatus::named(name), |place| state.providers[place].clone())
        };
        let statuses = providers.iter().zip(&places).map(named).collect();
        state.providers = statuses;
        let delta = state.inventory.rearrange(&places);
        self.settle(&mut state, "of before", delta.as_deref());
    }

    /// Tells whoever waits, and of hosts that several providers have.
    fn settle(&self, state: &mut State, provider: &str, delta: Option<&Delta>) {
        if let Some(delta) = delta {
            info!(
                "provider {provider}: {} hosts new or changed, {} gone; {} in all, version {}",
                delta.changed.len(),
                delta.gone.len(),
                state.inventory.hosts().len(),
                delta.seq
            );
        }
        let clashes = state.inventory.clashes();
        for clash in clashes.iter().filter(|clash| !state.clashes.contains(clash)) {
            let name = |place: usize| &state.providers[place].name;
            let (taken, left) = (name(clash.taken), name(clash.left));
            warn!(
                "host {}: both {taken} and {left} have it; it is what {taken} says",
                clash.id
            );
        }
        state.clashes = clashes;
        self.seq.send_if_modified(|seq| {
            let before = std::mem::replace(seq, state.inventory.seq());
            before != *seq
        });
    }

    /// Hears of each new version: its number.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.seq.subscribe()
    }

    /// How a watcher goes on that has this version, and in which epoch; nothing while not every provider has listed its hosts.
    #[must_use]
    pub fn since(&self, version: Option<(&str, u64)>) -> Option<(String, Start)> {
        let state = self.state();
        let start = state.inventory.since(version)?;
        Some((state.inventory.epoch().to_owned(), start))
    }

    /// All hosts as they are now.
    #[must_use]
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        self.state().inventory.hosts().cloned().collect()
    }

    /// The inventory's epoch, its version, how many hosts it has, and whether every provider has listed its own.
    #[must_use]
    pub fn version(&self) -> (String, u64, usize, bool) {
        let inventory = &self.state().inventory;
        let hosts = inventory.hosts().len();
        (
            inventory.epoch().to_owned(),
            inventory.seq(),
            hosts,
            inventory.is_complete(),
        )
    }

    /// How the providers are.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderStatus> {
        self.state().providers.clone()
    }
}

impl State {
    fn place_of(&self, provider: &str) -> Option<usize> {
        self.providers.iter().position(|status| status.name == provider)
    }
}

/// The hosts of a cloud's listing that can be told to others. One in which something is wrong is no reason to hide the rest.
fn valid(provider: &str, hosts: Vec<WireHost>) -> Vec<Host> {
    let checked = hosts.into_iter().map(Host::try_from);
    let valid = checked.filter_map(|host| {
        host.inspect_err(|error| warn!("provider {provider}: left out: {error}"))
            .ok()
    });
    valid.collect()
}

impl ProviderStatus {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
