//! The parts of a snapshot or delta that is not complete yet: nothing of it counts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::host::{Host, HostError};
use super::super::wire::WatchReply;
use super::{Limits, Trouble};

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) epoch: Arc<str>,
    pub(super) seq: u64,
    pub(super) full: bool,
    pub(super) hosts: HashMap<Arc<str>, Arc<Host>>,
    pub(super) gone: HashSet<Arc<str>>,
    /// Ids of hosts in which something is wrong.
    pub(super) rejected: HashSet<Arc<str>>,
    bytes: usize,
}

impl Pending {
    pub(super) fn new(reply: &WatchReply) -> Self {
        Self {
            epoch: reply.epoch.as_str().into(),
            seq: reply.seq,
            full: reply.full,
            hosts: HashMap::new(),
            gone: HashSet::new(),
            rejected: HashSet::new(),
            bytes: 0,
        }
    }

    pub(super) fn is_of(&self, reply: &WatchReply) -> bool {
        (&*self.epoch, self.seq, self.full) == (reply.epoch.as_str(), reply.seq, reply.full)
    }

    /// Takes a part of so many octets; what is wrong with some of its hosts goes to `errors`.
    pub(super) fn add(
        &mut self,
        reply: WatchReply,
        bytes: usize,
        limits: &Limits,
        errors: &mut Vec<HostError>,
    ) -> Result<(), Trouble> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > limits.pending_bytes_max {
            return Err(Trouble::TooManyBytes(limits.pending_bytes_max));
        }
        for wire in reply.hosts {
            let id: Arc<str> = wire.id.as_str().into();
            match Host::try_from(wire) {
                Ok(host) => {
                    self.rejected.remove(&id);
                    self.hosts.insert(id, Arc::new(host));
                }
                Err(error) => {
                    errors.push(error);
                    self.hosts.remove(&id);
                    self.rejected.insert(id);
                }
            }
        }
        self.gone.extend(reply.gone.into_iter().map(Arc::from));
        match self.hosts.len() > limits.hosts_max {
            true => Err(Trouble::TooManyHosts(limits.hosts_max)),
            false => Ok(()),
        }
    }
}
