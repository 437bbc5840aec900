//! From runs of records to the nodes of a zone: in canonical order, one for each name, with the names between them and
//! the apex, and with what the tree says about each.

use super::block::{self, Head};
use super::builder::ZoneBuilder;
use super::merge::merge;
use super::runs::{HEAD_BYTES, Run, Runs, StoredRun, TTLS_DIFFER};
use super::{FindingKind, NONE, Position};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;

/// A node before its place in the arena is known. Links are numbers of nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Where its run is.
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
    /// The most octets that there may be in runs when an empty non-terminal has been added.
    bytes_max: usize,
    is_full: bool,
    origin: Name,
    origin_labels: usize,
}

/// The nodes of what the builder has collected; the list of its runs is gone then, and their octets and positions are
/// still there.
///
/// Empty non-terminals become runs like others, a hundred of them for one name of as many labels, until runs have
/// `bytes_max` octets: then the zone is too large.
pub(super) fn plan(builder: &mut ZoneBuilder, bytes_max: usize) -> Vec<Plan> {
    let mut runs = std::mem::take(&mut builder.runs.runs);
    sort(&mut runs, &builder.runs);
    let origin = builder.origin.clone();
    let mut tree = Tree {
        builder,
        plans: Vec::with_capacity(runs.len() + 1),
        path: Vec::new(),
        bytes_max,
        is_full: false,
        origin_labels: origin.label_count(),
        origin,
    };
    let mut groups = runs.as_slice();
    while let Some((first, rest)) = groups.split_first() {
        let same = rest.iter().take_while(|run| tree.is_same(first, run)).count();
        let (group, others) = groups.split_at(1 + same);
        tree.add_group(group);
        groups = others;
    }
    if tree.plans.is_empty() {
        tree.add_apex();
    }
    tree.plans
}

/// Brings runs into canonical order; those of one name stay in the order they came in.
fn sort(runs: &mut [Run], stored: &Runs) {
    let name = |run: &Run| stored.at(run.place).name();
    // A file that is sorted, or is a few sorted files, costs a comparison a name.
    runs.sort_by(|left, right| left.key.cmp(&right.key).then_with(|| name(left).cmp(&name(right))));
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
        let origin = self.origin.clone();
        self.add_empty(origin.as_name_ref());
    }

    /// Adds a node that owns nothing (RFC 4592 §2.2.2).
    fn add_empty(&mut self, name: NameRef<'_>) {
        let front = name.as_wire().len() - self.origin.as_wire().len();
        let run = self.builder.runs.push(name, front, |_, _| (0, 0));
        self.link(run, name.label_count() - self.origin_labels);
    }

    fn add(&mut self, run: Run) {
        let name = self.stored(run.place).name();
        let depth = name.label_count() - self.origin_labels;
        if depth > 1 && !self.has_parent_of(name, depth) {
            let name = name.to_name();
            self.add_ancestors(name.as_name_ref(), depth);
        }
        self.link(run, depth);
    }

    /// Whether the node above `name` is on the path to the last node.
    fn has_parent_of(&self, name: NameRef<'_>, depth: usize) -> bool {
        self.path
            .get(depth - 1)
            .is_some_and(|&number| name.parent() == Some(self.name_of(number)))
    }

    /// Adds those nodes above `name` that aren't there. In canonical order, ancestors stand in front of it.
    fn add_ancestors(&mut self, name: NameRef<'_>, depth: usize) {
        let known = (1..depth)
            .rev()
            .find(|&above| {
                self.path
                    .get(above)
                    .is_some_and(|&number| name.suffix(depth - above) == Some(self.name_of(number)))
            })
            .unwrap_or(0);
        for missing in known + 1..depth {
            if let Some(ancestor) = name.suffix(depth - missing)
                && self.has_room_for(ancestor)
            {
                self.add_empty(ancestor);
            }
        }
    }

    /// Whether an empty non-terminal can be added; that it can't is found once.
    fn has_room_for(&mut self, name: NameRef<'_>) -> bool {
        let has_room = self.builder.runs.len() + HEAD_BYTES + name.as_wire().len() <= self.bytes_max;
        if !has_room && !self.is_full {
            self.is_full = true;
            self.builder.find(FindingKind::ZoneTooLarge, name, None, None);
        }
        has_room
    }

    fn name_of(&self, number: u32) -> NameRef<'_> {
        self.stored(self.plans[number as usize].place).name()
    }

    /// Adds a node whose parent is on the path: what the tree says about the two is written down.
    fn link(&mut self, run: Run, depth: usize) {
        let stored = self.stored(run.place);
        let wire = stored.name().as_wire();
        let mut head = Head {
            sets: stored.set_count(),
            name_len: wire.len() as u8,
            flags: stored.flags(),
            parent: NONE,
            wildcard: NONE,
            barrier: NONE,
        };
        let (sets_len, is_wildcard) = (stored.stored_sets().len() as u32, wire.starts_with(b"\x01*"));
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
        self.plans.push(Plan {
            place: run.place,
            positions: run.positions,
            hash: run.hash,
            sets_len,
            head,
        });
    }
}
