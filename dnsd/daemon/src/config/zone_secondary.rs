//! `[zone."NAME".secondary]` and `[zones.NAME.secondary]`: zones that are transferred from elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Key, Spanned, Table};
use dnsd_core::name::Name;

use super::catalog::{CatalogRole, CatalogSpec, Templates};
use super::lists::Lists;
use super::remote::{Remote, RemoteListSpec};
use super::rules::{Rules, RulesSpec};
use super::zone_name::zone_name;
use super::zone_primary::folder_of;

/// A secondary zone.
#[derive(Debug, Clone)]
pub(crate) struct SecondaryConfig {
    /// Its name.
    pub(crate) name: Name,
    /// Where it is transferred from, tried in this order; at least one.
    pub(crate) primaries: Arc<[Arc<Remote>]>,
    /// Where a copy that can be read is kept; `None`: in the work directory.
    pub(crate) file: Option<PathBuf>,
    /// Who may do what.
    pub(crate) rules: Arc<Rules>,
    /// Of a catalog: how its members are had.
    pub(crate) members: Option<Templates>,
}

/// `[zones.NAME.secondary]`: what secondary zones have that a catalog lists, or its own `zones`.
#[derive(Debug)]
pub(crate) struct SecondaryGroup {
    /// The group's name.
    pub(crate) name: String,
    primaries: Arc<[Arc<Remote>]>,
    /// The folder of the copies, and what stands before and behind a zone's name in theirs.
    files: Option<(PathBuf, (String, String))>,
    rules: Arc<Rules>,
}

impl SecondaryGroup {
    /// A zone of the group.
    pub(crate) fn zone(&self, name: Name) -> SecondaryConfig {
        SecondaryConfig {
            file: self
                .files
                .as_ref()
                .map(|(folder, (before, after))| folder.join(format!("{before}{}{after}", file_name(&name)))),
            name,
            primaries: self.primaries.clone(),
            rules: self.rules.clone(),
            members: None,
        }
    }
}

/// A zone's name as a part of a file's name: a catalog may list what it likes, so it never holds a slash. Text forms of names hold
/// no octets that can't be shown.
fn file_name(zone: &Name) -> String {
    let text = zone.to_string().to_lowercase();
    match text.strip_suffix('.') {
        Some("") | None => "@".to_owned(),
        Some(name) => name.replace('/', "%2f"),
    }
}

/// A secondary zone as it is written.
#[derive(Debug)]
pub(super) struct SecondarySpec {
    primaries: Option<Spanned<RemoteListSpec>>,
    pub(super) file: Option<Spanned<PathBuf>>,
    catalog: CatalogSpec,
    rules: RulesSpec,
}

/// A group of secondary zones as it is written.
#[derive(Debug)]
pub(super) struct SecondaryGroupSpec {
    pub(super) zones: Vec<Spanned<String>>,
    primaries: Option<Spanned<RemoteListSpec>>,
    files: Option<Spanned<PathBuf>>,
    rules: RulesSpec,
}

impl SecondarySpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let mut catalog = CatalogSpec::default();
        catalog.read_template(table);
        Self {
            primaries: table.required("primaries"),
            file: table.optional("file"),
            catalog,
            rules: read_rules(table),
        }
    }

    /// `groups` are those that stand beside it.
    pub(super) fn resolve(
        &self,
        name: Name,
        above: &Arc<Rules>,
        groups: &[Arc<SecondaryGroup>],
        lists: &Lists<'_>,
    ) -> Option<SecondaryConfig> {
        if let Some(role) = self.catalog.role().filter(|role| role.value == CatalogRole::Generate) {
            lists
                .diagnostics
                .error(role.span, "a catalog that is generated is a primary zone");
        }
        let members = self.catalog.templates(groups, lists.diagnostics);
        let primaries = primaries(self.primaries.as_ref()?, lists);
        let mut rules = rules(&self.rules, above, &primaries, lists);
        if members.is_some() {
            rules = self.rules.of_catalog(rules);
        }
        Some(SecondaryConfig {
            name,
            primaries,
            file: self.file.as_ref().map(|file| file.value.clone()),
            rules,
            members,
        })
    }
}

impl SecondaryGroupSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            zones: table.optional("zones").unwrap_or_default(),
            primaries: table.required("primaries"),
            files: table.optional("files"),
            rules: read_rules(table),
        }
    }

    pub(super) fn resolve(&self, name: &Key, above: &Arc<Rules>, lists: &Lists<'_>) -> Option<SecondaryGroup> {
        let primaries = primaries(self.primaries.as_ref()?, lists);
        let files = match &self.files {
            Some(files) => Some(folder_of(files, lists.diagnostics)?),
            None => None,
        };
        Some(SecondaryGroup {
            name: name.name.clone(),
            rules: rules(&self.rules, above, &primaries, lists),
            primaries,
            files,
        })
    }

    /// The zones that it names itself, with where each stands.
    pub(super) fn names(&self, diagnostics: &Diagnostics) -> Vec<Spanned<Name>> {
        let read = |zone: &Spanned<String>| {
            zone_name(&zone.value, zone.span, diagnostics).map(|value| Spanned { value, span: zone.span })
        };
        self.zones.iter().filter_map(read).collect()
    }
}

fn read_rules(table: &Table<'_>) -> RulesSpec {
    let mut rules = RulesSpec::default();
    rules.read(table);
    rules
}

fn primaries(written: &Spanned<RemoteListSpec>, lists: &Lists<'_>) -> Arc<[Arc<Remote>]> {
    if written.value.is_empty() {
        lists
            .diagnostics
            .error(written.span, "a secondary zone comes from somewhere");
    }
    lists.remotes.list(&written.value, lists.keys, lists.diagnostics).into()
}

fn rules(written: &RulesSpec, above: &Arc<Rules>, primaries: &[Arc<Remote>], lists: &Lists<'_>) -> Arc<Rules> {
    if let Some(update) = written.allow_update() {
        lists
            .diagnostics
            .error(update.span, "a secondary zone is changed at its primary");
    }
    let rules = Arc::unwrap_or_clone(written.resolve(above, lists));
    Arc::new(rules.with_primaries(primaries).of_secondary())
}
