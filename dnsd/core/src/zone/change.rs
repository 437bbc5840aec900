//! A new version of a zone that differs from the old one in a few record sets: what an incremental transfer, a dynamic
//! update and a plugin's inventory bring, several times a second, to zones of up to a million names.
//!
//! The new version shares the compiled base with the old one and has an [`Overlay`] of the nodes that differ from it. A
//! change of k names in a zone of n costs
//! - for each name two searches in canonical order, some twenty comparisons of names each, and a new block;
//! - a copy of the overlay: a counted reference and some 40 octets for each name that has changed since the base was
//!   compiled. These are at most [`ENTRIES_PER_ROOT`] · √n, or [`ENTRIES_MIN`]: 4,000 in a zone of a million;
//! - and once so many have changed, a new base: n block copies, which is shared by the ENTRIES_PER_ROOT · √n names that
//!   led to it.
//!
//! The two last are of the order of √n for a change of one name and are small beside the first when k is larger than
//! √n. A query on a zone without an overlay pays one comparison; on one with an overlay, a search in the overlay's index
//! first, and one in a sorted list for each link that is followed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::block::{self, Block, Head, LINKS, PARENT, SETS_MAX};
use super::builder::ZoneBuilder;
use super::compile::compile;
use super::features::Features;
use super::open_run::{append_set, covered_type, flags_of};
use super::overlay::{Entry, IN_OVERLAY, Overlay};
use super::rdata_names::compare_rdata;
use super::{Finding, FindingKind, NONE, RecordSet, Soa, Zone};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use crate::search_name::{SearchName, name_hash};

/// Names that may differ from the base, for each in the square root of the number of all names. The larger this is, the
/// rarer a base is made anew, and the longer it takes to copy the overlay with each change.
const ENTRIES_PER_ROOT: usize = 4;
/// Names that may differ in a small zone, whose base costs as much to make as its overlay to copy.
const ENTRIES_MIN: usize = 64;

/// What a record set is to be.
#[derive(Debug, Clone)]
pub struct SetChange<'c> {
    /// The set's name.
    pub owner: NameRef<'c>,
    /// Its type.
    pub rtype: Type,
    /// The type that signatures cover; zero for all other types.
    pub covers: Type,
    /// Seconds that the records may be cached.
    pub ttl: u32,
    /// The data of all its records, in uncompressed wire form, in any order; none of them when the set is to go.
    pub rdatas: Vec<&'c [u8]>,
}

/// The sets of one name, as they are to be stored.
struct NewSets {
    stored: Vec<u8>,
    count: usize,
    flags: u8,
    records: usize,
}

impl Zone {
    /// This zone with other sets. Of two changes of one set the later counts.
    ///
    /// An error is the first change that can't be, or what the zone would lack then; there is no new version.
    pub fn changed(&self, changes: &[SetChange<'_>]) -> Result<Self, Finding> {
        let mut editor = Editor::new(self);
        let mut changes: Vec<&SetChange<'_>> = changes.iter().collect();
        // Stable, so that of changes of a set the last given is the last of its run.
        changes.sort_by(|left, right| left.owner.cmp(&right.owner).then_with(|| key(left).cmp(&key(right))));
        for changes in changes.chunk_by(|left, right| left.owner == right.owner) {
            editor.change(changes)?;
        }
        editor.finish()
    }

    /// The same zone, compiled anew.
    fn rebased(&self) -> Result<Self, Finding> {
        let origin = self.origin().to_name();
        let mut builder = ZoneBuilder::new(origin.clone());
        for node in self.nodes().filter(|node| !node.is_empty()) {
            builder.add_node(node);
        }
        builder.record_count = self.record_count;
        builder.features = self.features;
        match compile(builder, Vec::new(), 1) {
            Ok(compiled) => Ok(compiled.zone),
            Err(findings) => Err(findings.into_iter().next().unwrap_or(finding(
                FindingKind::ZoneTooLarge,
                origin.as_name_ref(),
                None,
            ))),
        }
    }
}

fn key(change: &SetChange<'_>) -> (Type, Type) {
    (change.rtype, change.covers)
}

fn finding(kind: FindingKind, owner: NameRef<'_>, rtype: Option<Type>) -> Finding {
    Finding {
        kind,
        owner: owner.to_name(),
        rtype,
        position: None,
    }
}

/// A version of a zone in the making.
struct Editor<'z> {
    old: &'z Zone,
    overlay: Overlay,
    record_count: usize,
    features: Features,
    /// Names that have lost a name below them, by how deep they are: they may be empty non-terminals no longer.
    suspects: BTreeSet<(usize, Name)>,
}

