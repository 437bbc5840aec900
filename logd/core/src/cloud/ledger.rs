//! What a plugin has said, and what was so before: from updates of its inventory to [`Map`]s.
//!
//! A machine's address is its until the inventory says otherwise or has the machine no more. Then its time is over, at the time
//! that we heard of it unless the inventory said when; and it is kept for [`KEPT_S`], so that messages which were received
//! before, and are looked at late, are still its.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use super::tenancy::{Claim, tenancies};
use super::{Host, Map, State};

/// For how long it is remembered whose an address was, in seconds: longer than messages wait anywhere between the socket and
/// here, and than the clocks of a cloud and ours are apart.
pub const KEPT_S: i64 = 3600;

/// How many of them at most, the last: at a few hundred octets each a bound of some ten megabytes. A group that replaces a
/// thousand machines a minute is within it.
pub const ENDED_MAX: usize = 65_536;

/// Of one address. One that more machines claim is no address of a machine.
pub const TENANCIES_MAX: usize = 32;

/// An address, and when it was a machine's: seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// `None`: since ever.
    pub from: Option<i64>,
    /// The first second at which it is not; `None`: it still is.
    pub until: Option<i64>,
}

impl Address {
    fn start(&self) -> i64 {
        self.from.unwrap_or(i64::MIN)
    }
}

/// A machine as an inventory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What is said of it.
    pub host: Host,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// What a plugin has said.
#[derive(Debug)]
pub struct Ledger {
    /// By id.
    machines: HashMap<Arc<str>, Machine>,
    claims: HashMap<IpAddr, Vec<Claim>>,
    /// Claims that are over, in the order in which they were: when, of which address, which.
    ended: VecDeque<(i64, IpAddr, u64)>,
    next_number: u64,
    map: Map,
    /// Addresses that too many machines claim, so often.
    refused: u64,
}

impl Ledger {
    /// Nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            machines: HashMap::new(),
            claims: HashMap::new(),
            ended: VecDeque::new(),
            next_number: 0,
            map: Map::new(),
            refused: 0,
        }
    }

    /// What has become of it all so far.
    #[must_use]
    pub fn map(&self) -> Map {
        self.map.clone()
    }

    /// How many machines there are.
    #[must_use]
    pub fn machines(&self) -> usize {
        self.machines.len()
    }

    /// How many addresses are remembered whose time is over.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.ended.len()
    }

    /// How often a machine's address was not taken, for more than [`TENANCIES_MAX`] claimed it.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes up what the plugin says at this time: machines that are new or other than before, and ids of those that are no more.
    /// With `full` all that are not among the machines are no more. Whether the map has changed.
    pub fn apply(
        &mut self,
        machines: impl IntoIterator<Item = Machine>,
        gone: &[Arc<str>],
        full: bool,
        now: i64,
    ) -> bool {
        let mut touched = HashSet::new();
        let mut left: HashSet<Arc<str>> = match full {
            true => self.machines.keys().cloned().collect(),
            false => HashSet::new(),
        };
        left.extend(gone.iter().cloned());
        let mut changed = Vec::new();
        for machine in machines {
            let id: Arc<str> = machine.host.id().into();
            left.remove(&id);
            if self.machines.get(&id) != Some(&machine) {
                changed.push((id, machine));
            }
        }
        // Those that go first: who takes over an address finds it free.
        for id in left {
            if let Some(machine) = self.machines.remove(&id) {
                for address in &machine.addresses {
                    self.end(&id, address, now, &mut touched);
                }
            }
        }
        for (id, machine) in changed {
            let before = self.machines.insert(id.clone(), machine.clone());
            let stays = |before: &Address| {
                let mut now = machine.addresses.iter();
                now.any(|address| (address.ip, address.from) == (before.ip, before.from))
            };
            for address in before.iter().flat_map(|before| &before.addresses) {
                if !stays(address) {
                    self.end(&id, address, now, &mut touched);
                }
            }
            for address in &machine.addresses {
                self.claim(&id, &machine.host, address, &mut touched);
            }
        }
        let changed = !touched.is_empty();
        touched.into_iter().for_each(|ip| self.settle(ip));
        // What is over once more than fits goes with the oldest.
        while self.ended.len() > ENDED_MAX {
            self.forget_first();
        }
        changed
    }

    /// Takes up how far the plugin can be relied on. Whether the map has changed.
    pub fn set_state(&mut self, state: State) -> bool {
        let has_changed = self.map.state() != state;
        self.map.set_state(state);
        has_changed
    }

    /// Forgets what was over so long ago that no message is of that time any more. The map changes without anybody having to
    /// be told.
    pub fn forget(&mut self, now: i64) {
        while self
            .ended
            .front()
            .is_some_and(|(ended, ..)| ended.saturating_add(KEPT_S) <= now)
        {
            self.forget_first();
        }
    }

    /// A machine has an address, as it had before or other than before.
    fn claim(&mut self, id: &str, host: &Host, address: &Address, touched: &mut HashSet<IpAddr>) {
        let (from, until) = (address.start(), address.until.unwrap_or(i64::MAX));
        let claims = self.claims.entry(address.ip).or_default();
        // What is said of it now is said of it then.
        for claim in claims.iter_mut().filter(|claim| claim.is_of(id)) {
            claim.host = host.clone();
        }
        touched.insert(address.ip);
        let running = |claim: &&mut Claim| claim.is_of(id) && claim.ended.is_none() && claim.from == from;
        if let Some(claim) = claims.iter_mut().find(running) {
            claim.until = until;
            return;
        }
        if claims.len() >= TENANCIES_MAX {
            let oldest = claims.iter().enumerate().filter(|(_, claim)| claim.ended.is_some());
            let oldest = oldest.min_by_key(|(_, claim)| claim.ended).map(|(index, _)| index);
            match oldest {
                // Its entry among those that are over finds nothing when its time comes.
                Some(index) => drop(claims.swap_remove(index)),
                None => {
                    self.refused += 1;
                    return;
                }
            }
        }
        claims.push(Claim {
            number: self.next_number,
            host: host.clone(),
            from,
            until,
            ended: None,
        });
        self.next_number += 1;
    }

    /// A machine has an address no more, or not since then.
    fn end(&mut self, id: &str, address: &Address, now: i64, touched: &mut HashSet<IpAddr>) {
        let Some(claims) = self.claims.get_mut(&address.ip) else {
            return;
        };
        let running = |claim: &&mut Claim| claim.is_of(id) && claim.ended.is_none() && claim.from == address.start();
        for claim in claims.iter_mut().filter(running) {
            claim.ended = Some(now);
            claim.until = claim.until.min(now);
            self.ended.push_back((now, address.ip, claim.number));
            touched.insert(address.ip);
        }
    }

    fn forget_first(&mut self) {
        let Some((_, ip, number)) = self.ended.pop_front() else {
            return;
        };
        let Some(claims) = self.claims.get_mut(&ip) else { return };
        let before = claims.len();
        claims.retain(|claim| claim.number != number);
        if claims.len() < before {
            self.settle(ip);
        }
    }

    /// Brings the map in line with what is claimed of an address.
    fn settle(&mut self, ip: IpAddr) {
        let Some(claims) = self.claims.get(&ip) else { return };
        let tenancies = tenancies(claims);
        if claims.is_empty() {
            self.claims.remove(&ip);
        }
        self.map.set(ip, tenancies);
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
