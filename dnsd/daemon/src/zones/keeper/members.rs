//! Catalogs (RFC 9432) of others' zones: their members are secondary zones here, which come and go with the catalog's versions.
//!
//! Which zone belongs to which catalog is decided by [`dnsd_core::catalog::Consumer`], for the catalogs of one view together.
//! What it decides is done at once: zones that go are removed with all that is stored of them, new ones are entered with
//! what is there, and who follows the primaries is told. A file beside the catalog's copy says what a restart goes on from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dnsd_core::catalog::{Broken, Catalog, Change, Clash, Consumer, Loss, Owned, Update, What};
use dnsd_core::name::Name;
use dnsd_core::zone::Zone;
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};

use super::super::board::CatalogStatus;
use super::super::key::{ViewName, ZoneKey};
use super::super::members_file;
use super::super::outcome::LoadOutcome;
use super::super::plan::PlannedSecondary;
use super::Keeper;
use crate::config::{SecondaryConfig, Templates};

/// Clashes that `status` shows: the log has all of them.
const CLASHES_SHOWN_MAX: usize = 20;
/// The ending of the file of a catalog's members.
const MEMBERS: &str = "members";

/// Zones that catalogs bring and take away.
#[derive(Debug, Default)]
pub(crate) struct MembersChanged {
    /// Those that are no more, or begin anew: they go before the others come.
    pub(crate) gone: Vec<ZoneKey>,
    /// Those that are there, and how they are had.
    pub(crate) there: Vec<(ZoneKey, SecondaryConfig)>,
}

/// All catalogs.
#[derive(Default)]
pub(super) struct Interpreter {
    catalogs: BTreeMap<ZoneKey, Interpreted>,
    /// Those of each view, and of the zones outside the views.
    consumers: BTreeMap<Option<ViewName>, Consumer>,
    /// Catalogs of which there is a version that was not looked at yet.
    news: BTreeSet<ZoneKey>,
    listeners: Vec<UnboundedSender<MembersChanged>>,
}

/// One catalog.
struct Interpreted {
    templates: Templates,
    /// Whether what the next version takes away is meant.
    accepts_next: bool,
    broken: Option<Broken>,
    held: Option<Loss>,
    clashes: Vec<Clash>,
}

impl Interpreted {
    fn new(templates: Templates) -> Self {
        Self {
            templates,
            accepts_next: false,
            broken: None,
            held: None,
            clashes: Vec::new(),
        }
    }
}

impl Interpreter {
    /// Tells somebody of the members from now on.
    pub(super) fn listen(&mut self, listener: UnboundedSender<MembersChanged>) {
        self.listeners.push(listener);
    }

    /// There is a version of a zone, which may be a catalog.
    pub(super) fn note_version(&mut self, key: &ZoneKey) {
        if self.catalogs.contains_key(key) {
            self.news.insert(key.clone());
        }
    }

    fn tell(&mut self, changed: &MembersChanged) {
        if changed.gone.is_empty() && changed.there.is_empty() {
            return;
        }
        self.listeners.retain(|listener| {
            let changed = MembersChanged {
                gone: changed.gone.clone(),
                there: changed.there.clone(),
            };
            listener.send(changed).is_ok()
        });
    }

    fn consumer(&mut self, view: &Option<ViewName>) -> &mut Consumer {
        self.consumers.entry(view.clone()).or_default()
    }

    /// How a zone that a catalog has brought is had.
    fn how(&self, catalog: &ZoneKey, zone: &Name, owned: &Owned) -> Option<SecondaryConfig> {
        let templates = &self.catalogs.get(catalog)?.templates;
        Some(templates.for_groups(&owned.groups).zone(zone.clone()))
    }
}

