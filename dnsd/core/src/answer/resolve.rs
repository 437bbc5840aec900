//! The algorithm of RFC 1034 §4.3.2, with what DNAME (RFC 6672), wildcards (RFC 4592) and negative answers (RFC 2308)
//! have made of it, and with what DNSSEC adds (RFC 4035 §3.1, RFC 5155 §7.2).

use super::additional::Additional;
use super::authority::Authority;
use super::denial::{Claim, Proof};
use super::signed_set::SignedSet;
use super::{Settings, Transport, head};
use crate::message::{ExtendedError, Flags, Full, Question, Rcode, Request, Section, SetHead, Writer};
use crate::name::{NAME_BYTES_MAX, NameBuf, NameRef};
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Lookup, Node, RecordSet, Zone};
use crate::zones::{ZoneNumber, ZoneState, Zones};

/// How many aliases are followed, as many as BIND does (`max-query-restarts`): real chains have two or three, and each
/// costs as much as a query.
pub(super) const ALIASES_MAX: usize = 11;

/// What the sections that were written amount to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolution {
    pub(super) rcode: Rcode,
    pub(super) authoritative: bool,
    pub(super) truncated: bool,
    pub(super) zone: Option<ZoneNumber>,
    /// As in [`Reply`](super::Reply).
    pub(super) free_bytes: u8,
    /// Why there is no answer.
    pub(super) extended_error: Option<ExtendedError>,
}

impl Resolution {
    /// A response code and nothing else.
    pub(super) fn bare(rcode: Rcode) -> Self {
        Self {
            rcode,
            authoritative: false,
            truncated: false,
            zone: None,
            free_bytes: 0,
            extended_error: None,
        }
    }
}

/// Answers one question of class IN.
pub(super) struct Resolver<'a, 'w, 'b> {
    zones: &'a Zones,
    settings: &'a Settings,
    transport: Transport,
    question: Question<'a>,
    recursion_desired: bool,
    dnssec_ok: bool,
    writer: &'w mut Writer<'b>,
    /// Where in the message the owners of the aliases stand that were followed.
    aliases: [usize; ALIASES_MAX + 1],
    alias_count: usize,
    /// What the last alias stands for.
    next_name: NameBuf,
    authority: Authority<'a>,
    /// The zone's name servers, if their addresses are wanted.
    servers: Option<RecordSet<'a>>,
    free_bytes: u8,
    additional: Additional<'a>,
}

/// A name that the zone has data for, or a wildcard.
#[derive(Clone, Copy)]
struct Found<'a, 'n> {
    name: NameRef<'n>,
    /// The name's node or the wildcard's.
    node: Node<'a>,
    /// The longest existing tail of a name that a wildcard answers for.
    encloser: Option<Node<'a>>,
}

impl<'a, 'n> Found<'a, 'n> {
    fn exact(name: NameRef<'n>, node: Node<'a>) -> Self {
        Self {
            name,
            node,
            encloser: None,
        }
    }
}

/// What one look at a name led to.
enum Step {
    /// The name is an alias: go on with the one in `next_name`.
    Alias,
    /// There is no more to say.
    Done(Rcode),
    /// Another zone's servers are to be asked.
    Referred,
    /// The answer section is full.
    Truncated,
}

impl From<Full> for Step {
    fn from(_: Full) -> Self {
        Self::Truncated
    }
}

impl<'a, 'w, 'b> Resolver<'a, 'w, 'b> {
    pub(super) fn new(
        zones: &'a Zones,
        settings: &'a Settings,
        transport: Transport,
        request: &Request<'a>,
        writer: &'w mut Writer<'b>,
    ) -> Self {
        Self {
            zones,
            settings,
            transport,
            question: request.question,
            recursion_desired: request.header.flags.contains(Flags::RD),
            dnssec_ok: request.edns.is_some_and(|edns| edns.dnssec_ok),
            writer,
            aliases: [0; ALIASES_MAX + 1],
            alias_count: 0,
            next_name: NameBuf::root(),
            authority: Authority::new(),
            servers: None,
            free_bytes: 0,
            additional: Additional::new(),
        }
    }

