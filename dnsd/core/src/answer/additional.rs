//! The additional section: what a client asks for next about the hosts that other records point to (RFC 1034 §4.3.2
//! step 6). Mostly addresses; for services the keys of their TLS too (RFC 6698), for NAPTR the services (RFC 3403 §4.1).

use std::io::Write;

use super::head;
use crate::message::{Full, Section, Writer};
use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::rrtype::Type;
use crate::search_name::{SearchName, name_hash};
use crate::zone::{Lookup, Node, RecordSet, Zone, target_name};

/// Of a set with more records than this no targets are looked up, as BIND does: what one question can make a server do
/// stays bounded. The name servers of a referral are exempt, as their addresses are the answer.
const TARGETS_MAX: usize = 13;

/// How many sets the section and the answer are remembered to hold: two sets of at most thirteen targets with two types
/// of addresses each, and the answer's own. Behind that many nothing more is added but a referral's glue.
const WRITTEN_MAX: usize = 64;

/// The types of addresses.
const ADDRESSES: &[Type] = &[Type::A, Type::AAAA];
/// The port of mail between servers, whose key is looked for beside an MX record's target (RFC 7672 §2.2).
const SMTP: u16 = 25;

/// What is to be written into the additional section, gathered while the other sections are.
pub(super) struct Additional<'a> {
    /// The answer and the zone's name servers, whose targets are wanted.
    followed: [Option<(Node<'a>, RecordSet<'a>)>; 2],
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
        self.note((node.number(), name_hash(owner), rtype));
    }

    /// Whether the answer section holds that set.
    pub(super) fn is_answered(&self, node: Node<'a>, owner: NameRef<'_>, rtype: Type) -> bool {
        self.has((node.number(), name_hash(owner), rtype))
    }

    /// Wants what the targets of a node's set have.
    pub(super) fn follow(&mut self, node: Node<'a>, set: RecordSet<'a>) {
        if set.count() <= TARGETS_MAX
            && let Some(place) = self.followed.iter_mut().find(|place| place.is_none())
        {
            *place = Some((node, set));
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
                for rdata in servers.rdatas() {
                    let Some(host) = target_name(Type::NS, rdata) else {
                        continue;
                    };
                    if host.is_subdomain_of(cut.name()) == in_domain {
                        let result = self.glue(zone, host, writer);
                        if in_domain {
                            result?;
                        }
                    }
                }
            }
        }
        for (node, set) in self.followed.into_iter().flatten() {
            self.targets(node, set, dnssec_ok, writer);
        }
        Ok(())
    }

    /// Writes the addresses of a child zone's name server that stand below a cut. A referral gets no others, as BIND does
    /// it: an address of the zone's own can be asked for, one below a cut can't.
    fn glue(&mut self, zone: &'a Zone, host: NameRef<'_>, writer: &mut Writer<'_>) -> Result<(), Full> {
        let search = SearchName::new(host);
        match zone.find(&search) {
            Lookup::Delegation { .. } => {}
            _ => return Ok(()),
        }
        let Some(node) = zone.node(&search) else { return Ok(()) };
        for set in ADDRESSES.iter().filter_map(|rtype| node.set(*rtype)) {
            writer.record_set(Section::Additional, head(host, set), set.rdatas())?;
        }
        Ok(())
    }

    /// Writes what a set's targets have.
    fn targets(&mut self, node: Node<'a>, set: RecordSet<'a>, dnssec_ok: bool, writer: &mut Writer<'_>) {
        if set.count() > TARGETS_MAX {
            return;
        }
        let mut section = SectionWriter {
            zone: node.zone(),
            dnssec_ok,
            writer,
        };
        for rdata in set.rdatas() {
            let Some(host) = target_name(set.rtype(), rdata) else {
                continue;
            };
            match set.rtype() {
                Type::NAPTR => match naptr_flag(rdata) {
                    Some(b's' | b'S') => {
                        // The services' targets in turn: SRV records point to hosts, so this goes no deeper.
                        if let Some((node, services)) = self.sets(&mut section, host, &[Type::SRV]) {
                            self.targets(node, services, dnssec_ok, section.writer);
                        }
                    }
                    Some(b'a' | b'A') => {
                        self.sets(&mut section, host, ADDRESSES);
                    }
                    _ => {}
                },
                Type::MX => {
                    self.sets(&mut section, host, ADDRESSES);
                    self.keys(&mut section, SMTP, b"_tcp", host);
                }
                Type::SRV => {
                    self.sets(&mut section, host, ADDRESSES);
                    // The owner's second label is the protocol, the third number of the data the port (RFC 2782).
                    if let (Some(protocol), Some(&[high, low])) = (node.name().labels().nth(1), rdata.get(4..6)) {
                        self.keys(&mut section, u16::from_be_bytes([high, low]), protocol, host);
                    }
                }
                _ => {
                    self.sets(&mut section, host, ADDRESSES);
                }
            }
        }
    }

    /// Writes the TLSA records of a service (RFC 6698 §3).
    fn keys(&mut self, section: &mut SectionWriter<'a, '_, '_>, port: u16, protocol: &[u8], host: NameRef<'_>) {
        let mut wire = [0; NAME_BYTES_MAX];
        if let Some(name) = service_name(port, protocol, host, &mut wire) {
            self.sets(section, name, &[Type::TLSA]);
        }
    }

    /// Writes those sets of these types that the zone itself has for a name and that aren't written yet. Gives the last
    /// one written.
    fn sets(
        &mut self,
        section: &mut SectionWriter<'a, '_, '_>,
        name: NameRef<'_>,
        types: &[Type],
    ) -> Option<(Node<'a>, RecordSet<'a>)> {
        let search = SearchName::new(name);
        let (Lookup::Exact(node) | Lookup::Wildcard { source: node, .. }) = section.zone.find(&search) else {
            return None;
        };
        let mut last = None;
        for set in types.iter().filter_map(|rtype| node.set(*rtype)) {
            let key = (node.number(), search.hash(0), set.rtype());
            if !self.has(key) && self.written_count < WRITTEN_MAX && section.set(node, name, set).is_ok() {
                self.note(key);
                last = Some((node, set));
            }
        }
        last
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

/// The zone that is answered from, and the message.
struct SectionWriter<'a, 'w, 'b> {
    zone: &'a Zone,
    dnssec_ok: bool,
    writer: &'w mut Writer<'b>,
}

