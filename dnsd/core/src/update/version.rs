//! The version of the zone that an update makes, and what it changes.

use std::collections::BTreeSet;

use super::draft::{Draft, Set, Sets};
use super::{UpdateError, UpdateErrorKind};
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::serial::Serial;
use crate::transfer::Delta;
use crate::zone::{Node, RecordSet, SetChange, Zone};

/// Octets of the five numbers at the end of SOA data, of which the serial is the first (RFC 1035 §3.3.13).
const SOA_NUMBERS_BYTES: usize = 20;

/// What an update has made of a zone.
#[derive(Debug)]
pub struct Changed {
    /// The new version.
    pub zone: Zone,
    /// The step that leads to it: what a journal keeps and incremental transfers send.
    pub delta: Delta,
}

/// Makes the version that a draft describes; `None` when that is the one that is there.
pub(super) fn make(draft: &Draft<'_>) -> Result<Option<Changed>, UpdateError> {
    let zone = draft.zone();
    let mut changes: Vec<SetChange<'_>> = Vec::new();
    for (owner, sets) in draft.touched() {
        note_changes(zone, owner.as_name_ref(), sets, &mut changes);
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let soa = next_soa(zone);
    if !draft.serial_given {
        changes.push(SetChange {
            owner: zone.origin(),
            rtype: Type::SOA,
            covers: Type(0),
            ttl: zone.soa_set().ttl(),
            rdatas: vec![&soa],
        });
    }
    let changed = zone.changed(&changes).map_err(|finding| UpdateError {
        kind: UpdateErrorKind::Impossible(finding.kind),
        owner: finding.owner,
        rtype: finding.rtype.unwrap_or(Type::ANY),
    })?;
    let delta = Delta::between_at(zone, &changed, changes.iter().map(|change| change.owner));
    Ok(Some(Changed { zone: changed, delta }))
}

/// SOA data with the next serial (RFC 2136 §3.6). Zero is left out, as BIND does: some take it for "no version".
fn next_soa(zone: &Zone) -> Vec<u8> {
    let serial = match zone.serial().next() {
        Serial(0) => Serial(1),
        serial => serial,
    };
    let mut rdata = zone.soa_set().rdatas().next().unwrap_or_default().to_vec();
    if let Some(place) = rdata
        .len()
        .checked_sub(SOA_NUMBERS_BYTES)
        .and_then(|at| rdata.get_mut(at..at + 4))
    {
        place.copy_from_slice(&serial.0.to_be_bytes());
    }
    rdata
}

/// Notes the sets of a name that are not as they were.
fn note_changes<'d>(zone: &'d Zone, owner: NameRef<'d>, sets: &'d Sets, changes: &mut Vec<SetChange<'d>>) {
    let node = zone.node(&SearchName::new(owner));
    let old_types = node.into_iter().flat_map(Node::sets).map(RecordSet::rtype);
    let types: BTreeSet<Type> = old_types.chain(sets.keys().copied()).collect();
    for rtype in types {
        let before = node.and_then(|node| node.set(rtype));
        let after = sets.get(&rtype);
        if !is_same(before, after) {
            changes.push(SetChange {
                owner,
                rtype,
                covers: Type(0),
                ttl: after.map_or(0, |set| set.ttl),
                rdatas: after.into_iter().flat_map(Set::rdatas).collect(),
            });
        }
    }
}

fn is_same(before: Option<RecordSet<'_>>, after: Option<&Set>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => before.ttl() == after.ttl && before.rdatas().eq(after.rdatas()),
        (before, after) => before.is_none() && after.is_none(),
    }
}
