//! Makes a [`Zone`] of what a [`ZoneBuilder`] collected: its runs of records are nodes already but for what the tree says
//! about them, so this is one sort of numbers, one walk over the names and one copy of every block to its place.

use std::sync::Arc;

use super::base::Base;
use super::block::NSEC3;
use super::builder::ZoneBuilder;
use super::tree::{Plan, plan};
use super::{Finding, FindingKind, NONE, PLACES_MAX, Positions, Soa, Zone};
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

/// Nodes from which on threads are started: a zone of this size takes a few milliseconds, a hundred times what starting
/// a thread costs. A server with many small zones loads several at once instead.
const PARALLEL_NODES_MIN: usize = 1 << 15;

/// Whether it is worth it to start threads for so many nodes, when there may be so many.
pub(super) fn is_worth_threads(nodes: usize, threads: usize) -> bool {
    threads > 1 && nodes >= PARALLEL_NODES_MIN
}

/// Compiles what was collected. The core starts threads here and for the check, and nowhere else, because the time from a
/// large file to its being served is these walks over all its nodes, and because they end with the call.
pub(super) fn compile(mut builder: ZoneBuilder, memory: Vec<u8>, threads: usize) -> Result<Compiled, Vec<Finding>> {
    let plans = plan(&mut builder, PLACES_MAX);
    let soa = read_soa(&mut builder, &plans);
    let (Some(soa), false) = (soa, builder.findings.has_errors()) else {
        return Err(builder.findings.into_vec());
    };
    let Some(order) = places(&plans) else {
        let origin = builder.origin.clone();
        builder.find(FindingKind::ZoneTooLarge, origin.as_name_ref(), None, None);
        return Err(builder.findings.into_vec());
    };
    let threads = if is_worth_threads(plans.len(), threads) {
        threads
    } else {
        1
    };
    let index = || NameIndex::of(plans.iter().map(|plan| plan.hash).zip(order.iter().copied()));
    let (arena, index) = if threads == 1 {
        (lay_out(&builder, &plans, &order, memory, 1), index())
    } else {
        // The index takes one thread two thirds of the time that the blocks take one.
        std::thread::scope(|scope| {
            let index = scope.spawn(index);
            let arena = lay_out(&builder, &plans, &order, memory, threads - 1);
            let index = index.join();
            (arena, index.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    };
    let nsec3 = plans
        .iter()
        .zip(&order)
        .filter(|(plan, _)| plan.head.flags & NSEC3 != 0)
        .map(|(_, &place)| place)
        .collect();
    let base = Base {
        arena,
        index,
        order: order.into(),
        nsec3,
    };
    Ok(Compiled {
        zone: Zone::new(Arc::new(base), None, soa, builder.record_count, builder.features),
        positions: Positions {
            starts: plans.iter().map(|plan| plan.positions).collect(),
            positions: builder.runs.positions,
        },
        warnings: builder.findings.into_vec(),
    })
}

/// Where each node will be; `None` when that is more than a place can say.
fn places(plans: &[Plan]) -> Option<Vec<u32>> {
    let mut end = 0;
    let places = plans
        .iter()
        .map(|plan| {
            let place = end;
            end += plan.bytes();
            place as u32
        })
        .collect();
    (end <= PLACES_MAX).then_some(places)
}

/// Copies every block to its place, and writes the places of those that it is linked with.
fn lay_out(builder: &ZoneBuilder, plans: &[Plan], order: &[u32], memory: Vec<u8>, threads: usize) -> Box<[u8]> {
    let bytes = plans
        .last()
        .zip(order.last())
        .map_or(0, |(plan, &place)| place as usize + plan.bytes());
    let mut arena = room(memory, bytes);
    let fill = |plans: &[Plan], mut out: &mut [u8]| {
        for plan in plans {
            let (block, rest) = out.split_at_mut(plan.bytes());
            plan.write(builder, order, block);
            out = rest;
        }
    };
    if threads == 1 {
        fill(plans, &mut arena);
        return arena;
    }
    std::thread::scope(|scope| {
        let (mut plans, mut out) = (plans, &mut arena[..]);
        for left in (1..=threads).rev() {
            let (mine, others) = plans.split_at(plans.len() / left);
            let (my_out, other_out) = out.split_at_mut(mine.iter().map(Plan::bytes).sum());
            if left == 1 {
                fill(mine, my_out);
            } else {
                scope.spawn(move || fill(mine, my_out));
            }
            (plans, out) = (others, other_out);
        }
    });
    arena
}

/// So many octets, whatever they are: `memory`'s if they are enough.
fn room(mut memory: Vec<u8>, bytes: usize) -> Box<[u8]> {
    if memory.len() < bytes {
        return vec![0; bytes].into();
    }
    memory.truncate(bytes);
    memory.into()
}

impl Plan {
    fn write(&self, builder: &ZoneBuilder, order: &[u32], out: &mut [u8]) {
        let place_of = |number: u32| order.get(number as usize).copied().unwrap_or(NONE);
        let mut head = self.head;
        head.parent = place_of(head.parent);
        head.wildcard = place_of(head.wildcard);
        head.barrier = place_of(head.barrier);
        head.write(self.name(&builder.runs).as_wire(), self.stored_sets(&builder.runs), out);
    }
}

/// What the SOA record at the apex says.
fn read_soa(builder: &mut ZoneBuilder, plans: &[Plan]) -> Option<Soa> {
    let apex = &plans[0];
    let mut sets = builder.runs.at(apex.place).sets().enumerate();
    let found = sets.find(|(_, set)| set.rtype() == Type::SOA);
    let kind = match Soa::of_apex(found.map(|(_, set)| set)) {
        Ok(soa) => return Some(soa),
        Err(kind) => kind,
    };
    let position = found
        .and_then(|(number, _)| builder.runs.positions.get(apex.positions as usize + number))
        .and_then(|position| position.known());
    let origin = builder.origin.clone();
    builder.find(kind, origin.as_name_ref(), Some(Type::SOA), position);
    None
}
