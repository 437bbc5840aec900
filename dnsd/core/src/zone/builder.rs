//! Collects the records of a zone: owner names and data go into arenas as they come, and `compile` makes a zone of them.

use std::collections::BTreeSet;

use super::compile::compile;
use super::finding::FINDINGS_MAX;
use super::{Compiled, Finding, FindingKind, NONE, Position, Severity};
use crate::name::{Name, NameRef};
use crate::name_index::NameIndex;
use crate::rrtype::{Class, Type};
use crate::search_name::SearchName;

/// Collects the records of one zone.
///
/// Records come one by one, in any order, borrowed from whoever reads them.
pub struct ZoneBuilder {
    pub(super) origin: Name,
    pub(super) names: Vec<u8>,
    pub(super) owners: Vec<Owner>,
    index: NameIndex,
    pub(super) records: Vec<PendingRecord>,
    pub(super) rdata: Vec<u8>,
    last_owner: Option<u32>,
    /// Counts runs of records of one owner.
    run: u32,
    pub(super) findings: Vec<Finding>,
    /// What was left out or refused, to say it once a name.
    ignored: BTreeSet<Name>,
}

/// An owner name in the builder's arena; the empty non-terminals among them.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) hash: u32,
    name: u32,
    pub(super) name_len: u8,
}

/// A record: its owner by number, its data by range.
pub(super) struct PendingRecord {
    pub(super) owner: u32,
    pub(super) rtype: Type,
    pub(super) covers: Type,
    pub(super) ttl: u32,
    pub(super) run: u32,
    rdata: u32,
    pub(super) rdata_len: u16,
    pub(super) position: Option<Position>,
}

impl ZoneBuilder {
    /// An empty zone of this name.
    pub fn new(origin: Name) -> Self {
        let mut builder = Self {
            origin,
            names: Vec::new(),
            owners: Vec::new(),
            index: NameIndex::with_capacity(16),
            records: Vec::new(),
            rdata: Vec::new(),
            last_owner: None,
            run: 0,
            findings: Vec::new(),
            ignored: BTreeSet::new(),
        };
        let origin = builder.origin.clone();
        builder.owner(origin.as_name_ref());
        builder
    }

    /// Adds a record. `rdata` is uncompressed wire form of at most 65535 octets; `position` is where it was read.
    ///
    /// What can't be in this zone becomes a finding: a record outside of it is ignored, one of another class or a meta-type
    /// keeps the zone from being compiled.
    pub fn add(
        &mut self,
        owner: NameRef<'_>,
        class: Class,
        ttl: u32,
        rtype: Type,
        rdata: &[u8],
        position: Option<Position>,
    ) {
        let refused = if class != Class::IN {
            Some(FindingKind::OtherClass(class))
        } else if rtype.is_meta() {
            Some(FindingKind::MetaType)
        } else if !owner.is_subdomain_of(self.origin.as_name_ref()) {
            Some(FindingKind::OutOfZone)
        } else {
            None
        };
        if let Some(kind) = refused {
            if self.ignored.insert(owner.to_name()) || kind.severity() == Severity::Error {
                self.find(kind, owner, Some(rtype), position);
            }
            return;
        }
        let (Ok(start), Ok(length)) = (u32::try_from(self.rdata.len()), u16::try_from(rdata.len())) else {
            self.find(FindingKind::ZoneTooLarge, owner, Some(rtype), position);
            return;
        };
        let owner = self.owner(owner);
        if self.last_owner != Some(owner) {
            self.last_owner = Some(owner);
            self.run = self.run.wrapping_add(1);
        }
        self.rdata.extend_from_slice(rdata);
        self.records.push(PendingRecord {
            owner,
            rtype,
            covers: covered_type(rtype, rdata),
            ttl,
            run: self.run,
            rdata: start,
            rdata_len: length,
            position,
        });
    }

    pub(super) fn find(
        &mut self,
        kind: FindingKind,
        owner: NameRef<'_>,
        rtype: Option<Type>,
        position: Option<Position>,
    ) {
        // One finding of a kind is what an operator needs when a file is wrong throughout.
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding {
                kind,
                owner: owner.to_name(),
                rtype,
                position,
            });
        }
    }

    /// The number of an owner, new or known.
    fn owner(&mut self, name: NameRef<'_>) -> u32 {
        if let Some(last) = self.last_owner
            && self.name_of(last) == name.as_wire()
        {
            return last;
        }
        let search = SearchName::new(name);
        self.owner_at(&search, 0, name.as_wire())
    }

    fn owner_at(&mut self, search: &SearchName, skipped: usize, wire: &[u8]) -> u32 {
        let hash = search.hash(skipped);
        let (owners, names) = (&self.owners, &self.names);
        let known = self.index.find(hash, |number| {
            owners[number as usize].wire(names).eq_ignore_ascii_case(wire)
        });
        known.unwrap_or_else(|| {
            let number = self.owners.len() as u32;
            self.owners.push(Owner {
                hash,
                name: self.names.len() as u32,
                name_len: wire.len() as u8,
            });
            self.names.extend_from_slice(wire);
            self.index.insert(hash, number);
            number
        })
    }

    fn name_of(&self, owner: u32) -> &[u8] {
        self.owners[owner as usize].wire(&self.names)
    }

    /// Every name between an owner and the apex exists too (RFC 4592 §2.2.2).
    fn add_empty_non_terminals(&mut self) {
        let origin_labels = self.origin.label_count();
        for number in 0..self.owners.len() as u32 {
            let Ok(name) = NameRef::from_wire(self.name_of(number)) else {
                continue;
            };
            let below = name.label_count() - origin_labels;
            if below < 2 {
                continue;
            }
            let name = name.to_name();
            let search = SearchName::new(name.as_name_ref());
            for skipped in 1..below {
                let before = self.owners.len();
                let Some(ancestor) = name.suffix(skipped) else { break };
                self.owner_at(&search, skipped, ancestor.as_wire());
                if self.owners.len() == before {
                    // Known: it was an owner or somebody's ancestor, and its own turn adds or has added what is above.
                    break;
                }
            }
        }
    }

    /// Compiles the zone. Errors are all that were found; a zone without exactly one SOA record is none.
    pub fn finish(mut self) -> Result<Compiled, Vec<Finding>> {
        self.add_empty_non_terminals();
        // Offsets of names and data are 32 bits wide, and data gets two octets of length a record.
        let name_bytes = self.names.len() + self.owners.len();
        if name_bytes >= NONE as usize || self.rdata.len() + 2 * self.records.len() >= NONE as usize {
            let origin = self.origin.clone();
            self.find(FindingKind::ZoneTooLarge, origin.as_name_ref(), None, None);
            return Err(self.findings);
        }
        compile(self)
    }
}

impl Owner {
    /// The name in the arena.
    pub(super) fn wire<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        &names[self.name as usize..][..usize::from(self.name_len)]
    }
}

/// The type that a signature covers, its first two octets (RFC 4034 §3.1.1); zero for everything else.
fn covered_type(rtype: Type, rdata: &[u8]) -> Type {
    match (rtype, rdata.first_chunk::<2>()) {
        (Type::RRSIG, Some(covered)) => Type(u16::from_be_bytes(*covered)),
        _ => Type(0),
    }
}

impl PendingRecord {
    /// The data in the arena.
    pub(super) fn data<'r>(&self, rdata: &'r [u8]) -> &'r [u8] {
        &rdata[self.rdata as usize..][..usize::from(self.rdata_len)]
    }
}
