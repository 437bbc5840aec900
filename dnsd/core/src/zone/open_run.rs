//! The records of the owner that a builder is being given, until another owner's come: then they become a block.

use std::ops::Range;

use super::block::{self, SET_HEAD_BYTES, SETS_MAX};
use super::rdata_names::compare_rdata;
use super::record_set::append_record;
use super::runs::{Runs, TTL_DIFFERED, TTLS_DIFFER};
use super::{FindingKind, Position};
use crate::name::{NameBuf, NameRef};
use crate::rrtype::Type;

/// What the records of most owners fit into: it is allocated once for a zone then.
const RECORDS_MOSTLY: usize = 8;
const RDATA_BYTES_MOSTLY: usize = 256;

/// Records of one owner, in the order they came.
pub(super) struct OpenRun {
    name: NameBuf,
    records: Vec<Pending>,
    rdata: Vec<u8>,
}

/// A record whose data is in the run's arena.
struct Pending {
    rtype: Type,
    covers: Type,
    ttl: u32,
    rdata: Range<usize>,
    position: Option<Position>,
}

/// What was wrong with a set of a run.
pub(super) struct Refused {
    pub(super) kind: FindingKind,
    pub(super) rtype: Type,
    pub(super) position: Option<Position>,
}

impl OpenRun {
    pub(super) fn new() -> Self {
        Self {
            name: NameBuf::root(),
            records: Vec::with_capacity(RECORDS_MOSTLY),
            rdata: Vec::with_capacity(RDATA_BYTES_MOSTLY),
        }
    }

    /// Whether records of `owner` belong to this run.
    pub(super) fn is_of(&self, owner: NameRef<'_>) -> bool {
        !self.records.is_empty()
            && (self.name.as_name_ref().as_wire() == owner.as_wire() || self.name.as_name_ref() == owner)
    }

    /// Starts a run of another owner; the one before it has been closed.
    pub(super) fn start(&mut self, owner: NameRef<'_>) {
        self.name.set(owner);
    }

    /// Takes a record of at most 65535 octets of data.
    pub(super) fn add(&mut self, rtype: Type, ttl: u32, rdata: &[u8], position: Option<Position>) {
        let start = self.rdata.len();
        self.rdata.extend_from_slice(rdata);
        self.records.push(Pending {
            rtype,
            covers: covered_type(rtype, rdata),
            ttl,
            rdata: start..self.rdata.len(),
            position,
        });
    }

    /// Appends what was collected to `runs` and gives how many different records that are. `origin_len` is the length
    /// of the zone's name.
    pub(super) fn close(&mut self, origin_len: usize, runs: &mut Runs, mut refuse: impl FnMut(Refused)) -> usize {
        let Self { name, records, rdata } = self;
        if records.is_empty() {
            return 0;
        }
        let key = |record: &Pending| (record.rtype, record.covers);
        if !records.is_sorted_by_key(key) {
            // Stable: the first of each set decides about its TTL.
            records.sort_by_key(key);
        }
        let name = name.as_name_ref();
        let front = name.as_wire().len() - origin_len;
        let mut different = 0;
        let run = runs.push(name, front, |out, positions| {
            let (mut sets, mut flags) = (0, 0);
            for set in records.chunk_by_mut(|left, right| key(left) == key(right)) {
                let (rtype, ttl, position) = (set[0].rtype, set[0].ttl, set[0].position);
                let differ = set.iter().any(|record| record.ttl != ttl);
                let mut refused = |kind| {
                    refuse(Refused { kind, rtype, position });
                };
                if sets == SETS_MAX {
                    refused(FindingKind::TooManySets);
                    break;
                }
                if set.len() > 1 {
                    set.sort_by(|left, right| {
                        compare_rdata(rtype, &rdata[left.rdata.clone()], &rdata[right.rdata.clone()])
                    });
                }
                let rdatas = set.iter().map(|record| &rdata[record.rdata.clone()]);
                let Some(count) = append_set(out, rtype, ttl, differ, rdatas) else {
                    refused(FindingKind::SetTooLarge);
                    continue;
                };
                flags |= flags_of(rtype, set[0].covers, front == 0);
                if differ {
                    flags |= TTLS_DIFFER;
                }
                positions.push(position.unwrap_or(Position::NONE));
                sets += 1;
                different += count;
            }
            (sets, flags)
        });
        runs.runs.push(run);
        records.clear();
        rdata.clear();
        different
    }

    /// The owner of the records, or of those that were closed last.
    pub(super) fn name(&self) -> NameRef<'_> {
        self.name.as_name_ref()
    }
}

/// Appends a set of sorted records in stored form, equal ones once (RFC 2181 §5), and gives how many those are; `None`,
/// and nothing appended, when they are more than a message can hold.
pub(super) fn append_set<'r>(
    out: &mut Vec<u8>,
    rtype: Type,
    ttl: u32,
    ttls_differ: bool,
    rdatas: impl Iterator<Item = &'r [u8]>,
) -> Option<usize> {
    let start = out.len();
    out.extend_from_slice(&[0; SET_HEAD_BYTES]);
    let mut count = 0_u16;
    let mut last = None;
    for rdata in rdatas {
        if last.is_some_and(|last| compare_rdata(rtype, last, rdata).is_eq()) {
            continue;
        }
        append_record(out, rtype, ttl, rdata);
        count += 1;
        last = Some(rdata);
        if out.len() - start - SET_HEAD_BYTES > usize::from(u16::MAX) {
            out.truncate(start);
            return None;
        }
    }
    let [l0, l1] = ((out.len() - start - SET_HEAD_BYTES) as u16).to_le_bytes();
    let [c0, c1] = (if ttls_differ { count | TTL_DIFFERED } else { count }).to_le_bytes();
    out[start..start + SET_HEAD_BYTES].copy_from_slice(&[c0, c1, l0, l1]);
    Some(usize::from(count))
}

/// The type that a signature covers, its first two octets (RFC 4034 §3.1.1); zero for everything else.
pub(super) fn covered_type(rtype: Type, rdata: &[u8]) -> Type {
    match (rtype, rdata.first_chunk::<2>()) {
        (Type::RRSIG, Some(covered)) => Type(u16::from_be_bytes(*covered)),
        _ => Type(0),
    }
}

/// What a set says of the node that it is at.
pub(super) fn flags_of(rtype: Type, covers: Type, is_apex: bool) -> u8 {
    match rtype {
        Type::NSEC3 => block::NSEC3,
        Type::RRSIG if covers == Type::NSEC3 => 0,
        Type::NS if !is_apex => block::DATA | block::DELEGATION,
        Type::DNAME => block::DATA | block::DNAME,
        Type::CNAME => block::DATA | block::CNAME,
        _ => block::DATA,
    }
}
