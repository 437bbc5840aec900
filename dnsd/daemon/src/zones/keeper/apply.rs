//! Taking over a configuration: which zones come, stay and go.

use std::collections::BTreeMap;
use std::time::Instant;

use dnsd_core::name::Name;
use tracing::{info, warn};

use super::super::outcome::{LoadOutcome, Report};
use super::super::shown;
use super::entry::Entry;
use super::{Keeper, Key, Plan};
use crate::config::{GroupConfig, ZoneConfig};

impl Keeper {
    pub(super) fn apply(&mut self, plan: Plan) -> Report {
        self.base_dir = plan.base_dir;
        self.threads = plan.threads;
        for group in self.groups.replace(plan.groups) {
            self.watcher.forget(&Key::Group(group.name));
        }
        let wanted = self.wanted(plan.zones);
        let removed = self.remove_unwanted(&wanted, plan.accept);
        let (to_load, being_written) = self.take_over(wanted, plan.accept);
        let mut outcomes = self.load(&to_load, plan.accept);
        let groups: Vec<GroupConfig> = self.groups.iter().cloned().collect();
        for group in &groups {
            self.watch_group(group);
        }
        self.groups.forget_old(&self.entries);
        let has_all_events = self.watcher.has_all_events();
        self.next_sweep_at = Instant::now() + self.sweep_period(has_all_events);
        outcomes.extend(being_written.iter().map(|_| LoadOutcome::Changing));
        let mut report = Report::new(&[to_load, being_written].concat(), &outcomes, removed);
        for (name, entry) in &self.entries {
            let rivals = entry.status.rival_texts().into_iter();
            report.refused.extend(rivals.map(|text| (name.clone(), text)));
        }
        report.unlisted = self.groups.unlisted();
        self.board.set_unlisted(report.unlisted.clone());
        report
    }

    /// The zones that there are to be: those with a table of their own, and those of the groups' files.
    fn wanted(&mut self, zones: Vec<ZoneConfig>) -> BTreeMap<Name, Entry> {
        let mut wanted: BTreeMap<Name, Entry> = zones.into_iter().map(Entry::single).collect();
        let groups: Vec<GroupConfig> = self.groups.iter().cloned().collect();
        for group in &groups {
            for (name, file) in self.groups.list(group).unwrap_or_default().zones {
                self.claim(&mut wanted, name, Entry::of_group(group, file));
            }
        }
        wanted
    }

    /// A file claims a zone's name. A table has it before any file, then the file that the zone is read from now: a second
    /// one that turns up changes nothing.
    fn claim(&self, wanted: &mut BTreeMap<Name, Entry>, name: Name, new: Entry) {
        let Some(first) = wanted.get_mut(&name) else {
            wanted.insert(name, new);
            return;
        };
        let mut rival = new.file.clone();
        let is_read_now = self.entries.get(&name).is_some_and(|entry| entry.file == rival);
        if first.group.is_some() && is_read_now {
            let before = std::mem::replace(first, new);
            first.status.rivals = before.status.rivals;
            rival = before.file;
        }
        if rival != first.file {
            first.status.rivals.push(rival);
        }
    }

    /// Enters new zones, brings those that are there up to date, and says which are to be loaded, and which would be but
    /// are being written: those are loaded once that is over.
    fn take_over(&mut self, wanted: BTreeMap<Name, Entry>, accept: bool) -> (Vec<Name>, Vec<Name>) {
        let mut to_load = Vec::new();
        let mut being_written = Vec::new();
        for (name, mut new) in wanted {
            let rivals = std::mem::take(&mut new.status.rivals);
            let Some(old) = self.entries.get_mut(&name) else {
                if new.group.is_some() && self.debounce.is_being_written(&name) {
                    being_written.push(name);
                    continue;
                }
                new.set_rivals(&name, rivals);
                self.entries.insert(name.clone(), new);
                to_load.push(name);
                continue;
            };
            let is_other_file = old.file != new.file;
            if old.watch != new.watch {
                self.to_watch.push(name.clone());
            }
            old.watch = new.watch;
            old.file = new.file;
            old.status.file.clone_from(&old.file);
            old.group = new.group;
            old.status.group.clone_from(&old.group);
            old.appeared_at = None;
            old.set_rivals(&name, rivals);
            self.board.set(&name, old.status.clone());
            if is_other_file {
                to_load.push(name);
            } else if self.debounce.is_being_written(&name) {
                being_written.push(name);
            } else if old.needs_load(accept) || self.debounce.is_waiting(&name) {
                to_load.push(name);
            }
        }
        (to_load, being_written)
    }

    /// Removes zones that the configuration has no more. Those whose file was deleted from a group's folder go only when
    /// that is accepted: a folder that isn't mounted looks the same. Those of a folder that can't be listed never go.
    fn remove_unwanted(&mut self, wanted: &BTreeMap<Name, Entry>, accept: bool) -> Vec<Name> {
        let mut removed = Vec::new();
        for (name, entry) in &mut self.entries {
            if wanted.contains_key(name) {
                continue;
            }
            let group = self.groups.of_file(name, &entry.file);
            if group.is_some_and(|group| self.groups.is_unlisted(group)) {
                // Whether its file is there can't be told.
                continue;
            }
            if group.is_some() && !accept {
                warn!(
                    "zone {}: its file {} is gone; it is served until `dnsd reload --accept`",
                    shown(name),
                    entry.file.display()
                );
                entry.status.file_is_gone = true;
                self.board.set(name, entry.status.clone());
            } else {
                removed.push(name.clone());
            }
        }
        self.remove_all(&removed);
        removed
    }

    pub(super) fn remove_all(&mut self, names: &[Name]) {
        for name in names {
            self.remove(name);
        }
        if !names.is_empty() {
            self.publish_all();
        }
    }

    fn remove(&mut self, name: &Name) {
        info!("zone {}: removed", shown(name));
        self.entries.remove(name);
        self.watcher.forget(&Key::Zone(name.clone()));
        self.debounce.forget(name);
        self.board.remove(name);
        self.last_good.drop_zone(name);
    }
}
