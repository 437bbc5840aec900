//! The machines that there are, as all providers together know them, in numbered versions: what watchers follow.
//!
//! Without a socket or a clock. Providers hand in whole listings; what differs from the version before becomes a delta, and the
//! last of these are kept, so that a watcher that was away for a moment goes on where it was. One that was away for longer,
//! or takes its time, gets a snapshot instead: what waits for a slow watcher is never more than the inventory itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ballast_shared::plugin::host::Host;

/// Hosts in the deltas that are kept: some megabytes.
const HISTORY_HOSTS_MAX: usize = 20_000;

/// Ids that are remembered as gone, for snapshots to say so: what a watcher lacked while it was away is then known to be meant.
const GONE_MAX: usize = 20_000;

/// All that one provider knows of: a listing that was complete. One that wasn't is never made into this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing(BTreeMap<Arc<str>, Arc<Host>>);

impl Listing {
    /// A listing of these hosts. Of two with one id the later counts.
    #[must_use]
    pub fn new(hosts: impl IntoIterator<Item = Host>) -> Self {
        let hosts = hosts.into_iter().map(|host| (host.id.clone(), Arc::new(host)));
        Self(hosts.collect())
    }

    /// How many hosts it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What differs between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The version that it leads to from the one before.
    pub seq: u64,
    /// Hosts that are new or other than before.
    pub changed: Vec<Arc<Host>>,
    /// Those that are no more.
    pub gone: Vec<Arc<str>>,
}

/// How a watcher goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It has the newest version.
    UpToDate,
    /// These lead to the newest version from the one that it has.
    Deltas(Vec<Arc<Delta>>),
    /// It begins anew.
    Snapshot {
        /// The version.
        seq: u64,
        /// All hosts.
        hosts: Vec<Arc<Host>>,
        /// Hosts that are known to be gone.
        gone: Vec<Arc<str>>,
    },
}

/// Two providers have a host of one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The host.
    pub id: Arc<str>,
    /// The provider whose description counts, by its place in the configuration.
    pub taken: usize,
    /// The one whose doesn't.
    pub left: usize,
}

/// The inventory.
#[derive(Debug)]
pub struct Inventory {
    epoch: String,
    seq: u64,
    /// By the providers' order in the configuration; `None`: it has not listed anything yet.
    listings: Vec<Option<Listing>>,
    hosts: BTreeMap<Arc<str>, Arc<Host>>,
    history: VecDeque<Arc<Delta>>,
    /// Hosts and ids in it.
    history_hosts: usize,
    gone: VecDeque<Arc<str>>,
}

impl Inventory {
    /// Without a host yet. `epoch` is a text that no other start of the daemon has.
    #[must_use]
    pub fn new(epoch: String, providers: usize) -> Self {
        Self {
            epoch,
            seq: 0,
            listings: vec![None; providers],
            hosts: BTreeMap::new(),
            history: VecDeque::new(),
            history_hosts: 0,
            gone: VecDeque::new(),
        }
    }

