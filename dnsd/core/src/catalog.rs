//! Catalog zones (RFC 9432): zones that list zones, so that secondaries pick them up and drop them by themselves.
//!
//! [`Catalog`] is what a version of such a zone says. [`Consumer`] decides what a new version means for a server that has
//! the members: which zones come, go, or begin anew. [`Producer`] makes the versions of a catalog of our own zones, and
//! the steps between them.

mod consumer;
mod producer;
mod read;

use std::collections::BTreeMap;
use std::fmt;

pub use consumer::{Change, Clash, Consumer, Loss, Owned, Update, What};
pub use producer::{Producer, ProducerError, Wanted};
pub use read::Broken;

use crate::name::{Name, NameRef};

/// More members than this break a catalog: each becomes a zone with times and transfers of its own, which takes kilobytes, and a
/// producer that has gone wrong is not to take the memory of the machine.
pub const MEMBERS_MAX: usize = 1_000_000;
/// The longest value of a group: a character string (RFC 1035 §3.3).
pub const GROUP_BYTES_MAX: usize = 255;

/// The label above the member nodes (RFC 9432 §4.2).
const ZONES: &[u8] = b"zones";
/// The schema version (RFC 9432 §4.3.1).
const VERSION: &[u8] = b"version";
/// Who is to have the member from now on (RFC 9432 §4.4.1).
const COO: &[u8] = b"coo";
/// How the member is to be treated (RFC 9432 §4.4.2).
const GROUP: &[u8] = b"group";
/// The data of the TXT record that says which schema it is: one character string, `2`.
const SCHEMA: &[u8] = b"\x012";

/// What a version of a catalog zone says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    members: BTreeMap<Name, Member>,
}

/// What a catalog says of a member zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its node in the catalog: another one means that the zone is another one.
    pub id: MemberId,
    /// How it is to be treated, for who knows the words.
    pub groups: Vec<Box<[u8]>>,
    /// The catalog that is to have it.
    pub coo: Option<Name>,
}

/// The label of a member's node, which is unique in its catalog. Case doesn't count in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(Box<[u8]>);

impl Catalog {
    /// The members, in canonical order of their names.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&Name, &Member)> {
        self.members.iter()
    }

    /// What is said of this member.
    pub fn member(&self, zone: &Name) -> Option<&Member> {
        self.members.get(zone)
    }
}

impl MemberId {
    /// That of a label.
    pub fn new(label: &[u8]) -> Self {
        Self(label.to_ascii_lowercase().into())
    }

    /// Reads what it prints as; `None` for what is no label.
    pub fn parse(text: &str) -> Option<Self> {
        let name: Name = text.parse().ok()?;
        let mut labels = name.labels();
        let label = labels.next().map(Self::new);
        label.filter(|_| labels.next().is_none())
    }

    /// The label.
    pub fn label(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NameRef::ROOT.prepend(&self.0) {
            Ok(name) => {
                let text = name.to_string();
                f.write_str(text.strip_suffix('.').unwrap_or(&text))
            }
            Err(_) => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests;
