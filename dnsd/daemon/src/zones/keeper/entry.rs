//! A zone, as the keeper knows it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsd_core::zone::Zone;
use dnsd_core::zones::ZoneState;
use tracing::error;

use super::super::board::{ServedFrom, ZoneStatus};
use super::super::journal::Past;
use super::super::key::ZoneKey;
use super::super::load::ReadFile;
use super::super::plan::{Group, PlannedZone};
use super::updates::Dynamic;
use crate::config::{Membership, PrimarySettings, SerialPolicy};
use crate::server::views::{Kind, ZoneInfo};

/// A file that was there for less than this was no zone's, but what a program left for a moment on its way to another name.
const FLEETING_MAX: Duration = Duration::from_secs(60);
/// More files for one zone than this are not told: who mends that looks into the folder.
const RIVALS_MAX: usize = 20;

/// What is known of one zone.
pub(super) struct Entry {
    /// What is told of it to who answers.
    pub(super) info: Arc<ZoneInfo>,
    pub(super) file: PathBuf,
    pub(super) watch: bool,
    /// What becomes of the serial when the file changes.
    pub(super) serial: SerialPolicy,
    pub(super) group: Option<String>,
    /// The catalog that lists it.
    pub(super) catalog: Option<Arc<Membership>>,
    pub(super) served: Option<Arc<Zone>>,
    /// The files of the last load, as they were last seen.
    pub(super) seen: Vec<ReadFile>,
    pub(super) status: ZoneStatus,
    /// What led to the version that is served, where anybody may want to know.
    pub(super) past: Option<Box<Past>>,
    /// What it has as a zone that was updated.
    pub(super) dynamic: Option<Dynamic>,
    /// Whether there are updates that nobody knows how to put together with the file.
    pub(super) is_in_conflict: bool,
    /// When it came by a new file of its group, until a reload has listed that.
    pub(super) appeared_at: Option<Instant>,
}

impl Entry {
    /// A zone with a table of its own, still to be loaded.
    pub(super) fn single(zone: PlannedZone) -> Self {
        Self::new(zone.key, zone.source.file, zone.source.watch, None, &zone.settings)
    }

    /// A zone of a group, still to be loaded.
    pub(super) fn of_group(key: ZoneKey, group: &Group, file: PathBuf) -> Self {
        let name = Some(group.key.name.clone());
        Self::new(key, file, group.folder.watch, name, &group.settings)
    }

    fn new(key: ZoneKey, file: PathBuf, watch: bool, group: Option<String>, settings: &PrimarySettings) -> Self {
        Self {
            info: Arc::new(ZoneInfo::new(key, settings.rules.clone(), Kind::Primary)),
            status: ZoneStatus::new(file.clone(), group.clone()),
            file,
            watch,
            serial: settings.serial,
            group,
            catalog: settings.catalog.clone(),
            served: None,
            seen: Vec::new(),
            past: None,
            dynamic: None,
            is_in_conflict: false,
            appeared_at: None,
        }
    }

    /// Takes over how it is served; whether that is another way.
    pub(super) fn set_info(&mut self, new: &ZoneInfo) -> bool {
        if self.info.rules == new.rules {
            return false;
        }
        let new = ZoneInfo::new(new.key.clone(), new.rules.clone(), new.kind.clone());
        self.info = Arc::new(new.following(&self.info));
        true
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

    /// Notes the files that would be this zone, too, and no others.
    pub(super) fn set_rivals(&mut self, files: Vec<PathBuf>) {
        set_rivals(&mut self.status, &self.info.key, files);
    }

    /// Notes a file that would be this zone, too; whether it is a new one.
    pub(super) fn add_rival(&mut self, file: PathBuf) -> bool {
        add_rival(&mut self.status, &self.info.key, file)
    }

    /// Whether it came by a file that was only there for a moment. A folder that is gone says nothing of its files.
    pub(super) fn was_fleeting(&self, now: Instant) -> bool {
        let is_new = self
            .appeared_at
            .is_some_and(|at| now.saturating_duration_since(at) < FLEETING_MAX);
        let folder_is_there = || self.file.parent().is_some_and(Path::is_dir);
        is_new && self.file_is_gone() && folder_is_there()
    }

    /// Whether what is served is what its file says, with updates that are still to be written into it, and nobody has edited it
    /// since: only then is it written over.
    pub(super) fn is_as_in_file(&self) -> bool {
        self.status.served_from == ServedFrom::File
            && self.status.errors.is_empty()
            && self.status.held.is_none()
            && self.seen.iter().all(ReadFile::is_unchanged)
    }

    /// Whether it is certain that its file is not there: one that can't be looked at may be.
    pub(super) fn file_is_gone(&self) -> bool {
        matches!(self.file.try_exists(), Ok(false))
    }
}

/// Notes the files that would be this zone, too, and no others.
pub(super) fn set_rivals(status: &mut ZoneStatus, zone: &ZoneKey, files: Vec<PathBuf>) {
    status.rivals.retain(|rival| files.contains(rival));
    for file in files {
        add_rival(status, zone, file);
    }
}

/// Notes a file that would be this zone, too; whether it is a new one.
pub(super) fn add_rival(status: &mut ZoneStatus, zone: &ZoneKey, file: PathBuf) -> bool {
    let rivals = &mut status.rivals;
    if rivals.len() >= RIVALS_MAX || rivals.contains(&file) {
        return false;
    }
    rivals.push(file);
    let texts = status.rival_texts();
    error!("zone {zone}: {}", texts.last().map_or("", String::as_str));
    true
}