impl Keeper {
    /// Takes over which zones are catalogs, and says which zones are there by them. `planned` are the other zones that are kept
    /// as secondary zones are; `is_configured` says whether there is another zone of a name.
    pub(super) fn take_over_interpreted(
        &mut self,
        interpreted: Vec<(ZoneKey, Templates)>,
        planned: &[PlannedSecondary],
        is_configured: impl Fn(&ZoneKey) -> bool,
    ) -> Vec<PlannedSecondary> {
        let mut changed = MembersChanged::default();
        let mut former = std::mem::take(&mut self.interpreter.catalogs);
        for (key, templates) in interpreted {
            let known = former.remove(&key);
            if known.is_none() {
                self.recall_members(&key);
                self.interpreter.news.insert(key.clone());
            }
            let catalog = Interpreted {
                templates: templates.clone(),
                ..known.unwrap_or_else(|| Interpreted::new(templates))
            };
            self.interpreter.catalogs.insert(key, catalog);
        }
        for key in former.into_keys() {
            let gone = self.interpreter.consumer(&key.view).forget(&key.name);
            let gone = gone.into_iter().map(|zone| ZoneKey::new(key.view.clone(), zone));
            changed.gone.extend(gone);
            self.interpreter.news.remove(&key);
            self.board.set_catalog(&key, None);
            self.write_members(&key);
        }
        let planned: BTreeSet<&ZoneKey> = planned.iter().map(|zone| &zone.key).collect();
        let mut members = Vec::new();
        let catalogs: Vec<ZoneKey> = self.interpreter.catalogs.keys().cloned().collect();
        for catalog in &catalogs {
            let owned: Vec<(Name, Owned)> = self.owned_by(catalog);
            for (zone, owned) in owned {
                let key = ZoneKey::new(catalog.view.clone(), zone);
                if planned.contains(&key) || self.entries.contains_key(&key) || is_configured(&key) {
                    warn!("zone {key}: of the configuration from now on, and no member of the catalog {catalog}");
                    self.interpreter.consumer(&catalog.view).release(&key.name);
                    changed.gone.push(key);
                } else if let Some(how) = self.interpreter.how(catalog, &key.name, &owned) {
                    members.push(PlannedSecondary::of_catalog(key.clone(), &how, catalog.name.clone()));
                    changed.there.push((key, how));
                }
            }
            self.show_catalog(catalog);
        }
        for catalog in &catalogs {
            let is_taken = |key: &ZoneKey| planned.contains(key) || is_configured(key);
            members.extend(self.take_freed(catalog, is_taken, &mut changed));
        }
        self.interpreter.tell(&changed);
        members
    }

    /// Brings in the members of a catalog whose names the configuration has no more. What is there of such a zone stays: it isn't
    /// removed to be transferred again.
    fn take_freed(
        &mut self,
        catalog: &ZoneKey,
        is_taken: impl Fn(&ZoneKey) -> bool,
        changed: &mut MembersChanged,
    ) -> Vec<PlannedSecondary> {
        let Self {
            interpreter, entries, ..
        } = self;
        let is_taken = |zone: &Name| {
            let key = ZoneKey::new(catalog.view.clone(), zone.clone());
            entries.contains_key(&key) || is_taken(&key)
        };
        let update = interpreter.consumer(&catalog.view).reconsider(&catalog.name, is_taken);
        let mut members = Vec::new();
        for Change { zone, .. } in update.changes {
            let key = ZoneKey::new(catalog.view.clone(), zone);
            info!("zone {key}: new in the catalog {catalog}");
            // What another catalog had brought goes with it all the same (RFC 9432 §5.3).
            if self.secondaries.get(&key).is_some_and(|known| !known.is_configured()) {
                self.wipe(&key);
            }
            let owned = self.interpreter.consumer(&key.view).owned(&key.name).cloned();
            if let Some(how) = owned.and_then(|owned| self.interpreter.how(catalog, &key.name, &owned)) {
                members.push(PlannedSecondary::of_catalog(key.clone(), &how, catalog.name.clone()));
                changed.there.push((key, how));
            }
        }
        if !members.is_empty() {
            self.write_members(catalog);
            self.show_catalog(catalog);
        }
        members
    }

    /// Enters the zones that a catalog had brought in an earlier run.
    fn recall_members(&mut self, catalog: &ZoneKey) {
        let path = self.members_path(catalog);
        let members = members_file::read(&path, &catalog.name).unwrap_or_default();
        let consumer = self.interpreter.consumer(&catalog.view);
        for (zone, owned) in members {
            if consumer.owned(&zone).is_none() {
                consumer.restore(zone, owned);
            }
        }
    }

    /// Looks at the versions of catalogs that have come.
    pub(super) fn interpret_news(&mut self) {
        let news = std::mem::take(&mut self.interpreter.news);
        let mut read = Vec::new();
        for key in news {
            let Some(zone) = self.version_of(&key) else { continue };
            match Catalog::read(&zone) {
                // All of them are noted first: one may hand a zone over to another.
                Ok(catalog) => {
                    self.interpreter.consumer(&key.view).note(&key.name, &catalog);
                    read.push((key, catalog));
                }
                Err(broken) => self.tell_broken(&key, broken),
            }
        }
        for (key, catalog) in read {
            self.take_catalog(&key, catalog);
        }
    }

