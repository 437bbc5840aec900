//! What the keeper knows of each zone, for `status`, `/zones` and `/metrics`: written after every load, read by anybody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use dnsd_core::name::Name;
use dnsd_core::serial::Serial;
use serde_json::{Value, json};

use super::guard::Loss;
use super::key::ZoneKey;

/// What is served of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServedFrom {
    /// A version read from its file.
    File,
    /// The copy that was kept of the last version without errors: its file had an error when the daemon started.
    LastGoodCopy,
    /// A version that a primary sent.
    Transfer,
    /// A catalog of our own zones.
    Generated,
    /// A version made of the machines that a plugin knows.
    Plugin,
    /// Nothing: questions get SERVFAIL.
    Nothing,
    /// Nothing, as no primary has confirmed the version that is there for too long, or the plugin has not been heard of: questions
    /// get SERVFAIL.
    Expired,
}

impl ServedFrom {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::File,
        Self::LastGoodCopy,
        Self::Transfer,
        Self::Generated,
        Self::Plugin,
        Self::Nothing,
        Self::Expired,
    ];

    /// As metrics and `status` say it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::File => "loaded",
            Self::LastGoodCopy => "last-good",
            Self::Transfer => "transferred",
            Self::Generated => "generated",
            Self::Plugin => "plugin",
            Self::Nothing => "failed",
            Self::Expired => "expired",
        }
    }
}

/// One zone.
#[derive(Debug, Clone)]
pub(crate) struct ZoneStatus {
    /// Its master file; of a secondary zone its copy.
    pub(crate) file: PathBuf,
    /// The group it belongs to, if its file made it a zone.
    pub(crate) group: Option<String>,
    /// What is served.
    pub(crate) served_from: ServedFrom,
    /// The version that is served.
    pub(crate) serial: Option<Serial>,
    /// How many records that version has.
    pub(crate) records: usize,
    /// When that version was loaded.
    pub(crate) loaded_at: Option<SystemTime>,
    /// Loads that were refused since the daemon started.
    pub(crate) failures: u64,
    /// Why the last load was refused, a line each; empty when it wasn't.
    pub(crate) errors: Vec<String>,
    /// What is served but deserves a look, a line each.
    pub(crate) warnings: Vec<String>,
    /// A version that waits to be accepted.
    pub(crate) held: Option<Loss>,
    /// Its file is gone: `reload --accept` removes the zone.
    pub(crate) file_is_gone: bool,
    /// Its updates are refused until it is thawed.
    pub(crate) is_frozen: bool,
    /// Files that would be this zone, too, and are not read.
    pub(crate) rivals: Vec<PathBuf>,
}

impl ZoneStatus {
    /// A zone that is still to be loaded.
    pub(crate) fn new(file: PathBuf, group: Option<String>) -> Self {
        Self {
            file,
            group,
            served_from: ServedFrom::Nothing,
            serial: None,
            records: 0,
            loaded_at: None,
            failures: 0,
            errors: Vec::new(),
            warnings: Vec::new(),
            held: None,
            file_is_gone: false,
            is_frozen: false,
            rivals: Vec::new(),
        }
    }

    /// The rivals, a line each.
    pub(crate) fn rival_texts(&self) -> Vec<String> {
        let text = |rival: &PathBuf| {
            let (rival, file) = (rival.display(), self.file.display());
            format!("{rival} is not read: it would be this zone, too, which is read from {file}")
        };
        self.rivals.iter().map(text).collect()
    }

    /// All that keeps files from being served, a line each.
    pub(crate) fn all_errors(&self) -> Vec<String> {
        let mut errors = self.errors.clone();
        errors.extend(self.rival_texts());
        errors
    }

    /// What `Status` and the page `/zones` show of it.
    pub(crate) fn to_json(&self, zone: &ZoneKey) -> Value {
        let loaded_at = self.loaded_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        json!({
            "name": zone.name.to_string(),
            "view": zone.view.as_deref(),
            "state": self.served_from.label(),
            "serial": self.serial.map(|serial| serial.0),
            "records": self.records,
            "file": self.file.to_string_lossy(),
            "group": self.group,
            "loadedAt": loaded_at.map(|since| since.as_secs()),
            "loadFailures": self.failures,
            "errors": self.all_errors(),
            "warnings": self.warnings,
            "held": self.held.map(|loss| json!({
                "oldRecords": loss.old_records,
                "newRecords": loss.new_records,
                "removed": loss.removed,
            })),
            "fileIsGone": self.file_is_gone,
            "isFrozen": self.is_frozen,
        })
    }
}

