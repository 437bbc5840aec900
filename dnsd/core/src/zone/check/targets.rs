//! Checks what records point to: name servers, mail exchangers and services must have addresses, under a name of their
//! own.

use super::host_name::{is_host_name, looks_like_address};
use super::{Check, FindingKind};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Lookup, Node, RecordSet, Zone, target_name};

/// What the zone says about a target.
enum Target<'z> {
    /// Nothing: it is in another zone.
    Elsewhere,
    /// It has an address here.
    Address,
    /// It is in the zone and has no address.
    NoAddress,
    Cname,
    BelowDname,
    /// It is in a child zone, and there is no glue for it.
    NoGlue(Node<'z>),
}

impl<'z> Check<'z> {
    pub(super) fn check_targets(&mut self, node: Node<'z>) {
        for set in node.sets() {
            match set.rtype() {
                Type::NS => self.for_targets(node, set, |check, target| {
                    if node.is_apex() {
                        check.check_own_server(node, set, target);
                    } else {
                        check.check_delegation(node, set, target);
                    }
                }),
                // A delegation's other records belong to the child.
                Type::MX | Type::SRV if !node.is_delegation() => {
                    self.for_targets(node, set, |check, target| check.check_service(node, set, target));
                }
                Type::SOA => self.check_primary(node, set),
                _ => {}
            }
        }
    }

    fn for_targets(&mut self, node: Node<'z>, set: RecordSet<'z>, mut check: impl FnMut(&mut Self, NameRef<'z>)) {
        for target in set.rdatas().filter_map(|rdata| target_name(set.rtype(), rdata)) {
            let is_address = looks_like_address(target, self.zone.origin());
            if is_address && set.rtype() != Type::SRV {
                self.find(FindingKind::TargetIsAddress(target.to_name()), node, Some(set));
            } else if !is_host_name(target) {
                self.find(FindingKind::TargetIsNoHostName(target.to_name()), node, Some(set));
            }
            check(self, target);
        }
    }

    /// The primary's name in the SOA record.
    fn check_primary(&mut self, node: Node<'z>, set: RecordSet<'z>) {
        let mname = set.rdatas().next().and_then(|rdata| NameRef::prefix_of(rdata).ok());
        if let Some(mname) = mname.filter(|mname| !is_host_name(*mname)) {
            self.find(FindingKind::TargetIsNoHostName(mname.to_name()), node, Some(set));
        }
    }

    /// A name server of this zone: without an address the zone's own data contradicts itself.
    fn check_own_server(&mut self, node: Node<'z>, set: RecordSet<'z>, target: NameRef<'z>) {
        let name: fn(Name) -> FindingKind = match look_up(self.zone, target) {
            Target::NoAddress => FindingKind::NsWithoutAddress,
            Target::Cname => FindingKind::NsIsCname,
            Target::BelowDname => FindingKind::NsBelowDname,
            Target::Elsewhere | Target::Address | Target::NoGlue(_) => return,
        };
        self.find(name(target.to_name()), node, Some(set));
    }

    /// A name server of a child zone: its address is needed here if the way to it leads through a delegation of ours.
    fn check_delegation(&mut self, cut: Node<'z>, set: RecordSet<'z>, target: NameRef<'z>) {
        let name: fn(Name) -> FindingKind = match look_up(self.zone, target) {
            Target::NoGlue(other) if other == cut => FindingKind::RequiredGlueMissing,
            Target::NoGlue(_) => FindingKind::SiblingGlueMissing,
            Target::NoAddress => FindingKind::DelegationWithoutAddress,
            Target::Cname => FindingKind::TargetIsCname,
            Target::BelowDname => FindingKind::TargetBelowDname,
            Target::Elsewhere | Target::Address => return,
        };
        self.find(name(target.to_name()), cut, Some(set));
    }

    /// A host that offers a service. The root as target says that nobody does (RFC 7505 §3, RFC 2782).
    fn check_service(&mut self, node: Node<'z>, set: RecordSet<'z>, target: NameRef<'z>) {
        let name: fn(Name) -> FindingKind = match look_up(self.zone, target) {
            Target::NoAddress if !target.is_root() => FindingKind::TargetWithoutAddress,
            Target::Cname => FindingKind::TargetIsCname,
            Target::BelowDname => FindingKind::TargetBelowDname,
            Target::NoAddress | Target::Elsewhere | Target::Address | Target::NoGlue(_) => return,
        };
        self.find(name(target.to_name()), node, Some(set));
    }
}

fn look_up<'z>(zone: &'z Zone, target: NameRef<'_>) -> Target<'z> {
    let search = SearchName::new(target);
    let node = match zone.find(&search) {
        Lookup::OutOfZone => return Target::Elsewhere,
        Lookup::Dname(_) => return Target::BelowDname,
        Lookup::NoName { .. } => return Target::NoAddress,
        Lookup::Delegation { cut, .. } => {
            return match zone.node(&search) {
                Some(glue) if has_address(glue) => Target::Address,
                _ => Target::NoGlue(cut),
            };
        }
        Lookup::Exact(node) | Lookup::Wildcard { source: node, .. } => node,
    };
    if has_address(node) {
        Target::Address
    } else if node.has_cname() {
        Target::Cname
    } else {
        Target::NoAddress
    }
}

fn has_address(node: Node<'_>) -> bool {
    node.set(Type::A).is_some() || node.set(Type::AAAA).is_some()
}
