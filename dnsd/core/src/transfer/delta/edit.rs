//! The records of deltas, sorted by what they do to a zone: set by set, and record by record in the order of the steps.

use std::cmp::Ordering;

use super::Delta;
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::transfer::RecordRef;
use crate::zone::compare_rdata;

/// A record to remove or to add.
pub(super) struct Edit<'d> {
    pub(super) record: RecordRef<'d>,
    pub(super) covers: Type,
    pub(super) is_added: bool,
}

impl Edit<'_> {
    /// The set that it edits.
    pub(super) fn set_key(&self) -> (NameRef<'_>, Type, Type) {
        (self.record.owner, self.record.rtype, self.covers)
    }

    /// Whether both edit the same record of a set.
    pub(super) fn is_of_same_record(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }

    /// By owner, type and data, in canonical order.
    fn compare(&self, other: &Self) -> Ordering {
        let (left, right) = (self.record, other.record);
        left.owner
            .cmp(&right.owner)
            .then_with(|| (left.rtype, self.covers).cmp(&(right.rtype, other.covers)))
            .then_with(|| compare_rdata(left.rtype, left.rdata, right.rdata))
    }
}

/// All records of these deltas, sorted; those of one record in the order in which the deltas remove and add it.
pub(super) fn edits<'d>(deltas: impl IntoIterator<Item = &'d Delta>) -> Vec<Edit<'d>> {
    let mut edits = Vec::new();
    for delta in deltas {
        for (records, is_added) in [(&delta.removed, false), (&delta.added, true)] {
            edits.extend(records.iter().map(|record| Edit {
                covers: record.covers(),
                record,
                is_added,
            }));
        }
    }
    // Stable, and fast for what is sorted already: deltas between versions are.
    edits.sort_by(Edit::compare);
    edits
}
