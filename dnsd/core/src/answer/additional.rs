//! The additional section: addresses of the hosts that other records point to (RFC 1034 §4.3.2 step 6).

use crate::message::{Full, Section, Writer};
use crate::name::NameRef;
use crate::rrtype::{Class, Type};
use crate::search_name::SearchName;
use crate::zone::{Lookup, Node, RecordSet, Zone, target_name};

/// Of a set with more records than this no targets are looked up, as BIND does: what one question can make a server do
/// stays bounded. The name servers of a referral are exempt, as their addresses are the answer.
const TARGETS_MAX: usize = 13;

/// How many sets the section and the answer are remembered to hold: two sets of at most thirteen targets with two types
/// of addresses each, and the answer's own.
const WRITTEN_MAX: usize = 64;

/// What is to be written into the additional section, gathered while the other sections are.
pub(super) struct Additional<'a> {
    /// The answer and the zone's name servers, whose targets are wanted.
    followed: [Option<RecordSet<'a>>; 2],
    referral: Option<(Node<'a>, RecordSet<'a>)>,
    /// Sets that are in the message, so that none is there twice: node, owner's hash and type. The owner counts because
    /// one wildcard's node answers for many names.
    written: [(u32, u32, Type); WRITTEN_MAX],
    written_count: usize,
}

impl<'a> Additional<'a> {
    pub(super) fn new() -> Self {
        Self {
            followed: [None; 2],
            referral: None,
            written: [(0, 0, Type(0)); WRITTEN_MAX],
            written_count: 0,
        }
    }

    /// Notes that the answer section holds a set of `node` under `owner`.
    pub(super) fn answered(&mut self, node: Node<'a>, owner: NameRef<'_>, rtype: Type) {
        self.note((node.number(), SearchName::new(owner).hash(0), rtype));
    }

    /// Whether the answer section holds that set.
    pub(super) fn is_answered(&self, node: Node<'a>, owner: NameRef<'_>, rtype: Type) -> bool {
        self.has((node.number(), SearchName::new(owner).hash(0), rtype))
    }

    /// Wants the addresses of a set's targets.
    pub(super) fn follow(&mut self, set: RecordSet<'a>) {
        if set.count() <= TARGETS_MAX
            && let Some(place) = self.followed.iter_mut().find(|place| place.is_none())
        {
            *place = Some(set);
        }
    }

    /// Wants the addresses of a referral's name servers.
    pub(super) fn follow_referral(&mut self, cut: Node<'a>, servers: RecordSet<'a>) {
        self.referral = Some((cut, servers));
    }

    /// Writes what there is of it. `Full` when an address is left out without which the referral can't be followed
    /// (RFC 9471 §3.1); whatever else doesn't fit is left out in silence.
    pub(super) fn write(mut self, zone: &'a Zone, dnssec_ok: bool, writer: &mut Writer<'_>) -> Result<(), Full> {
        if let Some((cut, servers)) = self.referral {
            // What is needed comes first.
            for in_domain in [true, false] {
                for target in targets(servers) {
                    if target.is_subdomain_of(cut.name()) == in_domain {
                        let result = self.addresses(zone, target, true, dnssec_ok, writer);
                        if in_domain {
                            result?;
                        }
                    }
                }
            }
        }
        for set in self.followed.into_iter().flatten() {
            for target in targets(set) {
                // Optional: what doesn't fit isn't missed.
                let _ = self.addresses(zone, target, false, dnssec_ok, writer);
            }
        }
        Ok(())
    }

    /// Writes the addresses that the zone has for a host: its own data or glue. A referral gets glue only, as BIND does
    /// it: an address of the zone's own can be asked for, one below a cut can't.
    fn addresses(
        &mut self,
        zone: &'a Zone,
        host: NameRef<'_>,
        glue: bool,
        dnssec_ok: bool,
        writer: &mut Writer<'_>,
    ) -> Result<(), Full> {
        let search = SearchName::new(host);
        let node = match zone.find(&search) {
            Lookup::Exact(node) | Lookup::Wildcard { source: node, .. } if !glue => Some(node),
            Lookup::Delegation { .. } if glue => zone.node(&search),
            _ => None,
        };
        let Some(node) = node else { return Ok(()) };
        for rtype in [Type::A, Type::AAAA] {
            let Some(set) = node.set(rtype) else { continue };
            let key = (node.number(), search.hash(0), rtype);
            if self.has(key) {
                continue;
            }
            writer.record_set(Section::Additional, host, Class::IN, set.ttl(), rtype, set.rdatas())?;
            self.note(key);
            if dnssec_ok && let Some(signatures) = node.signatures(rtype) {
                // An address without its signatures is worth having, and clients don't expect them here.
                let _ = writer.record_set(
                    Section::Additional,
                    host,
                    Class::IN,
                    signatures.ttl(),
                    Type::RRSIG,
                    signatures.rdatas(),
                );
            }
        }
        Ok(())
    }

    fn has(&self, key: (u32, u32, Type)) -> bool {
        self.written[..self.written_count].contains(&key)
    }

    fn note(&mut self, key: (u32, u32, Type)) {
        if let Some(place) = self.written.get_mut(self.written_count) {
            *place = key;
            self.written_count += 1;
        }
    }
}

fn targets(set: RecordSet<'_>) -> impl Iterator<Item = NameRef<'_>> {
    set.rdatas().filter_map(move |rdata| target_name(set.rtype(), rdata))
}
