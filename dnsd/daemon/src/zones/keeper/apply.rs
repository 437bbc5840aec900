//! Taking over a configuration: which zones come, stay and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::super::key::ZoneKey;
use super::super::outcome::{LoadOutcome, Report};
use super::super::plan::{Group, Plan, PlannedView, PlannedZone};
use super::entry::Entry;
use super::groups::Unread;
use super::{Keeper, Key};
use crate::config::{ForwardZone, Rules};
use crate::server::views::{Kind, ZoneInfo};

impl Keeper {
    pub(super) fn apply(&mut self, plan: Plan) -> Report {
        self.base_dir = plan.base_dir;
        self.threads = plan.threads;
        for group in self.groups.replace(plan.groups) {
            self.watcher.forget(&Key::Group(group.key));
        }
        let of_secondaries = plan.secondaries.iter().map(|zone| &zone.key);
        let of_forwards = plan.forwards.iter().map(|(key, _)| key);
        let of_other_tables: BTreeSet<&ZoneKey> = of_secondaries.chain(of_forwards).collect();
        let (wanted, unread) = self.wanted(plan.zones, &of_other_tables);
        let mut removed = self.remove_unwanted(&wanted, &of_other_tables, plan.accept);
        let mut secondaries = plan.secondaries;
        self.generated.take_over(&secondaries);
        let forwards: BTreeSet<&ZoneKey> = plan.forwards.iter().map(|(key, _)| key).collect();
        let is_configured = |key: &ZoneKey| wanted.contains_key(key) || forwards.contains(key);
        let members = self.take_over_interpreted(plan.interpreted, &secondaries, is_configured);
        secondaries.extend(members);
        removed.extend(self.take_over_secondaries(secondaries));
        let (to_load, being_written) = self.take_over(wanted, plan.accept);
        self.take_over_forwards(plan.forwards);
        self.must_list |= !same_views(&self.views, &plan.views);
        self.views = plan.views;
        let mut outcomes = self.load(&to_load, plan.accept);
        self.list_all(plan.accept);
        self.interpret_news();
        self.reconsider_members(None);
        let groups: Vec<Group> = self.groups.iter().cloned().collect();
        for group in &groups {
            self.watch_group(group);
        }
        self.groups.forget_old(&self.entries);
        let has_all_events = self.watcher.has_all_events();
        self.next_sweep_at = Instant::now() + self.sweep_period(has_all_events);
        outcomes.extend(being_written.iter().map(|_| LoadOutcome::Changing));
        let mut report = Report::new(&[to_load, being_written].concat(), &outcomes, removed);
        for (zone, entry) in &self.entries {
            let rivals = entry.status.rival_texts().into_iter();
            report.refused.extend(rivals.map(|text| (zone.clone(), text)));
        }
        report.refused.extend(self.tell_unread(unread));
        report.unlisted = self.groups.unlisted();
        self.board.set_unlisted(report.unlisted.clone());
        report
    }

    /// The primary zones that there are to be: those with a table of their own, and those of the groups' files. With them the
    /// files whose names other tables have.
    fn wanted(
        &mut self,
        zones: Vec<PlannedZone>,
        of_other_tables: &BTreeSet<&ZoneKey>,
    ) -> (BTreeMap<ZoneKey, Entry>, Unread) {
        let of_tables = zones.into_iter().map(|zone| (zone.key.clone(), Entry::single(zone)));
        let mut wanted: BTreeMap<ZoneKey, Entry> = of_tables.collect();
        let mut unread = Unread::new();
        let groups: Vec<Group> = self.groups.iter().cloned().collect();
        for group in &groups {
            for (name, file) in self.groups.list(group).unwrap_or_default().zones {
                let zone = group.zone(name);
                if of_other_tables.contains(&zone) {
                    unread.entry(zone).or_default().push(file);
                } else {
                    self.claim(&mut wanted, zone.clone(), Entry::of_group(zone, group, file));
                }
            }
        }
        (wanted, unread)
    }

