//! Proofs by NSEC3 records (RFC 5155 §7.2): each says that no name's hash is between its owner's and the next.
//!
//! An answer costs three hashes where every name has a record, and one for each alias on the way that is a wildcard's.
//! Where insecure delegations have none (opt-out, RFC 5155 §6), up to eight more find the closest ancestor that has.

use super::{Claim, Proof, next_closer, wildcard_of};
use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::nsec3::Parameters;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Node, Zone};

/// How many records of other chains are stepped over in search of one: a zone whose parameters are being changed has two
/// chains (RFC 5155 §10.4), whose hashes are mixed as by a coin.
const STEPS_MAX: usize = 64;

/// A complete chain of NSEC3 records of a zone.
pub(super) struct Nsec3Chain<'a> {
    zone: &'a Zone,
    parameters: Parameters<'a>,
}

impl<'a> Nsec3Chain<'a> {
    /// The zone's chain, if its apex has the parameters of one.
    pub(super) fn of(zone: &'a Zone) -> Option<Self> {
        Parameters::of(zone).map(|parameters| Self { zone, parameters })
    }

    pub(super) fn prove(&self, claim: Claim<'a, '_>) -> Proof<'a> {
        let mut proof = Proof::default();
        let mut wire = [0; NAME_BYTES_MAX];
        match claim {
            Claim::NoName { name, encloser } => {
                let provable = self.add_encloser(&mut proof, encloser);
                proof.add(self.covering(next_closer(name, provable)), Type::NSEC3);
                let wildcard = wildcard_of(provable, &mut wire);
                proof.add(wildcard.and_then(|name| self.covering(name)), Type::NSEC3);
            }
            Claim::NoData(node) => {
                let provable = self.add_encloser(&mut proof, node);
                if provable != node {
                    // Opted out, as a delegation or because there is nothing but delegations below it.
                    proof.lead();
                    proof.add(self.covering(next_closer(node.name(), provable)), Type::NSEC3);
                }
            }
            Claim::NoDataAtWildcard { name, encloser, source } => {
                let provable = self.add_encloser(&mut proof, encloser);
                proof.add(self.covering(next_closer(name, provable)), Type::NSEC3);
                let of_source = self.matching(source.name());
                proof.add(of_source.or_else(|| self.covering(source.name())), Type::NSEC3);
                proof.lead();
            }
            // The signature's count of labels says what the closest encloser is (RFC 5155 §7.2.6).
            Claim::Wildcard { name, encloser } => {
                proof.add(self.covering(next_closer(name, encloser)), Type::NSEC3);
            }
        }
        proof
    }

    /// Adds the record of the closest provable encloser (RFC 5155 §1.3), and gives its node: `node` itself if it has a
    /// record, and also if nothing above it has one.
    fn add_encloser(&self, proof: &mut Proof<'a>, node: Node<'a>) -> Node<'a> {
        let (provable, record) = self.provable_encloser(node).unzip();
        proof.add(record, Type::NSEC3);
        provable.unwrap_or(node)
    }

    /// The closest of `node` and its ancestors that a record matches, and that record's node.
    ///
    /// Every ancestor of a name with a record has one (RFC 5155 §7.1), so after the name itself and its parent, which are
    /// nearly always the answer, the border is found by halving.
    fn provable_encloser(&self, node: Node<'a>) -> Option<(Node<'a>, Node<'a>)> {
        let mut found = None;
        // No record matches below `first`; at `end` one does, or the zone has ended.
        let mut first = 0;
        let mut end = 1 + node.name().label_count() - self.zone.origin().label_count();
        while first < end {
            let steps = if first < 2 { first } else { first + (end - first) / 2 };
            let ancestor = (0..steps).try_fold(node, |node, _| node.parent())?;
            match self.matching(ancestor.name()) {
                Some(record) => {
                    found = Some((ancestor, record));
                    end = steps;
                }
                None => first = steps + 1,
            }
        }
        found
    }

    /// The owner of the record that is this name's own.
    fn matching(&self, name: NameRef<'_>) -> Option<Node<'a>> {
        let mut wire = [0; NAME_BYTES_MAX];
        let owner = self.parameters.owner(name, self.zone.origin(), &mut wire)?;
        self.zone
            .node(&SearchName::new(owner))
            .filter(|node| self.has_record(*node))
    }

    /// The owner of the record that shows that the zone has no name of this name's hash.
    fn covering(&self, name: NameRef<'_>) -> Option<Node<'a>> {
        let mut wire = [0; NAME_BYTES_MAX];
        let owner = self.parameters.owner(name, self.zone.origin(), &mut wire)?;
        // The last record goes round to the first.
        let last = || self.zone.last_nsec3();
        let mut node = self.zone.nsec3_at_or_before(owner).or_else(last)?;
        for _ in 0..STEPS_MAX {
            if self.has_record(node) {
                return Some(node);
            }
            let before = node
                .previous()
                .and_then(|node| self.zone.nsec3_at_or_before(node.name()));
            node = before.or_else(last)?;
        }
        None
    }

    fn has_record(&self, node: Node<'a>) -> bool {
        node.set(Type::NSEC3)
            .is_some_and(|records| self.parameters.has_record_in(records))
    }
}
