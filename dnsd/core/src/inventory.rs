//! Zones made of an inventory: what machines there are decides which names there are.
//!
//! A machine asks for the names that the zone's templates ([`Template`]) come to with what it is: `%id%`, `%name%.web`, `%group%`.
//! It has them while it is up and has an address.
//!
//! - A template with `%id%` or `%name%` is a machine's own name: it is one machine's alone. Of several that ask for one, the machine
//!   has it whose address is the oldest, and of these the one with the smallest id, whatever order they came in.
//! - Any other template, such as `%group%` or `%label:role%`, is a shared name: it has the addresses of all machines that ask for it. One
//!   that is also some machine's own is that machine's alone.
//! - An address in one of the reverse zones has a PTR record: to the first name in the order of the templates that its machine has as
//!   its own, or else shares. Of several machines with one address it is that of the machine that got it last.
//!
//! What is told of a machine counts from then on, and a change of k machines costs about k: the names that it touched are looked
//! at, and come out as a step from one version of a zone to the next. The rest of the names, hundreds of thousands, are not.

mod claims;
mod machine;
mod template;
mod version;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::name::Name;

use claims::Claims;
use machine::Known;
pub use machine::{Machine, MachineAddress};
pub use template::{Template, TemplateError};
pub use version::Touched;

/// What the zones are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The zone of the names.
    pub origin: Name,
    /// What they are.
    pub templates: Vec<Template>,
    /// The zones of the addresses: names below `in-addr.arpa` and `ip6.arpa`.
    pub reverse: Vec<Name>,
    /// How long the records may be cached, in seconds.
    pub ttl: u32,
    /// The name servers of all of these zones, one at least; the first is the primary of their SOA records.
    pub nameservers: Vec<Name>,
    /// Whom to write to of them: the SOA records' RNAME.
    pub contact: Name,
}

/// Which of the zones: that of the names, or one of the reverse zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// That of the names.
    Forward,
    /// The reverse zone of this place in [`Naming::reverse`].
    Reverse(usize),
}

/// Who has an address, by when they got it, the last one first; then by id.
type Holders = BTreeSet<(Reverse<i64>, Box<str>)>;

/// Knows the machines, and makes the versions of the zones.
#[derive(Debug)]
pub struct Producer {
    naming: Naming,
    machines: HashMap<Box<str>, Known>,
    names: HashMap<Name, Claims>,
    holders: HashMap<IpAddr, Holders>,
    /// When an address begins or ends to be a machine's.
    due: BTreeSet<(i64, Box<str>)>,
    /// Names that several machines want for their own, which nobody has been told of.
    clashes: BTreeSet<Name>,
}

/// Several machines want one name for their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The name.
    pub name: Name,
    /// The machine that has it, by its id.
    pub has: Box<str>,
    /// Another one that wants it.
    pub wants: Box<str>,
}

impl Producer {
    /// Without a machine yet.
    #[must_use]
    pub fn new(naming: Naming) -> Self {
        Self {
            naming,
            machines: HashMap::new(),
            names: HashMap::new(),
            holders: HashMap::new(),
            due: BTreeSet::new(),
            clashes: BTreeSet::new(),
        }
    }

    /// What the zones are.
    #[must_use]
    pub fn naming(&self) -> &Naming {
        &self.naming
    }

    /// Records may be cached for so long from the next version on, in seconds; whether that is another time than before. All records
    /// of the zones have it, so that the next version is to [follow](Self::follow) the one that is there.
    pub fn set_ttl(&mut self, ttl: u32) -> bool {
        std::mem::replace(&mut self.naming.ttl, ttl) != ttl
    }

    /// How many machines are known.
    #[must_use]
    pub fn machine_count(&self) -> usize {
        self.machines.len()
    }

    /// The machines are these, and no others. `now` is in seconds since 1970.
    pub fn replace(&mut self, machines: impl IntoIterator<Item = Machine>, now: i64) -> Touched {
        let mut gone: BTreeSet<Box<str>> = self.machines.keys().cloned().collect();
        let machines: Vec<Machine> = machines.into_iter().collect();
        for machine in &machines {
            gone.remove(&machine.id);
        }
        let gone: Vec<&str> = gone.iter().map(AsRef::as_ref).collect();
        self.update(machines, &gone, now)
    }

