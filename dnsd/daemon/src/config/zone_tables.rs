//! The `[zone]` and `[zones]` tables of the top level or of a view.

use std::collections::HashMap;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Key, Span, Spanned, Table};
use dnsd_core::name::Name;

use super::group::GroupConfig;
use super::lists::Lists;
use super::rules::Rules;
use super::zone_forward::{ForwardZone, ForwardZoneSpec};
use super::zone_name::zone_name;
use super::zone_plugin::{PluginZone, PluginZoneSpec};
use super::zone_primary::{
    GeneratedCatalog, Made, PrimaryConfig, PrimaryGroup, PrimaryGroupSpec, PrimarySpec, ZoneConfig,
};
use super::zone_secondary::{SecondaryConfig, SecondaryGroup, SecondaryGroupSpec, SecondarySpec};

/// The zones of a view, or those outside the views; no two of the same name.
#[derive(Debug, Default)]
pub(crate) struct ZonesConfig {
    /// Primary zones with a table of their own, in the order written.
    pub(crate) primaries: Vec<PrimaryConfig>,
    /// Primary zones that are a file each in a folder.
    pub(crate) groups: Vec<PrimaryGroup>,
    /// Catalog zones that are generated.
    pub(crate) catalogs: Vec<GeneratedCatalog>,
    /// Secondary zones, by tables of their own and by groups that name them.
    pub(crate) secondaries: Vec<SecondaryConfig>,
    /// How the zones of catalogs are had.
    pub(crate) secondary_groups: Vec<Arc<SecondaryGroup>>,
    /// Zones that are made of what plugins know, with their reverse zones.
    pub(crate) plugin_zones: Vec<Arc<PluginZone>>,
    /// Names below which questions are forwarded.
    pub(crate) forwards: Vec<Arc<ForwardZone>>,
}

impl ZonesConfig {
    /// The primary zones that are read from a file of their own.
    pub(crate) fn files(&self) -> impl Iterator<Item = &ZoneConfig> {
        self.primaries.iter().map(|zone| &zone.source)
    }

    /// The folders with a zone in each file.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &GroupConfig> {
        self.groups.iter().map(|group| &group.folder)
    }
}

/// The same as they are written.
#[derive(Debug, Default)]
pub(super) struct ZonesSpec {
    pub(super) zones: Vec<(Key, ZoneSpec)>,
    pub(super) groups: Vec<(Key, GroupSpec)>,
}

/// `[zone."NAME"]`, by its kind.
#[derive(Debug)]
pub(super) enum ZoneSpec {
    Primary(PrimarySpec),
    /// Larger by far than a primary that says nothing but where its file is.
    Secondary(Box<SecondarySpec>),
    Forward(ForwardZoneSpec),
    Plugin(Box<PluginZoneSpec>),
}

/// `[zones.NAME]`, by its kind.
#[derive(Debug)]
pub(super) enum GroupSpec {
    Primary(PrimaryGroupSpec),
    Secondary(SecondaryGroupSpec),
}

impl ZonesSpec {
    /// Reads the two tables, where they are there.
    pub(super) fn read(&mut self, table: &Table<'_>) {
        for (name, value) in table.table("zone").iter().flat_map(Table::entries) {
            let Some(kinds) = value.table() else { continue };
            let found: Vec<ZoneSpec> = [
                kinds
                    .table("primary")
                    .map(|table| ZoneSpec::Primary(PrimarySpec::read(&table))),
                kinds
                    .table("secondary")
                    .map(|table| ZoneSpec::Secondary(Box::new(SecondarySpec::read(&table)))),
                kinds
                    .table("forward")
                    .map(|table| ZoneSpec::Forward(ForwardZoneSpec::read(&table))),
                kinds
                    .table("plugin")
                    .map(|table| ZoneSpec::Plugin(Box::new(PluginZoneSpec::read(&table)))),
            ]
            .into_iter()
            .flatten()
            .collect();
            if let Some(zone) = only_one(found, &name, &kinds) {
                self.zones.push((name, zone));
            }
        }
        for (name, value) in table.table("zones").iter().flat_map(Table::entries) {
            let Some(kinds) = value.table() else { continue };
            let found: Vec<GroupSpec> = [
                kinds
                    .table("primary")
                    .map(|table| GroupSpec::Primary(PrimaryGroupSpec::read(&table))),
                kinds
                    .table("secondary")
                    .map(|table| GroupSpec::Secondary(SecondaryGroupSpec::read(&table))),
            ]
            .into_iter()
            .flatten()
            .collect();
            if let Some(group) = only_one(found, &name, &kinds) {
                self.groups.push((name, group));
            }
        }
    }

