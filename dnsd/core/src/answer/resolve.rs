//! The algorithm of RFC 1034 §4.3.2, with what DNAME (RFC 6672), wildcards (RFC 4592) and negative answers (RFC 2308)
//! have made of it.

use super::additional::Additional;
use super::{Settings, Transport, head};
use crate::message::{Flags, Full, Question, Rcode, Request, Section, SetHead, Writer};
use crate::name::{NAME_BYTES_MAX, NameBuf, NameRef};
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::{Lookup, Node, RecordSet, Zone};
use crate::zones::{ZoneNumber, ZoneState, Zones};

/// How many aliases are followed, as many as BIND does (`max-query-restarts`): real chains have two or three, and each
/// costs as much as a query.
const ALIASES_MAX: usize = 11;

/// What the sections that were written amount to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolution {
    pub(super) rcode: Rcode,
    pub(super) authoritative: bool,
    pub(super) truncated: bool,
    pub(super) zone: Option<ZoneNumber>,
}

impl Resolution {
    /// A response code and nothing else.
    pub(super) fn bare(rcode: Rcode) -> Self {
        Self {
            rcode,
            authoritative: false,
            truncated: false,
            zone: None,
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
    additional: Additional<'a>,
}

/// What one look at a name led to.
enum Step {
    /// The name is an alias: go on with the one in `next_name`.
    Alias,
    /// There is no more to say.
    Done(Rcode),
    /// Another zone's servers are to be asked; `truncated` when the message has no room to say which.
    Referred { truncated: bool },
    /// The message is full.
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
            additional: Additional::new(),
        }
    }