    /// Writes the three sections behind the question.
    pub(super) fn resolve(mut self) -> Resolution {
        let mut search = SearchName::new(self.question.name);
        // Step 2: the nearest ancestor zone.
        let Some((number, state)) = self.zones.find_own(&search, self.question.qtype) else {
            return Resolution::bare(Rcode::REFUSED);
        };
        let mut resolution = Resolution {
            zone: Some(number),
            ..Resolution::bare(Rcode::SERVFAIL)
        };
        let ZoneState::Loaded(zone) = state else {
            resolution.extended_error = Some(ExtendedError::INVALID_DATA);
            return resolution;
        };
        let mut name = NameBuf::root();
        name.set(self.question.name);
        loop {
            let step = self.step(zone, name.as_name_ref(), &search).unwrap_or_else(Step::from);
            resolution.free_bytes = self.free_bytes;
            // AA is about the first name of the answer section (RFC 1035 §4.1.1): a referral at the end of a chain
            // doesn't take it back.
            resolution.authoritative |= !matches!(step, Step::Referred);
            match step {
                Step::Done(rcode) => resolution.rcode = rcode,
                Step::Referred => resolution.rcode = Rcode::NOERROR,
                Step::Truncated => {
                    resolution.rcode = Rcode::NOERROR;
                    resolution.truncated = true;
                    return resolution;
                }
                Step::Alias => {
                    std::mem::swap(&mut name, &mut self.next_name);
                    // A chain that is too long or comes back to where it was is the zone's error: SERVFAIL, and what
                    // there is of it, as BIND answers.
                    if self.alias_count > ALIASES_MAX || self.is_loop(name.as_name_ref()) {
                        return resolution;
                    }
                    search = SearchName::new(name.as_name_ref());
                    // A zone below ours or somewhere else is another server's matter, even if this server is that too.
                    let same = self
                        .zones
                        .find(&search, self.question.qtype)
                        .is_some_and(|(found, _)| found == number);
                    if same {
                        continue;
                    }
                    resolution.rcode = Rcode::NOERROR;
                }
            }
            break;
        }
        resolution.truncated = self.write_rest(zone).is_err();
        resolution
    }

    /// Writes the sections behind the answer.
    fn write_rest(mut self, zone: &'a Zone) -> Result<(), Full> {
        let is_whole = self.authority.write(self.dnssec_ok, self.writer)?;
        if is_whole && let Some(servers) = self.servers {
            self.additional.follow(zone.apex(), servers);
        }
        self.additional.write(zone, self.dnssec_ok, self.writer)
    }

    /// Step 3: looks `name` up in `zone` and writes what is found.
    fn step(&mut self, zone: &'a Zone, name: NameRef<'_>, search: &SearchName) -> Result<Step, Full> {
        let qtype = self.question.qtype;
        match zone.find(search) {
            Lookup::Exact(node) => self.data(Found::exact(name, node)),
            Lookup::Wildcard { source, encloser } => {
                self.note_ancestor(name, encloser);
                self.data(Found {
                    name,
                    node: source,
                    encloser: Some(encloser),
                })
            }
            // At a cut DS records are this side's (RFC 4035 §3.1.4.1), and NSEC records, if there are any.
            Lookup::Delegation { cut, at_cut: true }
                if qtype == Type::DS || qtype == Type::NSEC && cut.set(qtype).is_some() =>
            {
                self.data_of_type(Found::exact(name, cut))
            }
            Lookup::Delegation { cut, .. } => {
                self.note_ancestor(name, cut);
                self.referral(cut);
                Ok(Step::Referred)
            }
            Lookup::Dname(owner) => {
                self.note_ancestor(name, owner);
                self.redirect(owner, name)
            }
            Lookup::NoName { encloser } => Ok(self.negative(Rcode::NXDOMAIN, zone, Claim::NoName { name, encloser })),
            Lookup::OutOfZone => Ok(Step::Done(Rcode::SERVFAIL)),
        }
    }

    /// Remembers how much of the name that was asked for is in front of the one below which any name gets the same.
    fn note_ancestor(&mut self, name: NameRef<'_>, ancestor: Node<'a>) {
        if self.alias_count == 0 {
            // At most 254: a name has 255 octets.
            self.free_bytes = name.as_wire().len().saturating_sub(ancestor.name().as_wire().len()) as u8;
        }
    }

    /// Step 3a and, with a wildcard's node, 3c: the name is there, so what of it is asked for?
    fn data(&mut self, found: Found<'a, '_>) -> Result<Step, Full> {
        match self.question.qtype {
            Type::ANY => self.everything(found),
            Type::RRSIG => self.signatures(found),
            // These stand beside a CNAME and are asked of the alias itself (RFC 4035 §2.5, RFC 3007 §3).
            Type::CNAME | Type::NSEC | Type::KEY => self.data_of_type(found),
            _ => match found.node.set(Type::CNAME).filter(|_| found.node.has_cname()) {
                Some(cname) => self.alias(found, cname),
                None => self.data_of_type(found),
            },
        }
    }

