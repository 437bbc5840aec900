//! Proofs by NSEC records (RFC 4035 §3.1.3): each says what its owner has and that no name is between it and the next.

use super::{Claim, Proof, wildcard_of};
use crate::name::{LABELS_MAX, NAME_BYTES_MAX, NameRef};
use crate::rrtype::Type;
use crate::zone::{Node, Zone};

/// How many nodes are stepped over in search of an NSEC record. Without one are names that the zone isn't authoritative
/// for, which are left in one step, and empty non-terminals, of which each is the parent of the one behind it; so more
/// than a name has labels are met only where signatures are missing, or where a zone that gives up NSEC3 still has many of
/// its hashes in a row: the proof is left out then.
const STEPS_MAX: usize = 2 * LABELS_MAX;

/// The NSEC records of a zone.
pub(super) struct NsecChain<'a> {
    zone: &'a Zone,
}

impl<'a> NsecChain<'a> {
    pub(super) fn of(zone: &'a Zone) -> Self {
        Self { zone }
    }

    pub(super) fn prove(&self, claim: Claim<'a, '_>) -> Proof<'a> {
        let mut proof = Proof::default();
        match claim {
            Claim::NoName { name, encloser } => {
                proof.add(self.at_or_before(name), Type::NSEC);
                let mut wire = [0; NAME_BYTES_MAX];
                let wildcard = wildcard_of(encloser, &mut wire);
                proof.add(wildcard.and_then(|name| self.at_or_before(name)), Type::NSEC);
            }
            // An empty non-terminal has no record of its own: that of the name before it says that the next name is
            // below it.
            Claim::NoData(node) if node.is_empty() => proof.add(self.at_or_before(node.name()), Type::NSEC),
            Claim::NoData(node) => proof.add(Some(node), Type::NSEC),
            Claim::NoDataAtWildcard { name, source, .. } => {
                proof.add(self.at_or_before(name), Type::NSEC);
                let of_source = if source.is_empty() {
                    self.at_or_before(source.name())
                } else {
                    Some(source)
                };
                proof.add(of_source, Type::NSEC);
            }
            Claim::Wildcard { name, .. } => proof.add(self.at_or_before(name), Type::NSEC),
        }
        proof
    }

    /// The owner of the record that matches or covers a name.
    fn at_or_before(&self, name: NameRef<'_>) -> Option<Node<'a>> {
        let mut node = self.zone.predecessor(name)?;
        for _ in 0..STEPS_MAX {
            node = match node.barrier() {
                Some(barrier) if barrier != node => barrier,
                _ if node.set(Type::NSEC).is_some() => return Some(node),
                _ => node.previous()?,
            };
        }
        None
    }
}
