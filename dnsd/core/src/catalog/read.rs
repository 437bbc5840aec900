//! Reads a version of a catalog zone. What it doesn't know it passes over, as RFC 9432 §4.3 wants it; what it knows and is
//! wrong makes the catalog a broken one, of which nothing is taken (§5.1).

use std::fmt;

use super::{COO, Catalog, GROUP, MEMBERS_MAX, Member, MemberId, SCHEMA, VERSION, ZONES};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Node, RecordSet, Zone};

/// Why a zone is no catalog to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// It doesn't say which schema it is of (§4.3.1).
    NoVersion,
    /// It says so in several records.
    SeveralVersions,
    /// It is of a schema other than 2.
    OtherVersion,
    /// A member node with several PTR records (§4.2).
    SeveralZones(MemberId),
    /// A member with several records that say who is to have it (§4.4.1).
    SeveralOwners(MemberId),
    /// A zone at two member nodes (§4.2).
    ListedTwice(Name),
    /// More than [`MEMBERS_MAX`] members.
    TooMany,
}

impl Catalog {
    /// Reads what a zone says as a catalog.
    pub fn read(zone: &Zone) -> Result<Self, Broken> {
        check_version(zone)?;
        let mut catalog = Self::default();
        // A name without room for the label has no members.
        let Ok(above) = zone.origin().prepend(ZONES) else {
            return Ok(catalog);
        };
        let mut last: Option<(Name, Member)> = None;
        for node in zone.nodes() {
            let Some(front) = node.name().strip_suffix(above.as_name_ref()) else {
                continue;
            };
            match *labels_of(front).as_slice() {
                [label] => {
                    catalog.enter(last.take())?;
                    last = member_at(node, label)?;
                }
                // In canonical order what is below a node comes before the next one.
                [property, label] => {
                    if let Some((_, member)) = &mut last
                        && member.id.label().eq_ignore_ascii_case(label)
                    {
                        read_property(node, property, member)?;
                    }
                }
                _ => {}
            }
        }
        catalog.enter(last)?;
        Ok(catalog)
    }

    fn enter(&mut self, read: Option<(Name, Member)>) -> Result<(), Broken> {
        let Some((zone, member)) = read else { return Ok(()) };
        if self.members.len() >= MEMBERS_MAX {
            return Err(Broken::TooMany);
        }
        match self.members.insert(zone.clone(), member) {
            None => Ok(()),
            Some(_) => Err(Broken::ListedTwice(zone)),
        }
    }
}

fn check_version(zone: &Zone) -> Result<(), Broken> {
    let name = zone.origin().prepend(VERSION).map_err(|_| Broken::NoVersion)?;
    let node = zone.node(&SearchName::new(name.as_name_ref()));
    let set = node.and_then(|node| node.set(Type::TXT)).ok_or(Broken::NoVersion)?;
    match only(set) {
        None => Err(Broken::SeveralVersions),
        Some(SCHEMA) => Ok(()),
        Some(_) => Err(Broken::OtherVersion),
    }
}

/// The labels of so much of a name's wire form; more than two are of no interest.
fn labels_of(mut front: &[u8]) -> Vec<&[u8]> {
    const ENOUGH: usize = 3;
    let mut labels = Vec::with_capacity(ENOUGH);
    while let Some((length, rest)) = front.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(*length)) else {
            break;
        };
        labels.push(label);
        if labels.len() == ENOUGH {
            break;
        }
        front = rest;
    }
    labels
}

/// The zone of a member node, if it is one.
fn member_at(node: Node<'_>, label: &[u8]) -> Result<Option<(Name, Member)>, Broken> {
    let Some(set) = node.set(Type::PTR) else {
        return Ok(None);
    };
    let id = MemberId::new(label);
    let Some(rdata) = only(set) else {
        return Err(Broken::SeveralZones(id));
    };
    let Ok(zone) = NameRef::from_wire(rdata) else {
        return Ok(None);
    };
    let member = Member {
        id,
        groups: Vec::new(),
        coo: None,
    };
    Ok(Some((zone.to_name(), member)))
}

fn read_property(node: Node<'_>, property: &[u8], member: &mut Member) -> Result<(), Broken> {
    if property.eq_ignore_ascii_case(COO)
        && let Some(set) = node.set(Type::PTR)
    {
        let rdata = only(set).ok_or_else(|| Broken::SeveralOwners(member.id.clone()))?;
        member.coo = NameRef::from_wire(rdata).ok().map(NameRef::to_name);
    } else if property.eq_ignore_ascii_case(GROUP)
        && let Some(set) = node.set(Type::TXT)
    {
        member.groups.extend(set.rdatas().filter_map(group_of));
    }
    Ok(())
}

/// The value of a group: one character string. Anything else is none that is understood.
fn group_of(rdata: &[u8]) -> Option<Box<[u8]>> {
    let (length, value) = rdata.split_first()?;
    (usize::from(*length) == value.len()).then(|| value.into())
}

/// The data of a set's one record.
fn only(set: RecordSet<'_>) -> Option<&[u8]> {
    set.rdatas().next().filter(|_| set.count() == 1)
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVersion => f.write_str("no version property"),
            Self::SeveralVersions => f.write_str("several version properties"),
            Self::OtherVersion => f.write_str("a version other than \"2\""),
            Self::SeveralZones(id) => write!(f, "member {id} has several PTR records"),
            Self::SeveralOwners(id) => write!(f, "member {id} has several coo properties"),
            Self::ListedTwice(zone) => write!(f, "zone {zone} is listed twice"),
            Self::TooMany => write!(f, "more than {MEMBERS_MAX} members"),
        }
    }
}

impl std::error::Error for Broken {}
