//! Why octets are not a journal of a zone.

use std::fmt;

use crate::name::Name;

/// Why octets are not a journal of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalError {
    /// Something else, or the octets in front of the entries are damaged.
    NotAJournal,
    /// A format that another version of the program writes.
    OtherVersion(u16),
    /// An entry that was written whole, of a kind or with content that another version of the program knows.
    UnknownEntry {
        /// Where it starts.
        at: usize,
    },
    /// The journal of this zone.
    OtherZone(Name),
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAJournal => f.write_str("not a journal"),
            Self::OtherVersion(version) => write!(f, "a journal of version {version}, which is not known here"),
            Self::UnknownEntry { at } => write!(f, "the entry at octet {at} is not known here"),
            Self::OtherZone(name) => write!(f, "the journal of another zone, {name}"),
        }
    }
}

impl std::error::Error for JournalError {}
