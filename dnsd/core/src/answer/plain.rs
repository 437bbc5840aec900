//! The plain query, which is nearly every query, answered by copying: a look-up, the stored records, sections that were
//! [prepared](super::prepared). EDNS options are answered as the general path answers them, by the same code.
//!
//! It answers only what it answers octet by octet like the general path, which knows all of the rules and compresses
//! whatever can be compressed. Everything else it leaves to that: questions with a meaning of their own, proofs of DNSSEC,
//! chains of aliases, answers that are cut off, and names that would be compressed against others than the question's.

mod query;
mod reply;

use super::outcome::Reply;
use super::prepared::Sections;
use super::{Client, MinimalResponses, Options, Settings, message_bytes_max, reply_opt, wants_better_cookie};
use crate::message::{Flags, HEADER_BYTES, Rcode, Section, TAILS_MAX, compressed_names};
use crate::name::NameRef;
use crate::rdata::has_additional;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Lookup, Node, RECORD_HEAD_BYTES, RecordSet, Zone};
use crate::zones::{ZoneNumber, ZoneState, Zones};
use query::PlainQuery;
use reply::{PlainReply, QUESTION};

/// Name servers of a zone below ours; referrals to more are the general path's.
const SERVERS_MAX: usize = 13;

/// Answers a plain query; `None` when it is the general path's.
pub(super) fn answer(
    zones: &Zones,
    settings: &Settings,
    client: &Client,
    request: &[u8],
    ready: Option<&SearchName>,
    out: &mut [u8],
) -> Option<Reply> {
    let query = PlainQuery::read(request)?;
    if let Some(ready) = ready {
        debug_assert!(
            ready.tail(0).eq_ignore_ascii_case(query.name.as_wire()),
            "another request's name"
        );
        return answer_query(zones, settings, client, &query, ready, out);
    }
    let mut search = SearchName::empty();
    search.set(query.name);
    answer_query(zones, settings, client, &query, &search, out)
}

fn answer_query(
    zones: &Zones,
    settings: &Settings,
    client: &Client,
    query: &PlainQuery<'_>,
    search: &SearchName,
    out: &mut [u8],
) -> Option<Reply> {
    let payload_bytes = query.edns.map(|edns| edns.payload_bytes);
    let limit = message_bytes_max(settings, client, payload_bytes, out.len());
    let options = match query.edns {
        Some(edns) => Options::read(settings, client, edns)?,
        None => Options::default(),
    };
    if options.reply.padding.is_some() || wants_better_cookie(settings, client.transport, &options) {
        return None;
    }
    let opt = query.edns.map(|edns| reply_opt(settings, edns, options.reply, limit));
    let (number, state) = zones.find(search, query.qtype)?;
    let ZoneState::Loaded(zone) = state else { return None };
    let mut plain = Plain {
        zones,
        settings,
        number,
        zone,
        free_bytes: 0,
        reply: PlainReply::new(&mut out[..limit], query)?,
        query,
        search,
    };
    let result = plain.resolve()?;
    let mut flags = Flags::QR.with(query.flags.only(Flags::RD.with(Flags::CD)));
    if result.authoritative {
        flags = flags.with(Flags::AA);
    }
    let free_bytes = plain.free_bytes;
    let len = plain.reply.finish(flags, result.rcode, opt.as_ref())?;
    Some(Reply {
        len,
        rcode: result.rcode,
        flags,
        qtype: Some(query.qtype),
        qname: Some(HEADER_BYTES..HEADER_BYTES + query.name.as_wire().len()),
        zone: Some(number),
        edns: query.edns.is_some(),
        dnssec_ok: query.is_dnssec_ok(),
        cookie_valid: options.cookie_valid,
        free_bytes,
    })
}

/// A reply whose sections are being written.
struct Plain<'a, 'b> {
    zones: &'a Zones,
    settings: &'a Settings,
    number: ZoneNumber,
    zone: &'a Zone,
    query: &'a PlainQuery<'a>,
    search: &'a SearchName,
    /// As in [`Reply`].
    free_bytes: u8,
    reply: PlainReply<'b>,
}

