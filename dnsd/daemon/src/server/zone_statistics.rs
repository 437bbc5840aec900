//! What was asked of a single zone (`zone-statistics`), by the response code.
//!
//! All threads count in one place, which costs each of them a wait when many are asked for the same zone: it is off unless it is
//! asked for, as in BIND.

use std::sync::atomic::{AtomicU64, Ordering};

use dnsd_core::message::Rcode;

/// The codes that have a counter each; others, of which there are hardly any, share the last.
const CODES: [Rcode; 5] = [
    Rcode::NOERROR,
    Rcode::NXDOMAIN,
    Rcode::SERVFAIL,
    Rcode::REFUSED,
    Rcode::FORMERR,
];

/// Of one zone.
#[derive(Debug, Default)]
pub(crate) struct ZoneStatistics {
    by_code: [AtomicU64; CODES.len()],
    other: AtomicU64,
}

impl ZoneStatistics {
    /// A question that was answered with this code.
    pub(super) fn count(&self, rcode: Rcode) {
        let place = CODES.iter().position(|code| *code == rcode);
        let counter = place.map_or(&self.other, |place| &self.by_code[place]);
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were answered with each code that any was, by what metrics call it.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codes = CODES.iter().map(|code| code.mnemonic().unwrap_or("other"));
        let counters = self.by_code.iter().chain([&self.other]);
        codes
            .chain(["other"])
            .zip(counters)
            .map(|(code, counter)| (code, counter.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }
}
