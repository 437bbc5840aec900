//! Which zones a configuration asks for, as the keeper takes them over.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dnsd_core::acl::Acl;
use dnsd_core::name::{Name, NameError};

use super::key::{ViewName, ZoneKey};
use crate::config::{
    Config, ForwardZone, GroupConfig, PrimarySettings, Rules, SecondaryConfig, Templates, ZoneConfig, ZonesConfig,
};
use crate::server::views::Kind;

/// Which zones there are to be.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The views, in the order in which they are tried.
    pub(crate) views: Vec<PlannedView>,
    /// Primary zones with a table of their own.
    pub(crate) zones: Vec<PlannedZone>,
    /// Folders with a primary zone in each file.
    pub(crate) groups: Vec<Group>,
    /// Zones that are transferred from elsewhere, catalogs that are made of our own zones, and zones that are made of what plugins know.
    pub(crate) secondaries: Vec<PlannedSecondary>,
    /// Those of our zones that are catalogs of others', with how their members are had.
    pub(crate) interpreted: Vec<(ZoneKey, Templates)>,
    /// Names below which other servers are asked.
    pub(crate) forwards: Vec<(ZoneKey, Arc<ForwardZone>)>,
    /// The second place for a relative `$INCLUDE`.
    pub(crate) base_dir: PathBuf,
    /// Threads that load.
    pub(crate) threads: usize,
    /// Lost records and deleted files are meant.
    pub(crate) accept: bool,
}

/// A view, but for its zones.
#[derive(Debug, Clone)]
pub(crate) struct PlannedView {
    /// Its name.
    pub(crate) name: ViewName,
    /// Whom it is for.
    pub(crate) match_clients: Arc<Acl>,
    /// Whether its clients don't see the zones outside the views.
    pub(crate) strict: bool,
}

/// A primary zone with a table of its own.
#[derive(Debug)]
pub(crate) struct PlannedZone {
    /// The zone.
    pub(crate) key: ZoneKey,
    /// Its file.
    pub(crate) source: ZoneConfig,
    /// How it is served.
    pub(crate) settings: Arc<PrimarySettings>,
}

/// A zone that is read from no file of somebody's: it is transferred from elsewhere, or made here. What is there of it is a copy and
/// a journal.
#[derive(Debug)]
pub(crate) struct PlannedSecondary {
    /// The zone.
    pub(crate) key: ZoneKey,
    /// Where a copy is kept that can be read; `None`: in the work directory.
    pub(crate) file: Option<PathBuf>,
    /// Who may do what.
    pub(crate) rules: Arc<Rules>,
    /// Where its versions come from.
    pub(crate) source: Source,
    /// The catalog that has brought it.
    pub(crate) catalog: Option<Name>,
}

/// Where the versions of a zone come from that is read from no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Its primaries.
    Transfer,
    /// It is a catalog, made of those of our own zones that name it.
    Catalog,
    /// It is made of the machines that a plugin knows.
    Plugin,
}

impl Source {
    /// What the zone is to who asks for it.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Transfer => Kind::Secondary,
            Self::Catalog | Self::Plugin => Kind::Primary,
        }
    }
}

/// A folder with a zone in each file.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// What it is known by.
    pub(crate) key: GroupKey,
    /// The folder.
    pub(crate) folder: GroupConfig,
    /// How its zones are served.
    pub(crate) settings: Arc<PrimarySettings>,
}

/// What a group is known by. Prints as `customers`, in a view `customers in view cloud`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupKey {
    /// The view of its zones.
    pub(crate) view: Option<ViewName>,
    /// Its name.
    pub(crate) name: String,
}