impl<'z> Editor<'z> {
    fn new(old: &'z Zone) -> Self {
        Self {
            old,
            overlay: old.overlay.as_deref().cloned().unwrap_or_else(Overlay::new),
            record_count: old.record_count,
            features: old.features,
            suspects: BTreeSet::new(),
        }
    }

    /// Changes sets of one name, which are sorted.
    fn change(&mut self, changes: &[&SetChange<'_>]) -> Result<(), Finding> {
        let owner = changes[0].owner;
        if !owner.is_subdomain_of(self.old.origin()) {
            return Err(finding(FindingKind::OutOfZone, owner, Some(changes[0].rtype)));
        }
        let known = self.find(owner);
        let before = known.map(|place| self.block(place));
        let records_before: usize = before.map_or(0, |block| block.sets().map(RecordSet::count).sum());
        let is_apex = owner.as_wire().len() == self.old.origin().as_wire().len();
        let sets = new_sets(before, changes, is_apex)?;
        self.record_count = self.record_count - records_before + sets.records;
        for change in changes.iter().filter(|change| !change.rdatas.is_empty()) {
            self.features = self.features.with(Features::of(change.rtype));
        }
        match known {
            Some(place) if sets.count == 0 && !is_apex && !self.block(place).is(PARENT) => self.remove(owner),
            None if sets.count == 0 => {}
            Some(place) => {
                if sets.count == 0 {
                    self.suspects.insert((owner.label_count(), owner.to_name()));
                }
                let block = self.block(place);
                let head = Head {
                    flags: sets.flags | block.flags() & (PARENT | LINKS),
                    ..head_of(block)
                };
                let name = block.name().to_name();
                self.put(name.as_name_ref(), head, sets.count, &sets.stored);
            }
            None => {
                self.add(owner, sets.count, sets.flags, &sets.stored);
            }
        }
        Ok(())
    }

    /// The place of a name's node, if it has one.
    fn find(&self, name: NameRef<'_>) -> Option<u32> {
        let search = SearchName::new(name);
        let base = &self.old.base;
        let is_it = |number| self.overlay.block(number).is_some_and(|block| block.name() == name);
        if let Some(number) = self.overlay.index.find(name_hash(name), is_it) {
            return Some(number | IN_OVERLAY);
        }
        let place = base.probe(&search, 0)?;
        let rank = base.rank_of(place) as u32;
        self.entry_of_rank(rank).is_err().then_some(place)
    }

    fn block(&self, place: u32) -> Block<'_> {
        match place & IN_OVERLAY {
            0 => self.old.base.block(place),
            _ => self
                .overlay
                .block(place & !IN_OVERLAY)
                .expect("a node is there as long as its place is known"),
        }
    }

    /// Where the entry of a node of the base is, or would be.
    fn entry_of_rank(&self, rank: u32) -> Result<usize, usize> {
        self.overlay
            .entries
            .binary_search_by_key(&(rank, true), |entry| (entry.rank, entry.in_base))
    }

    /// Writes the node of `name`, which takes the place of the one that was there.
    fn put(&mut self, name: NameRef<'_>, head: Head, sets: usize, stored: &[u8]) -> u32 {
        let flags = if head.wildcard == NONE {
            head.flags & !LINKS
        } else {
            head.flags | LINKS
        };
        let head = Head {
            sets: sets as u16,
            name_len: name.as_wire().len() as u8,
            flags,
            // Followed from node to node up to the apex, as nodes above may change.
            barrier: NONE,
            ..head
        };
        let mut block = vec![0; head.bytes() + name.as_wire().len() + stored.len()];
        head.write(name.as_wire(), stored, &mut block);
        let number = self.number(name, flags);
        self.overlay.nodes[number as usize] = Some(block.into());
        number | IN_OVERLAY
    }

