//! A machine, as it is told, and what of it is kept.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Naming;
use crate::name::Name;

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// What no other machine ever has.
    pub id: Box<str>,
    /// Its name, any text as all that follow.
    pub name: Option<Box<str>>,
    /// The group that it belongs to.
    pub group: Option<Box<str>>,
    /// Where it is.
    pub zone: Option<Box<str>>,
    /// What kind of a machine it is.
    pub kind: Option<Box<str>>,
    /// Whatever else is known, by name.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Its addresses.
    pub addresses: Vec<MachineAddress>,
    /// It is stopped, or being stopped: nobody is to be sent there.
    pub is_down: bool,
}

/// An address, and when it is the machine's; times are seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineAddress {
    /// It.
    pub ip: IpAddr,
    /// None: since ever.
    pub valid_from: Option<i64>,
    /// The first second at which it is not; none: for ever.
    pub valid_until: Option<i64>,
}

impl MachineAddress {
    fn is_valid_at(&self, time: i64) -> bool {
        self.valid_from.is_none_or(|from| from <= time) && self.valid_until.is_none_or(|until| time < until)
    }
}

/// What is kept of a machine.
#[derive(Debug)]
pub(super) struct Known {
    /// The names that it asks for, in the order of the templates, each once.
    pub(super) names: Box<[Asked]>,
    /// All its addresses; none of a machine that is down.
    addresses: Box<[MachineAddress]>,
    /// Those that it has now.
    pub(super) live: Box<[MachineAddress]>,
}

/// A name that a machine asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: Name,
    pub(super) is_own: bool,
}

impl Known {
    pub(super) fn new(machine: &Machine, naming: &Naming) -> Self {
        let mut names: Vec<Asked> = Vec::new();
        for template in &naming.templates {
            let Some(name) = template.name_of(machine, &naming.origin) else {
                continue;
            };
            match names.iter_mut().find(|asked| asked.name == name) {
                Some(asked) => asked.is_own |= template.is_own(),
                None => names.push(Asked {
                    name,
                    is_own: template.is_own(),
                }),
            }
        }
        let addresses = match machine.is_down {
            true => Box::default(),
            false => machine.addresses.as_slice().into(),
        };
        Self {
            names: names.into(),
            addresses,
            live: Box::default(),
        }
    }

    /// Whether the same is asked for.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.names == other.names && self.addresses == other.addresses
    }

    /// Has what it has at this time.
    pub(super) fn live_at(&mut self, now: i64) {
        let live = self.addresses.iter().filter(|address| address.is_valid_at(now));
        let mut live: Vec<MachineAddress> = live.copied().collect();
        live.sort_by_key(|address| (address.ip, address.valid_from));
        live.dedup_by_key(|address| address.ip);
        self.live = live.into();
    }

    /// Since when it has had an address, of those that it has now; none: it has none, and asks for nothing.
    pub(super) fn since(&self) -> Option<i64> {
        self.live
            .iter()
            .map(|address| address.valid_from.unwrap_or(i64::MIN))
            .min()
    }

    /// When what it has changes.
    pub(super) fn times(&self) -> impl Iterator<Item = i64> {
        let times = |address: &MachineAddress| [address.valid_from, address.valid_until];
        self.addresses.iter().flat_map(times).flatten()
    }

    /// The first of these times behind this one.
    pub(super) fn changes_after(&self, now: i64) -> Option<i64> {
        self.times().filter(|at| *at > now).min()
    }
}