    /// A file claims a zone's name. A table has it before any file, then the file that the zone is read from now: a second
    /// one that turns up changes nothing.
    fn claim(&self, wanted: &mut BTreeMap<ZoneKey, Entry>, zone: ZoneKey, new: Entry) {
        let Some(first) = wanted.get_mut(&zone) else {
            wanted.insert(zone, new);
            return;
        };
        let mut rival = new.file.clone();
        let is_read_now = self.entries.get(&zone).is_some_and(|entry| entry.file == rival);
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
    fn take_over(&mut self, wanted: BTreeMap<ZoneKey, Entry>, accept: bool) -> (Vec<ZoneKey>, Vec<ZoneKey>) {
        let mut to_load = Vec::new();
        let mut being_written = Vec::new();
        let mut entered = Vec::new();
        for (zone, mut new) in wanted {
            let rivals = std::mem::take(&mut new.status.rivals);
            let Some(old) = self.entries.get_mut(&zone) else {
                if new.group.is_some() && self.debounce.is_being_written(&zone) {
                    being_written.push(zone);
                    continue;
                }
                new.set_rivals(rivals);
                entered.push((zone.clone(), new));
                to_load.push(zone);
                continue;
            };
            let is_other_file = old.file != new.file;
            if old.watch != new.watch {
                self.to_watch.push(zone.clone());
            }
            old.watch = new.watch;
            old.serial = new.serial;
            old.file = new.file;
            old.status.file.clone_from(&old.file);
            old.group = new.group;
            old.catalog = new.catalog;
            old.status.group.clone_from(&old.group);
            old.appeared_at = None;
            self.must_list |= old.set_info(&new.info);
            old.set_rivals(rivals);
            self.board.set(&zone, old.status.clone());
            if is_other_file {
                to_load.push(zone);
            } else if self.debounce.is_being_written(&zone) {
                being_written.push(zone);
            } else if old.needs_load(accept) || self.debounce.is_waiting(&zone) {
                to_load.push(zone);
            }
        }
        if !entered.is_empty() {
            self.must_list = true;
            // At the start it is all of them, in order: looking for the place of each takes longer than making the list anew.
            self.entries.append(&mut entered.into_iter().collect());
        }
        (to_load, being_written)
    }

    fn take_over_forwards(&mut self, forwards: Vec<(ZoneKey, Arc<ForwardZone>)>) {
        // What is cached for them stands elsewhere; listing all zones anew is cheap beside a reload.
        self.must_list |= !forwards.is_empty() || !self.forwards.is_empty();
        let infos = forwards.into_iter().map(|(key, zone)| {
            let info = ZoneInfo::new(key.clone(), Arc::new(Rules::default()), Kind::Forward(zone));
            (key, Arc::new(info))
        });
        self.forwards = infos.collect();
    }

    /// Removes zones that the configuration has no more. Those whose file was deleted from a group's folder go only when
    /// that is accepted: a folder that isn't mounted looks the same. Those of a folder that can't be listed never go, unless
    /// another table has the name by now.
    fn remove_unwanted(
        &mut self,
        wanted: &BTreeMap<ZoneKey, Entry>,
        of_other_tables: &BTreeSet<&ZoneKey>,
        accept: bool,
    ) -> Vec<ZoneKey> {
        let mut removed = Vec::new();
        for (zone, entry) in &mut self.entries {
            if wanted.contains_key(zone) {
                continue;
            }
            let group = self.groups.of_file(zone, &entry.file);
            let group = group.filter(|_| !of_other_tables.contains(zone));
            if group.is_some_and(|group| self.groups.is_unlisted(group)) {
                // Whether its file is there can't be told.
                continue;
            }
            if group.is_some() && !accept {
                warn!(
                    "zone {zone}: its file {} is gone; it is served until `dnsd reload --accept`",
                    entry.file.display()
                );
                entry.status.file_is_gone = true;
                self.board.set(zone, entry.status.clone());
            } else {
                removed.push(zone.clone());
            }
        }
        for zone in &removed {
            self.remove(zone);
        }
        removed
    }

    pub(super) fn remove_all(&mut self, zones: &[ZoneKey]) {
        if zones.is_empty() {
            return;
        }
        for zone in zones {
            self.remove(zone);
        }
        self.publish(&[]);
        self.reconsider_members(None);
    }

    fn remove(&mut self, zone: &ZoneKey) {
        info!("zone {zone}: removed");
        if let Err(error) = self.sync(zone) {
            warn!("zone {zone}: {error}; its updates stay in its journal");
            if let Some(entry) = self.entries.get_mut(zone) {
                entry.past = None;
            }
        }
        if let Some(mut past) = self.entries.remove(zone).and_then(|entry| entry.past) {
            past.remove();
        }
        self.must_list = true;
        self.generated.touch(zone);
        self.watcher.forget(&Key::Zone(zone.clone()));
        self.debounce.forget(zone);
        self.board.remove(zone);
        self.last_good.drop_zone(zone);
    }
}

fn same_views(old: &[PlannedView], new: &[PlannedView]) -> bool {
    let is_same = |(old, new): (&PlannedView, &PlannedView)| {
        old.name == new.name && old.strict == new.strict && old.match_clients == new.match_clients
    };
    old.len() == new.len() && old.iter().zip(new).all(is_same)
}
