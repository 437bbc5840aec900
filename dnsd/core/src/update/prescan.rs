//! Whether all of an update can be done, before anything of it is (RFC 2136 §3.4.1).

use super::{UpdateError, UpdateErrorKind};
use crate::record::Record;
use crate::rrtype::{Class, Type};
use crate::zone::Zone;

/// Checks the form of each update (RFC 2136 §3.4.1.3). Meta-types that came later than the RFC are as bad as those that
/// it lists.
pub(super) fn check(updates: &[Record], zone: &Zone) -> Result<(), UpdateError> {
    for record in updates {
        let error = |kind| UpdateError::new(kind, record.owner.as_name_ref(), record.rtype);
        if !record.owner.as_name_ref().is_subdomain_of(zone.origin()) {
            return Err(error(UpdateErrorKind::NotInZone));
        }
        let is_meta = record.rtype.is_meta();
        let is_right = match record.class {
            Class::IN => !is_meta,
            Class::ANY => record.ttl == 0 && record.rdata.is_empty() && (!is_meta || record.rtype == Type::ANY),
            Class::NONE => record.ttl == 0 && !is_meta,
            _ => false,
        };
        if !is_right {
            return Err(error(UpdateErrorKind::UpdateForm));
        }
        if record.class == Class::IN && matches!(record.rtype, Type::RRSIG | Type::NSEC | Type::NSEC3) {
            return Err(error(UpdateErrorKind::Dnssec));
        }
    }
    Ok(())
}
