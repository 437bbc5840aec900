//! Access control lists: who may ask, transfer, notify and update, and whom a view is for.
//!
//! The daemon makes an [`Acl`] from each list of its configuration and asks it about every client, plain queries included.
//! So a list is compiled: its networks into one table of disjoint ranges, which is searched by halves however many they are;
//! a decision allocates nothing, and a list that begins with `any` or `none` isn't looked at.
//!
//! The meaning is that of BIND's address match lists: the first entry that matches decides, `!` in front of it turns its
//! verdict round, and who is matched by none is refused. A list within a list matches whom it would allow. Whom it would
//! refuse it doesn't match, so that `!` in front of a list never allows anybody.

mod local;
mod range;
mod reach;
mod table;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::name::{Name, NameRef};
pub use local::LocalNetworks;
use range::{Range, number};
pub use reach::Unreachable;
use table::NetworkTable;

/// A list, compiled.
#[derive(Debug)]
pub struct Acl {
    entries: Box<[Entry]>,
    steps: Box<[Step]>,
}

/// What decides, in the order of the entries.
#[derive(Debug)]
enum Step {
    /// Entries that follow one another and are networks; the first of them that matches.
    Networks(NetworkTable),
    /// An entry of another kind, by its index.
    Entry(u32),
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether those who match are refused: `!` in front.
    pub excludes: bool,
    /// Who matches.
    pub subject: Subject,
}

/// Whom an entry matches. `none` is an entry that excludes [`Subject::Any`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Everybody.
    Any,
    /// Addresses. Those of `::ffff:0:0/96` are IPv4 addresses.
    Network(IpNet),
    /// Who signed with the key of this name.
    Key(Name),
    /// The machine's own addresses.
    Localhost,
    /// The networks that the machine is in.
    Localnets,
    /// A server that is known by name.
    Remote(RemoteSubject),
    /// Whom another list allows.
    List {
        /// How it is called in the configuration.
        name: Box<str>,
        /// The list.
        acl: Arc<Acl>,
    },
}

/// A server as an entry of a list: from one of its addresses, and, where it has keys, signed with one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSubject {
    /// How it is called in the configuration.
    pub name: Box<str>,
    /// Its addresses.
    pub addresses: Box<[IpAddr]>,
    /// The names of its keys; none: it needn't sign.
    pub keys: Box<[Name]>,
}

/// A client.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    number: u128,
    key: Option<NameRef<'a>>,
}

/// What a list says of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is let in.
    pub allowed: bool,
    /// The index of the entry that decided; `None`: none matched.
    pub entry: Option<usize>,
}

impl<'a> Who<'a> {
    /// A client by its address, IPv4 mapped into IPv6 or not, and by the name of the key that its request was rightly signed
    /// with.
    pub fn new(address: IpAddr, key: Option<NameRef<'a>>) -> Self {
        Self {
            number: number(address),
            key,
        }
    }
}

impl Acl {
    /// Compiles a list.
    pub fn new(entries: Vec<Entry>) -> Self {
        let entries = entries.into_boxed_slice();
        let mut steps = Vec::new();
        let mut networks: Vec<(Range, u32)> = Vec::new();
        for (index, entry) in (0..).zip(&entries) {
            match entry.subject.ranges() {
                Some(ranges) => networks.extend(ranges.map(|range| (range, index))),
                None => {
                    if !networks.is_empty() {
                        steps.push(Step::Networks(NetworkTable::new(&networks)));
                        networks.clear();
                    }
                    steps.push(Step::Entry(index));
                }
            }
        }
        if !networks.is_empty() {
            steps.push(Step::Networks(NetworkTable::new(&networks)));
        }
        Self {
            entries,
            steps: steps.into_boxed_slice(),
        }
    }

    /// Allows everybody.
    pub fn any() -> Self {
        Self::new(vec![Entry {
            excludes: false,
            subject: Subject::Any,
        }])
    }

    /// Allows nobody.
    pub fn none() -> Self {
        Self::new(Vec::new())
    }

    /// The entries as they were given.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the list says of every client alike, if it does: it is empty, or begins with `any` or `none`. Needs no address, so
    /// that whoever serves many clients can ask once.
    pub fn always(&self) -> Option<bool> {
        match self.entries.first() {
            None => Some(false),
            Some(first) => (first.subject == Subject::Any).then_some(!first.excludes),
        }
    }

    /// Whether a client is let in.
    pub fn allows(&self, who: &Who<'_>, local: &LocalNetworks) -> bool {
        match self.always() {
            Some(allowed) => allowed,
            None => self.decide(who, local).allowed,
        }
    }

    /// Whether a client is let in, and which entry says so.
    pub fn decide(&self, who: &Who<'_>, local: &LocalNetworks) -> Decision {
        let entry = self.steps.iter().find_map(|step| match step {
            Step::Networks(table) => table.first(who.number).map(|index| index as usize),
            Step::Entry(index) => {
                let index = *index as usize;
                self.entries[index].subject.matches(who, local).then_some(index)
            }
        });
        Decision {
            allowed: entry.is_some_and(|index| !self.entries[index].excludes),
            entry,
        }
    }
}

/// A compiled list is what its entries are.
impl PartialEq for Acl {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Eq for Acl {}

impl Subject {
    /// The addresses that it matches, if it is addresses and nothing else.
    fn ranges(&self) -> Option<impl Iterator<Item = Range> + use<>> {
        match self {
            Self::Any => Some([Some(Range::ALL), None].into_iter().flatten()),
            Self::Network(network) => Some(Range::of_network(*network).into_iter().flatten()),
            _ => None,
        }
    }

    fn matches(&self, who: &Who<'_>, local: &LocalNetworks) -> bool {
        match self {
            Self::Any | Self::Network(_) => {
                let mut ranges = self.ranges().into_iter().flatten();
                ranges.any(|range| range.contains(who.number))
            }
            Self::Key(name) => who.key.is_some_and(|key| key == name.as_name_ref()),
            Self::Localhost => local.hosts().contains(who.number),
            Self::Localnets => local.networks().contains(who.number),
            Self::Remote(remote) => remote.matches(who),
            Self::List { acl, .. } => acl.allows(who, local),
        }
    }
}

impl RemoteSubject {
    fn matches(&self, who: &Who<'_>) -> bool {
        let is_its_key = |key: NameRef<'_>| self.keys.iter().any(|name| name.as_name_ref() == key);
        self.addresses.iter().any(|address| number(*address) == who.number)
            && (self.keys.is_empty() || who.key.is_some_and(is_its_key))
    }
}

/// As configurations write it.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.excludes {
            f.write_str("!")?;
        }
        match &self.subject {
            Subject::Any => f.write_str("any"),
            Subject::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            Subject::Network(network) => write!(f, "{network}"),
            Subject::Key(name) => write!(f, "key:{name}"),
            Subject::Localhost => f.write_str("localhost"),
            Subject::Localnets => f.write_str("localnets"),
            Subject::Remote(remote) => f.write_str(&remote.name),
            Subject::List { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests;
