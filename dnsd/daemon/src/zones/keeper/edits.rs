//! Noticing edits: file events, and looks at the files where there are none.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::warn;

use super::super::key::ZoneKey;
use super::super::load::ReadFile;
use super::super::plan::{Group, GroupKey};
use super::super::stamp::Stamp;
use super::{Keeper, Key};
use ballast_shared::watch::{Change, DecidingEntries, deciding_entries};

/// Where events come from everywhere, all files are looked at all the same, now and then: remounts and renamed folders give
/// no event that is worth more than a look.
const SWEEP_WITH_EVENTS: Duration = Duration::from_secs(60);
/// When a folder was renamed or removed, another one usually takes its place at once; then it is watched and its files are
/// looked at.
const SWEEP_AFTER_LOSS: Duration = Duration::from_millis(100);
/// Where they don't, this is how soon an edit is noticed. A stat(2) costs about a microsecond.
const SWEEP_WITHOUT_EVENTS: Duration = Duration::from_secs(5);
/// While such an edit waits for quiet, quiet has to be looked for more often than it lasts.
const SWEEP_WHILE_EDITED: Duration = Duration::from_millis(500);

impl Keeper {
    pub(super) fn handle_event(&mut self, event: notify::Result<notify::Event>, now: Instant) {
        let event = match event {
            Ok(event) => event,
            Err(error) => return warn!(%error, "file events"),
        };
        if event.need_rescan() {
            self.next_sweep_at = now;
        }
        let concerned = self.watcher.concerned(&event);
        if self.watcher.take_lost() {
            self.next_sweep_at = self.next_sweep_at.min(now + SWEEP_AFTER_LOSS);
        }
        for (key, path, change) in concerned {
            match key {
                Key::Zone(zone) => self.debounce.changed(zone, path, change, now),
                Key::Group(group) => self.handle_group_event(&group, &path, change, now),
            }
        }
    }

    fn handle_group_event(&mut self, key: &GroupKey, path: &Path, change: Change, now: Instant) {
        let Some(group) = self.groups.by_key(key).cloned() else {
            return;
        };
        if self.handle_group_file(&group, path, change, now) {
            return;
        }
        if deciding_entries(&group.folder.directory)
            .iter()
            .any(|entry| entry == path)
        {
            // A link on the way to the folder was switched: any file may be another.
            self.watch_group(&group);
            self.next_sweep_at = now;
        }
    }

    /// Watches the files of zones that were loaded. What changed between the reading and now had no event.
    pub(super) fn watch_loaded(&mut self, now: Instant) {
        let mut deciding = DecidingEntries::default();
        for zone in std::mem::take(&mut self.to_watch) {
            let Some(entry) = self.entries.get(&zone) else { continue };
            if !entry.watch {
                self.watcher.forget(&Key::Zone(zone));
                continue;
            }
            let files: Vec<&Path> = entry.seen.iter().map(|file| file.path.as_path()).collect();
            self.watcher
                .watch_one_of_many(&Key::Zone(zone.clone()), &files, &[], &mut deciding);
            for file in entry.seen.iter().filter(|file| !file.is_unchanged()) {
                self.debounce
                    .changed(zone.clone(), file.path.clone(), Change::Modified, now);
            }
        }
    }

    pub(super) fn watch_group(&mut self, group: &Group) {
        let key = Key::Group(group.key.clone());
        if group.folder.watch {
            self.watcher.watch(&key, &[], &[&group.folder.directory]);
        } else {
            self.watcher.forget(&key);
        }
    }

    /// Looks at every file, and for new ones in the groups' folders.
    pub(super) fn sweep(&mut self, now: Instant) {
        // Before the look: what changes after it has an event.
        let has_all_events = self.watcher.has_all_events();
        // What was read stays as it was then: until an edit is loaded, its file isn't to be taken for the one that is served.
        let mut noticed: HashMap<ZoneKey, Vec<ReadFile>> = HashMap::new();
        for (zone, entry) in &self.entries {
            if !entry.watch {
                continue;
            }
            for file in &entry.seen {
                let stamp = Stamp::of(&file.path);
                if stamp == file.stamp {
                    continue;
                }
                let path = file.path.clone();
                let edited = ReadFile { path, stamp };
                let is_known = self.noticed.get(zone).is_some_and(|known| known.contains(&edited));
                if !is_known {
                    self.debounce
                        .changed(zone.clone(), edited.path.clone(), Change::Modified, now);
                }
                noticed.entry(zone.clone()).or_default().push(edited);
            }
        }
        self.noticed = noticed;
        self.sweep_groups(now);
        self.next_sweep_at = now + self.sweep_period(has_all_events);
    }

    pub(super) fn sweep_period(&self, has_all_events: bool) -> Duration {
        if has_all_events && !self.groups.has_unlisted() {
            SWEEP_WITH_EVENTS
        } else if self.debounce.next_due_at().is_some() {
            SWEEP_WHILE_EDITED
        } else {
            SWEEP_WITHOUT_EVENTS
        }
    }
}
