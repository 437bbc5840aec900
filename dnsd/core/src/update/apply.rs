//! One record of an update, done (RFC 2136 §3.4.2). What it says of a record that may not be changed is nothing: such an
//! update is stepped over, and the others are done.

use super::TTL_MAX;
use super::draft::{Draft, Set, Sets, canonical};
use crate::record::Record;
use crate::rrtype::{Class, Type};
use crate::zone::Soa;
use crate::zone::check::goes_with_cname;

/// Octets of WKS data that say whose services they are: address and protocol (RFC 1035 §3.4.2).
const WKS_KEY_BYTES: usize = 5;

/// Does what the record says to the draft. Its form has been checked.
pub(super) fn apply(draft: &mut Draft<'_>, update: &Record) {
    let is_apex = draft.zone().origin() == update.owner;
    let sets = draft.sets(&update.owner);
    match (update.class, update.rtype) {
        (Class::ANY, Type::ANY) => sets.retain(|rtype, _| is_apex && is_kept_at_apex(*rtype)),
        // RFC 2136 §3.4.2.3: a zone never loses its SOA record nor all of its NS records.
        (Class::ANY, rtype) if is_apex && is_kept_at_apex(rtype) => {}
        (Class::ANY, rtype) => {
            sets.remove(&rtype);
        }
        (Class::NONE, rtype) => delete(sets, rtype, &update.rdata, is_apex),
        (_, Type::SOA) => draft.serial_given |= replace_soa(sets, update),
        _ => add(sets, update),
    }
}

fn is_kept_at_apex(rtype: Type) -> bool {
    matches!(rtype, Type::SOA | Type::NS)
}

/// RFC 2136 §3.4.2.4: the SOA record and the last NS record of the zone stay.
fn delete(sets: &mut Sets, rtype: Type, rdata: &[u8], is_apex: bool) {
    let Some(set) = sets.get_mut(&rtype) else { return };
    if rtype == Type::SOA || (is_apex && rtype == Type::NS && set.records.len() == 1) {
        return;
    }
    set.records.remove(&canonical(rtype, rdata));
    if set.records.is_empty() {
        sets.remove(&rtype);
    }
}

/// RFC 2136 §3.4.2.2: an SOA record takes the place of the zone's if its serial is newer. Gives whether it did.
fn replace_soa(sets: &mut Sets, update: &Record) -> bool {
    let serial = |rdata: &[u8]| Soa::read(rdata).map(|soa| soa.serial);
    let here = sets
        .get(&Type::SOA)
        .and_then(|set| serial(set.records.values().next()?));
    let is_newer = here
        .zip(serial(&update.rdata))
        .is_some_and(|(here, new)| new.is_after(here));
    if is_newer {
        put(sets, update);
    }
    is_newer
}

/// RFC 2136 §3.4.2.2: an alias has no other data, so one that exists keeps that out, and is kept out by it. NS and
/// DNAME records at a wildcard, of which nobody knows what they mean (RFC 4592 §4.2, §4.4), are left out as BIND does.
fn add(sets: &mut Sets, update: &Record) {
    let mut others = sets.keys().filter(|rtype| !goes_with_cname(**rtype));
    let is_barred = match update.rtype {
        Type::CNAME => others.next().is_some(),
        Type::NS | Type::DNAME if update.owner.is_wildcard() => true,
        rtype => sets.contains_key(&Type::CNAME) && !goes_with_cname(rtype),
    };
    if !is_barred {
        put(sets, update);
    }
}

/// Adds the record in place of those that it replaces. One that is there, in whatever case its names are, stays as it is
/// (RFC 2136 §1.1.5), but for the TTL: that is the whole set's, as with BIND, since sets have but one (RFC 2181 §5.2).
fn put(sets: &mut Sets, update: &Record) {
    let Record { rtype, ttl, rdata, .. } = update;
    let Set { ttl: set_ttl, records } = sets.entry(*rtype).or_default();
    *set_ttl = if *ttl > TTL_MAX { 0 } else { *ttl };
    let key = canonical(*rtype, rdata);
    if records.contains_key(&key) {
        return;
    }
    match *rtype {
        // Types of which a name has one record (RFC 2181 §10.1, RFC 6672 §2.4).
        Type::CNAME | Type::DNAME | Type::SOA => records.clear(),
        Type::WKS => records.retain(|_, other| other.get(..WKS_KEY_BYTES) != rdata.get(..WKS_KEY_BYTES)),
        _ => {}
    }
    records.insert(key, rdata.to_vec());
}
