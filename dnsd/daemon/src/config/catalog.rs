//! Catalog zones (RFC 9432): zones that list zones, so that secondaries come and go by themselves. The keys have Knot's names.

use std::sync::Arc;

use ballast_shared::config::{Diagnostics, FromValue, OneOrMany, Spanned, Table, Value, nearest};
use dnsd_core::catalog::GROUP_BYTES_MAX;
use dnsd_core::name::Name;

use super::zone_secondary::SecondaryGroup;

/// The catalog that lists a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The catalog's name.
    pub(crate) catalog: Name,
    /// The zone's `group` property in it (RFC 9432 §4.4.2), of at most [`GROUP_BYTES_MAX`] octets.
    pub(crate) group: Option<String>,
}

/// How the members of a catalog that others make are had; at least one.
#[derive(Debug, Clone)]
pub(crate) struct Templates(Arc<[Arc<SecondaryGroup>]>);

impl Templates {
    /// How a member of these groups is had: as the template says that is called like one of them, or else as the first one
    /// says.
    pub(crate) fn for_groups(&self, groups: &[Box<[u8]>]) -> &SecondaryGroup {
        let is_of = |template: &&Arc<SecondaryGroup>| groups.iter().any(|group| **group == *template.name.as_bytes());
        self.0.iter().find(is_of).unwrap_or(&self.0[0])
    }
}

/// `catalog-role`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CatalogRole {
    /// Made of the zones that name it.
    Generate,
    /// Made by others; its members are zones here.
    Interpret,
}

impl FromValue for CatalogRole {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()? {
            "generate" => Some(Self::Generate),
            "interpret" => Some(Self::Interpret),
            other => {
                let help = nearest(other, ["generate", "interpret"]).unwrap_or_default();
                value.error_with_help("not a role of a catalog", help);
                None
            }
        }
    }
}

/// The keys as they are written.
#[derive(Debug, Default)]
pub(super) struct CatalogSpec {
    catalog: Option<Spanned<String>>,
    group: Option<Spanned<String>>,
    role: Option<Spanned<CatalogRole>>,
    templates: Option<OneOrMany<String>>,
}

impl CatalogSpec {
    /// Reads the keys of a zone that a catalog lists.
    pub(super) fn read_member(table: &Table<'_>) -> Self {
        Self {
            catalog: table.optional("catalog"),
            group: table.optional("catalog-group"),
            ..Self::default()
        }
    }

    /// Reads the keys of a zone that may be a catalog.
    pub(super) fn read_role(&mut self, table: &Table<'_>) {
        self.role = table.optional("catalog-role");
    }

    /// Reads the keys of a zone that may be a catalog of others.
    pub(super) fn read_template(&mut self, table: &Table<'_>) {
        self.read_role(table);
        self.templates = table.optional("catalog-template");
    }

    pub(super) fn role(&self) -> Option<Spanned<CatalogRole>> {
        self.role
    }

    /// Reports a catalog that is to be listed itself: what that would mean nobody says.
    pub(super) fn check_not_listed(&self, diagnostics: &Diagnostics) {
        if let Some(catalog) = &self.catalog {
            diagnostics.error(catalog.span, "a catalog is no member of another");
        }
    }

    /// Of a catalog that others make: how its members are had. `groups` are those that stand beside it.
    pub(super) fn templates(&self, groups: &[Arc<SecondaryGroup>], diagnostics: &Diagnostics) -> Option<Templates> {
        let role = self.role.filter(|role| role.value == CatalogRole::Interpret);
        match (role, &self.templates) {
            (None, None) => None,
            (None, Some(templates)) => {
                let message = "a template for whom? `catalog-role = \"interpret\"` is missing here";
                diagnostics.error(templates.1, message);
                None
            }
            (Some(role), None) => {
                diagnostics.error_with_help(
                    role.span,
                    "`catalog-template` is missing here",
                    "it names the table [zones.NAME.secondary] that says how the members are had",
                );
                None
            }
            (Some(_), Some(templates)) => {
                if templates.0.is_empty() {
                    diagnostics.error(templates.1, "the members have to be had somehow");
                }
                let found: Vec<Arc<SecondaryGroup>> = templates
                    .0
                    .iter()
                    .filter_map(|template| group_called(template, groups, diagnostics))
                    .collect();
                (!found.is_empty()).then(|| Templates(found.into()))
            }
        }
    }

    /// Reports a catalog that isn't generated here.
    pub(super) fn check(&self, is_generated: impl Fn(&Name) -> bool, diagnostics: &Diagnostics) {
        let Some(written) = &self.catalog else { return };
        if written.value.parse().is_ok_and(|name| !is_generated(&name)) {
            diagnostics.error_with_help(
                written.span,
                "no catalog of this name is generated here",
                format!(
                    "it is a table [zone.\"{}\".primary] with `catalog-role = \"generate\"`",
                    written.value
                ),
            );
        }
    }

    pub(super) fn membership(&self, diagnostics: &Diagnostics) -> Option<Membership> {
        let Some(written) = &self.catalog else {
            if let Some(group) = &self.group {
                diagnostics.error(group.span, "a group of which `catalog`? It is missing here");
            }
            return None;
        };
        if let Some(group) = self.group.as_ref().filter(|group| group.value.len() > GROUP_BYTES_MAX) {
            diagnostics.error(group.span, format!("longer than {GROUP_BYTES_MAX} bytes"));
        }
        match written.value.parse() {
            Ok(catalog) => Some(Membership {
                catalog,
                group: self.group.as_ref().map(|group| group.value.clone()),
            }),
            Err(error) => {
                diagnostics.error(written.span, format!("not a zone's name: {error}"));
                None
            }
        }
    }
}

fn group_called(
    name: &Spanned<String>,
    groups: &[Arc<SecondaryGroup>],
    diagnostics: &Diagnostics,
) -> Option<Arc<SecondaryGroup>> {
    let found = groups.iter().find(|group| group.name == name.value);
    if found.is_none() {
        let message = format!("no group of secondary zones is called `{}`", name.value);
        let help = nearest(&name.value, groups.iter().map(|group| group.name.as_str()))
            .unwrap_or_else(|| format!("it is a table [zones.{}.secondary]", name.value));
        diagnostics.error_with_help(name.span, message, help);
    }
    found.cloned()
}
