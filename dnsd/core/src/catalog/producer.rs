//! Makes the versions of a catalog of our own zones.
//!
//! A member keeps its node as long as it is listed: the label is read back from the catalog's last version. It is made of
//! the zone's name and the serial of the version that lists it first, so that a zone which is taken out and comes back has
//! another one, and begins anew at the consumers (RFC 9432 §5.6). In a catalog that is made from nothing no serial is part of
//! it: who has lost the catalog makes the same labels again.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{Broken, COO, Catalog, GROUP, MEMBERS_MAX, MemberId, SCHEMA, VERSION, ZONES};
use crate::name::{LABEL_BYTES_MAX, LABELS_MAX, NAME_BYTES_MAX, Name, NameRef};
use crate::rrtype::{Class, Type};
use crate::serial::Serial;
use crate::transfer::Delta;
use crate::zone::{Compiled, Finding, SetChange, Zone, ZoneBuilder};

/// The numbers of the SOA record behind the serial, as Knot has them: a catalog that nobody confirms for years is better than
/// none.
const SOA_TIMES: [u32; 4] = [3600, 600, i32::MAX as u32 - 1, 0];
/// The name that RFC 9432 §4.1 recommends for the name server that there has to be.
const INVALID: &[u8] = b"\x07invalid\x00";
/// What the longest label of a member's property takes in front of a member node.
const PROPERTY_BYTES: usize = 1 + if GROUP.len() > COO.len() {
    GROUP.len()
} else {
    COO.len()
};
/// Octets of a label that we make: sixteen digits.
const ID_BYTES: usize = 16;

/// Which members a catalog of ours has.
#[derive(Debug, Clone)]
pub struct Producer {
    above: Name,
    members: HashMap<Name, Listed>,
    ids: HashSet<MemberId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    id: MemberId,
    group: Option<Box<[u8]>>,
}

/// A zone that is to be listed, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The zone.
    pub zone: Name,
    /// Whether it is to be listed, and in which group, of at most [`super::GROUP_BYTES_MAX`] octets.
    pub listed: Option<Option<Box<[u8]>>>,
}

/// Why there is no such version of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProducerError {
    /// The catalog's own name leaves no room for its members' nodes.
    NameTooLong,
    /// More than [`MEMBERS_MAX`] members.
    TooMany,
    /// What is there is no catalog.
    Broken(Broken),
    /// The zone can't be so.
    Refused(Finding),
}

impl Producer {
    /// A catalog without members, and without a version.
    pub fn new(origin: &Name) -> Result<Self, ProducerError> {
        let bytes = origin.as_wire().len() + 1 + ZONES.len() + 1 + ID_BYTES + PROPERTY_BYTES;
        if bytes > NAME_BYTES_MAX || origin.label_count() + 3 > LABELS_MAX {
            return Err(ProducerError::NameTooLong);
        }
        let above = origin.prepend(ZONES).map_err(|_| ProducerError::NameTooLong)?;
        Ok(Self {
            above,
            members: HashMap::new(),
            ids: HashSet::new(),
        })
    }

    /// The members of a version that was made before.
    pub fn resume(zone: &Zone) -> Result<Self, ProducerError> {
        let catalog = Catalog::read(zone).map_err(ProducerError::Broken)?;
        let mut producer = Self::new(&zone.origin().to_name())?;
        for (zone, member) in catalog.members() {
            let listed = Listed {
                id: member.id.clone(),
                group: member.groups.first().cloned(),
            };
            producer.enter(zone, listed);
        }
        Ok(producer)
    }

