//! Makes one delta of several that follow each other: an incremental transfer that is as short as it can be (RFC 1995 §5).

use super::edit::{Edit, edits};
use super::{Delta, DeltaError};
use crate::rrtype::Type;
use crate::transfer::Records;

impl Delta {
    /// What these deltas do together, each of which starts where the one before it ends. A record that comes and goes
    /// again on the way is not in it.
    pub fn merged(deltas: &[&Self]) -> Result<Self, DeltaError> {
        let (Some(first), Some(last)) = (deltas.first(), deltas.last()) else {
            return Err(DeltaError::None);
        };
        check_chain(deltas)?;
        let mut removed: Records = first.removed.iter().take(1).collect();
        let mut added: Records = last.added.iter().take(1).collect();
        let edits = edits(deltas.iter().copied());
        for edits in edits.chunk_by(Edit::is_of_same_record) {
            let (first, last) = (&edits[0], &edits[edits.len() - 1]);
            let comes_back = !first.is_added && last.is_added && first.record == last.record;
            if first.record.rtype == Type::SOA || comes_back {
                continue;
            }
            if !first.is_added {
                removed.push_record(first.record);
            }
            if last.is_added {
                added.push_record(last.record);
            }
        }
        Self::new(removed, added)
    }
}

/// Looks whether these deltas are of one zone and follow each other.
fn check_chain(deltas: &[&Delta]) -> Result<(), DeltaError> {
    for pair in deltas.windows(2) {
        if pair[0].origin() != pair[1].origin() {
            return Err(DeltaError::OutOfZone);
        }
        if pair[0].to() != pair[1].from() {
            return Err(DeltaError::Gap {
                to: pair[0].to(),
                from: pair[1].from(),
            });
        }
    }
    Ok(())
}
