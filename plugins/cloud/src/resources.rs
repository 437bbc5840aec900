//! What a cloud has besides machines: networks and volumes. Providers that are told to look at them do so now and then; what
//! they have seen last is kept for who asks (`cloudd inventory --networks`), and nothing else depends on it.

mod command;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

pub use self::command::run;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Virtual networks, subnets, gateways, tables of routes and addresses.
    Networks,
    /// Volumes and snapshots.
    Volumes,
}

impl Kind {
    /// By its name in the interface.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Networks, Self::Volumes]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Its name in the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Volumes => "volumes",
        }
    }
}

/// One of them, as io.ballast.cloudd has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// "vpc", "subnet", "internet-gateway", "route-table", "address", "volume" or "snapshot".
    pub kind: String,
    /// What no other of the cloud has: "vpc-…"; an address is its own.
    pub id: String,
    /// Its tag "Name".
    pub name: Option<String>,
    /// As the cloud has it: "available".
    pub state: Option<String>,
    /// The virtual network that it is in.
    pub vpc: Option<String>,
    /// The availability zone that it is in.
    pub zone: Option<String>,
    /// Its addresses: "10.0.0.0/16".
    pub cidrs: Vec<String>,
    /// What it belongs to, and how, if that has a name: "i-1 /dev/sdf", "subnet-1", "main".
    pub of: Vec<String>,
    /// Where it leads, and by what: "0.0.0.0/0 igw-1".
    pub routes: Vec<String>,
    /// In GiB.
    pub size_gib: Option<u64>,
}

/// When a provider has looked, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// Its name in the configuration.
    pub provider: String,
    /// When it last had all, in seconds since 1970.
    pub listed_at: Option<u64>,
    /// Why it has nothing newer.
    pub problem: Option<String>,
}

/// What a provider has seen.
#[derive(Debug, Clone, Default)]
struct Seen {
    listing: Listing,
    resources: Arc<[Resource]>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Resources {
    seen: Mutex<BTreeMap<(Kind, String), Seen>>,
}

impl Resources {
    /// A provider has all of a kind, or has failed at it: then what it had before is what there is.
    pub fn told(&self, provider: &str, kind: Kind, outcome: Result<Vec<Resource>, String>, now: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is not expected has ended.
        let Some(seen) = seen.get_mut(&(kind, provider.to_owned())) else {
            return;
        };
        match outcome {
            Ok(resources) => {
                seen.resources = resources.into();
                seen.listing.listed_at = Some(now);
                seen.listing.problem = None;
            }
            Err(problem) => seen.listing.problem = Some(problem),
        }
    }

    /// A provider that begins looks at these kinds, and at no other. What it had of them before is what there is.
    pub fn expect(&self, provider: &str, kinds: &[Kind]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|(kind, name), _| name != provider || kinds.contains(kind));
        for kind in kinds {
            let seen = seen.entry((*kind, provider.to_owned())).or_default();
            provider.clone_into(&mut seen.listing.provider);
        }
    }

    /// Only these providers are there.
    pub fn retain(&self, providers: &[String]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|(_, provider), _| providers.contains(provider));
    }

    /// What there is of a kind, by provider.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Vec<(Listing, Arc<[Resource]>)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = seen.iter().filter(|((one, _), _)| *one == kind);
        of_kind
            .map(|(_, seen)| (seen.listing.clone(), seen.resources.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_fails_keeps_what_it_had_and_one_that_is_gone_has_nothing() {
        let resources = Resources::default();
        let vpc = Resource {
            id: "vpc-1".into(),
            ..Resource::default()
        };
        resources.told("a", Kind::Networks, Ok(vec![vpc.clone()]), 5);
        assert!(resources.of(Kind::Networks).is_empty(), "nobody has begun to look");
        resources.expect("a", &[Kind::Networks, Kind::Volumes]);
        assert_eq!(resources.of(Kind::Volumes)[0].0.listed_at, None);
        resources.told("a", Kind::Networks, Ok(vec![vpc]), 10);
        resources.told("a", Kind::Networks, Err("throttled".into()), 20);
        let seen = resources.of(Kind::Networks);
        let (listing, networks) = &seen[0];
        assert_eq!(
            (listing.listed_at, listing.problem.as_deref()),
            (Some(10), Some("throttled"))
        );
        assert_eq!(networks.len(), 1);
        resources.expect("a", &[Kind::Networks]);
        assert!(resources.of(Kind::Volumes).is_empty());
        assert_eq!(resources.of(Kind::Networks)[0].1.len(), 1);
        resources.retain(&["b".into()]);
        assert!(resources.of(Kind::Networks).is_empty());
    }
}