    /// RFC 9432 §5.1: nothing is changed by it.
    fn tell_broken(&mut self, key: &ZoneKey, broken: Broken) {
        error!("zone {key}: broken catalog: {broken}; its members stay as they are");
        if let Some(catalog) = self.interpreter.catalogs.get_mut(key) {
            catalog.broken = Some(broken);
            // It was the one that was meant.
            catalog.accepts_next = false;
        }
        self.show_catalog(key);
    }

    fn take_catalog(&mut self, key: &ZoneKey, version: Catalog) {
        let Some(known) = self.interpreter.catalogs.get_mut(key) else {
            return;
        };
        known.broken = None;
        known.held = None;
        let accept = std::mem::take(&mut known.accepts_next);
        let updated = self.with_consumer(key, |consumer, is_taken| {
            consumer.update(&key.name, version, accept, is_taken)
        });
        match updated {
            Ok(update) => {
                let sets_free = update.changes.iter().any(|change| change.what == What::Removed);
                self.carry_out(key, update);
                if sets_free {
                    self.reconsider_members(Some(key));
                }
            }
            Err(loss) => {
                warn!("zone {key}: catalog held: {}", held_text(key, loss));
                if let Some(known) = self.interpreter.catalogs.get_mut(key) {
                    known.held = Some(loss);
                }
                self.show_catalog(key);
            }
        }
    }

    /// Brings in members whose names were taken and may be free by now; of all catalogs, or those that this one may have made room
    /// for.
    pub(super) fn reconsider_members(&mut self, beside: Option<&ZoneKey>) {
        let is_meant = |key: &&ZoneKey| beside.is_none_or(|other| key.view == other.view && *key != other);
        let catalogs: Vec<ZoneKey> = self.interpreter.catalogs.keys().filter(is_meant).cloned().collect();
        for key in catalogs {
            // One that is broken or held is noted in its last right version.
            let update = self.with_consumer(&key, |consumer, is_taken| consumer.reconsider(&key.name, is_taken));
            let known = self.interpreter.catalogs.get(&key);
            let has_same = known.is_some_and(|known| known.clashes == update.clashes);
            if !update.changes.is_empty() || !has_same {
                self.carry_out(&key, update);
            }
        }
    }

    /// Asks the consumer of a catalog, and tells it whether there is a zone of a name that no catalog has brought.
    fn with_consumer<R>(
        &mut self,
        catalog: &ZoneKey,
        ask: impl FnOnce(&mut Consumer, &dyn Fn(&Name) -> bool) -> R,
    ) -> R {
        let Self {
            interpreter,
            entries,
            secondaries,
            forwards,
            ..
        } = self;
        // Of those that a catalog has brought, which are secondary zones too, it doesn't ask.
        let is_taken = |zone: &Name| {
            let key = ZoneKey::new(catalog.view.clone(), zone.clone());
            entries.contains_key(&key) || secondaries.contains_key(&key) || forwards.contains_key(&key)
        };
        ask(interpreter.consumer(&catalog.view), &is_taken)
    }

    fn carry_out(&mut self, catalog: &ZoneKey, update: Update) {
        let mut changed = MembersChanged::default();
        let mut there = Vec::new();
        let mut former = BTreeSet::new();
        let mut counts = [0; 4];
        for Change { zone, what, from } in update.changes {
            let key = ZoneKey::new(catalog.view.clone(), zone);
            former.extend(from);
            counts[what as usize] += 1;
            if matches!(what, What::Removed | What::Reset) {
                self.wipe(&key);
                changed.gone.push(key.clone());
            }
            let becomes = match what {
                What::Added => "new in",
                What::Removed => "removed from",
                What::Reset => "begins anew in",
                What::Kept => "had as it is said in",
            };
            info!("zone {key}: {becomes} the catalog {catalog}");
            let owned = self.interpreter.consumer(&key.view).owned(&key.name).cloned();
            let how = owned.and_then(|owned| self.interpreter.how(catalog, &key.name, &owned));
            if let Some(how) = how.filter(|_| what != What::Removed) {
                there.push(PlannedSecondary::of_catalog(key.clone(), &how, catalog.name.clone()));
                changed.there.push((key, how));
            }
        }
        let [added, removed, reset, kept] = counts;
        if counts != [0; 4] {
            info!(
                "zone {catalog}: catalog: {added} zones new, {removed} removed, {reset} begun anew, {kept} had otherwise"
            );
            self.take_in(there);
            self.publish(&[]);
            self.write_members(catalog);
            for name in former {
                let former = ZoneKey::new(catalog.view.clone(), name);
                self.write_members(&former);
                self.show_catalog(&former);
            }
            self.interpreter.tell(&changed);
        }
        if let Some(known) = self.interpreter.catalogs.get_mut(catalog) {
            let before = std::mem::replace(&mut known.clashes, update.clashes);
            let before: HashSet<&Clash> = before.iter().collect();
            for clash in known.clashes.iter().filter(|clash| !before.contains(clash)) {
                error!("zone {catalog}: catalog: member not taken: {clash}");
            }
        }
        self.show_catalog(catalog);
    }

