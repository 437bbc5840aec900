//! Entries that never decide, so that who wrote the list can be told.
//!
//! What is said is sure; not everything that is sure is found. Of a key, of the machine's own networks and of what they are
//! mixed with it is only known that they may match anybody or nobody.

use super::range::{Range, RangeSet};
use super::{Acl, Entry, Subject};

/// Why an entry never decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// Whoever it matches is matched by an entry before it.
    Covered,
    /// It is a list that allows nobody, so it matches nobody.
    MatchesNobody,
}

impl Acl {
    /// The entries that never decide, by their index.
    pub fn unreachable(&self) -> Vec<(usize, Unreachable)> {
        let mut found = Vec::new();
        // Who is matched by an entry so far, whatever the key and the machine's networks.
        let mut matched = RangeSet::default();
        let mut before: Vec<&Entry> = Vec::new();
        for (index, entry) in self.entries().iter().enumerate() {
            let possible = entry.subject.matched_perhaps();
            if possible.is_empty() {
                found.push((index, Unreachable::MatchesNobody));
            } else if matched.covers_all(&possible) || before.iter().any(|earlier| earlier.subject == entry.subject) {
                found.push((index, Unreachable::Covered));
            }
            matched.extend(entry.subject.matched_surely().iter());
            if entry.subject.ranges().is_none() {
                before.push(entry);
            }
        }
        found
    }

    /// Whom it allows whatever the key.
    fn allowed_surely(&self) -> RangeSet {
        let (mut allowed, mut refused) = (RangeSet::default(), RangeSet::default());
        for entry in self.entries() {
            match entry.excludes {
                true => refused.extend(entry.subject.matched_perhaps().iter()),
                false => allowed.extend(entry.subject.matched_surely().without(&refused).iter()),
            }
        }
        allowed
    }

    /// Whom it allows with some key or other.
    fn allowed_perhaps(&self) -> RangeSet {
        let (mut allowed, mut refused) = (RangeSet::default(), RangeSet::default());
        for entry in self.entries() {
            match entry.excludes {
                // Who was matched before is allowed all the same.
                true => refused.extend(entry.subject.matched_surely().iter()),
                false => allowed.extend(entry.subject.matched_perhaps().without(&refused).iter()),
            }
        }
        allowed
    }
}

impl Subject {
    fn matched_surely(&self) -> RangeSet {
        match self {
            Self::Any | Self::Network(_) => self.ranges().into_iter().flatten().collect(),
            Self::Remote(remote) if remote.keys.is_empty() => {
                remote.addresses.iter().map(|address| Range::single(*address)).collect()
            }
            Self::List { acl, .. } => acl.allowed_surely(),
            Self::Key(_) | Self::Localhost | Self::Localnets | Self::Remote(_) => RangeSet::default(),
        }
    }

    fn matched_perhaps(&self) -> RangeSet {
        match self {
            Self::Any | Self::Network(_) => self.ranges().into_iter().flatten().collect(),
            Self::Remote(remote) => remote.addresses.iter().map(|address| Range::single(*address)).collect(),
            Self::List { acl, .. } => acl.allowed_perhaps(),
            Self::Key(_) | Self::Localhost | Self::Localnets => RangeSet::all(),
        }
    }
}