    /// What no other start of the daemon has.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The newest version.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// All hosts, by id.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &Arc<Host>> {
        self.hosts.values()
    }

    /// Whether every provider has listed its hosts since the start. Until then nothing may be said to be all that there is.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.listings.iter().all(Option::is_some)
    }

    /// Takes a provider's listing. The delta is what watchers are to be told, if anything; while a provider has not listed
    /// anything yet there is none.
    pub fn take(&mut self, provider: usize, listing: Listing) -> Option<Arc<Delta>> {
        self.listings[provider] = Some(listing);
        self.merge()
    }

    /// Changes what a provider knows of some hosts: what an event brings between two listings. It must have listed before.
    pub fn amend(&mut self, provider: usize, changed: Vec<Host>, gone: &[Arc<str>]) -> Option<Arc<Delta>> {
        let listing = self.listings[provider].as_mut()?;
        for id in gone {
            listing.0.remove(id);
        }
        listing
            .0
            .extend(changed.into_iter().map(|host| (host.id.clone(), Arc::new(host))));
        self.merge()
    }

    /// Takes over which providers there are from now on: for each new one the place that it had, if it was there before.
    pub fn rearrange(&mut self, places: &[Option<usize>]) -> Option<Arc<Delta>> {
        let mut before = std::mem::take(&mut self.listings);
        let listing = |place: &Option<usize>| place.and_then(|place| before[place].take());
        self.listings = places.iter().map(listing).collect();
        self.merge()
    }

    /// Hosts that several providers have.
    #[must_use]
    pub fn clashes(&self) -> Vec<Clash> {
        let mut first: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        let mut clashes = Vec::new();
        for (provider, listing) in self.listings.iter().enumerate() {
            for id in listing.iter().flat_map(|listing| listing.0.keys()) {
                match first.get(id) {
                    Some(&taken) => clashes.push(Clash {
                        id: id.clone(),
                        taken,
                        left: provider,
                    }),
                    None => drop(first.insert(id, provider)),
                }
            }
        }
        clashes
    }

    fn merge(&mut self) -> Option<Arc<Delta>> {
        if !self.is_complete() {
            return None;
        }
        let mut merged = BTreeMap::new();
        // The first provider of the configuration that has a host says what it is.
        for listing in self.listings.iter().rev().flatten() {
            merged.extend(listing.0.iter().map(|(id, host)| (id.clone(), host.clone())));
        }
        let is_new = |host: &&Arc<Host>| self.hosts.get(&host.id) != Some(host);
        let changed: Vec<Arc<Host>> = merged.values().filter(is_new).cloned().collect();
        let ids = self.hosts.keys().filter(|id| !merged.contains_key(*id));
        let gone: Vec<Arc<str>> = ids.cloned().collect();
        let is_first = self.seq == 0;
        if changed.is_empty() && gone.is_empty() && !is_first {
            return None;
        }
        self.hosts = merged;
        self.seq += 1;
        self.remember_gone(&changed, &gone);
        let delta = Arc::new(Delta {
            seq: self.seq,
            changed,
            gone,
        });
        self.remember(&delta);
        Some(delta)
    }

    fn remember_gone(&mut self, changed: &[Arc<Host>], gone: &[Arc<str>]) {
        if !self.gone.is_empty() {
            let back: BTreeSet<&Arc<str>> = changed.iter().map(|host| &host.id).collect();
            self.gone.retain(|id| !back.contains(id));
        }
        self.gone.extend(gone.iter().cloned());
        let too_many = self.gone.len().saturating_sub(GONE_MAX);
        self.gone.drain(..too_many);
    }

    fn remember(&mut self, delta: &Arc<Delta>) {
        self.history_hosts += weight(delta);
        self.history.push_back(delta.clone());
        while self.history_hosts > HISTORY_HOSTS_MAX
            && let Some(oldest) = self.history.pop_front()
        {
            self.history_hosts -= weight(&oldest);
        }
    }

    /// How a watcher goes on that has this version, if it has one. `None` while there is nothing to be told yet.
    #[must_use]
    pub fn since(&self, version: Option<(&str, u64)>) -> Option<Start> {
        if self.seq == 0 {
            return None;
        }
        if let Some((epoch, seq)) = version
            && epoch == self.epoch
        {
            if seq == self.seq {
                return Some(Start::UpToDate);
            }
            let later: Vec<_> = self.history.iter().filter(|delta| delta.seq > seq).cloned().collect();
            if later.first().is_some_and(|first| first.seq == seq + 1) {
                return Some(Start::Deltas(later));
            }
        }
        Some(Start::Snapshot {
            seq: self.seq,
            hosts: self.hosts.values().cloned().collect(),
            gone: self.gone.iter().cloned().collect(),
        })
    }
}

/// What a delta counts in the history.
fn weight(delta: &Delta) -> usize {
    1 + delta.changed.len() + delta.gone.len()
}

#[cfg(test)]
mod tests;
