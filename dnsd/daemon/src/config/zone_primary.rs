//! `[zone."NAME".primary]` and `[zones.NAME.primary]`: zones that are made here.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, FromValue, Key, Span, Spanned, Table, Value, nearest};
use dnsd_core::name::Name;

use super::catalog::{CatalogRole, CatalogSpec, Membership, Templates};
use super::group::{GroupConfig, PatternError, split_pattern};
use super::lists::Lists;
use super::remote::{Remote, RemoteListSpec};
use super::rules::{Rules, RulesSpec};
use super::zone_secondary::SecondaryGroup;

/// What is to be had of a zone's master file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoneConfig {
    /// The zone's name.
    pub(crate) name: Name,
    /// Its master file.
    pub(crate) file: PathBuf,
    /// Whether an edit is loaded by itself.
    pub(crate) watch: bool,
}

/// A primary zone with a table of its own.
#[derive(Debug)]
pub(crate) struct PrimaryConfig {
    /// Where it comes from.
    pub(crate) source: ZoneConfig,
    /// How it is served.
    pub(crate) settings: PrimarySettings,
    /// Of a catalog that others make: how its members are had.
    pub(crate) members: Option<Templates>,
}

/// Primary zones that are a file each in a folder.
#[derive(Debug)]
pub(crate) struct PrimaryGroup {
    /// The folder.
    pub(crate) folder: GroupConfig,
    /// How each of them is served.
    pub(crate) settings: PrimarySettings,
}

/// A catalog zone (RFC 9432) that is made of the zones that are its members.
#[derive(Debug)]
pub(crate) struct GeneratedCatalog {
    /// Its name.
    pub(crate) name: Name,
    /// How it is served.
    pub(crate) rules: Arc<Rules>,
}

/// How a primary zone is served.
#[derive(Debug, Clone)]
pub(crate) struct PrimarySettings {
    /// Who may do what.
    pub(crate) rules: Arc<Rules>,
    /// What becomes of the serial when the file changes.
    pub(crate) serial: SerialPolicy,
    /// Other primaries of the zone, whose version is taken over when its serial is higher; mostly none.
    pub(crate) primaries: Arc<[Arc<Remote>]>,
    /// The catalog that lists it.
    pub(crate) catalog: Option<Arc<Membership>>,
}

impl PrimarySettings {
    /// What a zone has that says nothing itself.
    fn inherited(above: &Arc<Rules>) -> Self {
        Self {
            rules: Arc::clone(above),
            serial: SerialPolicy::default(),
            primaries: Arc::new([]),
            catalog: None,
        }
    }
}

/// `serial`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SerialPolicy {
    /// It is the file's.
    #[default]
    Keep,
    /// One that the file didn't raise is raised.
    Auto,
}

impl FromValue for SerialPolicy {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()? {
            "keep" => Some(Self::Keep),
            "auto" => Some(Self::Auto),
            other => {
                let help = nearest(other, ["keep", "auto"]).unwrap_or_default();
                value.error_with_help("not a value of serial", help);
                None
            }
        }
    }
}

/// A primary zone as it is written.
#[derive(Debug)]
pub(super) struct PrimarySpec {
    table: Span,
    pub(super) file: Option<Spanned<PathBuf>>,
    has_file: bool,
    /// `None`: nothing is said but where its file is.
    settings: Option<Box<SettingsSpec>>,
}

/// A group of primary zones as it is written.
#[derive(Debug)]
pub(super) struct PrimaryGroupSpec {
    pub(super) files: Option<Spanned<PathBuf>>,
    settings: SettingsSpec,
}

#[derive(Debug)]
struct SettingsSpec {
    watch: Option<bool>,
    serial: Option<SerialPolicy>,
    primaries: Option<Spanned<RemoteListSpec>>,
    catalog: CatalogSpec,
    rules: RulesSpec,
}

impl SettingsSpec {
    fn read(table: &Table<'_>) -> Self {
        let mut settings = Self {
            watch: table.optional("watch"),
            serial: table.optional("serial"),
            primaries: table.optional("primaries"),
            catalog: CatalogSpec::read_member(table),
            rules: RulesSpec::default(),
        };
        settings.rules.read(table);
        settings
    }

    fn resolve(&self, above: &Arc<Rules>, lists: &Lists<'_>) -> PrimarySettings {
        let primaries = self.primaries.as_ref();
        let primaries = primaries.map_or_else(Vec::new, |list| {
            lists.remotes.list(&list.value, lists.keys, lists.diagnostics)
        });
        let mut rules = self.rules.resolve(above, lists);
        if !primaries.is_empty() {
            rules = Arc::new(Arc::unwrap_or_clone(rules).with_primaries(&primaries));
        }
        PrimarySettings {
            rules,
            serial: self.serial.unwrap_or_default(),
            primaries: primaries.into(),
            catalog: self.catalog.membership(lists.diagnostics).map(Arc::new),
        }
    }
}