    /// Makes the zones; `above` is what holds where their tables say nothing.
    pub(super) fn resolve(&self, above: &Arc<Rules>, lists: &Lists<'_>) -> ZonesConfig {
        let mut made = ZonesConfig::default();
        let mut names = Names::default();
        // Groups first, as catalogs name them; but a zone's own table has its name before a group.
        let mut listed = Vec::new();
        let mut of_plugins = Vec::new();
        for (name, group) in &self.groups {
            names.claim_group(name, lists.diagnostics);
            match group {
                GroupSpec::Primary(group) => made.groups.extend(group.resolve(name, above, lists)),
                GroupSpec::Secondary(spec) => {
                    let Some(group) = spec.resolve(name, above, lists) else {
                        continue;
                    };
                    let zones = spec.names(lists.diagnostics).into_iter();
                    listed.extend(zones.map(|zone| (group.zone(zone.value), zone.span)));
                    made.secondary_groups.push(Arc::new(group));
                }
            }
        }
        for (written, zone) in &self.zones {
            let name = zone_name(&written.name, written.span, lists.diagnostics);
            let Some(name) = name.filter(|name| names.claim(name, written.span, lists.diagnostics)) else {
                continue;
            };
            match zone {
                ZoneSpec::Primary(zone) => match zone.resolve(name, above, &made.secondary_groups, lists) {
                    Some(Made::Primary(zone)) => made.primaries.push(zone),
                    Some(Made::Catalog(catalog)) => made.catalogs.push(catalog),
                    None => {}
                },
                ZoneSpec::Secondary(zone) => {
                    made.secondaries
                        .extend(zone.resolve(name, above, &made.secondary_groups, lists));
                }
                ZoneSpec::Forward(zone) => made.forwards.extend(zone.resolve(name, lists).map(Arc::new)),
                ZoneSpec::Plugin(zone) => of_plugins.push((name, zone)),
            }
        }
        for (zone, span) in listed {
            if names.claim(&zone.name, span, lists.diagnostics) {
                made.secondaries.push(zone);
            }
        }
        // Last: a reverse zone that has a table of its own is that one, and is none to be made.
        for (name, zone) in of_plugins {
            let claim =
                |reverse: &Name, written: &Spanned<String>| names.claim(reverse, written.span, lists.diagnostics);
            made.plugin_zones
                .extend(zone.resolve(name, above, lists, claim).map(Arc::new));
        }
        self.check_catalogs(&made, lists.diagnostics);
        made
    }

    /// A zone is listed by a catalog that is generated here.
    fn check_catalogs(&self, made: &ZonesConfig, diagnostics: &Diagnostics) {
        let is_there = |name: &Name| made.catalogs.iter().any(|catalog| catalog.name == *name);
        for (_, zone) in &self.zones {
            if let ZoneSpec::Primary(zone) = zone {
                zone.check_catalog(is_there, diagnostics);
            }
        }
        for (_, group) in &self.groups {
            if let GroupSpec::Primary(group) = group {
                group.check_catalog(is_there, diagnostics);
            }
        }
    }
}

/// A zone has one kind.
fn only_one<T>(mut found: Vec<T>, name: &Key, kinds: &Table<'_>) -> Option<T> {
    let what = match found.len() {
        1 => return found.pop(),
        0 => "this zone has no kind",
        _ => "this zone has more than one kind",
    };
    kinds.diagnostics().error_with_help(
        name.span,
        what,
        format!(
            "a zone that is read from a file has a table named [….\"{}\".primary]",
            name.name
        ),
    );
    None
}

/// Which names are taken, and where they were written.
#[derive(Default)]
struct Names {
    zones: HashMap<Name, Span>,
    groups: HashMap<String, Span>,
}

impl Names {
    fn claim(&mut self, name: &Name, span: Span, diagnostics: &Diagnostics) -> bool {
        let Some(first) = self.zones.insert(name.clone(), span) else {
            return true;
        };
        let first = diagnostics.place(first);
        diagnostics.error(span, format!("zone {name} is configured already, at {first}"));
        false
    }

    fn claim_group(&mut self, name: &Key, diagnostics: &Diagnostics) {
        if let Some(first) = self.groups.insert(name.name.clone(), name.span) {
            let first = diagnostics.place(first);
            diagnostics.error(
                name.span,
                format!("the group {} is configured already, at {first}", name.name),
            );
        }
    }
}
