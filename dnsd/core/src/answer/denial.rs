//! Proofs that something is not in a signed zone: which NSEC records (RFC 4035 §3.1.3) or NSEC3 records (RFC 5155 §7.2)
//! show it to who asks for DNSSEC.
//!
//! The records come from the zone as they were signed; nothing is checked but that they stand where the proof looks for
//! them. A zone whose chain has holes gets the records that there are.

mod nsec;
mod nsec3;

use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::rrtype::Type;
use crate::zone::{Node, RecordSet, Zone};
use nsec::NsecChain;
use nsec3::Nsec3Chain;

/// The most records of a proof: closest encloser, next closer name and wildcard (RFC 5155 §7.2.2).
pub(super) const RECORDS_MAX: usize = 3;

/// What an answer says and has to prove. `encloser` is the longest existing tail of `name`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim<'a, 'n> {
    /// There is neither the name nor a wildcard that covers it.
    NoName { name: NameRef<'n>, encloser: Node<'a> },
    /// The name is there, without the type: an empty non-terminal, or a zone cut without DS records, too.
    NoData(Node<'a>),
    /// The name isn't there, the wildcard that covers it is, without the type.
    NoDataAtWildcard {
        name: NameRef<'n>,
        encloser: Node<'a>,
        source: Node<'a>,
    },
    /// The name isn't there: the answer is rightly a wildcard's.
    Wildcard { name: NameRef<'n>, encloser: Node<'a> },
}

/// The records that prove a claim.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Proof<'a> {
    records: [Option<(Node<'a>, RecordSet<'a>)>; RECORDS_MAX],
    count: usize,
    /// How many of them stand in front of the SOA record of a negative answer.
    leading: usize,
}

impl<'a> Proof<'a> {
    /// The proof that `zone` has for a claim: no records if it isn't signed.
    pub(super) fn of(zone: &'a Zone, claim: Claim<'a, '_>) -> Self {
        // Who has no keys can't prove anything, whatever else is there. As BIND: a chain of NSEC3 records that is
        // complete, as its parameters at the apex say, goes before one of NSEC records (RFC 5155 §10.4, §10.5).
        if zone.apex().set(Type::DNSKEY).is_none() {
            Self::default()
        } else if let Some(chain) = Nsec3Chain::of(zone) {
            chain.prove(claim)
        } else if zone.apex().set(Type::NSEC).is_some() {
            NsecChain::of(zone).prove(claim)
        } else {
            Self::default()
        }
    }

    /// The records that stand in front of the SOA record: where BIND puts them.
    pub(super) fn leading(&self) -> impl Iterator<Item = (Node<'a>, RecordSet<'a>)> {
        self.records[..self.leading].iter().copied().flatten()
    }

    /// The records that follow the SOA record.
    pub(super) fn following(&self) -> impl Iterator<Item = (Node<'a>, RecordSet<'a>)> {
        self.records[self.leading..].iter().copied().flatten()
    }

    /// Adds a node's records of a type, if it is there and has them.
    fn add(&mut self, node: Option<Node<'a>>, rtype: Type) {
        let record = node.and_then(|node| Some((node, node.set(rtype)?)));
        if let (Some(record), Some(place)) = (record, self.records.get_mut(self.count)) {
            *place = Some(record);
            self.count += 1;
        }
    }

    /// Puts what was added so far in front of the SOA record.
    fn lead(&mut self) {
        self.leading = self.count;
    }
}

/// The tail of `name` that is one label longer than `encloser`, its ancestor (RFC 5155 §1.3). `name` itself when it isn't
/// below.
fn next_closer<'n>(name: NameRef<'n>, encloser: Node<'_>) -> NameRef<'n> {
    let below = name.label_count().saturating_sub(encloser.name().label_count());
    name.suffix(below.saturating_sub(1)).unwrap_or(name)
}

/// `*.` and the name of a node; `None` when that is too long for a name, which no name can match then.
fn wildcard_of<'w>(node: Node<'_>, wire: &'w mut [u8; NAME_BYTES_MAX]) -> Option<NameRef<'w>> {
    let name = node.name().as_wire();
    let wire = wire.get_mut(..2 + name.len())?;
    wire[..2].copy_from_slice(b"\x01*");
    wire[2..].copy_from_slice(name);
    NameRef::from_wire(wire).ok()
}