    fn data_of_type(&mut self, found: Found<'a, '_>) -> Result<Step, Full> {
        let qtype = self.question.qtype;
        let Found { name, node, .. } = found;
        let Some(set) = node.set(qtype) else {
            return Ok(self.no_data(found));
        };
        // A DNAME that led here may be what is asked for.
        if !self.additional.is_answered(node, name, qtype) {
            self.write(name, node, set)?;
            self.additional.answered(node, name, qtype);
        }
        if self.settings.minimal_responses.additional() {
            self.additional.follow(node, set);
        }
        // Beside the apex's own NS records a second copy would say nothing. Keys and their digests are large enough alone,
        // as BIND sees it.
        let alone = match qtype {
            Type::NS => node.is_apex(),
            Type::DNSKEY | Type::DS | Type::CDNSKEY | Type::CDS => true,
            _ => false,
        };
        if !alone {
            self.name_servers(node.zone());
        }
        self.prove_wildcard(found);
        Ok(Step::Done(Rcode::NOERROR))
    }

    fn everything(&mut self, found: Found<'a, '_>) -> Result<Step, Full> {
        let Found { name, node, .. } = found;
        if node.is_empty() {
            return Ok(self.no_data(found));
        }
        if self.is_minimal() {
            // RFC 8482 §4.1: any one set will do. The first that isn't a signature, with its signatures.
            let first = node
                .sets()
                .find(|set| set.rtype() != Type::RRSIG)
                .or_else(|| node.sets().next());
            if let Some(set) = first {
                self.write(name, node, set)?;
            }
        } else {
            for set in node.sets() {
                self.write_one(name, set)?;
            }
            if !node.is_apex() {
                self.name_servers(node.zone());
            }
        }
        self.prove_wildcard(found);
        Ok(Step::Done(Rcode::NOERROR))
    }

    /// Whether one set stands for all of a name's (RFC 8482 §4.1).
    fn is_minimal(&self) -> bool {
        let is_of_many_types = matches!(self.question.qtype, Type::ANY | Type::RRSIG);
        is_of_many_types && self.transport == Transport::Udp && self.settings.minimal_any
    }

    fn signatures(&mut self, found: Found<'a, '_>) -> Result<Step, Full> {
        let before = self.writer.count(Section::Answer);
        let sets_max = if self.is_minimal() { 1 } else { usize::MAX };
        let signatures = found.node.sets().filter(|set| set.rtype() == Type::RRSIG);
        for set in signatures.take(sets_max) {
            self.write_one(found.name, set)?;
        }
        if self.writer.count(Section::Answer) == before {
            return Ok(self.no_data(found));
        }
        self.name_servers(found.node.zone());
        self.prove_wildcard(found);
        Ok(Step::Done(Rcode::NOERROR))
    }

    fn alias(&mut self, found: Found<'a, '_>, cname: RecordSet<'a>) -> Result<Step, Full> {
        self.remember_alias();
        self.write(found.name, found.node, cname)?;
        self.prove_wildcard(found);
        let target = cname.rdatas().next().map(NameRef::from_wire);
        let Some(Ok(target)) = target else {
            return Ok(Step::Done(Rcode::SERVFAIL));
        };
        self.next_name.set(target);
        Ok(Step::Alias)
    }

    /// The DNAME and the CNAME that it makes of the name (RFC 6672 §3.1), which nobody signs (§5.3.1).
    fn redirect(&mut self, owner: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        let target = owner.set(Type::DNAME).and_then(|set| Some((set, set.rdatas().next()?)));
        let Some((dname, target)) = target else {
            return Ok(Step::Done(Rcode::SERVFAIL));
        };
        if !self.additional.is_answered(owner, owner.name(), Type::DNAME) {
            self.write(owner.name(), owner, dname)?;
            self.additional.answered(owner, owner.name(), Type::DNAME);
        }
        let mut wire = [0; NAME_BYTES_MAX];
        let Some(alias) = substituted(name, owner.name(), target, &mut wire) else {
            return Ok(Step::Done(Rcode::YXDOMAIN));
        };
        self.remember_alias();
        let head = SetHead {
            rtype: Type::CNAME,
            ..head(name, dname)
        };
        self.writer.record_set(Section::Answer, head, [alias.as_wire()])?;
        if matches!(self.question.qtype, Type::CNAME | Type::ANY) {
            // The alias itself is what was asked for, as with a CNAME of the zone's own.
            if !self.is_minimal() {
                self.name_servers(owner.zone());
            }
            return Ok(Step::Done(Rcode::NOERROR));
        }
        self.next_name.set(alias);
        Ok(Step::Alias)
    }

    /// Step 3b: the name servers of the zone that has the name, and how to reach them.
    fn referral(&mut self, cut: Node<'a>) {
        if let Some(servers) = cut.set(Type::NS) {
            self.authority.require(cut, servers);
            self.additional.follow_referral(cut, servers);
        }
        // A signed child is known by the DS records that stand beside its name servers (RFC 4035 §3.1.4), an unsigned one
        // by the proof that there are none; in a zone that isn't signed itself they prove nothing.
        match cut.set(Type::DS).filter(|_| cut.signatures(Type::DS).is_some()) {
            Some(ds) if self.dnssec_ok => self.authority.require(cut, ds),
            _ => {
                let proof = self.proof(cut.zone(), Claim::NoData(cut));
                self.require_all(proof.leading().chain(proof.following()));
            }
        }
    }

