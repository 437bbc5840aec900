//! Swapping what is served: the zones, view by view.

use std::sync::Arc;

use dnsd_core::name::Name;
use dnsd_core::zones::{ZoneState, Zones};

use super::super::key::{ViewName, ZoneKey};
use super::Keeper;
use super::entry::Entry;
use super::secondaries::Secondary;
use crate::server::views::{View, Views, ZoneInfo};

/// Replacing one zone copies a few hundred pointers; from about here on it is cheaper to list all of them anew.
const REPLACED_SINGLY_MAX: usize = 64;

/// What a view has of a zone.
pub(in crate::zones) type Seen<'k> = (&'k Name, ZoneState, &'k Arc<ZoneInfo>);

impl Keeper {
    /// Swaps these zones in what is served, and whatever else is to be another way by now.
    pub(super) fn publish(&mut self, zones: &[ZoneKey]) {
        if zones.is_empty() && !self.must_list {
            return;
        }
        let replaced = if self.must_list || zones.len() > REPLACED_SINGLY_MAX {
            None
        } else {
            self.with_replaced(zones)
        };
        let views = replaced.unwrap_or_else(|| self.list_views());
        self.must_list = false;
        self.retired.push(self.shared.set_views(&views));
    }

    /// What is served, with other versions of these zones; `None` when one of them is not among it yet.
    fn with_replaced(&self, zones: &[ZoneKey]) -> Option<Views> {
        let serving = self.shared.serving.load();
        let mut views: Vec<View> = serving.views.iter().cloned().collect();
        for key in zones {
            let state = self.state(key)?;
            for view in &mut views {
                let number = view.zones().number(key.name.as_name_ref());
                let seen = number.and_then(|number| view.info(number));
                if seen.is_some_and(|info| info.key == *key) {
                    let zones = view.zones().replaced(key.name.as_name_ref(), state.clone());
                    *view = view.with_zones(zones?);
                } else if view.name() == key.view.as_ref() {
                    return None;
                }
            }
        }
        let outside = views.pop()?;
        Some(Views::new(views, outside))
    }

    /// All zones as each view sees them.
    fn list_views(&self) -> Views {
        let views = self.views.iter().map(|view| {
            let mut seen = if view.strict { Vec::new() } else { self.zones_of(None) };
            seen.extend(self.zones_of(Some(&view.name)));
            let (zones, infos) = numbered(seen);
            View::new(Some(view.name.clone()), view.match_clients.clone(), zones, infos)
        });
        let (zones, infos) = numbered(self.zones_of(None));
        Views::new(views, View::outside(zones, infos))
    }

    fn state(&self, key: &ZoneKey) -> Option<ZoneState> {
        let of_primary = || self.entries.get(key).map(Entry::state);
        self.secondaries.get(key).map(Secondary::state).or_else(of_primary)
    }

    fn zones_of(&self, view: Option<&ViewName>) -> Vec<Seen<'_>> {
        let is_of = |key: &ZoneKey| key.view.as_ref() == view;
        let primaries = self.entries.iter().filter(|(key, _)| is_of(key));
        let primaries = primaries.map(|(key, entry)| (&key.name, entry.state(), &entry.info));
        let forwards = self.forwards.iter().filter(|(key, _)| is_of(key));
        // Last, as of two the later counts: a table has its zone before a file in a folder.
        let forwards = forwards.map(|(key, info)| (&key.name, ZoneState::Forward, info));
        let secondaries = self.secondaries.iter().filter(|(key, _)| is_of(key));
        let secondaries = secondaries.map(|(key, zone)| (&key.name, zone.state(), &zone.info));
        primaries.chain(secondaries).chain(forwards).collect()
    }
}

/// The zones, and what is known of each by its number. Of two with the same name the later counts.
pub(in crate::zones) fn numbered(mut seen: Vec<Seen<'_>>) -> (Zones, Arc<[Arc<ZoneInfo>]>) {
    // Stable, so that of equal names the last given is the last of its run.
    seen.sort_by(|left, right| left.0.cmp(right.0));
    seen.reverse();
    seen.dedup_by(|later, kept| later.0 == kept.0);
    seen.reverse();
    // Numbers are in the order of the names.
    let infos = seen.iter().map(|(_, _, info)| Arc::clone(info)).collect();
    let zones = seen.into_iter().map(|(name, state, _)| (name.clone(), state));
    (Zones::new(zones), infos)
}