    /// The members, in no order.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.members.keys()
    }

    /// What is to change for these zones, and no others, to be the members.
    pub fn towards(&self, wanted: impl IntoIterator<Item = (Name, Option<Box<[u8]>>)>) -> Vec<Wanted> {
        let mut gone: HashSet<&Name> = self.members.keys().collect();
        let mut changes = Vec::new();
        for (zone, group) in wanted {
            gone.remove(&zone);
            let is_so = self.members.get(&zone).is_some_and(|listed| listed.group == group);
            if !is_so {
                changes.push(Wanted {
                    zone,
                    listed: Some(group),
                });
            }
        }
        changes.extend(gone.into_iter().map(|zone| Wanted {
            zone: zone.clone(),
            listed: None,
        }));
        changes
    }

    /// Makes the first version.
    pub fn create(&mut self, serial: Serial, wanted: Vec<Wanted>) -> Result<Compiled, ProducerError> {
        self.change(Serial(0), wanted)?;
        let origin = self.origin();
        let mut builder = ZoneBuilder::new(origin.to_name());
        let mut add = |owner: NameRef<'_>, rtype, rdata: &[u8]| builder.add(owner, Class::IN, 0, rtype, rdata, None);
        add(origin, Type::SOA, &soa(serial));
        add(origin, Type::NS, INVALID);
        let version = origin.prepend(VERSION).map_err(|_| ProducerError::NameTooLong)?;
        add(version.as_name_ref(), Type::TXT, SCHEMA);
        for (zone, listed) in &self.members {
            let nodes = Nodes::of(&self.above, &listed.id)?;
            add(nodes.member.as_name_ref(), Type::PTR, zone.as_wire());
            if let Some(group) = &listed.group {
                add(nodes.group.as_name_ref(), Type::TXT, &text(group));
            }
        }
        builder.finish().map_err(|findings| match findings.into_iter().next() {
            Some(finding) => ProducerError::Refused(finding),
            None => ProducerError::NameTooLong,
        })
    }

    /// Makes the next version, and the step that leads to it; `None` when nothing changes. It costs in proportion to what
    /// changes. An error leaves the producer without a version: it is to be resumed from the one that is there.
    pub fn advance(
        &mut self,
        zone: &Zone,
        serial: Serial,
        wanted: Vec<Wanted>,
    ) -> Result<Option<(Zone, Delta)>, ProducerError> {
        let changed = self.change(serial, wanted)?;
        if changed.is_empty() {
            return Ok(None);
        }
        let edits: Vec<Edit<'_>> = changed
            .iter()
            .map(|changed| Edit::new(&self.above, changed))
            .collect::<Result<_, _>>()?;
        let soa = soa(serial);
        let mut changes = vec![set(zone.origin(), Type::SOA, Some(&soa))];
        changes.extend(edits.iter().flat_map(Edit::changes));
        let next = zone.changed(&changes).map_err(ProducerError::Refused)?;
        let delta = Delta::between_at(zone, &next, changes.iter().map(|change| change.owner));
        Ok(Some((next, delta)))
    }

    /// Enters and removes members; those that aren't as they were.
    fn change(&mut self, serial: Serial, wanted: Vec<Wanted>) -> Result<Vec<Changed>, ProducerError> {
        let mut changed = Vec::new();
        for Wanted { zone, listed } in wanted {
            let before = self.members.get(&zone).cloned();
            let after = listed.map(|group| {
                let id = before.as_ref().map(|before| before.id.clone());
                let id = id.unwrap_or_else(|| self.free_id(&zone, serial));
                Listed { id, group }
            });
            if before == after {
                continue;
            }
            match &after {
                Some(listed) => self.enter(&zone, listed.clone()),
                None => {
                    self.members.remove(&zone);
                }
            }
            if let Some(before) = before.as_ref().filter(|_| after.is_none()) {
                self.ids.remove(&before.id);
            }
            changed.push(Changed { zone, before, after });
        }
        if self.members.len() > MEMBERS_MAX {
            return Err(ProducerError::TooMany);
        }
        Ok(changed)
    }

    fn enter(&mut self, zone: &Name, listed: Listed) {
        self.ids.insert(listed.id.clone());
        self.members.insert(zone.clone(), listed);
    }

    /// A label that no other member has.
    fn free_id(&self, zone: &Name, serial: Serial) -> MemberId {
        let mut tries = u64::from(serial.0);
        loop {
            let id = id_of(zone, tries);
            if !self.ids.contains(&id) {
                return id;
            }
            // Beyond what a serial can be, so that no later version makes it of its own.
            tries += 1 << 32;
        }
    }

    fn origin(&self) -> NameRef<'_> {
        // It was made by putting a label in front of it.
        self.above.suffix(1).unwrap_or(NameRef::ROOT)
    }
}

