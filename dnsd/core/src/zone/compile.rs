//! Makes a [`Zone`] of what a [`ZoneBuilder`] collected, by sorting numbers rather than records: owners into canonical
//! order, records by owner, type and data.

use std::ops::Range;

use super::builder::{Owner, PendingRecord, ZoneBuilder};
use super::node::{NodeData, SetData};
use super::rdata_names::compare_rdata;
use super::{Finding, FindingKind, NONE, Position, RecordSet, Severity, Soa, Zone};
use crate::name::{LABELS_MAX, NameRef};
use crate::name_index::NameIndex;
use crate::rrtype::Type;

/// A compiled zone, and where its record sets were read.
pub struct Compiled {
    /// The zone.
    pub zone: Zone,
    /// Where each set's first record was read.
    pub positions: Positions,
    /// What was wrong on the way: warnings only. [`super::check::check`] finds more.
    pub warnings: Vec<Finding>,
}

/// Where the record sets of one zone were read. Needed while a zone is checked, not while it is served.
pub struct Positions(Vec<Option<Position>>);

impl Positions {
    /// Where the first record of a set was read.
    pub fn of(&self, set: RecordSet<'_>) -> Option<Position> {
        self.0.get(set.number() as usize).copied().flatten()
    }
}

/// Compiles what was collected: every ancestor of an owner is an owner, and everything fits 32-bit offsets.
pub(super) fn compile(mut builder: ZoneBuilder) -> Result<Compiled, Vec<Finding>> {
    let ranks = ranks(&builder.owners, &builder.names);
    // Stable, so that records of a set stay in the order they came in until their TTL is settled.
    let mut records = std::mem::take(&mut builder.records);
    records.sort_by_key(|record| (ranks[record.owner as usize], record.rtype, record.covers));

    let (mut nodes, names) = lay_out_names(&builder.owners, &builder.names, &ranks);
    let mut arena = Sets::default();
    let mut next_node = 0;
    for range in same_sets(&records) {
        let set = &mut records[range];
        let node = ranks[set[0].owner as usize] as usize;
        while next_node <= node {
            nodes[next_node].sets = arena.sets.len() as u32;
            next_node += 1;
        }
        nodes[node].flags |= flags_of(&set[0], node);
        if let Some(ttl) = arena.push(set, &builder.rdata) {
            let owner = name_of(&nodes[node], &names);
            builder.find(FindingKind::TtlsDiffer(ttl), owner, Some(set[0].rtype), set[0].position);
        }
    }
    for node in &mut nodes[next_node..] {
        node.sets = arena.sets.len() as u32;
    }
    link(&mut nodes, &names);
    let mut index = NameIndex::with_capacity(nodes.len());
    for (number, node) in nodes.iter().enumerate() {
        index.insert(node.hash, number as u32);
    }

    let nsec3 = (0_u32..)
        .zip(&nodes)
        .filter(|(_, node)| node.flags & NodeData::NSEC3 != 0)
        .map(|(number, _)| number)
        .collect();

    let apex_sets = nodes.get(1).map_or(arena.sets.len(), |node| node.sets as usize);
    let soa = match read_soa(&arena.sets[..apex_sets], &arena.rdata) {
        Ok(soa) => soa,
        Err(kind) => {
            let origin = builder.origin.clone();
            let position = records
                .iter()
                .find(|record| record.rtype == Type::SOA)
                .and_then(|record| record.position);
            builder.find(kind, origin.as_name_ref(), Some(Type::SOA), position);
            return Err(builder.findings);
        }
    };
    if builder
        .findings
        .iter()
        .any(|finding| finding.severity() == Severity::Error)
    {
        return Err(builder.findings);
    }
    Ok(Compiled {
        zone: Zone {
            names: names.into(),
            nodes: nodes.into(),
            record_count: arena.sets.iter().map(|set| set.count as usize).sum(),
            sets: arena.sets.into(),
            rdata: arena.rdata.into(),
            index,
            nsec3,
            soa,
        },
        positions: Positions(arena.positions),
        warnings: builder.findings,
    })
}

/// Each owner's place in canonical order.
fn ranks(owners: &[Owner], names: &[u8]) -> Vec<u32> {
    let mut keys = Vec::with_capacity(names.len() + names.len() / 4);
    let mut entries: Vec<(Range<usize>, u32)> = Vec::with_capacity(owners.len());
    for (number, owner) in owners.iter().enumerate() {
        let start = keys.len();
        append_order_key(&mut keys, owner.wire(names));
        entries.push((start..keys.len(), number as u32));
    }
    entries.sort_unstable_by(|left, right| keys[left.0.clone()].cmp(&keys[right.0.clone()]));
    let mut ranks = vec![0; owners.len()];
    for (rank, (_, number)) in entries.iter().enumerate() {
        ranks[*number as usize] = rank as u32;
    }
    ranks
}

/// The nodes in canonical order, with their names in the same order in an arena of their own.
fn lay_out_names(owners: &[Owner], owner_names: &[u8], ranks: &[u32]) -> (Vec<NodeData>, Vec<u8>) {
    let mut by_rank = vec![0_u32; owners.len()];
    for (number, &rank) in ranks.iter().enumerate() {
        by_rank[rank as usize] = number as u32;
    }
    let mut names = Vec::with_capacity(owner_names.len());
    let nodes = by_rank
        .iter()
        .map(|&number| {
            let owner = owners[number as usize];
            let start = names.len() as u32;
            names.extend_from_slice(owner.wire(owner_names));
            NodeData {
                hash: owner.hash,
                name: start,
                name_len: owner.name_len,
                ..NodeData::EMPTY
            }
        })
        .collect();
    (nodes, names)
}

