//! Hosts by id, and what two such inventories differ in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::host::Host;
use super::super::news::Update;

/// Where a stream of replies stands: the epoch and number of the last complete one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Of the plugin's start.
    pub epoch: Arc<str>,
    /// Of the reply.
    pub seq: u64,
}

/// Hosts by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    hosts: HashMap<Arc<str>, Arc<Host>>,
}

impl FromIterator<Arc<Host>> for Inventory {
    fn from_iter<T: IntoIterator<Item = Arc<Host>>>(hosts: T) -> Self {
        let hosts = hosts.into_iter().map(|host| (host.id.clone(), host));
        Self { hosts: hosts.collect() }
    }
}

impl Inventory {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The host of an id.
    #[must_use]
    pub fn host(&self, id: &str) -> Option<&Arc<Host>> {
        self.hosts.get(id)
    }

    /// All of them, in no order.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.values()
    }

    /// The ids of those that another one lacks.
    pub(super) fn lacking_in(&self, other: &Self) -> HashSet<Arc<str>> {
        let ids = self.hosts.keys().filter(|id| !other.hosts.contains_key(*id));
        ids.cloned().collect()
    }

    /// Becomes another one; what that changes, `None`: nothing.
    pub(super) fn replace(&mut self, by: Self) -> Option<Update> {
        let full = self.is_empty();
        let is_other = |host: &&Arc<Host>| self.host(&host.id).is_none_or(|before| before != *host);
        let changed: Vec<Arc<Host>> = by.hosts().filter(is_other).cloned().collect();
        let gone: Vec<Arc<str>> = self.lacking_in(&by).into_iter().collect();
        *self = by;
        some(Update { full, changed, gone })
    }

    /// Takes a delta; what it changes.
    pub(super) fn apply(&mut self, hosts: HashMap<Arc<str>, Arc<Host>>, gone: HashSet<Arc<str>>) -> Option<Update> {
        let mut update = Update {
            full: self.is_empty(),
            ..Update::default()
        };
        for id in gone {
            if !hosts.contains_key(&id) && self.hosts.remove(&id).is_some() {
                update.gone.push(id);
            }
        }
        for (id, host) in hosts {
            if self.hosts.get(&id) != Some(&host) {
                update.changed.push(host.clone());
                self.hosts.insert(id, host);
            }
        }
        some(update)
    }

    /// All of it.
    #[must_use]
    pub fn to_update(&self) -> Update {
        Update {
            full: true,
            changed: self.hosts().cloned().collect(),
            gone: Vec::new(),
        }
    }
}

fn some(update: Update) -> Option<Update> {
    (!update.changed.is_empty() || !update.gone.is_empty()).then_some(update)
}
