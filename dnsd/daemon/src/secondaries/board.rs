//! Where each zone that comes from elsewhere stands, for `status` and `/metrics`: written by the driver, read by anybody.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

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
        })
    }
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: Option<SystemTime>) -> Option<u64> {
    let since = time?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct SecondaryBoard(Mutex<BTreeMap<ZoneKey, SecondaryStatus>>);

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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ZoneKey, SecondaryStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
