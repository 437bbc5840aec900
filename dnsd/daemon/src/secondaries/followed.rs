//! The zones that come from elsewhere, as the configuration has them.

use std::sync::Arc;

use dnsd_core::secondary::Role;

use crate::config::{Config, Remote, Rules, SecondaryConfig, ZonesConfig};
use crate::zones::key::{ViewName, ZoneKey};

/// A zone of which other servers have versions that are taken over.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The zone.
    pub(crate) key: ZoneKey,
    /// What those servers are to this one.
    pub(crate) role: Role,
    /// Where it is transferred from, tried in this order.
    pub(crate) primaries: Arc<[Arc<Remote>]>,
    /// How far that may go.
    pub(crate) rules: Arc<Rules>,
    /// Whether it is there because a catalog lists it, not by the configuration.
    pub(crate) is_member: bool,
}

impl Followed {
    /// A zone that a catalog has brought.
    pub(super) fn of_catalog(key: ZoneKey, zone: SecondaryConfig) -> Self {
        Self {
            key,
            role: Role::Secondary,
            primaries: zone.primaries,
            rules: zone.rules,
            is_member: true,
        }
    }
}

/// All of a configuration's.
pub(crate) fn followed(config: &Config) -> Vec<Followed> {
    let mut all = of(None, &config.zones);
    for view in &config.views {
        let name = ViewName::from(view.name.as_str());
        all.extend(of(Some(&name), &view.zones));
    }
    all
}

fn of(view: Option<&ViewName>, zones: &ZonesConfig) -> Vec<Followed> {
    let secondaries = zones.secondaries.iter().map(|secondary| Followed {
        key: ZoneKey::new(view.cloned(), secondary.name.clone()),
        role: Role::Secondary,
        primaries: secondary.primaries.clone(),
        rules: secondary.rules.clone(),
        is_member: false,
    });
    let peers = zones
        .primaries
        .iter()
        .filter(|zone| !zone.settings.primaries.is_empty());
    let peers = peers.map(|zone| Followed {
        key: ZoneKey::new(view.cloned(), zone.source.name.clone()),
        role: Role::Peer,
        primaries: zone.settings.primaries.clone(),
        rules: zone.settings.rules.clone(),
        is_member: false,
    });
    secondaries.chain(peers).collect()
}
