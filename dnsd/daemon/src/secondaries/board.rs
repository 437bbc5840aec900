//! Where each zone that comes from elsewhere stands, for `status` and `/metrics`: written by the driver, read by anybody.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::zones::key::ZoneKey;

/// One zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SecondaryStatus {
    /// Where it comes from.
    pub(crate) primaries: Vec<String>,
    /// When a primary last said that what is served is the zone.
    pub(crate) confirmed_at: Option<SystemTime>,
    /// When it is served no more unless one says so again.
    pub(crate) expires_at: Option<SystemTime>,
    /// The same by the clock that nobody sets.
    pub(crate) expires: Option<Instant>,
    /// When the primaries are asked next.
    pub(crate) refresh_at: Option<SystemTime>,
    /// Whether they are being asked.
    pub(crate) refreshing: bool,
    /// How often in a row none of them had the zone.
    pub(crate) failures: u32,
    /// What went wrong last, until something goes well.
    pub(crate) problem: Option<String>,
    /// Whether the others are primaries as this server is.
    pub(crate) is_peer: bool,
    /// That one of these has other data under the same serial.
    pub(crate) conflict: Option<String>,
    /// The last transfer that brought something.
    pub(crate) transferred: Option<LastTransfer>,
}

/// A transfer that brought something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastTransfer {
    /// When it had ended.
    pub(crate) at: SystemTime,
    /// Who sent it.
    pub(crate) from: String,
    /// Octets of its messages.
    pub(crate) octets: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

impl SecondaryStatus {
    /// As `Status` shows it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "primaries": self.primaries,
            "confirmedAt": unix_seconds(self.confirmed_at),
            "expiresAt": unix_seconds(self.expires_at),
            "refreshAt": unix_seconds(self.refresh_at),
            "refreshing": self.refreshing,
            "failures": self.failures,
            "problem": self.problem,
            "conflict": self.conflict,
            "transfer": self.transferred.as_ref().map(|last| json!({
                "at": unix_seconds(Some(last.at)),
                "from": last.from,
                "bytes": last.octets,
                "milliseconds": last.took.as_millis() as u64,
            })),
        })
    }
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: Option<SystemTime>) -> Option<u64> {
    let since = time?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// How transfers in fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TransferInCounts {
    /// Those under way.
    pub(crate) underway: usize,
    /// Those that brought what is served now, or said that it is.
    pub(crate) succeeded: u64,
    /// Those that didn't.
    pub(crate) failed: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct SecondaryBoard {
    zones: Mutex<BTreeMap<ZoneKey, SecondaryStatus>>,
    transfers: Mutex<TransferInCounts>,
}

impl SecondaryBoard {
    /// The status of one zone; `None` when it doesn't come from elsewhere.
    pub(crate) fn zone(&self, key: &ZoneKey) -> Option<SecondaryStatus> {
        self.lock().get(key).cloned()
    }

    /// Looks at all of them. The driver waits meanwhile.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&ZoneKey, &SecondaryStatus)) {
        for (key, status) in self.lock().iter() {
            look(key, status);
        }
    }

    /// Writes down where a zone stands.
    pub(crate) fn set(&self, key: &ZoneKey, status: SecondaryStatus) {
        self.lock().insert(key.clone(), status);
    }

    pub(super) fn remove(&self, key: &ZoneKey) {
        self.lock().remove(key);
    }

    /// How transfers fared so far.
    pub(crate) fn transfers(&self) -> TransferInCounts {
        *self.transfers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how many transfers are under way.
    pub(super) fn set_transfers_underway(&self, underway: usize) {
        self.count(|transfers| transfers.underway = underway);
    }

    /// Counts how a transfer has ended.
    pub(super) fn transfer_ended(&self, succeeded: bool) {
        self.count(|transfers| {
            transfers.succeeded += u64::from(succeeded);
            transfers.failed += u64::from(!succeeded);
        });
    }

    fn count(&self, count: impl FnOnce(&mut TransferInCounts)) {
        count(&mut self.transfers.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ZoneKey, SecondaryStatus>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
