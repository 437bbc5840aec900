//! A zone, as the keeper knows it.

use std::path::PathBuf;
use std::sync::Arc;

use dnsd_core::name::Name;
use dnsd_core::zone::Zone;
use dnsd_core::zones::ZoneState;

use super::super::board::ZoneStatus;
use super::super::load::ReadFile;
use crate::config::{GroupConfig, ZoneConfig};

/// What is known of one zone beside its name.
pub(super) struct Entry {
    pub(super) file: PathBuf,
    pub(super) watch: bool,
    pub(super) group: Option<String>,
    pub(super) served: Option<Arc<Zone>>,
    /// The files of the last load, as they were last seen.
    pub(super) seen: Vec<ReadFile>,
    pub(super) status: ZoneStatus,
}

impl Entry {
    /// A zone with a table of its own, still to be loaded.
    pub(super) fn single(zone: ZoneConfig) -> (Name, Self) {
        (zone.name, Self::new(zone.file, zone.watch, None))
    }

    /// A zone of a group, still to be loaded.
    pub(super) fn of_group(group: &GroupConfig, file: PathBuf) -> Self {
        Self::new(file, group.watch, Some(group.name.clone()))
    }

    fn new(file: PathBuf, watch: bool, group: Option<String>) -> Self {
        Self {
            status: ZoneStatus::new(file.clone(), group.clone()),
            file,
            watch,
            group,
            served: None,
            seen: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> ZoneState {
        match &self.served {
            Some(zone) => ZoneState::Loaded(zone.clone()),
            None => ZoneState::Failed,
        }
    }

    /// Whether a reload without a name has something to do here.
    pub(super) fn needs_load(&self, accept: bool) -> bool {
        let unread = self.seen.is_empty() || !self.status.errors.is_empty();
        unread || (accept && self.status.held.is_some()) || self.seen.iter().any(|file| !file.is_unchanged())
    }
}
