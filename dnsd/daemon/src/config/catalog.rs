//! Catalog zones (RFC 9432): zones that list zones, so that secondaries come and go by themselves. The keys have Knot's names.

use ballast_shared::config::{Diagnostics, FromValue, Spanned, Table, Value, nearest};
use dnsd_core::name::Name;

/// The catalog that lists a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The catalog's name.
    pub(crate) catalog: Name,
    /// The zone's `group` property in it (RFC 9432 §4.3.2).
    pub(crate) group: Option<String>,
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
    template: Option<Spanned<String>>,
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
        self.template = table.optional("catalog-template");
    }

    pub(super) fn role(&self) -> Option<Spanned<CatalogRole>> {
        self.role
    }

    /// The group whose settings the members have.
    pub(super) fn template(&self) -> Option<&Spanned<String>> {
        self.template.as_ref()
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