impl<'a> SectionWriter<'a, '_, '_> {
    fn set(&mut self, node: Node<'a>, owner: NameRef<'_>, set: RecordSet<'a>) -> Result<(), Full> {
        self.one(owner, set)?;
        if self.dnssec_ok
            && let Some(signatures) = node.signatures(set.rtype())
        {
            // The records are worth having without their signatures, which a client can't count on here.
            let _ = self.one(owner, signatures);
        }
        Ok(())
    }

    fn one(&mut self, owner: NameRef<'_>, set: RecordSet<'a>) -> Result<(), Full> {
        self.writer
            .record_set(Section::Additional, head(owner, set), set.rdatas())
    }
}

/// The first letter of a NAPTR record's flags: what kind of name its replacement is (RFC 3404 §4.2).
fn naptr_flag(rdata: &[u8]) -> Option<u8> {
    match rdata.get(4..6)? {
        &[1, flag] => Some(flag),
        _ => None,
    }
}

/// `_port._protocol.host` (RFC 6698 §3); `None` when that is too long for a name.
fn service_name<'w>(
    port: u16,
    protocol: &[u8],
    host: NameRef<'_>,
    wire: &'w mut [u8; NAME_BYTES_MAX],
) -> Option<NameRef<'w>> {
    let mut digits = [0; 6];
    let mut rest = &mut digits[..];
    write!(rest, "_{port}").ok()?;
    let port_len = 6 - rest.len();
    let mut rest = &mut wire[..];
    for part in [
        &[port_len as u8][..],
        &digits[..port_len],
        &[protocol.len() as u8],
        protocol,
        host.as_wire(),
    ] {
        rest.write_all(part).ok()?;
    }
    let len = NAME_BYTES_MAX - rest.len();
    NameRef::from_wire(&wire[..len]).ok()
}
