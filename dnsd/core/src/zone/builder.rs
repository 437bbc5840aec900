//! Collects the records of a zone as they come, run by run of one owner, and `compile` makes a zone of the runs.

use std::collections::BTreeSet;

use super::block::{LINKS, PARENT};
use super::compile::compile;
use super::features::Features;
use super::finding::Findings;
use super::open_run::{OpenRun, Refused};
use super::record_set::RECORD_HEAD_BYTES;
use super::runs::Runs;
use super::{Compiled, Finding, FindingKind, Node, PLACES_MAX, Position, Severity};
use crate::name::{Name, NameRef};
use crate::rrtype::{Class, Type};

/// Collects the records of one zone.
///
/// Records come one by one, in any order, borrowed from whoever reads them. It costs least when the records of an owner
/// come together and the owners in canonical order, as they do in most files and in transfers.
///
/// A large file can be read in parts by several threads, each with a builder of its own: [`ZoneBuilder::append`] joins
/// them.
pub struct ZoneBuilder {
    pub(super) origin: Name,
    pub(super) runs: Runs,
    open: OpenRun,
    /// No more octets than this in runs, the open one among them.
    bytes: usize,
    pub(super) record_count: usize,
    pub(super) features: Features,
    pub(super) findings: Findings,
    /// What was left out or refused, to say it once a name.
    ignored: BTreeSet<Name>,
}

impl ZoneBuilder {
    /// An empty zone of this name.
    pub fn new(origin: Name) -> Self {
        Self {
            origin,
            runs: Runs::default(),
            open: OpenRun::new(),
            bytes: 0,
            record_count: 0,
            features: Features::default(),
            findings: Findings::default(),
            ignored: BTreeSet::new(),
        }
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
        let same_owner = self.open.is_of(owner);
        let refused = if class != Class::IN {
            Some(FindingKind::OtherClass(class))
        } else if rtype.is_meta() {
            Some(FindingKind::MetaType)
        } else if !same_owner && !owner.is_subdomain_of(self.origin.as_name_ref()) {
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
        self.bytes += 2 * RECORD_HEAD_BYTES + owner.as_wire().len() + rdata.len();
        if self.bytes > PLACES_MAX || rdata.len() > usize::from(u16::MAX) {
            self.find(FindingKind::ZoneTooLarge, owner, Some(rtype), position);
            return;
        }
        if !same_owner {
            self.close_run();
            self.open.start(owner);
        }
        self.features = self.features.with(Features::of(rtype));
        self.open.add(rtype, ttl, rdata, position);
    }

    pub(super) fn find(
        &mut self,
        kind: FindingKind,
        owner: NameRef<'_>,
        rtype: Option<Type>,
        position: Option<Position>,
    ) {
        self.findings.push(Finding {
            kind,
            owner: owner.to_name(),
            rtype,
            position,
        });
    }

    fn close_run(&mut self) {
        let Self { open, runs, .. } = self;
        let mut refusals: Vec<Refused> = Vec::new();
        self.record_count += open.close(self.origin.as_wire().len(), runs, |refused| refusals.push(refused));
        for Refused { kind, rtype, position } in refusals {
            let owner = self.open.name().to_name();
            self.find(kind, owner.as_name_ref(), Some(rtype), position);
        }
    }

    /// An empty builder of the same zone, whose records can be [appended](Self::append).
    pub fn another(&self) -> Self {
        Self::new(self.origin.clone())
    }

    /// Makes room for the records of so many octets of text. Room that isn't used takes no memory.
    pub fn expect_text(&mut self, bytes: usize) {
        self.runs.expect_text(bytes);
    }

    /// Does what [`Self::append`] would have to do with it: worth it on a thread of its own.
    pub fn make_ready(&mut self) {
        self.close_run();
        self.runs.sort();
    }

    /// Adds the records that `later`, a builder of the same zone, was given, as if they had been added to this one.
    pub fn append(&mut self, later: Self) {
        self.append_behind(later, 0);
    }

    /// The same where the lines that `later` was told of stand behind so many others.
    pub fn append_behind(&mut self, mut later: Self, lines: u32) {
        self.close_run();
        later.close_run();
        self.bytes += later.bytes;
        if self.bytes > PLACES_MAX {
            let origin = self.origin.clone();
            self.find(FindingKind::ZoneTooLarge, origin.as_name_ref(), None, None);
            return;
        }
        self.runs.append(later.runs, lines);
        self.record_count += later.record_count;
        self.features = self.features.with(later.features);
        let known =
            |finding: &Finding| finding.severity() == Severity::Warning && self.ignored.contains(&finding.owner);
        for mut finding in later.findings.into_vec() {
            if !known(&finding) {
                finding.position = finding.position.map(|position| position.behind(lines));
                self.findings.push(finding);
            }
        }
        self.ignored.extend(later.ignored);
    }

    /// Adds a node of another version of the zone; its records and what they are have been counted.
    pub(super) fn add_node(&mut self, node: Node<'_>) {
        let block = node.block();
        let front = block.name_wire().len() - self.origin.as_wire().len();
        let run = self.runs.push(block.name(), front, |out, _| {
            out.extend_from_slice(block.stored_sets());
            (block.set_count(), block.flags() & !(PARENT | LINKS))
        });
        self.runs.runs.push(run);
    }

    /// Compiles the zone. Errors are all that were found; a zone without exactly one SOA record is none.
    pub fn finish(self) -> Result<Compiled, Vec<Finding>> {
        self.finish_on(1)
    }

    /// Compiles the zone, the work for a large one split over so many threads.
    pub fn finish_on(self, threads: usize) -> Result<Compiled, Vec<Finding>> {
        self.finish_in(Vec::new(), threads)
    }

    /// The same in the memory of octets that are needed no more, if they are enough: those of the text that the records
    /// were read from are, nearly always. Memory that is new to the process is slow when it is first written to.
    pub fn finish_in(mut self, memory: Vec<u8>, threads: usize) -> Result<Compiled, Vec<Finding>> {
        self.close_run();
        compile(self, memory, threads)
    }
}

#[cfg(test)]
mod tests;