    /// A zone that a catalog has brought makes room for one of the configuration.
    pub(super) fn yield_member(&mut self, key: &ZoneKey) {
        let Some(owned) = self.interpreter.consumer(&key.view).release(&key.name) else {
            return;
        };
        let catalog = ZoneKey::new(key.view.clone(), owned.catalog);
        warn!("zone {key}: of the configuration from now on, and no member of the catalog {catalog}");
        self.wipe(key);
        self.write_members(&catalog);
        self.interpreter.tell(&MembersChanged {
            gone: vec![key.clone()],
            there: Vec::new(),
        });
        self.reconsider_members(None);
    }

    /// What the next version of a catalog takes away is meant.
    pub(super) fn accept_next(&mut self, key: &ZoneKey) {
        if let Some(catalog) = self.interpreter.catalogs.get_mut(key) {
            catalog.accepts_next = true;
        }
    }

    /// Takes the version of a catalog that waits to be accepted; `None` when none does.
    pub(super) fn accept_members(&mut self, key: &ZoneKey) -> Option<LoadOutcome> {
        self.interpreter.catalogs.get(key)?.held?;
        let zone = self.version_of(key)?;
        self.accept_next(key);
        self.interpreter.note_version(key);
        self.interpret_news();
        Some(LoadOutcome::Loaded {
            zone,
            warnings: Vec::new(),
            took: Duration::ZERO,
        })
    }

    /// The version of a zone that is served; an expired catalog is none (RFC 9432 §5.1).
    fn version_of(&self, key: &ZoneKey) -> Option<Arc<Zone>> {
        let of_primary = || self.entries.get(key).and_then(|entry| entry.served.clone());
        match self.secondaries.get(key) {
            Some(secondary) => secondary.served(),
            None => of_primary(),
        }
    }

    fn owned_by(&mut self, catalog: &ZoneKey) -> Vec<(Name, Owned)> {
        let consumer = self.interpreter.consumer(&catalog.view);
        let owned = consumer.owned_by(&catalog.name);
        owned.map(|(zone, owned)| (zone.clone(), owned.clone())).collect()
    }

    fn show_catalog(&mut self, key: &ZoneKey) {
        let members: Vec<Name> = self.owned_by(key).into_iter().map(|(zone, _)| zone).collect();
        let Some(catalog) = self.interpreter.catalogs.get(key) else {
            return;
        };
        let mut clashes: Vec<String> = catalog.clashes.iter().map(ToString::to_string).collect();
        if clashes.len() > CLASHES_SHOWN_MAX {
            let more = clashes.len() - CLASHES_SHOWN_MAX;
            clashes.truncate(CLASHES_SHOWN_MAX);
            clashes.push(format!("and {more} more, which the log has"));
        }
        let status = CatalogStatus {
            is_generated: false,
            members: members.into(),
            broken: catalog.broken.as_ref().map(ToString::to_string),
            held: catalog.held.map(|loss| held_text(key, loss)),
            clashes,
        };
        self.board.set_catalog(key, Some(status));
    }

    fn members_path(&self, catalog: &ZoneKey) -> PathBuf {
        self.last_good.path(catalog).with_extension(MEMBERS)
    }

    fn write_members(&mut self, catalog: &ZoneKey) {
        let path = self.members_path(catalog);
        let consumer = self.interpreter.consumer(&catalog.view);
        if let Err(error) = members_file::write(&path, consumer.owned_by(&catalog.name)) {
            warn!(%error, "zone {catalog}: {} can't be written", path.display());
        }
    }
}

fn held_text(key: &ZoneKey, loss: Loss) -> String {
    format!("{loss}; `dnsd reload {} --accept` if that is meant", key.as_arguments())
}