fn name_of<'n>(node: &NodeData, names: &'n [u8]) -> NameRef<'n> {
    NameRef::from_wire(&names[node.name as usize..][..usize::from(node.name_len)])
        .expect("the builder takes whole names")
}

/// The record sets of a zone while they are put together.
#[derive(Default)]
struct Sets {
    sets: Vec<SetData>,
    rdata: Vec<u8>,
    positions: Vec<Option<Position>>,
}

impl Sets {
    /// Adds a set: its records in the order they came in, sorted here, each once (RFC 2181 §5). Gives the TTL that was
    /// chosen if there were several.
    fn push(&mut self, records: &mut [PendingRecord], data: &[u8]) -> Option<u32> {
        let (ttl, differ) = settle_ttl(records);
        self.positions.push(records[0].position);
        records.sort_by(|left, right| compare_rdata(left.rtype, left.data(data), right.data(data)));
        let start = self.rdata.len() as u32;
        let mut count = 0;
        for same in records.chunk_by(|left, right| compare_rdata(left.rtype, left.data(data), right.data(data)).is_eq())
        {
            self.rdata.extend_from_slice(&same[0].rdata_len.to_be_bytes());
            self.rdata.extend_from_slice(same[0].data(data));
            count += 1;
        }
        self.sets.push(SetData {
            rdata: start,
            ttl,
            count,
            rtype: records[0].rtype,
            covers: records[0].covers,
        });
        differ.then_some(ttl)
    }
}

/// Appends a key of a name such that comparing keys as octets is the canonical order of names (RFC 4034 §6.1): labels
/// from the right, in lower case, each ended by a zero octet; zero and one inside a label become pairs that sort above
/// the end of a label and below all others.
fn append_order_key(keys: &mut Vec<u8>, wire: &[u8]) {
    let mut starts = [0_u8; LABELS_MAX + 1];
    let mut count = 0;
    let mut at = 0;
    while let Some(&length) = wire.get(at)
        && length != 0
        && count < LABELS_MAX
    {
        starts[count] = at as u8;
        count += 1;
        at += 1 + usize::from(length);
    }
    for &start in starts[..count].iter().rev() {
        let start = usize::from(start);
        for octet in &wire[start + 1..][..usize::from(wire[start])] {
            match octet.to_ascii_lowercase() {
                octet @ 0..=1 => keys.extend_from_slice(&[1, octet + 1]),
                octet => keys.push(octet),
            }
        }
        keys.push(0);
    }
}

/// The ranges of records that are one set, of records that are sorted so.
fn same_sets(records: &[PendingRecord]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for chunk in records
        .chunk_by(|left, right| (left.owner, left.rtype, left.covers) == (right.owner, right.rtype, right.covers))
    {
        ranges.push(start..start + chunk.len());
        start += chunk.len();
    }
    ranges
}

/// The TTL of a set whose records stand in the order they came in, and whether they had several. As in BIND, the first
/// of a run of records of one owner decides for the run, and the last run for the set.
fn settle_ttl(set: &[PendingRecord]) -> (u32, bool) {
    let mut ttl = set[0].ttl;
    let mut run = set[0].run;
    for record in set {
        if record.run != run {
            run = record.run;
            ttl = record.ttl;
        }
    }
    (ttl, set.iter().any(|record| record.ttl != ttl))
}

/// What a record says of the node that it is at.
fn flags_of(record: &PendingRecord, node: usize) -> u8 {
    match record.rtype {
        Type::NSEC3 => NodeData::NSEC3,
        Type::RRSIG if record.covers == Type::NSEC3 => 0,
        Type::NS if node != 0 => NodeData::DATA | NodeData::DELEGATION,
        Type::DNAME => NodeData::DATA | NodeData::DNAME,
        Type::CNAME => NodeData::DATA | NodeData::CNAME,
        _ => NodeData::DATA,
    }
}

/// Writes parents, wildcard children and barriers into nodes that are in canonical order. There a node's parent is the
/// last one before it that has a label less, since every ancestor is a node.
fn link(nodes: &mut [NodeData], names: &[u8]) {
    let mut last_of_depth = [NONE; LABELS_MAX + 1];
    for number in 0..nodes.len() {
        let node = nodes[number];
        let name = name_of(&node, names);
        let depth = name.label_count();
        last_of_depth[depth] = number as u32;
        if number == 0 {
            continue;
        }
        let parent = last_of_depth[depth.saturating_sub(1)];
        let Some(above) = nodes.get_mut(parent as usize) else {
            continue;
        };
        above.flags |= NodeData::PARENT;
        if name.is_wildcard() {
            above.wildcard = number as u32;
        }
        // A DNAME at a zone cut is the child zone's business: the cut comes first, as in BIND.
        let inherited = if above.barrier == NONE && above.flags & NodeData::DNAME != 0 {
            parent
        } else {
            above.barrier
        };
        let node = &mut nodes[number];
        node.parent = parent;
        node.barrier = if inherited == NONE && node.flags & NodeData::DELEGATION != 0 {
            number as u32
        } else {
            inherited
        };
    }
}

/// What the SOA record among the apex's sets says.
fn read_soa(apex_sets: &[SetData], rdata: &[u8]) -> Result<Soa, FindingKind> {
    let set = apex_sets
        .iter()
        .find(|set| set.rtype == Type::SOA)
        .ok_or(FindingKind::NoSoa)?;
    if set.count > 1 {
        return Err(FindingKind::SeveralSoas);
    }
    rdata[set.rdata as usize..]
        .split_first_chunk::<2>()
        .and_then(|(length, rest)| rest.get(..usize::from(u16::from_be_bytes(*length))))
        .and_then(Soa::read)
        .ok_or(FindingKind::MalformedSoa)
}
