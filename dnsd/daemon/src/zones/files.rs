//! The zones of a configuration as their files are now, for commands that run without the daemon.
//!
//! The daemon knows more: updates that are in a journal and not in the zone's file yet, versions that wait to be accepted, and
//! whether a secondary zone has expired. `dnsd sync` writes updates into the files.

use std::path::PathBuf;
use std::sync::Arc;

use dnsd_core::name::Name;
use dnsd_core::zone::Zone;
use dnsd_core::zones::ZoneState;

use super::key::{ViewName, ZoneKey};
use super::load::Standard;
use super::plan::{Plan, PlannedView};
use super::{keeper, last_good, load};
use crate::config::{Config, Rules};
use crate::server::views::{Kind, View, Views, ZoneInfo};

/// A zone that is in a file.
#[derive(Debug)]
pub(crate) struct ZoneFile {
    /// The zone.
    pub(crate) key: ZoneKey,
    /// Its master file, or the copy of a secondary zone.
    pub(crate) file: PathBuf,
    kind: Kind,
    rules: Arc<Rules>,
    /// A copy of what was served needn't be what a master file has to be.
    standard: Standard,
    base_dir: PathBuf,
    threads: usize,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Files {
    zones: Vec<ZoneFile>,
    forwards: Vec<(ZoneKey, Arc<ZoneInfo>)>,
    views: Vec<PlannedView>,
    /// Folders of zones that can't be listed, and why, a line each.
    pub(crate) unlisted: Vec<String>,
}

impl ZoneFile {
    /// Reads it.
    ///
    /// # Errors
    /// When it can't be served: the first reason.
    pub(crate) fn load(&self) -> Result<Arc<Zone>, String> {
        if self.standard == Standard::AsServed && !self.file.exists() {
            return Err(format!("there is no copy of it yet at {}", self.file.display()));
        }
        let attempt = load::load(&self.key.name, &self.file, &self.base_dir, self.standard, self.threads);
        match attempt.result {
            Ok(loaded) => Ok(loaded.zone),
            Err(problems) => Err(problems.first().map(ToString::to_string).unwrap_or_default()),
        }
    }
}

impl Files {
    /// What the configuration names. Folders are listed, no file is read.
    pub(crate) fn of(config: &Config) -> Self {
        let Plan {
            views,
            zones,
            groups,
            secondaries,
            forwards,
            base_dir,
            threads,
            ..
        } = Plan::new(config, false);
        let mut files = Self {
            zones: Vec::new(),
            forwards: Vec::new(),
            views,
            unlisted: Vec::new(),
        };
        let zone = |key, file, kind, rules, standard| ZoneFile {
            key,
            file,
            kind,
            rules,
            standard,
            base_dir: base_dir.clone(),
            threads,
        };
        for group in &groups {
            match group.folder.list() {
                Ok(listing) => files.zones.extend(listing.zones.into_iter().map(|(name, file)| {
                    zone(
                        group.zone(name),
                        file,
                        Kind::Primary,
                        group.settings.rules.clone(),
                        Standard::Sound,
                    )
                })),
                Err(cause) => files
                    .unlisted
                    .push(format!("{}: {cause}", group.folder.directory.display())),
            }
        }
        // Behind those in folders: of two the later counts.
        files.zones.extend(zones.into_iter().map(|planned| {
            zone(
                planned.key,
                planned.source.file,
                Kind::Primary,
                planned.settings.rules.clone(),
                Standard::Sound,
            )
        }));
        files.zones.extend(secondaries.into_iter().map(|planned| {
            let file = planned
                .file
                .unwrap_or_else(|| last_good::copy(&config.work_dir, &planned.key));
            zone(
                planned.key,
                file,
                planned.source.kind(),
                planned.rules,
                Standard::AsServed,
            )
        }));
        files.forwards.extend(forwards.into_iter().map(|(key, forward)| {
            let info = ZoneInfo::new(key.clone(), Arc::default(), Kind::Forward(forward));
            (key, Arc::new(info))
        }));
        files
    }

    /// The zones that a view has itself, or those outside the views, of which `None` is the name; each name once.
    pub(crate) fn of_view(&self, view: Option<&str>) -> Vec<&ZoneFile> {
        let is_of = |zone: &&ZoneFile| zone.key.view.as_deref() == view;
        let mut zones: Vec<&ZoneFile> = self.zones.iter().filter(is_of).collect();
        // Stable: of equal names the last is the last of its run.
        zones.sort_by(|left, right| left.key.name.cmp(&right.key.name));
        zones.reverse();
        zones.dedup_by(|later, kept| later.key.name == kept.key.name);
        zones.reverse();
        zones
    }

    /// Whether there is a view of this name, and whether it is strict.
    pub(crate) fn view(&self, name: &str) -> Option<bool> {
        let view = self.views.iter().find(|view| &*view.name == name)?;
        Some(view.strict)
    }

    /// The views as they would be served, with the version that `load` has of each zone; without one it is SERVFAIL.
    pub(crate) fn views(&self, load: impl Fn(&ZoneFile) -> Option<Arc<Zone>>) -> Views {
        let loaded: Vec<(&ZoneFile, ZoneState, Arc<ZoneInfo>)> = self
            .zones
            .iter()
            .map(|zone| {
                let info = ZoneInfo::new(zone.key.clone(), zone.rules.clone(), zone.kind.clone());
                (
                    zone,
                    load(zone).map_or(ZoneState::Failed, ZoneState::Loaded),
                    Arc::new(info),
                )
            })
            .collect();
        let of = |view: Option<&ViewName>| {
            let zones = loaded.iter().filter(move |(zone, ..)| zone.key.view.as_ref() == view);
            let zones = zones.map(|(zone, state, info)| (&zone.key.name, state.clone(), info));
            let forwards = self.forwards.iter().filter(move |(key, _)| key.view.as_ref() == view);
            let forwards = forwards.map(|(key, info)| (&key.name, ZoneState::Forward, info));
            zones
                .chain(forwards)
                .collect::<Vec<(&Name, ZoneState, &Arc<ZoneInfo>)>>()
        };
        let named = self.views.iter().map(|view| {
            let mut seen = if view.strict { Vec::new() } else { of(None) };
            seen.extend(of(Some(&view.name)));
            let (zones, infos) = keeper::numbered(seen);
            View::new(Some(view.name.clone()), view.match_clients.clone(), zones, infos)
        });
        let (zones, infos) = keeper::numbered(of(None));
        Views::new(named.collect::<Vec<_>>(), View::outside(zones, infos))
    }
}