impl Plan {
    /// What this configuration asks for. `accept`: lost records and deleted files are meant.
    pub(crate) fn new(config: &Config, accept: bool) -> Self {
        let mut plan = Self {
            views: Vec::new(),
            zones: Vec::new(),
            groups: Vec::new(),
            secondaries: Vec::new(),
            interpreted: Vec::new(),
            forwards: Vec::new(),
            base_dir: config.base_dir.clone(),
            threads: config.threads,
            accept,
        };
        plan.add_zones(None, &config.zones);
        for view in &config.views {
            let name: ViewName = view.name.as_str().into();
            plan.add_zones(Some(&name), &view.zones);
            plan.views.push(PlannedView {
                name,
                match_clients: view.match_clients.clone(),
                strict: view.strict,
            });
        }
        plan
    }

    fn add_zones(&mut self, view: Option<&ViewName>, zones: &ZonesConfig) {
        let key = |name: &Name| ZoneKey::new(view.cloned(), name.clone());
        self.zones.extend(zones.primaries.iter().map(|zone| PlannedZone {
            key: key(&zone.source.name),
            source: zone.source.clone(),
            settings: Arc::new(zone.settings.clone()),
        }));
        self.groups.extend(zones.groups.iter().map(|group| Group {
            key: GroupKey {
                view: view.cloned(),
                name: group.folder.name.clone(),
            },
            folder: group.folder.clone(),
            settings: Arc::new(group.settings.clone()),
        }));
        self.secondaries.extend(
            zones
                .secondaries
                .iter()
                .map(|zone| PlannedSecondary::new(key(&zone.name), zone)),
        );
        self.secondaries
            .extend(zones.catalogs.iter().map(|catalog| PlannedSecondary {
                key: key(&catalog.name),
                file: None,
                rules: catalog.rules.clone(),
                source: Source::Catalog,
                catalog: None,
            }));
        let of_plugins = zones.plugin_zones.iter();
        self.secondaries.extend(of_plugins.flat_map(|zone| {
            let made = |name: &Name| PlannedSecondary {
                key: key(name),
                file: None,
                rules: zone.rules.clone(),
                source: Source::Plugin,
                catalog: None,
            };
            zone.names().map(made).collect::<Vec<_>>()
        }));
        let primaries = zones
            .primaries
            .iter()
            .map(|zone| (&zone.source.name, zone.members.as_ref()));
        let secondaries = zones.secondaries.iter().map(|zone| (&zone.name, zone.members.as_ref()));
        let interpreted = primaries.chain(secondaries);
        self.interpreted
            .extend(interpreted.filter_map(|(name, members)| Some((key(name), members?.clone()))));
        let forwards = zones.forwards.iter();
        self.forwards
            .extend(forwards.map(|zone| (key(&zone.name), zone.clone())));
    }
}

impl PlannedSecondary {
    /// A zone of the configuration.
    pub(crate) fn new(key: ZoneKey, zone: &SecondaryConfig) -> Self {
        Self {
            key,
            file: zone.file.clone(),
            rules: zone.rules.clone(),
            source: Source::Transfer,
            catalog: None,
        }
    }

    /// A zone that a catalog has brought.
    pub(crate) fn of_catalog(key: ZoneKey, zone: &SecondaryConfig, catalog: Name) -> Self {
        Self {
            catalog: Some(catalog),
            ..Self::new(key, zone)
        }
    }
}

impl Group {
    /// The zone of this name, as one of the group's.
    pub(crate) fn zone(&self, name: Name) -> ZoneKey {
        ZoneKey::new(self.key.view.clone(), name)
    }

    /// The zone that a file in the group's folder is; `None` when it is none, an error when it isn't named for one.
    pub(crate) fn zone_at(&self, file: &Path) -> Option<Result<ZoneKey, NameError>> {
        let name = self.folder.zone_at(file)?;
        Some(name.map(|name| self.zone(name)))
    }

    /// Whether a zone's file, there or not, is one of this group's.
    pub(crate) fn is_file_of(&self, zone: &ZoneKey, file: &Path) -> bool {
        zone.view == self.key.view && self.folder.is_file_of(&zone.name, file)
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.view {
            Some(view) => write!(f, " in view {view}"),
            None => Ok(()),
        }
    }
}
