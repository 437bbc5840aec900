//! The groups, as the keeper knows them: what their folders have, and what is wrong with that.
//!
//! A folder is data, not configuration: nothing in it keeps the daemon from running. One that can't be listed is tried again,
//! and costs none of its zones; a file that would be a zone which another file is already is left aside and told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use dnsd_core::name::NameError;
use tracing::{error, info, warn};

use super::super::key::ZoneKey;
use super::super::plan::{Group, GroupKey};
use super::Keeper;
use super::entry::{Entry, add_rival, set_rivals};
use crate::config::Listing;
use ballast_shared::watch::Change;

/// Files that would be zones, but whose names other tables have.
pub(super) type Unread = BTreeMap<ZoneKey, Vec<PathBuf>>;

/// All of them.
#[derive(Default)]
pub(super) struct Groups {
    configs: Vec<Group>,
    /// Why a group's folder couldn't be listed the last time.
    unlisted: BTreeMap<GroupKey, String>,
    /// Files without a zone's name that were warned of.
    nameless: HashSet<PathBuf>,
    /// New files that wait to be quiet, with their groups.
    newcomers: HashMap<ZoneKey, Vec<(GroupKey, PathBuf)>>,
}

impl Groups {
    /// Takes over other groups, and says which are no more.
    pub(super) fn replace(&mut self, configs: Vec<Group>) -> Vec<Group> {
        let mut gone = std::mem::replace(&mut self.configs, configs);
        gone.retain(|old| !self.configs.iter().any(|kept| kept.key == old.key));
        for group in &gone {
            self.unlisted.remove(&group.key);
        }
        gone
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.configs.iter()
    }

    pub(super) fn by_key(&self, key: &GroupKey) -> Option<&Group> {
        self.configs.iter().find(|group| group.key == *key)
    }

    /// The group that a zone's file, there or not, is of.
    pub(super) fn of_file(&self, zone: &ZoneKey, file: &Path) -> Option<&Group> {
        self.configs.iter().find(|group| group.is_file_of(zone, file))
    }

    /// Whether the last try to list a group's folder failed.
    pub(super) fn is_unlisted(&self, group: &Group) -> bool {
        self.unlisted.contains_key(&group.key)
    }

    /// Whether there is a folder to be tried again.
    pub(super) fn has_unlisted(&self) -> bool {
        !self.unlisted.is_empty()
    }

    /// What can't be listed and why, a line for each group.
    pub(super) fn unlisted(&self) -> Vec<String> {
        self.unlisted
            .iter()
            .map(|(group, cause)| format!("group {group}: {cause}"))
            .collect()
    }

    /// What a group's folder has; `None` when it can't be listed, which is told once, as are files without a zone's name.
    pub(super) fn list(&mut self, group: &Group) -> Option<Listing> {
        match group.folder.list() {
            Ok(listing) => {
                if self.unlisted.remove(&group.key).is_some() {
                    info!(
                        "group {}: {} can be listed again",
                        group.key,
                        group.folder.directory.display()
                    );
                }
                for (file, cause) in &listing.nameless {
                    self.warn_of_nameless(file, *cause);
                }
                Some(listing)
            }
            Err(cause) => {
                let text = format!("{} can't be listed: {cause}", group.folder.directory.display());
                if self.unlisted.get(&group.key) != Some(&text) {
                    error!("group {}: {text}; its zones stay as they are", group.key);
                    self.unlisted.insert(group.key.clone(), text);
                }
                None
            }
        }
    }

    fn warn_of_nameless(&mut self, file: &Path, cause: NameError) {
        if self.nameless.insert(file.to_owned()) {
            warn!("{} is not read: not named for a zone: {cause}", file.display());
        }
    }

    /// Lets go of what is known of files that are gone, or are zones by now.
    pub(super) fn forget_old(&mut self, entries: &BTreeMap<ZoneKey, Entry>) {
        self.nameless.retain(|file| file.exists());
        self.newcomers.retain(|zone, _| !entries.contains_key(zone));
    }

    /// The files that a new zone could be read from, with their groups, the one that has the name first.
    fn take_newcomers(&mut self, zone: &ZoneKey) -> Vec<(Group, PathBuf)> {
        let found = self.newcomers.remove(zone).unwrap_or_default();
        let mut files: Vec<(usize, Reverse<PathBuf>)> = found
            .into_iter()
            .filter_map(|(group, file)| {
                let number = self.configs.iter().position(|config| config.key == group)?;
                let is_still = self.configs[number].is_file_of(zone, &file) && file.is_file();
                is_still.then_some((number, Reverse(file)))
            })
            .collect();
        files.sort();
        files
            .into_iter()
            .map(|(group, Reverse(file))| (self.configs[group].clone(), file))
            .collect()
    }
}

