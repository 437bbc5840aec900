//! What a zone has to be like for an update to be done (RFC 2136 §3.2).

use std::collections::{BTreeMap, BTreeSet};

use super::draft::canonical;
use super::{UpdateError, UpdateErrorKind};
use crate::name::NameRef;
use crate::record::Record;
use crate::rrtype::{Class, Type};
use crate::search_name::SearchName;
use crate::zone::{Node, Zone};

/// The records that sets are to have, by name and type.
type Wanted<'u> = BTreeMap<(NameRef<'u>, Type), BTreeSet<Vec<u8>>>;

/// Checks the prerequisites in their order, those about the values of sets last (RFC 2136 §3.2.5).
pub(super) fn check(prerequisites: &[Record], zone: &Zone) -> Result<(), UpdateError> {
    let mut wanted = Wanted::new();
    for record in prerequisites {
        let (owner, rtype) = (record.owner.as_name_ref(), record.rtype);
        let error = |kind| UpdateError::new(kind, owner, rtype);
        if record.ttl != 0 {
            return Err(error(UpdateErrorKind::PrerequisiteForm));
        }
        if !owner.is_subdomain_of(zone.origin()) {
            return Err(error(UpdateErrorKind::NotInZone));
        }
        match record.class {
            Class::ANY | Class::NONE if !record.rdata.is_empty() => {
                return Err(error(UpdateErrorKind::PrerequisiteForm));
            }
            Class::ANY if rtype == Type::ANY => {
                node_in_use(zone, owner).ok_or(error(UpdateErrorKind::NameNotInUse))?;
            }
            Class::ANY if !has_set(zone, owner, rtype) => return Err(error(UpdateErrorKind::SetMissing)),
            Class::NONE if rtype == Type::ANY => {
                if node_in_use(zone, owner).is_some() {
                    return Err(error(UpdateErrorKind::NameInUse));
                }
            }
            Class::NONE if has_set(zone, owner, rtype) => return Err(error(UpdateErrorKind::SetExists)),
            Class::ANY | Class::NONE => {}
            Class::IN => {
                let set = wanted.entry((owner, rtype)).or_default();
                set.insert(canonical(rtype, &record.rdata));
            }
            _ => return Err(error(UpdateErrorKind::PrerequisiteForm)),
        }
    }
    for ((owner, rtype), rdatas) in wanted {
        if !is_exactly(zone, owner, rtype, &rdatas) {
            return Err(UpdateError::new(UpdateErrorKind::SetDiffers, owner, rtype));
        }
    }
    Ok(())
}

/// The node of a name that has records of its own: an empty non-terminal is not in use (RFC 2136 §2.4.4). What is below
/// a zone cut is as good as the rest: updates change glue too.
fn node_in_use<'z>(zone: &'z Zone, owner: NameRef<'_>) -> Option<Node<'z>> {
    zone.node(&SearchName::new(owner)).filter(|node| !node.is_empty())
}

fn has_set(zone: &Zone, owner: NameRef<'_>, rtype: Type) -> bool {
    node_in_use(zone, owner).is_some_and(|node| node.sets().any(|set| set.rtype() == rtype))
}

/// Whether a set has these records and no others; their TTLs don't matter (RFC 2136 §2.4.2).
fn is_exactly(zone: &Zone, owner: NameRef<'_>, rtype: Type, wanted: &BTreeSet<Vec<u8>>) -> bool {
    let set = node_in_use(zone, owner).and_then(|node| node.set(rtype));
    set.is_some_and(|set| {
        set.count() == wanted.len() && set.rdatas().all(|rdata| wanted.contains(&canonical(rtype, rdata)))
    })
}