impl PrimarySpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let settings = (!table.has_only("file")).then(|| {
            let mut settings = Box::new(SettingsSpec::read(table));
            settings.catalog.read_template(table);
            settings
        });
        Self {
            table: table.span(),
            has_file: table.value("file").is_some(),
            file: table.optional("file"),
            settings,
        }
    }

    /// `groups` are those of secondary zones that stand beside it.
    pub(super) fn resolve(
        &self,
        name: Name,
        above: &Arc<Rules>,
        groups: &[Arc<SecondaryGroup>],
        lists: &Lists<'_>,
    ) -> Option<Made> {
        let written = self.settings.as_ref();
        let mut settings = match written {
            Some(written) => written.resolve(above, lists),
            None => PrimarySettings::inherited(above),
        };
        let members = written.and_then(|written| written.catalog.templates(groups, lists.diagnostics));
        if let Some((written, role)) = written.and_then(|written| Some((written, written.catalog.role()?))) {
            written.catalog.check_not_listed(lists.diagnostics);
            settings.rules = written.rules.of_catalog(settings.rules);
            if role.value == CatalogRole::Generate {
                return self.resolve_catalog(name, settings, lists);
            }
        }
        if !self.has_file {
            lists.diagnostics.error(self.table, "`file` is missing here");
        }
        let source = ZoneConfig {
            name,
            file: self.file.as_ref()?.value.clone(),
            watch: written.and_then(|written| written.watch).unwrap_or(true),
        };
        Some(Made::Primary(PrimaryConfig {
            source,
            settings,
            members,
        }))
    }

    /// Reports a catalog that isn't generated here.
    pub(super) fn check_catalog(&self, is_generated: impl Fn(&Name) -> bool, diagnostics: &Diagnostics) {
        if let Some(settings) = &self.settings {
            settings.catalog.check(is_generated, diagnostics);
        }
    }

    fn resolve_catalog(&self, name: Name, settings: PrimarySettings, lists: &Lists<'_>) -> Option<Made> {
        if let Some(file) = &self.file {
            lists
                .diagnostics
                .error(file.span, "a catalog that is generated is read from no file");
            return None;
        }
        let rules = settings.rules;
        Some(Made::Catalog(GeneratedCatalog { name, rules }))
    }
}

/// What a primary zone's table makes.
pub(super) enum Made {
    Primary(PrimaryConfig),
    Catalog(GeneratedCatalog),
}

impl PrimaryGroupSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        if let Some(value) = table.value("primaries") {
            let instead =
                "other primaries are not asked for the zones of a group: one that has some needs a table of its own";
            table.diagnostics().warning(value.span(), instead);
        }
        Self {
            files: table.required("files"),
            settings: SettingsSpec::read(table),
        }
    }

    /// Reports a catalog that isn't generated here.
    pub(super) fn check_catalog(&self, is_generated: impl Fn(&Name) -> bool, diagnostics: &Diagnostics) {
        self.settings.catalog.check(is_generated, diagnostics);
    }

    pub(super) fn resolve(&self, name: &Key, above: &Arc<Rules>, lists: &Lists<'_>) -> Option<PrimaryGroup> {
        let settings = self.settings.resolve(above, lists);
        let (directory, affixes) = folder_of(self.files.as_ref()?, lists.diagnostics)?;
        let folder = GroupConfig {
            name: name.name.clone(),
            directory,
            affixes,
            watch: self.settings.watch.unwrap_or(true),
        };
        Some(PrimaryGroup { folder, settings })
    }
}

/// Splits the pattern of a group's files, whose `*` stands for the zone's name; what is wrong with it is reported.
pub(super) fn folder_of(files: &Spanned<PathBuf>, diagnostics: &Diagnostics) -> Option<(PathBuf, (String, String))> {
    match split_pattern(&files.value) {
        Ok(split) => return Some(split),
        Err(PatternError::NotOneStar) => diagnostics.error_with_help(
            files.span,
            "the file's name has one `*`, which stands for the zone's name",
            "write \"zones/*.zone\" or \"zones/db.*\"",
        ),
        Err(PatternError::OtherWildcard) => diagnostics.error_with_help(
            files.span,
            "a group is one folder, and its one `*` stands for the zone's name",
            "write \"zones/*.zone\" or \"zones/db.*\", and a group for each folder",
        ),
    }
    None
}