impl Keeper {
    /// Something happened to a file in a group's folder; whether that was all it can mean.
    pub(super) fn handle_group_file(&mut self, group: &Group, path: &Path, change: Change, now: Instant) -> bool {
        let Some(file_name) = path.file_name() else {
            return false;
        };
        // Events name the folder as it is behind all links.
        let file = group.folder.directory.join(file_name);
        match group.zone_at(&file) {
            Some(Ok(zone)) if file.is_file() => {
                self.found(group, zone, file, Some(change), now);
                true
            }
            Some(Err(cause)) if file.is_file() => {
                self.groups.warn_of_nameless(&file, cause);
                true
            }
            Some(Ok(zone)) => {
                self.drop_rival(&zone, &file);
                false
            }
            Some(Err(_)) | None => false,
        }
    }

    /// Looks into the groups' folders for what gave no event.
    pub(super) fn sweep_groups(&mut self, now: Instant) {
        let watched: Vec<Group> = self.groups.iter().filter(|group| group.folder.watch).cloned().collect();
        for group in &watched {
            let was_unlisted = self.groups.is_unlisted(group);
            let Some(listing) = self.groups.list(group) else {
                continue;
            };
            if was_unlisted {
                self.watch_group(group);
            }
            for (name, file) in listing.zones {
                self.found(group, group.zone(name), file, None, now);
            }
        }
        self.board.set_unlisted(self.groups.unlisted());
        let of_primaries = self.entries.iter().map(|(zone, entry)| (zone, &entry.status));
        let of_others = self.secondaries.iter().map(|(zone, other)| (zone, &other.status));
        let gone: Vec<(ZoneKey, PathBuf)> = of_primaries
            .chain(of_others)
            .flat_map(|(zone, status)| status.rivals.iter().map(|file| (zone.clone(), file.clone())))
            .filter(|(_, file)| !file.exists())
            .collect();
        for (zone, file) in gone {
            self.drop_rival(&zone, &file);
        }
        self.groups.forget_old(&self.entries);
    }

    /// There is a file of a group: a new zone's, the one that a zone is read from, or another for the same zone. Without a
    /// change it was found by looking.
    fn found(&mut self, group: &Group, zone: ZoneKey, file: PathBuf, change: Option<Change>, now: Instant) {
        if self.has_other_table(&zone) {
            if let Some(other) = self.secondaries.get_mut(&zone)
                && add_rival(&mut other.status, &zone, file)
            {
                self.board.set(&zone, other.status.clone());
            }
            return;
        }
        match self.entries.get_mut(&zone) {
            // It hears of its own files.
            Some(entry) if entry.file == file => {}
            Some(entry) => {
                if entry.add_rival(file) {
                    self.board.set(&zone, entry.status.clone());
                }
            }
            None => {
                let files = self.groups.newcomers.entry(zone.clone()).or_default();
                let newcomer = (group.key.clone(), file.clone());
                if !files.contains(&newcomer) {
                    files.push(newcomer);
                }
                match change {
                    Some(change) => self.debounce.changed(zone, file, change, now),
                    // What is found once more while it waits has not changed again.
                    None if self.debounce.is_waiting(&zone) => {}
                    None => self.debounce.changed(zone, file, Change::Modified, now),
                }
            }
        }
    }

    fn drop_rival(&mut self, zone: &ZoneKey, file: &Path) {
        let of_primary = self.entries.get_mut(zone).map(|entry| &mut entry.status);
        let status = of_primary.or_else(|| self.secondaries.get_mut(zone).map(|other| &mut other.status));
        if let Some(status) = status.filter(|status| status.rivals.iter().any(|rival| rival == file)) {
            status.rivals.retain(|rival| rival != file);
            self.board.set(zone, status.clone());
        }
    }

    /// Notes which files of the groups are not read, as other tables have their names; a line for each.
    pub(super) fn tell_unread(&mut self, mut unread: Unread) -> Vec<(ZoneKey, String)> {
        let mut told = Vec::new();
        for (zone, other) in &mut self.secondaries {
            let files = unread.remove(zone).unwrap_or_default();
            if !files.is_empty() || !other.status.rivals.is_empty() {
                set_rivals(&mut other.status, zone, files);
                self.board.set(zone, other.status.clone());
                told.extend(other.status.rival_texts().into_iter().map(|text| (zone.clone(), text)));
            }
        }
        // What is left is of forward zones.
        for (zone, file) in unread
            .iter()
            .flat_map(|(zone, files)| files.iter().map(move |file| (zone, file)))
        {
            let text = format!("{} is not read: other servers are asked for this zone", file.display());
            error!("zone {zone}: {text}");
            told.push((zone.clone(), text));
        }
        told
    }

    /// A file that is new in a group's folder is a new zone.
    pub(super) fn enter_new(&mut self, zone: &ZoneKey, now: Instant) {
        if self.entries.contains_key(zone) || self.has_other_table(zone) {
            return;
        }
        let mut files = self.groups.take_newcomers(zone).into_iter();
        let Some((group, file)) = files.next() else { return };
        info!("zone {zone}: new in the group {}", group.key);
        let mut entry = Entry::of_group(zone.clone(), &group, file);
        entry.appeared_at = Some(now);
        for (_, rival) in files {
            entry.add_rival(rival);
        }
        self.generated.touch(zone);
        self.entries.insert(zone.clone(), entry);
        self.yield_member(zone);
    }
}