    /// These machines are new or other than before, and those are gone.
    pub fn update(&mut self, changed: impl IntoIterator<Item = Machine>, gone: &[&str], now: i64) -> Touched {
        let mut touched = self.advance(now);
        for id in gone {
            if let Some(known) = self.machines.remove(*id) {
                self.withdraw(id, &known, &mut touched);
            }
        }
        for machine in changed {
            let id = machine.id.clone();
            let mut known = Known::new(&machine, &self.naming);
            if let Some(before) = self.machines.remove(&id) {
                if before.is_same(&known) {
                    self.machines.insert(id, before);
                    continue;
                }
                self.withdraw(&id, &before, &mut touched);
            }
            self.enter(&id, &mut known, now, &mut touched);
            self.machines.insert(id, known);
        }
        touched
    }

    /// When [`Producer::advance`] has something to do, in seconds since 1970.
    #[must_use]
    pub fn due_at(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Time has passed: addresses have begun and ended to be their machines'.
    pub fn advance(&mut self, now: i64) -> Touched {
        let mut touched = Touched::default();
        while let Some((at, id)) = self.due.first().cloned()
            && at <= now
        {
            self.due.pop_first();
            if let Some(mut known) = self.machines.remove(&id) {
                self.withdraw(&id, &known, &mut touched);
                self.enter(&id, &mut known, now, &mut touched);
                self.machines.insert(id, known);
            }
        }
        touched
    }

    /// Names that several machines want for their own, since this was last asked.
    pub fn take_clashes(&mut self) -> Vec<Clash> {
        let names = std::mem::take(&mut self.clashes);
        let clash = |name: Name| {
            let (has, wants) = self.names.get(&name)?.clash()?;
            Some(Clash {
                has: has.into(),
                wants: wants.into(),
                name,
            })
        };
        names.into_iter().filter_map(clash).collect()
    }

    /// Claims for a machine what it has at this time.
    fn enter(&mut self, id: &str, known: &mut Known, now: i64, touched: &mut Touched) {
        known.live_at(now);
        if let Some(at) = known.changes_after(now) {
            self.due.insert((at, id.into()));
        }
        let Some(since) = known.since() else { return };
        for name in &known.names {
            let claims = self.names.entry(name.name.clone()).or_default();
            let before = claims.owner_before();
            if claims.enter(name.is_own, since, id) {
                self.clashes.insert(name.name.clone());
            }
            let moved = claims.moved_since(&before);
            touched.name(&name.name);
            self.touch_addresses(&moved, touched);
        }
        for address in &known.live {
            let since = address.valid_from.unwrap_or(i64::MIN);
            let holders = self.holders.entry(address.ip).or_default();
            holders.insert((Reverse(since), id.into()));
            touched.address(address.ip);
        }
    }

    /// Takes back what was claimed for it.
    fn withdraw(&mut self, id: &str, known: &Known, touched: &mut Touched) {
        for at in known.times() {
            self.due.remove(&(at, id.into()));
        }
        let Some(since) = known.since() else { return };
        for name in &known.names {
            touched.name(&name.name);
            let Some(claims) = self.names.get_mut(&name.name) else {
                continue;
            };
            let before = claims.owner_before();
            claims.withdraw(name.is_own, since, id);
            let moved = claims.moved_since(&before);
            if claims.is_empty() {
                self.names.remove(&name.name);
            }
            self.touch_addresses(&moved, touched);
        }
        for address in &known.live {
            let since = address.valid_from.unwrap_or(i64::MIN);
            if let Some(holders) = self.holders.get_mut(&address.ip) {
                holders.remove(&(Reverse(since), id.into()));
                if holders.is_empty() {
                    self.holders.remove(&address.ip);
                }
            }
            touched.address(address.ip);
        }
    }

    /// Which name an address points to follows from which names its machine has.
    fn touch_addresses(&self, ids: &[Box<str>], touched: &mut Touched) {
        for known in ids.iter().filter_map(|id| self.machines.get(id)) {
            for address in &known.live {
                touched.address(address.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests;