    /// Writes the three sections behind the question.
    pub(super) fn resolve(mut self) -> Resolution {
        let mut search = SearchName::new(self.question.name);
        // Step 2: the nearest ancestor zone.
        let Some((number, state)) = self.zones.find(&search, self.question.qtype) else {
            return Resolution::bare(Rcode::REFUSED);
        };
        let mut resolution = Resolution {
            zone: Some(number),
            ..Resolution::bare(Rcode::SERVFAIL)
        };
        let ZoneState::Loaded(zone) = state else {
            return resolution;
        };
        let mut name = NameBuf::root();
        name.set(self.question.name);
        loop {
            let step = self.step(zone, name.as_name_ref(), &search).unwrap_or_else(Step::from);
            // AA is about the first name of the answer section (RFC 1035 §4.1.1): a referral at the end of a chain
            // doesn't take it back.
            resolution.authoritative |= !matches!(step, Step::Referred { .. });
            match step {
                Step::Done(rcode) => resolution.rcode = rcode,
                Step::Referred { truncated: false } => resolution.rcode = Rcode::NOERROR,
                Step::Truncated | Step::Referred { truncated: true } => {
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
        if self.additional.write(zone, self.dnssec_ok, self.writer).is_err() {
            resolution.truncated = true;
        }
        resolution
    }

    /// Step 3: looks `name` up in `zone` and writes what is found.
    fn step(&mut self, zone: &'a Zone, name: NameRef<'_>, search: &SearchName) -> Result<Step, Full> {
        match zone.find(search) {
            Lookup::Exact(node) => self.data(node, name),
            Lookup::Wildcard { source, .. } => self.data(source, name),
            Lookup::Delegation { cut, at_cut: true } if self.question.qtype == Type::DS => self.data_of_type(cut, name),
            Lookup::Delegation { cut, .. } => Ok(Step::Referred {
                truncated: self.referral(cut).is_err(),
            }),
            Lookup::Dname(owner) => self.redirect(owner, name),
            Lookup::NoName { .. } => self.negative(zone, Rcode::NXDOMAIN),
            Lookup::OutOfZone => Ok(Step::Done(Rcode::SERVFAIL)),
        }
    }

    /// Step 3a and, with a wildcard's node for `node`, 3c: the name is there, so what of it is asked for?
    fn data(&mut self, node: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        match self.question.qtype {
            Type::ANY => self.everything(node, name),
            Type::RRSIG => self.signatures(node, name),
            // These stand beside a CNAME and are asked of the alias itself (RFC 4035 §2.5, RFC 3007 §3).
            Type::CNAME | Type::NSEC | Type::KEY => self.data_of_type(node, name),
            _ => match node.set(Type::CNAME).filter(|_| node.has_cname()) {
                Some(cname) => self.alias(node, cname, name),
                None => self.data_of_type(node, name),
            },
        }
    }

    fn data_of_type(&mut self, node: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        let qtype = self.question.qtype;
        let Some(set) = node.set(qtype) else {
            return self.negative(node.zone(), Rcode::NOERROR);
        };
        // A DNAME that led here may be what is asked for.
        if !self.additional.is_answered(node, name, qtype) {
            self.write(Section::Answer, name, node, set)?;
            self.additional.answered(node, name, qtype);
        }
        self.additional.follow(node, set);
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
        Ok(Step::Done(Rcode::NOERROR))
    }

    fn everything(&mut self, node: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        if node.is_empty() {
            return self.negative(node.zone(), Rcode::NOERROR);
        }
        if self.transport == Transport::Udp && self.settings.minimal_any {
            // RFC 8482 §4.1: any one set will do. The first that isn't a signature, with its signatures.
            let first = node
                .sets()
                .find(|set| set.rtype() != Type::RRSIG)
                .or_else(|| node.sets().next());
            if let Some(set) = first {
                self.write(Section::Answer, name, node, set)?;
            }
            return Ok(Step::Done(Rcode::NOERROR));
        }
        for set in node.sets() {
            self.write_one(Section::Answer, name, set)?;
        }
        if !node.is_apex() {
            self.name_servers(node.zone());
        }
        Ok(Step::Done(Rcode::NOERROR))
    }

    fn signatures(&mut self, node: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        let before = self.writer.count(Section::Answer);
        for set in node.sets().filter(|set| set.rtype() == Type::RRSIG) {
            self.write_one(Section::Answer, name, set)?;
        }
        if self.writer.count(Section::Answer) == before {
            return self.negative(node.zone(), Rcode::NOERROR);
        }
        self.name_servers(node.zone());
        Ok(Step::Done(Rcode::NOERROR))
    }

    fn alias(&mut self, node: Node<'a>, cname: RecordSet<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        self.remember_alias();
        self.write(Section::Answer, name, node, cname)?;
        let target = cname.rdatas().next().map(NameRef::from_wire);
        let Some(Ok(target)) = target else {
            return Ok(Step::Done(Rcode::SERVFAIL));
        };
        self.next_name.set(target);
        Ok(Step::Alias)
    }

    /// The DNAME and the CNAME that it makes of the name (RFC 6672 §3.1).
    fn redirect(&mut self, owner: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        let target = owner.set(Type::DNAME).and_then(|set| Some((set, set.rdatas().next()?)));
        let Some((dname, target)) = target else {
            return Ok(Step::Done(Rcode::SERVFAIL));
        };
        if !self.additional.is_answered(owner, owner.name(), Type::DNAME) {
            self.write(Section::Answer, owner.name(), owner, dname)?;
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
            self.name_servers(owner.zone());
            return Ok(Step::Done(Rcode::NOERROR));
        }
        self.next_name.set(alias);
        Ok(Step::Alias)
    }

    /// Step 3b: the name servers of the zone that has the name, and how to reach them.
    fn referral(&mut self, cut: Node<'a>) -> Result<(), Full> {
        if let Some(servers) = cut.set(Type::NS) {
            self.write(Section::Authority, cut.name(), cut, servers)?;
            self.additional.follow_referral(cut, servers);
        }
        // A signed child is known by the DS records that stand beside its name servers (RFC 4035 §3.1.4); in a zone that
        // isn't signed itself they prove nothing.
        if self.dnssec_ok
            && cut.signatures(Type::DS).is_some()
            && let Some(ds) = cut.set(Type::DS)
        {
            self.write(Section::Authority, cut.name(), cut, ds)?;
        }
        Ok(())
    }

    /// The SOA record, by whose numbers a resolver remembers that there is nothing (RFC 2308 §3, §5).
    fn negative(&mut self, zone: &'a Zone, rcode: Rcode) -> Result<Step, Full> {
        let soa = zone.soa_set();
        let ttl = if rcode == Rcode::NXDOMAIN && self.question.qtype == Type::SOA {
            // Who asks for the SOA of a name looks for a zone there, and shall see one that is made there at once: not
            // to be cached, as BIND has it (`zero-no-soa-ttl`).
            0
        } else {
            soa.ttl().min(zone.soa().minimum)
        };
        let apex = zone.apex();
        let soa_head = SetHead {
            ttl,
            ..head(apex.name(), soa)
        };
        self.writer.record_set(Section::Authority, soa_head, soa.rdatas())?;
        if self.dnssec_ok
            && let Some(signatures) = apex.signatures(Type::SOA)
        {
            let head = SetHead {
                rtype: Type::RRSIG,
                ..soa_head
            };
            self.writer.record_set(Section::Authority, head, signatures.rdatas())?;
        }
        Ok(Step::Done(rcode))
    }

    /// The zone's name servers beside a positive answer: for those who look for themselves, not for stubs, who ask for
    /// recursion. Left out when they don't fit.
    fn name_servers(&mut self, zone: &'a Zone) {
        if self.recursion_desired {
            return;
        }
        let apex = zone.apex();
        if let Some(servers) = apex.set(Type::NS)
            && self.write(Section::Authority, apex.name(), apex, servers).is_ok()
            // Who asks for ANY has enough to read, as BIND sees it.
            && self.question.qtype != Type::ANY
        {
            self.additional.follow(apex, servers);
        }
    }

    /// Writes a set of `node` under the name that was asked for, with its signatures if those were.
    fn write(&mut self, section: Section, name: NameRef<'_>, node: Node<'a>, set: RecordSet<'a>) -> Result<(), Full> {
        let mark = self.writer.mark();
        self.write_one(section, name, set)?;
        if self.dnssec_ok
            && let Some(signatures) = node.signatures(set.rtype())
            && self.write_one(section, name, signatures).is_err()
        {
            self.writer.rollback(mark);
            return Err(Full);
        }
        Ok(())
    }

    fn write_one(&mut self, section: Section, name: NameRef<'_>, set: RecordSet<'a>) -> Result<(), Full> {
        self.writer.record_set(section, head(name, set), set.rdatas())
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
