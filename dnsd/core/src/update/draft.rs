//! The names that an update touches, with their sets as they are to be. Nothing else of the zone is copied.

use std::collections::BTreeMap;

use crate::name::{Name, NameRef};
use crate::rdata::make_canonical;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Node, RecordSet, Zone};

/// A version of a zone in the making. The zone has no signatures, so that a type is a set.
pub(super) struct Draft<'z> {
    zone: &'z Zone,
    names: BTreeMap<Name, Sets>,
    /// Whether the update gave the zone its next serial (RFC 2136 §3.6).
    pub(super) serial_given: bool,
}

/// The sets of a name; none of them is empty.
pub(super) type Sets = BTreeMap<Type, Set>;

/// The records of a name and type.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// Their TTL, the same for all (RFC 2181 §5.2).
    pub(super) ttl: u32,
    /// Their data by its canonical form, in which data that means the same is the same (RFC 4034 §6.2).
    pub(super) records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'z> Draft<'z> {
    pub(super) fn new(zone: &'z Zone) -> Self {
        Self {
            zone,
            names: BTreeMap::new(),
            serial_given: false,
        }
    }

    /// The version that is changed.
    pub(super) fn zone(&self) -> &'z Zone {
        self.zone
    }

    /// The sets of a name, to be read and changed.
    pub(super) fn sets(&mut self, owner: &Name) -> &mut Sets {
        let zone = self.zone;
        let entry = self.names.entry(owner.clone());
        entry.or_insert_with(|| read_sets(zone, owner.as_name_ref()))
    }

    /// Every name that was touched, with its sets, in canonical order.
    pub(super) fn touched(&self) -> impl Iterator<Item = (&Name, &Sets)> {
        self.names.iter()
    }
}

fn read_sets(zone: &Zone, owner: NameRef<'_>) -> Sets {
    let node = zone.node(&SearchName::new(owner));
    let sets = node.into_iter().flat_map(Node::sets);
    sets.map(|set| (set.rtype(), Set::of(set))).collect()
}

impl Set {
    fn of(set: RecordSet<'_>) -> Self {
        let record = |rdata: &[u8]| (canonical(set.rtype(), rdata), rdata.to_vec());
        Self {
            ttl: set.ttl(),
            records: set.rdatas().map(record).collect(),
        }
    }

    /// The records' data in canonical order (RFC 4034 §6.3), as it is in a zone.
    pub(super) fn rdatas(&self) -> impl Iterator<Item = &[u8]> {
        self.records.values().map(Vec::as_slice)
    }
}

/// The canonical form of valid data.
pub(super) fn canonical(rtype: Type, rdata: &[u8]) -> Vec<u8> {
    let mut canonical = rdata.to_vec();
    make_canonical(rtype, &mut canonical);
    canonical
}