/// FNV-1a of the name in lower case and the number, mixed once more, as sixteen digits.
fn id_of(zone: &Name, number: u64) -> MemberId {
    let mut lowercase = [0; NAME_BYTES_MAX];
    let name = zone.lowercase_into(&mut lowercase);
    let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
    for octet in name.iter().copied().chain(number.to_be_bytes()) {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let digits = format!("{:016x}", hash ^ (hash >> 32));
    debug_assert!(digits.len() == ID_BYTES && ID_BYTES <= LABEL_BYTES_MAX);
    MemberId::new(digits.as_bytes())
}

/// The names of a member in the catalog.
struct Nodes {
    member: Name,
    group: Name,
}

impl Nodes {
    fn of(above: &Name, id: &MemberId) -> Result<Self, ProducerError> {
        let member = above.prepend(id.label()).map_err(|_| ProducerError::NameTooLong)?;
        let group = member.prepend(GROUP).map_err(|_| ProducerError::NameTooLong)?;
        Ok(Self { member, group })
    }
}

/// A member that isn't as it was.
struct Changed {
    zone: Name,
    before: Option<Listed>,
    after: Option<Listed>,
}

/// What that changes in the catalog.
struct Edit<'m> {
    /// There are some, as it was listed or is.
    nodes: Option<Nodes>,
    zone: &'m Name,
    is_listed: bool,
    group: Option<Vec<u8>>,
}

impl<'m> Edit<'m> {
    fn new(above: &Name, changed: &'m Changed) -> Result<Self, ProducerError> {
        let after = changed.after.as_ref();
        let listed = after.or(changed.before.as_ref());
        let nodes = listed.map(|listed| Nodes::of(above, &listed.id)).transpose()?;
        Ok(Self {
            nodes,
            zone: &changed.zone,
            is_listed: after.is_some(),
            group: after.and_then(|listed| listed.group.as_deref()).map(text),
        })
    }

    fn changes(&self) -> impl Iterator<Item = SetChange<'_>> {
        let zone = self.is_listed.then(|| self.zone.as_wire());
        self.nodes.iter().flat_map(move |nodes| {
            [
                set(nodes.member.as_name_ref(), Type::PTR, zone),
                set(nodes.group.as_name_ref(), Type::TXT, self.group.as_deref()),
            ]
        })
    }
}

fn set<'c>(owner: NameRef<'c>, rtype: Type, rdata: Option<&'c [u8]>) -> SetChange<'c> {
    SetChange {
        owner,
        rtype,
        covers: Type(0),
        ttl: 0,
        rdatas: rdata.into_iter().collect(),
    }
}

fn soa(serial: Serial) -> Vec<u8> {
    let mut rdata = [INVALID, INVALID].concat();
    for number in [serial.0].into_iter().chain(SOA_TIMES) {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    rdata
}

/// A character string, cut where one ends.
fn text(value: &[u8]) -> Vec<u8> {
    let value = &value[..value.len().min(super::GROUP_BYTES_MAX)];
    let mut rdata = vec![value.len() as u8];
    rdata.extend_from_slice(value);
    rdata
}

impl fmt::Display for ProducerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTooLong => f.write_str("the catalog's name leaves no room for its members"),
            Self::TooMany => write!(f, "more than {MEMBERS_MAX} members"),
            Self::Broken(broken) => write!(f, "its last version is no catalog: {broken}"),
            Self::Refused(finding) => finding.fmt(f),
        }
    }
}

impl std::error::Error for ProducerError {}