    /// The number of a name in the overlay, old or new.
    fn number(&mut self, name: NameRef<'_>, flags: u8) -> u32 {
        let hash = name_hash(name);
        let overlay = &mut self.overlay;
        let is_it = |number| overlay.block(number).is_some_and(|block| block.name() == name);
        if let Some(number) = overlay.index.find(hash, is_it) {
            self.note_barriers(name, number, flags);
            return number;
        }
        let base = &self.old.base;
        let rank = base.rank_behind(name);
        let in_base = rank > 0 && base.block(base.order[rank - 1]).name() == name;
        let rank = if in_base { rank - 1 } else { rank } as u32;
        let known = if in_base { self.entry_of_rank(rank) } else { Err(0) };
        let number = match known {
            Ok(at) => self.overlay.entries[at].number,
            Err(_) => {
                let overlay = &mut self.overlay;
                let number = overlay.nodes.len() as u32;
                let at = overlay
                    .entries
                    .partition_point(|entry| overlay.name_of(base, entry) < name);
                overlay.entries.insert(at, Entry { rank, in_base, number });
                overlay.nodes.push(None);
                overlay.index.insert(hash, number);
                number
            }
        };
        self.note_barriers(name, number, flags);
        number
    }

    /// Notes when names below one get or lose a cut or a DNAME above them.
    fn note_barriers(&mut self, name: NameRef<'_>, number: u32, flags: u8) {
        let kinds = block::DELEGATION | block::DNAME;
        let base = &self.old.base;
        let before = match self.overlay.block(number) {
            Some(block) => block.flags(),
            None => base
                .probe(&SearchName::new(name), 0)
                .map_or(flags, |place| base.block(place).flags()),
        };
        self.overlay.barriers_moved |= (before ^ flags) & kinds != 0 && (before | flags) & PARENT != 0;
    }

    /// Adds the node of a new name, and those above it that aren't there (RFC 4592 §2.2.2).
    fn add(&mut self, name: NameRef<'_>, sets: usize, flags: u8, stored: &[u8]) -> u32 {
        let above = name.parent().unwrap_or(NameRef::ROOT);
        let parent = match self.find(above) {
            Some(place) => place,
            None => self.add(above, 0, 0, &[]),
        };
        let head = Head {
            sets: 0,
            name_len: 0,
            flags,
            parent,
            wildcard: NONE,
            barrier: NONE,
        };
        let place = self.put(name, head, sets, stored);
        self.edit_parent(above, |head| {
            head.flags |= PARENT;
            if name.is_wildcard() {
                head.wildcard = place;
            }
        });
        place
    }

    /// Writes the node of `name` anew if `edit` changes its head.
    fn edit_parent(&mut self, name: NameRef<'_>, edit: impl FnOnce(&mut Head)) {
        let Some(place) = self.find(name) else { return };
        let block = self.block(place);
        let mut head = head_of(block);
        edit(&mut head);
        if (head.flags, head.wildcard) != (block.flags(), block.wildcard()) {
            let (name, stored) = (block.name().to_name(), block.stored_sets().to_vec());
            self.put(name.as_name_ref(), head, usize::from(head.sets), &stored);
        }
    }

    /// Takes the node of a name away.
    fn remove(&mut self, name: NameRef<'_>) {
        let head = self.find(name).map(|place| self.block(place).flags());
        let number = self.number(name, head.unwrap_or(0));
        let (base, overlay) = (&self.old.base, &mut self.overlay);
        let at = overlay
            .entries
            .partition_point(|entry| overlay.name_of(base, entry) < name);
        overlay.nodes[number as usize] = None;
        if !overlay.entries[at].in_base {
            overlay.entries.remove(at);
        }
        let Some(above) = name.parent() else { return };
        if name.is_wildcard() {
            self.edit_parent(above, |head| head.wildcard = NONE);
        }
        self.suspects.insert((above.label_count(), above.to_name()));
    }

    /// Takes away what was there only for names below it that are gone.
    fn remove_empty_non_terminals(&mut self) {
        let origin_labels = usize::from(self.old.origin_labels);
        while let Some((labels, name)) = self.suspects.pop_last() {
            let name = name.as_name_ref();
            let Some(place) = self.find(name) else { continue };
            if labels == origin_labels || self.has_names_below(name) {
                continue;
            }
            if self.block(place).set_count() == 0 {
                self.remove(name);
            } else {
                self.edit_parent(name, |head| head.flags &= !PARENT);
            }
        }
    }

