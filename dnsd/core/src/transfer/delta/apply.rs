//! Makes the next version of a zone of a delta, in proportion to the delta.
//!
//! It is strict, as BIND is: a record to remove must be there and one to add must not, since otherwise the zone is not the
//! version that the delta was made from, and would drift from its primary's without anybody's notice. TTLs are not
//! compared: servers that keep a TTL for each record send such differences as they are, and here a set has one.
//!
//! What comes from a primary may add what is there: the steps that nsd 4.6 makes of two files have such records beside the
//! changed ones, and they leave no doubt about what the zone is to be.

use std::fmt;

use super::Delta;
use super::edit::{Edit, edits};
use crate::name::Name;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::serial::Serial;
use crate::transfer::RecordRef;
use crate::zone::{Finding, RecordSet, SetChange, Zone, compare_rdata};

/// Why a delta doesn't fit a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyError {
    /// It is of another zone.
    OtherZone,
    /// It starts from another version.
    OtherSerial {
        /// The zone's version.
        zone: Serial,
        /// The version that the delta starts from.
        delta: Serial,
    },
    /// A record is to be removed that isn't there, or one is removed twice.
    NotThere {
        /// Whose record.
        owner: Name,
        /// Of which type.
        rtype: Type,
    },
    /// A record is to be added that is there already, or one is added twice.
    AlreadyThere {
        /// Whose record.
        owner: Name,
        /// Of which type.
        rtype: Type,
    },
    /// The zone can't be so.
    Refused(Finding),
}

/// What becomes of a record to add that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Refused,
    Kept,
}

impl Delta {
    /// The version of the zone that the delta leads to.
    pub fn apply(&self, zone: &Zone) -> Result<Zone, ApplyError> {
        self.applied(zone, Known::Refused)
    }

    /// The same for a delta that a primary sent, which may add records that are there; and the delta without those, for
    /// the journal and for who is strict.
    pub fn apply_received(&self, zone: &Zone) -> Result<(Zone, Self), ApplyError> {
        let new = self.applied(zone, Known::Kept)?;
        let names = self.removed().iter().chain(self.added()).map(|record| record.owner);
        let exact = Self::between_at(zone, &new, names);
        Ok((new, exact))
    }

    fn applied(&self, zone: &Zone, known: Known) -> Result<Zone, ApplyError> {
        if self.origin() != zone.origin() {
            return Err(ApplyError::OtherZone);
        }
        if self.from() != zone.serial() {
            return Err(ApplyError::OtherSerial {
                zone: zone.serial(),
                delta: self.from(),
            });
        }
        let edits = edits([self]);
        let mut changes = Vec::new();
        for edits in edits.chunk_by(|left, right| left.record.owner == right.record.owner) {
            let node = zone.node(&SearchName::new(edits[0].record.owner));
            for edits in edits.chunk_by(|left, right| left.set_key() == right.set_key()) {
                let set = node.and_then(|node| match edits[0].record.rtype {
                    Type::RRSIG => node.signatures(edits[0].covers),
                    rtype => node.set(rtype),
                });
                changes.push(change_of(edits, set, known)?);
            }
        }
        zone.changed(&changes).map_err(ApplyError::Refused)
    }
}

/// What becomes of a set by edits of its records.
fn change_of<'c>(edits: &[Edit<'c>], set: Option<RecordSet<'c>>, known: Known) -> Result<SetChange<'c>, ApplyError> {
    let RecordRef { owner, rtype, ttl, .. } = edits[0].record;
    let mut old = set.into_iter().flat_map(RecordSet::rdatas).peekable();
    let mut rdatas = Vec::new();
    for edits in edits.chunk_by(Edit::is_of_same_record) {
        let order = |rdata: &&[u8]| compare_rdata(rtype, rdata, edits[0].record.rdata);
        while let Some(rdata) = old.next_if(|rdata| order(rdata).is_lt()) {
            rdatas.push(rdata);
        }
        let mut there = old.next_if(|rdata| order(rdata).is_eq());
        for edit in edits {
            let owner = || owner.to_name();
            match (edit.is_added, there) {
                (false, Some(_)) => there = None,
                (true, Some(_)) if known == Known::Kept => {}
                (true, None) => there = Some(edit.record.rdata),
                (false, None) => return Err(ApplyError::NotThere { owner: owner(), rtype }),
                (true, Some(_)) => return Err(ApplyError::AlreadyThere { owner: owner(), rtype }),
            }
        }
        rdatas.extend(there);
    }
    rdatas.extend(old);
    let added = edits.iter().rev().find(|edit| edit.is_added);
    Ok(SetChange {
        owner,
        rtype,
        covers: edits[0].covers,
        ttl: added.map_or_else(|| set.map_or(ttl, RecordSet::ttl), |edit| edit.record.ttl),
        rdatas,
    })
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherZone => f.write_str("a step of another zone"),
            Self::OtherSerial { zone, delta } => write!(f, "a step from serial {delta} for a zone of serial {zone}"),
            Self::NotThere { owner, rtype } => write!(f, "{owner} {rtype}: the record to remove isn't there"),
            Self::AlreadyThere { owner, rtype } => write!(f, "{owner} {rtype}: the record to add is there already"),
            Self::Refused(finding) => finding.fmt(f),
        }
    }
}

impl std::error::Error for ApplyError {}
