//! What is wrong with a zone that could be compiled: what `named-checkzone` finds, and a little more.
//!
//! Severities are those of BIND 9.18's `named-checkzone` with its defaults, tried case by case. Where this differs:
//! - nothing outside of the zone is asked for, so a target in another zone is never missing;
//! - records below a DNAME are warned of, and a record set that no message can hold is an error; BIND says neither;
//! - a target that looks like an address is told by its labels, as its text is gone, relative or absolute;
//! - TTLs that differ are warned of wherever the records stand, not only in neighbouring lines;
//! - NSEC3 iterations are warned of above 50, which is what newer resolvers put up with, not above 150;
//! - BIND's `max-records-per-type` is a setting of the server's, not a property of the zone.

mod host_name;
mod targets;

use std::ops::Range;
use std::thread;

use super::compile::is_worth_threads;
use super::finding::Findings;
use super::{Compiled, Finding, FindingKind, Node, Positions, RecordSet, Severity, Zone};
use crate::nsec3;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::transfer::Delta;
use host_name::is_host_name;

/// The longest message (RFC 1035 §4.2.2), and what of a record is neither name nor data: its owner, a pointer to the
/// question, and the fixed fields.
const MESSAGE_BYTES_MAX: usize = 65535;
const RECORD_BYTES: usize = 12;

/// The most NSEC3 iterations with which newer resolvers validate (RFC 9276 §3.2): since what hashes cost them was found
/// to be a way to keep them busy (CVE-2023-50868), more than that is insecure to them.
const NSEC3_ITERATIONS_MAX: u16 = 50;

/// Checks a zone. Findings are in canonical order of their owners; the zone is to be refused if one is an error.
pub fn check(compiled: &Compiled) -> Vec<Finding> {
    check_on(compiled, 1)
}

/// Checks a zone, a large one by so many threads, which end with the call. What is found is the same.
pub fn check_on(compiled: &Compiled, threads: usize) -> Vec<Finding> {
    let mut check = Check::new(compiled);
    check.check_has_ns();
    check.check_nsec3();
    let nodes = check.zone.node_count();
    if !is_worth_threads(nodes, threads) {
        check.check_nodes(0..nodes);
        return check.findings.into_vec();
    }
    let share = |number| nodes * number / threads..nodes * (number + 1) / threads;
    thread::scope(|scope| {
        let check_share = |share| {
            move || {
                let mut check = Check::new(compiled);
                check.check_nodes(share);
                check.findings
            }
        };
        let others: Vec<_> = (1..threads)
            .map(|number| scope.spawn(check_share(share(number))))
            .collect();
        check.check_nodes(share(0));
        for other in others {
            let found = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            check.findings.append(found);
        }
    });
    check.findings.into_vec()
}

/// Checks what can have become wrong with a version by a step from one that was right: the zone's own name servers, and the
/// names that got records. A cost of the step's, not of the zone's.
pub fn check_step(zone: &Zone, step: &Delta) -> Vec<Finding> {
    let positions = Positions::default();
    let mut check = Check {
        zone,
        positions: &positions,
        findings: Findings::default(),
    };
    check.check_has_ns();
    check.check_node(zone.apex());
    let mut last = None;
    for added in step.added() {
        if last != Some(added.owner)
            && added.owner != zone.origin()
            && let Some(node) = zone.node(&SearchName::new(added.owner))
        {
            check.check_node(node);
        }
        last = Some(added.owner);
    }
    check.findings.into_vec()
}

/// Whether any of these findings keeps a zone from being served.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity() == Severity::Error)
}

struct Check<'z> {
    zone: &'z Zone,
    positions: &'z Positions,
    findings: Findings,
}

impl<'z> Check<'z> {
    fn new(compiled: &'z Compiled) -> Self {
        Self {
            zone: &compiled.zone,
            positions: &compiled.positions,
            findings: Findings::default(),
        }
    }

    /// Checks the nodes at these positions in canonical order.
    fn check_nodes(&mut self, positions: Range<usize>) {
        for position in positions {
            self.check_node(self.zone.node_at(self.zone.place_at(position)));
        }
    }