    fn has_names_below(&self, name: NameRef<'_>) -> bool {
        let (base, overlay) = (&self.old.base, &self.overlay);
        let is_below = |other: NameRef<'_>| other.is_subdomain_of(name);
        let first = overlay
            .entries
            .partition_point(|entry| overlay.name_of(base, entry) <= name);
        let new = overlay.entries[first..]
            .iter()
            .take_while(|entry| is_below(overlay.name_of(base, entry)))
            .any(|entry| overlay.block(entry.number).is_some());
        new || (base.rank_behind(name)..base.order.len())
            .take_while(|&rank| is_below(base.block(base.order[rank]).name()))
            .any(|rank| self.entry_of_rank(rank as u32).is_err())
    }

    fn finish(mut self) -> Result<Zone, Finding> {
        self.remove_empty_non_terminals();
        let Self { old, mut overlay, .. } = self;
        overlay.settle(&old.base);
        // Numbers are not given again: those of names that are gone count too.
        let numbers = overlay.nodes.len();
        let overlay = Some(Box::new(overlay));
        let mut zone = Zone::new(
            Arc::clone(&old.base),
            overlay,
            old.soa,
            self.record_count,
            self.features,
        );
        zone.soa =
            Soa::of_apex(zone.apex().set(Type::SOA)).map_err(|kind| finding(kind, zone.origin(), Some(Type::SOA)))?;
        let entries_max = ENTRIES_PER_ROOT * old.base.order.len().isqrt();
        if numbers > entries_max.max(ENTRIES_MIN) {
            return zone.rebased();
        }
        Ok(zone)
    }
}

/// The sets of a name after these changes.
fn new_sets(before: Option<Block<'_>>, changes: &[&SetChange<'_>], is_apex: bool) -> Result<NewSets, Finding> {
    let owner = changes[0].owner;
    let mut new = NewSets {
        stored: Vec::new(),
        count: 0,
        flags: 0,
        records: 0,
    };
    let mut kept = before.into_iter().flat_map(Block::sets).peekable();
    let keep = |new: &mut NewSets, set: RecordSet<'_>| {
        set.append_stored(&mut new.stored);
        new.note(set.rtype(), set.covers(), set.count(), is_apex);
    };
    for changes in changes.chunk_by(|left, right| key(left) == key(right)) {
        let change = changes[changes.len() - 1];
        let (rtype, covers) = key(change);
        let error = |kind| finding(kind, owner, Some(rtype));
        if rtype.is_meta() {
            return Err(error(FindingKind::MetaType));
        }
        while let Some(set) = kept.next_if(|set| (set.rtype(), set.covers()) < (rtype, covers)) {
            keep(&mut new, set);
        }
        kept.next_if(|set| (set.rtype(), set.covers()) == (rtype, covers));
        if change.rdatas.is_empty() {
            continue;
        }
        if change.rdatas.iter().any(|rdata| covered_type(rtype, rdata) != covers) {
            return Err(error(FindingKind::OtherTypeCovered));
        }
        let mut rdatas = change.rdatas.clone();
        rdatas.sort_by(|left, right| compare_rdata(rtype, left, right));
        let records = append_set(&mut new.stored, rtype, change.ttl, false, rdatas.into_iter())
            .ok_or_else(|| error(FindingKind::SetTooLarge))?;
        new.note(rtype, covers, records, is_apex);
    }
    for set in kept {
        keep(&mut new, set);
    }
    if new.count > SETS_MAX {
        return Err(finding(FindingKind::TooManySets, owner, None));
    }
    Ok(new)
}

impl NewSets {
    fn note(&mut self, rtype: Type, covers: Type, records: usize, is_apex: bool) {
        self.count += 1;
        self.records += records;
        self.flags |= flags_of(rtype, covers, is_apex);
    }
}

fn head_of(block: Block<'_>) -> Head {
    Head {
        sets: block.set_count() as u16,
        name_len: 0,
        flags: block.flags(),
        parent: block.parent(),
        wildcard: block.wildcard(),
        barrier: NONE,
    }
}

#[cfg(test)]
mod tests;
