//! Serials that are chosen here.
//!
//! `serial = "auto"`: an edit that didn't raise the serial is served with one that is raised, so that secondaries notice.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dnsd_core::rrtype::Type;
use dnsd_core::serial::Serial;
use dnsd_core::zone::difference::Difference;
use dnsd_core::zone::{SetChange, Zone};

use super::super::journal::Past;
use super::super::load::Loaded;
use super::super::problem::Problem;
use super::entry::Entry;
use crate::config::SerialPolicy;

/// Octets of the five numbers at the end of SOA data, of which the serial is the first (RFC 1035 §3.3.13).
const SOA_NUMBERS_BYTES: usize = 20;

/// The serial of the next version of a zone that is made here: the time, as Knot has it for its catalogs, so that one whose versions
/// were lost goes on behind the serials that it had.
pub(crate) fn serial_after(version: Option<&Zone>) -> Serial {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Serial(now.as_secs() as u32);
    match version.map(Zone::serial) {
        Some(serial) if !now.is_after(serial) => serial.next(),
        _ => now,
    }
}

impl Entry {
    /// A zone as it was loaded, with the serial that it is to be served with.
    ///
    /// A signed zone keeps its own, since its SOA record is signed, and is warned of; so does one with updates that its file hasn't,
    /// since an edit is a step from what is served there, whose serial is past both.
    pub(super) fn with_serial(&self, mut loaded: Loaded) -> Loaded {
        let is_auto = self.serial == SerialPolicy::Auto;
        let is_signed = loaded.zone.has_dnssec();
        if is_auto && is_signed {
            loaded.warnings.push(Problem::SignedSerial);
        }
        let has_updates = self
            .dynamic
            .as_ref()
            .is_some_and(|dynamic| !dynamic.is_served(self.served.as_ref()));
        let keeps = !is_auto || is_signed || has_updates;
        match &self.served {
            Some(served) if !keeps => Loaded {
                zone: self.raised(served, &loaded.zone),
                ..loaded
            },
            _ => loaded,
        }
    }

    fn raised(&self, served: &Arc<Zone>, loaded: &Arc<Zone>) -> Arc<Zone> {
        if loaded.serial().is_after(served.serial()) {
            return loaded.clone();
        }
        // Its file says another serial than what was made of it.
        let same = zone_with_serial(loaded, served.serial());
        if same.is_some_and(|same| Difference::between(served, &same) == Difference::default()) {
            return served.clone();
        }
        // A serial that was ever told is never used for something else: the copy of a version may be older than its step.
        let told = self.past.as_deref().and_then(Past::newest);
        let newest = told
            .filter(|told| told.is_after(served.serial()))
            .unwrap_or(served.serial());
        zone_with_serial(loaded, newest.next()).map_or_else(|| loaded.clone(), Arc::new)
    }
}

fn zone_with_serial(zone: &Zone, serial: Serial) -> Option<Zone> {
    let soa_set = zone.soa_set();
    let soa = soa_with_serial(soa_set.rdatas().next()?, serial);
    let change = SetChange {
        owner: zone.origin(),
        rtype: Type::SOA,
        covers: Type(0),
        ttl: soa_set.ttl(),
        rdatas: vec![&soa],
    };
    zone.changed(&[change]).ok()
}

/// SOA data with another serial.
pub(super) fn soa_with_serial(rdata: &[u8], serial: Serial) -> Vec<u8> {
    let mut rdata = rdata.to_vec();
    let at = rdata.len().saturating_sub(SOA_NUMBERS_BYTES);
    if let Some(place) = rdata.get_mut(at..at + 4) {
        place.copy_from_slice(&serial.0.to_be_bytes());
    }
    rdata
}