    fn find(&mut self, kind: FindingKind, node: Node<'z>, set: Option<RecordSet<'z>>) {
        self.findings.push(Finding {
            kind,
            owner: node.name().to_name(),
            rtype: set.map(RecordSet::rtype),
            position: set.and_then(|set| self.positions.of(node, set)),
        });
    }

    fn check_has_ns(&mut self) {
        if self.zone.apex().set(Type::NS).is_none() {
            self.find(FindingKind::NoNs, self.zone.apex(), None);
        }
    }

    /// What a hashed owner name costs.
    fn check_nsec3(&mut self) {
        let apex = self.zone.apex();
        if let Some(set) = apex.set(Type::NSEC3PARAM)
            && let Some(most) = set
                .rdatas()
                .filter_map(nsec3::Parameters::read)
                .map(|(_, read)| read.iterations)
                .max()
            && most > NSEC3_ITERATIONS_MAX
        {
            self.find(FindingKind::Nsec3Iterations(most), apex, Some(set));
        }
    }

    fn check_node(&mut self, node: Node<'z>) {
        let Some(first) = node.sets().next() else { return };
        if node.name().labels().skip(1).any(|label| label == b"*") {
            self.find(FindingKind::AsteriskInside, node, Some(first));
        }
        self.check_singletons(node);
        for set in node.sets() {
            self.check_size(node, set);
        }
        match node.barrier() {
            None => {
                self.check_owner(node);
                self.check_spf(node);
                self.check_targets(node);
            }
            Some(barrier) if barrier == node => self.check_targets(node),
            Some(barrier) if barrier.is_delegation() => {}
            Some(_) => self.find(FindingKind::HiddenByDname, node, Some(first)),
        }
    }

    /// The types of which a name has at most one record, and what may not stand beside them.
    fn check_singletons(&mut self, node: Node<'z>) {
        for set in node.sets() {
            match set.rtype() {
                Type::CNAME => {
                    if set.count() > 1 {
                        self.find(FindingKind::SeveralCnames, node, Some(set));
                    }
                    if node.sets().any(|other| !goes_with_cname(other.rtype())) {
                        self.find(FindingKind::CnameAndOtherData, node, Some(set));
                    }
                }
                Type::DNAME if set.count() > 1 => self.find(FindingKind::SeveralDnames, node, Some(set)),
                Type::SOA if !node.is_apex() => self.find(FindingKind::SoaNotAtApex, node, Some(set)),
                Type::NS if node.name().is_wildcard() => self.find(FindingKind::NsAtWildcard, node, Some(set)),
                _ => {}
            }
        }
    }

    fn check_size(&mut self, node: Node<'z>, set: RecordSet<'z>) {
        let records: usize = set.rdatas().map(|rdata| RECORD_BYTES + rdata.len()).sum();
        // The header, the question, and the records behind them.
        if 12 + node.name().as_wire().len() + 4 + records > MESSAGE_BYTES_MAX {
            self.find(FindingKind::SetTooLarge, node, Some(set));
        }
    }

    fn check_owner(&mut self, node: Node<'z>) {
        let of_hosts = |set: &RecordSet<'z>| matches!(set.rtype(), Type::A | Type::AAAA | Type::MX);
        if let Some(set) = node.sets().find(of_hosts)
            && !is_host_name(node.name())
            && !host_name::is_active_directory(node.name())
        {
            self.find(FindingKind::OwnerIsNoHostName, node, Some(set));
        }
    }

    fn check_spf(&mut self, node: Node<'z>) {
        let Some(spf) = node.set(Type::SPF) else { return };
        // A character string of its own starts the data: its length, then the version.
        let is_spf = |rdata: &[u8]| {
            rdata
                .get(1..7)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"v=spf1"))
        };
        if !node.set(Type::TXT).is_some_and(|txt| txt.rdatas().any(is_spf)) {
            self.find(FindingKind::SpfWithoutTxt, node, Some(spf));
        }
    }
}

/// What may stand beside a CNAME: itself, what DNSSEC adds (RFC 4035 §2.5), and KEY as an exception of RFC 3007 §3.
pub(crate) fn goes_with_cname(rtype: Type) -> bool {
    matches!(rtype, Type::CNAME | Type::RRSIG | Type::NSEC | Type::KEY)
}

#[cfg(test)]
mod tests;
