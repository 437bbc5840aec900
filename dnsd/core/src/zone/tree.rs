//! From runs of records to the nodes of a zone: in canonical order, one for each name, with the names between them and
//! the apex, and with what the tree says about each.

use super::block::{self, Head};
use super::builder::ZoneBuilder;
use super::merge::merge;
use super::runs::{Run, Runs, StoredRun, TTLS_DIFFER};
use super::{FindingKind, NONE, Position};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use crate::search_name::name_hash;

/// A node before its place in the arena is known. Links are numbers of nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Where its run is; of an empty non-terminal, that of a name below it.
    pub(super) place: u32,
    pub(super) positions: u32,
    pub(super) hash: u32,
    /// The length of its sets in stored form.
    pub(super) sets_len: u32,
    pub(super) head: Head,
}

/// The nodes of a zone in canonical order, as far as they have been put together.
struct Tree<'b> {
    builder: &'b mut ZoneBuilder,
    plans: Vec<Plan>,
    /// The last node and its ancestors, from the apex down.
    path: Vec<u32>,
    /// Octets of the nodes, and the most that there may be when an empty non-terminal has been added.
    bytes: usize,
    bytes_max: usize,
    is_full: bool,
    origin: Name,
    origin_labels: usize,
}

/// The nodes of what the builder has collected; the list of its runs is gone then, and their octets and positions are
/// still there.
///
/// Names can have a hundred times as many empty non-terminals above them as there are names: when the nodes come to
/// `bytes_max` octets with one of those, the zone is too large.
pub(super) fn plan(builder: &mut ZoneBuilder, bytes_max: usize) -> Vec<Plan> {
    let mut runs = builder.runs.take_in_order();
    let origin = builder.origin.clone();
    let mut tree = Tree {
        builder,
        plans: Vec::with_capacity(runs.len() + 1),
        path: Vec::new(),
        bytes: 0,
        bytes_max,
        is_full: false,
        origin_labels: origin.label_count(),
        origin,
    };
    let mut group = Vec::new();
    let mut next = runs.next(&tree.builder.runs);
    while let Some(first) = next {
        group.clear();
        group.push(first);
        next = runs.next(&tree.builder.runs);
        while let Some(run) = next.filter(|run| tree.is_same(&first, run)) {
            group.push(run);
            next = runs.next(&tree.builder.runs);
        }
        tree.add_group(&group);
    }
    if tree.plans.is_empty() {
        tree.add_apex();
    }
    tree.plans
}

