//! Taking over a configuration: which zones come, stay and go.

use std::collections::BTreeMap;
use std::time::Instant;

use dnsd_core::name::Name;
use tracing::{error, info, warn};

use super::super::outcome::{LoadOutcome, Report};
use super::super::shown;
use super::entry::Entry;
use super::{Keeper, Key, Plan};
use crate::config::ZoneConfig;

impl Keeper {
    pub(super) fn apply(&mut self, plan: Plan) -> Report {
        self.base_dir = plan.base_dir;
        self.threads = plan.threads;
        for group in std::mem::replace(&mut self.groups, plan.groups) {
            if !self.groups.iter().any(|kept| kept.name == group.name) {
                self.watcher.forget(&Key::Group(group.name));
            }
        }
        let wanted = self.wanted(plan.zones);
        let removed = self.remove_unwanted(&wanted, plan.accept);
        let (to_load, being_written) = self.take_over(wanted, plan.accept);
        let mut outcomes = self.load(&to_load, plan.accept);
        for group in self.groups.clone() {
            self.watch_group(&group);
        }
        let has_all_events = self.watcher.has_all_events();
        self.next_sweep_at = Instant::now() + self.sweep_period(has_all_events);
        outcomes.extend(being_written.iter().map(|_| LoadOutcome::Changing));
        Report::new(&[to_load, being_written].concat(), &outcomes, removed)
    }

    /// The zones that there are to be: those of the groups' files, and those with a table of their own.
    fn wanted(&self, zones: Vec<ZoneConfig>) -> BTreeMap<Name, Entry> {
        let mut wanted = BTreeMap::new();
        for group in &self.groups {
            match group.zones() {
                Ok(zones) => wanted.extend(
                    zones
                        .into_iter()
                        .map(|(name, file)| (name, Entry::of_group(group, file))),
                ),
                Err(error) => error!(%error, "group {}: {} can't be listed", group.name, group.directory.display()),
            }
        }
        wanted.extend(zones.into_iter().map(Entry::single));
        wanted
    }

    /// Enters new zones, brings those that are there up to date, and says which are to be loaded, and which would be but
    /// are being written: those are loaded once that is over.
    fn take_over(&mut self, wanted: BTreeMap<Name, Entry>, accept: bool) -> (Vec<Name>, Vec<Name>) {
        let mut to_load = Vec::new();
        let mut being_written = Vec::new();
        for (name, new) in wanted {
            let Some(old) = self.entries.get_mut(&name) else {
                if new.group.is_some() && self.debounce.is_being_written(&name) {
                    being_written.push(name);
                    continue;
                }
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
    /// that is accepted: a folder that isn't mounted looks the same.
    fn remove_unwanted(&mut self, wanted: &BTreeMap<Name, Entry>, accept: bool) -> Vec<Name> {
        let mut removed = Vec::new();
        for (name, entry) in &mut self.entries {
            if wanted.contains_key(name) {
                continue;
            }
            let file_was_deleted = self.groups.iter().any(|group| group.is_file_of(name, &entry.file));
            if file_was_deleted && !accept {
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
        for name in &removed {
            self.remove(name);
        }
        if !removed.is_empty() {
            self.publish_all();
        }
        removed
    }

    pub(super) fn remove(&mut self, name: &Name) {
        info!("zone {}: removed", shown(name));
        self.entries.remove(name);
        self.watcher.forget(&Key::Zone(name.clone()));
        self.debounce.forget(name);
        self.board.remove(name);
        self.last_good.drop_zone(name);
    }
}
