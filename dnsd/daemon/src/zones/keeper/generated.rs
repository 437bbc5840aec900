//! Catalogs (RFC 9432) of our own zones: a version whenever zones that name the catalog come or go.
//!
//! Its versions are kept as those of a secondary zone are, in a copy and a journal: who has an older one gets the steps, and
//! the labels of the members are there after a restart.

use std::collections::{BTreeMap, BTreeSet};

use dnsd_core::catalog::{Producer, ProducerError, Wanted};
use dnsd_core::name::Name;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::Received;
use dnsd_core::zone::Zone;
use tracing::{error, info, warn};

use super::super::board::CatalogStatus;
use super::super::key::ZoneKey;
use super::super::plan::{Group, PlannedSecondary, Source};
use super::Keeper;
use super::serials::serial_after;

/// All of them.
#[derive(Default)]
pub(super) struct Generated {
    /// The members; `None`: they are still to be read back from the version that is there, as it could not be followed by the
    /// next one.
    catalogs: BTreeMap<ZoneKey, Option<Producer>>,
    /// Zones that came or went since all catalogs were right.
    touched: BTreeSet<ZoneKey>,
    /// Whether there is something to be done.
    is_due: bool,
}

impl Generated {
    /// Takes over which catalogs there are to be.
    pub(super) fn take_over(&mut self, planned: &[PlannedSecondary]) {
        let mut known = std::mem::take(&mut self.catalogs);
        let keys = planned.iter().filter(|zone| zone.source == Source::Catalog);
        let catalogs = keys.map(|zone| (zone.key.clone(), known.remove(&zone.key).flatten()));
        self.catalogs = catalogs.collect();
    }

    /// A zone has come or gone.
    pub(super) fn touch(&mut self, zone: &ZoneKey) {
        if !self.catalogs.is_empty() {
            self.touched.insert(zone.clone());
            self.is_due = true;
        }
    }

    /// Has a catalog that could not be brought up to date be tried again.
    pub(super) fn try_again(&mut self) {
        self.is_due |= self.has_failed();
    }

    fn has_failed(&self) -> bool {
        self.catalogs.values().any(Option::is_none)
    }

    /// All have been tried. What one of them could not take is remembered.
    fn settle(&mut self) {
        self.is_due = false;
        if !self.has_failed() {
            self.touched.clear();
        }
    }
}

impl Keeper {
    /// Brings all catalogs up to date with the zones that there are. `accept`: what is not there is meant to be no more.
    pub(super) fn list_all(&mut self, accept: bool) {
        let catalogs: Vec<ZoneKey> = self.generated.catalogs.keys().cloned().collect();
        for catalog in &catalogs {
            self.make(catalog, |keeper, producer| {
                keeper.towards_all(catalog, producer, accept)
            });
        }
        self.generated.settle();
    }

    /// What is to change for a catalog to list the zones that name it, and those whose files may only be out of reach.
    fn towards_all(&self, catalog: &ZoneKey, producer: &Producer, accept: bool) -> Vec<Wanted> {
        let of_catalog = self.entries.keys().filter(|zone| zone.view == catalog.view);
        let listed = of_catalog.filter_map(|zone| Some((zone.name.clone(), self.listed(zone, catalog)?)));
        let mut changes = producer.towards(listed);
        let before = changes.len();
        let are_gone = self.takes_missing_for_gone(catalog, accept);
        changes.retain(|Wanted { zone, listed }| {
            let key = || ZoneKey::new(catalog.view.clone(), zone.clone());
            listed.is_some() || are_gone || self.is_no_member(&key())
        });
        let kept = before - changes.len();
        if kept > 0 {
            warn!("zone {catalog}: {kept} of its zones have no file; they are listed until `dnsd reload --accept`");
        }
        changes
    }

    /// Whether a zone that a catalog lists and that isn't there counts as gone. After a start nothing is known of a group's zone
    /// but its file, and a folder that isn't mounted looks like one whose files are gone: that they are meant to be has to be
    /// said, and of a folder that can't be listed nobody can say it.
    fn takes_missing_for_gone(&self, catalog: &ZoneKey, accept: bool) -> bool {
        let names_it = |group: &&Group| {
            let membership = group.settings.catalog.as_ref();
            group.key.view == catalog.view && membership.is_some_and(|membership| membership.catalog == catalog.name)
        };
        let mut groups = self.groups.iter().filter(names_it);
        groups.all(|group| accept && !self.groups.is_unlisted(group))
    }

    /// Whether a zone that is not to be listed is known to be so: it was removed, or is had in another way.
    fn is_no_member(&self, zone: &ZoneKey) -> bool {
        self.generated.touched.contains(zone) || self.entries.contains_key(zone) || self.has_other_table(zone)
    }