/// What is known of a zone as a catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogStatus {
    /// Whether it is made of our own zones.
    pub(crate) is_generated: bool,
    /// Its members: those that are listed, or of a catalog of others those that it has brought.
    pub(crate) members: Arc<[Name]>,
    /// What is wrong with its newest version, for which nothing of it is taken.
    pub(crate) broken: Option<String>,
    /// What waits to be accepted.
    pub(crate) held: Option<String>,
    /// Members that are not taken, and why, a line each.
    pub(crate) clashes: Vec<String>,
}

impl CatalogStatus {
    /// A catalog as `Status` shows it. `in_full`: with its members.
    pub(crate) fn to_json(&self, in_full: bool) -> Value {
        let members = || self.members.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "role": if self.is_generated { "generate" } else { "interpret" },
            "members": self.members.len(),
            "zones": in_full.then(members),
            "broken": self.broken,
            "held": self.held,
            "clashes": self.clashes,
        })
    }
}

/// All zones, those outside the views first, then view by view, in canonical order of their names.
#[derive(Debug, Default)]
pub(crate) struct Board {
    zones: Mutex<BTreeMap<ZoneKey, ZoneStatus>>,
    /// Groups whose folder can't be listed, and why, a line each.
    unlisted: Mutex<Vec<String>>,
    /// The catalogs among the zones.
    catalogs: Mutex<BTreeMap<ZoneKey, CatalogStatus>>,
}

impl Board {
    /// The status of one zone.
    pub(crate) fn zone(&self, zone: &ZoneKey) -> Option<ZoneStatus> {
        self.lock().get(zone).cloned()
    }

    /// The zones of this name: that of the view that is asked for, else that outside the views, else those of the views.
    pub(crate) fn named(&self, name: &Name, view: Option<&str>) -> Vec<ZoneKey> {
        let zones = self.lock();
        let of_name = |zone: &&ZoneKey| zone.name == *name && (view.is_none() || zone.view.as_deref() == view);
        let mut found: Vec<ZoneKey> = zones.keys().filter(of_name).cloned().collect();
        // Outside the views is first in their order.
        if found.first().is_some_and(|first| first.view.is_none()) {
            found.truncate(1);
        }
        found
    }

    /// Looks at all of them. The keeper waits meanwhile, queries don't.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&ZoneKey, &ZoneStatus)) {
        for (zone, status) in self.lock().iter() {
            look(zone, status);
        }
    }

    /// How many zones there are, by what is served of them, in the order of [`ServedFrom::ALL`].
    pub(crate) fn counts(&self) -> [usize; ServedFrom::ALL.len()] {
        let zones = self.lock();
        ServedFrom::ALL.map(|from| zones.values().filter(|status| status.served_from == from).count())
    }

    /// Groups whose folder can't be listed, and why, a line each.
    pub(crate) fn unlisted(&self) -> Vec<String> {
        self.unlisted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes down which groups' folders can't be listed.
    pub(crate) fn set_unlisted(&self, groups: Vec<String>) {
        *self.unlisted.lock().unwrap_or_else(PoisonError::into_inner) = groups;
    }

    /// What is known of a zone as a catalog; `None` when it is none.
    pub(crate) fn catalog(&self, zone: &ZoneKey) -> Option<CatalogStatus> {
        self.catalogs().get(zone).cloned()
    }

    /// Looks at all catalogs. The keeper waits meanwhile.
    pub(crate) fn for_each_catalog(&self, mut look: impl FnMut(&ZoneKey, &CatalogStatus)) {
        for (zone, status) in self.catalogs().iter() {
            look(zone, status);
        }
    }

    /// Writes down how a catalog is; `None`: it is none any more.
    pub(crate) fn set_catalog(&self, zone: &ZoneKey, status: Option<CatalogStatus>) {
        match status {
            Some(status) => self.catalogs().insert(zone.clone(), status),
            None => self.catalogs().remove(zone),
        };
    }

    fn catalogs(&self) -> MutexGuard<'_, BTreeMap<ZoneKey, CatalogStatus>> {
        self.catalogs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down how a zone is.
    pub(crate) fn set(&self, zone: &ZoneKey, status: ZoneStatus) {
        self.lock().insert(zone.clone(), status);
    }

    /// Writes down how many zones are. It makes the list anew where that is less than to look for each place in it.
    pub(crate) fn set_all(&self, statuses: Vec<(ZoneKey, ZoneStatus)>) {
        /// About the comparisons that looking for a place takes among ten thousand zones.
        const COMPARISONS: usize = 16;
        let mut zones = self.lock();
        if statuses.len() * COMPARISONS < zones.len() {
            zones.extend(statuses);
        } else {
            zones.append(&mut statuses.into_iter().collect());
        }
    }

    /// Forgets a zone.
    pub(crate) fn remove(&self, zone: &ZoneKey) {
        self.lock().remove(zone);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ZoneKey, ZoneStatus>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