impl Tree<'_> {
    fn stored(&self, place: u32) -> StoredRun<'_> {
        self.builder.runs.at(place)
    }

    fn is_same(&self, left: &Run, right: &Run) -> bool {
        left.key == right.key && left.hash == right.hash && {
            let (left, right) = (self.stored(left.place).name(), self.stored(right.place).name());
            left == right
        }
    }

    fn add_group(&mut self, group: &[Run]) {
        let first = self.stored(group[0].place);
        let (wire, origin) = (first.name().as_wire(), self.origin.as_wire());
        let is_apex = wire.len() == origin.len();
        // The apex is written as the zone's name is configured.
        let is_ready = group.len() == 1 && first.flags() & TTLS_DIFFER == 0 && (!is_apex || wire == origin);
        let name = (!is_ready).then(|| {
            if is_apex {
                self.origin.clone()
            } else {
                first.name().to_name()
            }
        });
        if !is_apex && self.plans.is_empty() {
            self.add_apex();
        }
        let Some(name) = name else {
            self.add(group[0]);
            return;
        };
        let name = name.as_name_ref();
        let front = name.as_wire().len() - self.origin.as_wire().len();
        let mut findings = Vec::new();
        let note = |kind: FindingKind, rtype: Type, position: Position| findings.push((kind, rtype, position));
        let (run, duplicates) = merge(&mut self.builder.runs, name, front, group, note);
        self.builder.record_count -= duplicates;
        for (kind, rtype, position) in findings {
            self.builder.find(kind, name, Some(rtype), position.known());
        }
        self.add(run);
    }

    /// The apex of a zone that has no records there, as long as nobody has found out.
    fn add_apex(&mut self) {
        let run = self.builder.runs.push(self.origin.as_name_ref(), 0, |_, _| (0, 0));
        self.add(run);
    }

    fn add(&mut self, run: Run) {
        let stored = self.stored(run.place);
        let name = stored.name();
        let depth = name.label_count() - self.origin_labels;
        let head = Head {
            sets: stored.set_count(),
            name_len: name.as_wire().len() as u8,
            flags: stored.flags(),
            parent: NONE,
            wildcard: NONE,
            barrier: NONE,
        };
        let plan = Plan {
            place: run.place,
            positions: run.positions,
            hash: run.hash,
            sets_len: stored.stored_sets().len() as u32,
            head,
        };
        let is_wildcard = name.is_wildcard();
        if depth > 1 && !self.has_parent_of(name, depth) {
            self.add_ancestors(plan, depth);
        }
        self.link(plan, depth, is_wildcard);
    }

    /// Whether the node above `name` is on the path to the last node.
    fn has_parent_of(&self, name: NameRef<'_>, depth: usize) -> bool {
        self.path
            .get(depth - 1)
            .is_some_and(|&number| name.parent() == Some(self.name_of(number)))
    }

    /// Adds those nodes above a name that aren't there (RFC 4592 §2.2.2). In canonical order, they stand in front of it.
    fn add_ancestors(&mut self, below: Plan, depth: usize) {
        let known = (1..depth)
            .rev()
            .find(|&above| {
                self.path
                    .get(above)
                    .is_some_and(|&number| self.name(&below).suffix(depth - above) == Some(self.name_of(number)))
            })
            .unwrap_or(0);
        for missing in known + 1..depth {
            let Some(name) = self.name(&below).suffix(depth - missing) else {
                continue;
            };
            let ancestor = Plan {
                hash: name_hash(name),
                sets_len: 0,
                head: Head {
                    sets: 0,
                    name_len: name.as_wire().len() as u8,
                    flags: 0,
                    ..below.head
                },
                ..below
            };
            let is_wildcard = name.is_wildcard();
            if self.has_room_for(&ancestor) {
                self.link(ancestor, missing, is_wildcard);
            }
        }
    }

    /// Whether an empty non-terminal can be added; that it can't is found once.
    fn has_room_for(&mut self, node: &Plan) -> bool {
        let has_room = self.bytes + node.bytes() <= self.bytes_max;
        if !has_room && !self.is_full {
            self.is_full = true;
            let name = self.name(node).to_name();
            self.builder
                .find(FindingKind::ZoneTooLarge, name.as_name_ref(), None, None);
        }
        has_room
    }

    fn name_of(&self, number: u32) -> NameRef<'_> {
        self.name(&self.plans[number as usize])
    }

    fn name(&self, node: &Plan) -> NameRef<'_> {
        node.name(&self.builder.runs)
    }

    /// Adds a node whose parent is on the path: what the tree says about the two is written down.
    fn link(&mut self, mut plan: Plan, depth: usize, is_wildcard: bool) {
        let head = &mut plan.head;
        let number = self.plans.len() as u32;
        self.path.truncate(depth);
        if let Some(&parent) = self.path.last() {
            let above = &mut self.plans[parent as usize].head;
            above.flags |= block::PARENT;
            if is_wildcard {
                above.wildcard = number;
                above.flags |= block::LINKS;
            }
            // A DNAME at a zone cut is the child zone's business: the cut comes first, as in BIND.
            let inherited = if above.barrier == NONE && above.flags & block::DNAME != 0 {
                parent
            } else {
                above.barrier
            };
            head.parent = parent;
            if inherited != NONE {
                head.barrier = inherited;
                head.flags |= block::LINKS;
            } else if head.flags & block::DELEGATION != 0 {
                head.barrier = number;
            }
        }
        self.path.push(number);
        self.bytes += plan.bytes();
        self.plans.push(plan);
    }
}

impl Plan {
    /// The length of the block.
    pub(super) fn bytes(&self) -> usize {
        self.head.bytes() + usize::from(self.head.name_len) + self.sets_len as usize
    }

    /// The name, the end of its run's.
    pub(super) fn name<'r>(&self, runs: &'r Runs) -> NameRef<'r> {
        let name = runs.at(self.place).name().as_wire();
        NameRef::trusted(&name[name.len() - usize::from(self.head.name_len)..])
    }

    /// The record sets in stored form.
    pub(super) fn stored_sets<'r>(&self, runs: &'r Runs) -> &'r [u8] {
        &runs.at(self.place).stored_sets()[..self.sets_len as usize]
    }
}