    /// The same for zones that have come or gone: what it costs is theirs.
    pub(super) fn list_touched(&mut self) {
        if !self.generated.is_due {
            return;
        }
        if self.generated.has_failed() {
            // It may lack more than what came or went.
            return self.list_all(false);
        }
        let touched = self.generated.touched.clone();
        let catalogs: Vec<ZoneKey> = self.generated.catalogs.keys().cloned().collect();
        for catalog in catalogs {
            let of_catalog = touched.iter().filter(|zone| zone.view == catalog.view);
            let wanted: Vec<Wanted> = of_catalog
                .map(|zone| Wanted {
                    zone: zone.name.clone(),
                    listed: self.listed(zone, &catalog),
                })
                .collect();
            self.make(&catalog, |_, _| wanted);
        }
        self.generated.settle();
    }

    /// Whether a catalog lists a zone, and in which group.
    fn listed(&self, zone: &ZoneKey, catalog: &ZoneKey) -> Option<Option<Box<[u8]>>> {
        let membership = self.entries.get(zone)?.catalog.as_ref()?;
        let group = || membership.group.as_ref().map(|group| group.as_bytes().into());
        (membership.catalog == catalog.name).then(group)
    }

    /// Makes, stores and serves the next version of a catalog, if there is something to change.
    fn make(&mut self, catalog: &ZoneKey, changes: impl FnOnce(&Self, &Producer) -> Vec<Wanted>) {
        let version = self.stored(catalog).map(|stored| stored.zone);
        let serial = serial_after(version.as_deref());
        let known = self.generated.catalogs.get_mut(catalog).and_then(Option::take);
        let taken_up = match known {
            Some(producer) => Ok((producer, version.as_deref())),
            None => taken_up(catalog, version.as_deref()),
        };
        let made = taken_up.and_then(|(mut producer, version)| {
            let changes = changes(self, &producer);
            let received = next(&mut producer, version, serial, changes)?;
            Ok((producer, received))
        });
        let (producer, received) = match made {
            Ok(made) => made,
            Err(error) => return self.tell_failed(catalog, &error.to_string()),
        };
        if let Some(received) = received {
            // Which zones there are is for the administrator to say: no loss is held back.
            match self.take_transferred(catalog, received, true) {
                Ok(zone) => info!(
                    "zone {catalog}: catalog of {} zones, serial {}",
                    producer.members().len(),
                    zone.serial()
                ),
                Err(error) => return self.tell_failed(catalog, &error.to_string()),
            }
        }
        let mut members: Vec<Name> = producer.members().cloned().collect();
        members.sort();
        let status = CatalogStatus {
            is_generated: true,
            members: members.into(),
            ..CatalogStatus::default()
        };
        self.board.set_catalog(catalog, Some(status));
        if let Some(kept) = self.generated.catalogs.get_mut(catalog) {
            *kept = Some(producer);
        }
    }

    /// It is tried again from the version that is there: with the next change, or when files are looked at.
    fn tell_failed(&self, catalog: &ZoneKey, cause: &str) {
        let before = self.board.catalog(catalog);
        let is_told = before
            .as_ref()
            .is_some_and(|before| before.broken.as_deref() == Some(cause));
        if !is_told {
            error!("zone {catalog}: the catalog is not brought up to date: {cause}");
        }
        let status = CatalogStatus {
            is_generated: true,
            broken: Some(cause.to_owned()),
            ..before.unwrap_or_default()
        };
        self.board.set_catalog(catalog, Some(status));
    }
}

/// The producer of a catalog, and the version that it goes on from. One that can't be read back is made anew.
fn taken_up<'v>(catalog: &ZoneKey, version: Option<&'v Zone>) -> Result<(Producer, Option<&'v Zone>), ProducerError> {
    match version.map(Producer::resume) {
        Some(Ok(producer)) => return Ok((producer, version)),
        Some(Err(error)) => error!("zone {catalog}: {error}; it is made anew"),
        None => {}
    }
    Ok((Producer::new(&catalog.name)?, None))
}

/// The next version, or what leads to it from the one that is there; `None` when that one is right.
fn next(
    producer: &mut Producer,
    version: Option<&Zone>,
    serial: Serial,
    changes: Vec<Wanted>,
) -> Result<Option<Received>, ProducerError> {
    let Some(version) = version else {
        let first = producer.create(serial, changes)?;
        return Ok(Some(Received::Zone(Box::new(first))));
    };
    let advanced = producer.advance(version, serial, changes)?;
    Ok(advanced.map(|(_, delta)| Received::Steps(vec![delta])))
}