/// The one name in the data of the answer.
#[derive(Clone, Copy)]
struct Target<'s> {
    name: &'s SearchName,
    /// Whether it is at or below the zone's name.
    inside: bool,
    /// Points to it.
    pointer: u16,
}

/// What the header says of the sections.
struct Resolved {
    rcode: Rcode,
    authoritative: bool,
}

impl Resolved {
    fn authoritative(rcode: Rcode) -> Self {
        Self {
            rcode,
            authoritative: true,
        }
    }
}

impl<'a> Plain<'a, '_> {
    fn resolve(&mut self) -> Option<Resolved> {
        match self.zone.find(self.search) {
            Lookup::Exact(node) => self.data(node),
            Lookup::Wildcard { source, encloser } if !self.wants_proofs() => {
                self.note_ancestor(encloser);
                self.data(source)
            }
            Lookup::NoName { .. } => self.negative(Rcode::NXDOMAIN, None),
            // Of a cut itself the parent has the DS and NSEC records.
            Lookup::Delegation { cut, .. } if !matches!(self.query.qtype, Type::DS | Type::NSEC) => {
                self.note_ancestor(cut);
                self.referral(cut)
            }
            _ => None,
        }
    }

    /// Remembers how much of the name that is asked for is in front of the one below which any name gets the same.
    fn note_ancestor(&mut self, ancestor: Node<'_>) {
        self.free_bytes = (self.query.name.as_wire().len() - ancestor.name().as_wire().len()) as u8;
    }

    /// Whether what isn't there is to be proved.
    fn wants_proofs(&self) -> bool {
        self.query.is_dnssec_ok() && self.zone.has_dnssec()
    }

    fn data(&mut self, node: Node<'a>) -> Option<Resolved> {
        if node.has_cname() && self.is_for_targets_of_aliases() {
            return self.alias(node);
        }
        self.data_of_type(node, None)
    }

    /// What stands beside a CNAME is asked of the alias itself; as for the rest the general path has its reasons.
    fn is_for_targets_of_aliases(&self) -> bool {
        !matches!(self.query.qtype, Type::CNAME | Type::NSEC | Type::KEY)
    }

    /// The records that are asked for, of the question's name or of the one that it is an alias of.
    fn data_of_type(&mut self, node: Node<'a>, alias: Option<Target<'_>>) -> Option<Resolved> {
        let qtype = self.query.qtype;
        let Some(set) = node.set(qtype) else {
            return self.negative(Rcode::NOERROR, alias);
        };
        match qtype {
            Type::MX | Type::PTR | Type::CNAME if alias.is_none() => {
                let name = SearchName::new(one_name(set)?);
                let target = self.one_name(node, set, &name)?;
                return self.name_servers(qtype, Some(target));
            }
            qtype if has_additional(qtype) || compressed_names(qtype) != (0, 0) => return None,
            _ => self.signed_records(
                Section::Answer,
                node,
                set,
                alias.map_or(QUESTION, |alias| alias.pointer),
            )?,
        }
        self.name_servers(qtype, alias)
    }

    /// Writes a set of which nothing is compressed, with its signatures if those are asked for.
    fn signed_records(&mut self, section: Section, node: Node<'a>, set: RecordSet<'a>, owner: u16) -> Option<()> {
        self.reply.records(section, set, owner)?;
        self.signatures(section, node, set.rtype(), owner)
    }

    fn signatures(&mut self, section: Section, node: Node<'a>, covered: Type, owner: u16) -> Option<()> {
        if self.wants_proofs()
            && let Some(signatures) = node.signatures(covered)
        {
            self.reply.records(section, signatures, owner)?;
        }
        Some(())
    }

    /// Writes the only record of a set, which names a host, under the question's name.
    fn one_name<'s>(&mut self, node: Node<'a>, set: RecordSet<'a>, name: &'s SearchName) -> Option<Target<'s>> {
        // Nothing points to the root; whatever else can be pointed to is remembered.
        if name.label_count() == 0 || self.search.label_count() + name.label_count() > TAILS_MAX {
            return None;
        }
        let shared = shared_labels(name, self.search)?;
        let shared_bytes = name.tail(name.label_count() - shared).len();
        let name_bytes = name.tail(0).len();
        let record = set.wire();
        let in_question = HEADER_BYTES + self.query.name.as_wire().len() - shared_bytes;
        let in_record = self.reply.position() + record.len() - name_bytes;
        let pointer = (shared > 0).then_some(0xC000 | in_question as u16);
        let literal = record.len() - RECORD_HEAD_BYTES - shared_bytes;
        self.reply.record(Section::Answer, QUESTION, record, literal, pointer)?;
        self.signatures(Section::Answer, node, set.rtype(), QUESTION)?;
        Some(Target {
            name,
            inside: shared >= self.zone.origin().label_count(),
            pointer: match pointer {
                Some(pointer) if shared_bytes == name_bytes => pointer,
                _ => 0xC000 | in_record as u16,
            },
        })
    }

    /// Writes a CNAME record and follows it, if that leads to records at once.
    fn alias(&mut self, node: Node<'a>) -> Option<Resolved> {
        let cname = node.set(Type::CNAME)?;
        let name = SearchName::new(one_name(cname)?);
        let target = self.one_name(node, cname, &name)?;
        if target.pointer == QUESTION {
            // An alias of itself.
            return None;
        }
        let same = self
            .zones
            .find(&name, self.query.qtype)
            .is_some_and(|(number, _)| number == self.number);
        if !same || !target.inside {
            return Some(Resolved::authoritative(Rcode::NOERROR));
        }
        match self.zone.find(&name) {
            Lookup::Exact(node) if !node.has_cname() => self.data_of_type(node, Some(target)),
            Lookup::Wildcard { source, .. } if !source.has_cname() && !self.wants_proofs() => {
                self.data_of_type(source, Some(target))
            }
            Lookup::NoName { .. } => self.negative(Rcode::NXDOMAIN, Some(target)),
            _ => None,
        }
    }

    /// The SOA record, by whose numbers a resolver remembers that there is nothing (RFC 2308 §3, §5).
    fn negative(&mut self, rcode: Rcode, alias: Option<Target<'_>>) -> Option<Resolved> {
        // The SOA record of such an answer isn't to be cached.
        let is_other = rcode == Rcode::NXDOMAIN && self.query.qtype == Type::SOA;
        if is_other || self.wants_proofs() {
            return None;
        }
        let soa = self.zone.prepared().negative(self.zone)?;
        self.check(soa, alias)?;
        self.reply.prepared(
            Section::Authority,
            &soa.authority,
            self.anchor_at(),
            self.reply.position(),
        )?;
        Some(Resolved::authoritative(rcode))
    }

    /// The zone's name servers beside a positive answer, with their addresses; before those the addresses of the host that
    /// the answer names.
    fn name_servers(&mut self, qtype: Type, target: Option<Target<'_>>) -> Option<Resolved> {
        let is_alone = matches!(qtype, Type::DNSKEY | Type::DS | Type::CDNSKEY | Type::CDS);
        let recursion_desired = self.query.flags.contains(Flags::RD);
        let servers = if is_alone || !self.minimal().name_servers(recursion_desired) {
            None
        } else {
            let servers = self.zone.prepared().servers(self.zone, self.wants_proofs())?;
            self.check(servers, target)?;
            Some(servers)
        };
        let authority_at = self.reply.position();
        if let Some(servers) = servers {
            self.reply
                .prepared(Section::Authority, &servers.authority, self.anchor_at(), authority_at)?;
        }
        if let Some(target) = target
            && qtype == Type::MX
            && self.minimal().additional()
        {
            self.addresses(target)?;
        }
        if let Some(servers) = servers {
            self.reply
                .prepared(Section::Additional, &servers.additional, self.anchor_at(), authority_at)?;
        }
        Some(Resolved::authoritative(Rcode::NOERROR))
    }

    fn minimal(&self) -> MinimalResponses {
        self.settings.minimal_responses
    }

    /// Whether prepared sections are what the general path would write behind what is written.
    fn check(&self, sections: &Sections, target: Option<Target<'_>>) -> Option<()> {
        let target_tails = target.map_or(0, |target| target.name.label_count());
        (sections.go_with(self.search, true)
            && target.is_none_or(|target| sections.go_with(target.name, target.inside))
            && sections.are_remembered_behind(self.search.label_count() + target_tails)
            && self.reply.is_in_reach())
        .then_some(())
    }

    /// Where the zone's name stands in the question.
    fn anchor_at(&self) -> usize {
        HEADER_BYTES + self.query.name.as_wire().len() - self.zone.origin().as_wire().len()
    }

    /// The addresses of the mail server that the answer names.
    fn addresses(&mut self, host: Target<'_>) -> Option<()> {
        if self.zone.has_tlsa() {
            return None;
        }
        if let Lookup::Exact(node) | Lookup::Wildcard { source: node, .. } = self.zone.find(host.name) {
            for rtype in [Type::A, Type::AAAA] {
                if let Some(set) = node.set(rtype) {
                    self.signed_records(Section::Additional, node, set, host.pointer)?;
                }
            }
        }
        Some(())
    }

    /// A zone below ours, if all of its name servers are named by one label and its own name.
    fn referral(&mut self, cut: Node<'a>) -> Option<Resolved> {
        if self.wants_proofs() {
            return None;
        }
        let servers = cut.set(Type::NS)?;
        let cut_name = cut.name();
        let cut_bytes = cut_name.as_wire().len();
        let cut_at = 0xC000 | (HEADER_BYTES + self.query.name.as_wire().len() - cut_bytes) as u16;
        let neighbour = self.search.label_count().checked_sub(cut_name.label_count() + 1);
        let mut places = [0; SERVERS_MAX];
        let mut owners = places.iter_mut();
        let mut rest = servers.wire();
        for rdata in servers.rdatas() {
            let (record, behind) = rest.split_at_checked(RECORD_HEAD_BYTES + rdata.len())?;
            rest = behind;
            let label_bytes = 1 + usize::from(*rdata.first()?);
            let (_, tail) = rdata.split_at_checked(label_bytes)?;
            if !tail.eq_ignore_ascii_case(cut_name.as_wire()) {
                return None;
            }
            *owners.next()? = 0xC000 | (self.reply.position() + RECORD_HEAD_BYTES) as u16;
            self.reply
                .record(Section::Authority, cut_at, record, label_bytes, Some(cut_at))?;
        }
        if self.search.label_count() + servers.count() > TAILS_MAX {
            return None;
        }
        for (rdata, owner) in servers.rdatas().zip(places) {
            let host = SearchName::new(NameRef::from_wire(rdata).ok()?);
            if neighbour.is_some_and(|skipped| self.search.hash(skipped) == host.hash(0)) {
                return None;
            }
            let Some(node) = self.zone.node(&host) else { continue };
            for rtype in [Type::A, Type::AAAA] {
                if let Some(set) = node.set(rtype) {
                    self.reply.records(Section::Additional, set, owner)?;
                }
            }
        }
        Some(Resolved {
            rcode: Rcode::NOERROR,
            authoritative: false,
        })
    }
}

/// The name at the end of the data of a set's only record.
fn one_name(set: RecordSet<'_>) -> Option<NameRef<'_>> {
    let (fixed, _) = compressed_names(set.rtype());
    let mut rdatas = set.rdatas();
    let (Some(rdata), None) = (rdatas.next(), rdatas.next()) else {
        return None;
    };
    NameRef::from_wire(rdata.get(fixed..)?).ok()
}

/// How many labels two names have in common at their ends; `None` when only their hashes say so.
fn shared_labels(left: &SearchName, right: &SearchName) -> Option<usize> {
    let (left_count, right_count) = (left.label_count(), right.label_count());
    let shared = (1..=left_count.min(right_count))
        .take_while(|shared| left.hash(left_count - shared) == right.hash(right_count - shared))
        .count();
    (left.tail(left_count - shared) == right.tail(right_count - shared)).then_some(shared)
}
