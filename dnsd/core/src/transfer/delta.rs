//! What one version of a zone has that another hasn't: the difference sequence of RFC 1995 §4.
//!
//! In octets, as a journal keeps it: four octets (big-endian) with the length of the removed records, these records, the
//! added records.

mod apply;
mod between;
mod edit;
mod merge;

use std::fmt;

pub use apply::ApplyError;

use super::{RecordRef, Records, RecordsError};
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::serial::Serial;
use crate::zone::Soa;

/// The step from one version of a zone to another: records to remove, and records to add after that.
///
/// Both start with the SOA record of their version, and have no other. A record of which only the TTL or the case of a
/// name in its data changed is removed and added. The case of owners is not a difference (RFC 4343 §3).
#[derive(Clone, PartialEq, Eq)]
pub struct Delta {
    removed: Records,
    added: Records,
    from: Serial,
    to: Serial,
}

/// Why records or octets are no delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaError {
    /// The removed or the added records don't start with an SOA record.
    NoSoa,
    /// An SOA record's data is malformed.
    MalformedSoa,
    /// There are further SOA records.
    SeveralSoas,
    /// Records of several zones: two SOA records with different owners, or a record that isn't below them.
    OutOfZone,
    /// Octets that don't hold what their length says.
    Truncated,
    /// Octets that aren't records.
    Records(RecordsError),
    /// Deltas of which one doesn't start where the one before it ends.
    Gap {
        /// Where one ends.
        to: Serial,
        /// Where the next starts.
        from: Serial,
    },
    /// No deltas where at least one is needed.
    None,
}

impl Delta {
    /// Makes a delta of records; the first of each is the SOA record of the version that it belongs to.
    pub fn new(removed: Records, added: Records) -> Result<Self, DeltaError> {
        let (origin, from) = soa_of(&removed)?;
        let (new_origin, to) = soa_of(&added)?;
        let mut others = removed.iter().skip(1).chain(added.iter().skip(1));
        if origin != new_origin || others.any(|record| !record.owner.is_subdomain_of(origin)) {
            return Err(DeltaError::OutOfZone);
        }
        Ok(Self {
            removed,
            added,
            from,
            to,
        })
    }

    /// The version that it starts from.
    pub fn from(&self) -> Serial {
        self.from
    }

    /// The version that it leads to.
    pub fn to(&self) -> Serial {
        self.to
    }

    /// The name of the zone.
    pub fn origin(&self) -> NameRef<'_> {
        self.soa().owner
    }

    /// The SOA record of the version that it leads to.
    pub fn soa(&self) -> RecordRef<'_> {
        self.added
            .iter()
            .next()
            .expect("the added records start with an SOA record")
    }

    /// Records of the old version that the new one hasn't, the old SOA record first.
    pub fn removed(&self) -> &Records {
        &self.removed
    }

    /// Records of the new version that the old one hasn't, the new SOA record first.
    pub fn added(&self) -> &Records {
        &self.added
    }

    /// The step back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            removed: self.added.clone(),
            added: self.removed.clone(),
            from: self.to,
            to: self.from,
        }
    }

    /// How many records are removed and added, the SOA records among them.
    pub fn record_count(&self) -> usize {
        self.removed.len() + self.added.len()
    }

    /// How many octets [`Delta::encode`] appends.
    pub fn encoded_bytes(&self) -> usize {
        LENGTH_BYTES + self.removed.as_octets().len() + self.added.as_octets().len()
    }

    /// Appends the delta in octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let removed = self.removed.as_octets();
        out.reserve(self.encoded_bytes());
        out.extend_from_slice(&(removed.len() as u32).to_be_bytes());
        out.extend_from_slice(removed);
        out.extend_from_slice(self.added.as_octets());
    }

    /// Takes what [`Delta::encode`] made, and trusts none of it.
    pub fn decode(octets: &[u8]) -> Result<Self, DeltaError> {
        let (length, rest) = octets
            .split_first_chunk::<LENGTH_BYTES>()
            .ok_or(DeltaError::Truncated)?;
        let (removed, added) = rest
            .split_at_checked(u32::from_be_bytes(*length) as usize)
            .ok_or(DeltaError::Truncated)?;
        let records = |octets| Records::from_octets(octets).map_err(DeltaError::Records);
        Self::new(records(removed)?, records(added)?)
    }
}

/// Octets that say how long the removed records are.
const LENGTH_BYTES: usize = 4;

/// The zone and the serial that one half of a delta is of.
fn soa_of(records: &Records) -> Result<(NameRef<'_>, Serial), DeltaError> {
    let mut all = records.iter();
    let first = all.next().filter(|record| record.rtype == Type::SOA);
    let first = first.ok_or(DeltaError::NoSoa)?;
    let soa = Soa::read(first.rdata).ok_or(DeltaError::MalformedSoa)?;
    if all.any(|record| record.rtype == Type::SOA) {
        return Err(DeltaError::SeveralSoas);
    }
    Ok((first.owner, soa.serial))
}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delta")
            .field("removed", &self.removed)
            .field("added", &self.added)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for DeltaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSoa => f.write_str("a version without its SOA record"),
            Self::MalformedSoa => f.write_str("the SOA record's data is malformed"),
            Self::SeveralSoas => f.write_str("more than one SOA record of a version"),
            Self::OutOfZone => f.write_str("a record outside of the zone"),
            Self::Truncated => f.write_str("the delta is cut off"),
            Self::Records(error) => error.fmt(f),
            Self::Gap { to, from } => write!(f, "a step to serial {to} is followed by one from serial {from}"),
            Self::None => f.write_str("no steps at all"),
        }
    }
}

impl std::error::Error for DeltaError {}

#[cfg(test)]
pub(super) mod tests;