    /// The name is there, without what is asked for.
    fn no_data(&mut self, found: Found<'a, '_>) -> Step {
        let Found { name, node, encloser } = found;
        let claim = match encloser {
            None => Claim::NoData(node),
            Some(encloser) => Claim::NoDataAtWildcard {
                name,
                encloser,
                source: node,
            },
        };
        self.negative(Rcode::NOERROR, node.zone(), claim)
    }

    /// The SOA record, by whose numbers a resolver remembers that there is nothing (RFC 2308 §3, §5), and the proof.
    fn negative(&mut self, rcode: Rcode, zone: &'a Zone, claim: Claim<'a, '_>) -> Step {
        let soa = zone.soa_set();
        let ttl = if rcode == Rcode::NXDOMAIN && self.question.qtype == Type::SOA {
            // Who asks for the SOA of a name looks for a zone there, and shall see one that is made there at once: not
            // to be cached, as BIND has it (`zero-no-soa-ttl`).
            0
        } else {
            soa.ttl().min(zone.soa().minimum)
        };
        let proof = self.proof(zone, claim);
        self.require_all(proof.leading());
        self.authority.require_with_ttl(zone.apex(), soa, ttl);
        self.require_all(proof.following());
        Step::Done(rcode)
    }

    /// What a wildcard answers for isn't there itself, and a resolver wants to see that (RFC 4035 §3.1.3.3).
    fn prove_wildcard(&mut self, found: Found<'a, '_>) {
        if let Found {
            name,
            encloser: Some(encloser),
            ..
        } = found
        {
            let proof = self.proof(encloser.zone(), Claim::Wildcard { name, encloser });
            self.require_all(proof.following());
        }
    }

    /// The proof of a claim, for those who want to see it.
    fn proof(&self, zone: &'a Zone, claim: Claim<'a, '_>) -> Proof<'a> {
        if self.dnssec_ok {
            Proof::of(zone, claim)
        } else {
            Proof::default()
        }
    }

    fn require_all(&mut self, records: impl Iterator<Item = (Node<'a>, RecordSet<'a>)>) {
        for (node, set) in records {
            self.authority.require(node, set);
        }
    }

    /// The zone's name servers beside a positive answer. Left out when they don't fit.
    fn name_servers(&mut self, zone: &'a Zone) {
        if !self.settings.minimal_responses.name_servers(self.recursion_desired) {
            return;
        }
        let apex = zone.apex();
        if let Some(servers) = apex.set(Type::NS) {
            self.authority.offer(apex, servers);
            // Who asks for ANY has enough to read, as BIND sees it.
            self.servers = (self.question.qtype != Type::ANY).then_some(servers);
        }
    }

    /// Writes a set of `node` into the answer section under the name that was asked for, with its signatures if those
    /// were.
    fn write(&mut self, name: NameRef<'_>, node: Node<'a>, set: RecordSet<'a>) -> Result<(), Full> {
        SignedSet::new(name, node, set).write(Section::Answer, self.dnssec_ok, self.writer)
    }

    fn write_one(&mut self, name: NameRef<'_>, set: RecordSet<'a>) -> Result<(), Full> {
        self.writer.record_set(Section::Answer, head(name, set), set.rdatas())
    }

    /// Remembers that the record that comes next in the answer section makes its owner an alias.
    fn remember_alias(&mut self) {
        if let Some(place) = self.aliases.get_mut(self.alias_count) {
            *place = self.writer.position();
        }
        self.alias_count += 1;
    }

    /// Whether the answer section already says what `name` is an alias of.
    fn is_loop(&self, name: NameRef<'_>) -> bool {
        let known = self.alias_count.min(self.aliases.len());
        self.aliases[..known]
            .iter()
            .any(|&offset| self.writer.holds_at(offset, name))
    }
}

/// `name` with `target` in the place of `owner` (RFC 6672 §2.2); `None` when that is too long for a name.
fn substituted<'w>(
    name: NameRef<'_>,
    owner: NameRef<'_>,
    target: &[u8],
    wire: &'w mut [u8; NAME_BYTES_MAX],
) -> Option<NameRef<'w>> {
    let front = name.strip_suffix(owner)?;
    let length = front.len() + target.len();
    wire[..front.len()].copy_from_slice(front);
    wire.get_mut(front.len()..length)?.copy_from_slice(target);
    NameRef::from_wire(&wire[..length]).ok()
}
