//! Signed zones answer by answer against named and knotd: proofs of what is not there, of what a wildcard stands for, of where
//! a delegation is secure and where it isn't, by NSEC and NSEC3, over UDP of several sizes and TCP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ballast_tests::dns::client::{Tcp, transfer};
use ballast_tests::dns::compare::{comparable_with_knotd, differences, is_subset, with_soa_ttl};
use ballast_tests::dns::generate::Generator;
use ballast_tests::dns::message::{Message, Rcode, flag};
use ballast_tests::dns::name::Name;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::side_by_side::{Answers, SideBySide};
use ballast_tests::dns::sign::Denial;
use ballast_tests::dns::signed_zone::Family;
use ballast_tests::dns::way::Way;

/// named takes what dnsd takes, and answers ANY over UDP with one set (RFC 8482 §4.1).
const NAMED_OPTIONS: &str = "check-names primary ignore; check-integrity no; max-records-per-type 0; minimal-any yes;";

const WAYS: [Way; 7] = [
    Way::UDP,
    Way::UDP.edns(1232),
    Way::UDP.edns(512).dnssec_ok(),
    Way::UDP.edns(1232).dnssec_ok(),
    // More than any of the three sends.
    Way::UDP.edns(4096).dnssec_ok(),
    Way::TCP,
    Way::TCP.edns(1232).dnssec_ok(),
];

/// Below this name [`Deliberate::ZeroInLabel`] shows, because of its neighbour `z\\000`.
const SORTED_WRONG: &[u8] = b"z";
/// Below this one [`Deliberate::EmptyWildcard`] does.
const EMPTY_WILDCARDS: &[u8] = b"inside";

/// Where servers differ on purpose, or a peer is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deliberate {
    /// Asked for the NSEC record of a cut named and dnsd give the parent's, as an answer; knotd refers to the child.
    NsecOfCut,
    /// A chain of aliases that comes back to where it was is an error of the zone to named and dnsd; knotd gives the chain.
    Circle,
    /// Asked for the SOA of a name that isn't there, named and dnsd give theirs with a TTL of 0 (`zero-no-soa-ttl`).
    SoaOfNothing,
    /// knotd sorts an octet of zero inside a label as if the label ended there: it proves the wrong gap, or takes a name to be
    /// below a cut that it isn't below.
    ZeroInLabel,
    /// A name that grows too long by a DNAME is YXDOMAIN to named and dnsd (RFC 6672 §2.2), NXDOMAIN to knotd.
    TooLong,
    /// RFC 8482 §4.1: which set answers ANY, or RRSIG, over UDP is a server's own choice.
    OneSet,
    /// `a.*.inside` makes `*.inside` an empty wildcard. That it has nothing for other names there is for an NSEC record to
    /// prove (RFC 4035 §3.1.3.4), which named and knotd leave out.
    EmptyWildcard,
    /// named leaves out what an answer with DNSSEC records in 512 octets doesn't need, even where there is room.
    Needless,
    /// Each server writes names as pointers where others don't, so what just fits with one doesn't with another.
    JustFits,
}

/// What the answers to one zone's questions came to.
struct Comparison {
    origin: Name,
    /// Where answers are to be had whole.
    dnsd: Tcp,
    asked: usize,
    differ: Vec<String>,
    deliberate: BTreeMap<Deliberate, usize>,
}

impl Comparison {
    fn new(origin: Name, dnsd: SocketAddr) -> Self {
        Self {
            origin,
            dnsd: Tcp::to(dnsd),
            asked: 0,
            differ: Vec::new(),
            deliberate: BTreeMap::new(),
        }
    }

    fn compare(&mut self, way: Way, mut answers: Answers) {
        self.asked += 1;
        without_explanation(&mut answers.named);
        let Answers {
            query,
            named,
            knotd,
            dnsd,
        } = &answers;
        self.compare_with_named(way, query, named, dnsd);
        // knotd has its own idea of what RRSIG and ANY are about.
        if !matches!(query.rtype, rtype::ANY | rtype::RRSIG) {
            self.compare_with_knotd(way, query, knotd, ("dnsd", dnsd));
            // What the peers agree on shows that the comparison is right, whatever dnsd does.
            self.compare_with_knotd(way, query, knotd, ("named", named));
        }
    }

    fn compare_with_named(&mut self, way: Way, query: &Query, named: &Message, dnsd: &Message) {
        let one_set = !way.tcp && matches!(query.rtype, rtype::ANY | rtype::RRSIG) && !named.answers.is_empty();
        let mut found = differences(named, dnsd);
        if found.is_empty() {
            return;
        }
        if one_set || (named.has(flag::TC) && dnsd.has(flag::TC)) {
            self.note(if one_set {
                Deliberate::OneSet
            } else {
                Deliberate::JustFits
            });
            found = self.compare_partial(query, named, dnsd);
        } else if let Some(reason) = self.reason_against_named(way, query, named, dnsd) {
            self.note(reason);
            return;
        }
        self.report(query, "named expected, dnsd found", &found);
    }

    fn reason_against_named(&self, way: Way, query: &Query, named: &Message, dnsd: &Message) -> Option<Deliberate> {
        let same_need = || differences(&comparable_with_knotd(named), &comparable_with_knotd(dnsd)).is_empty();
        if way.dnssec_ok && way.edns == Some(512) && is_part(named, dnsd) && same_need() {
            Some(Deliberate::Needless)
        } else if just_fits(way, named, dnsd) {
            Some(Deliberate::JustFits)
        } else {
            (self.is_below(&query.name, EMPTY_WILDCARDS) && is_part(named, dnsd)).then_some(Deliberate::EmptyWildcard)
        }
    }

    /// What of a truncated answer is sent is each server's choice, as long as it is part of the whole.
    fn compare_partial(&mut self, query: &Query, named: &Message, dnsd: &Message) -> Vec<String> {
        let whole = self.dnsd.ask(query);
        let empty = Message {
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            ..named.clone()
        };
        let head = Message {
            flags: dnsd.flags,
            edns: dnsd.edns.clone(),
            questions: dnsd.questions.clone(),
            ..empty.clone()
        };
        let mut found = differences(&empty, &head);
        if !is_part(dnsd, &whole) {
            found.push(format!("{dnsd:?} is not part of {whole:?}"));
        }
        if dnsd.answers.is_empty() && !dnsd.has(flag::TC) {
            found.push("no answer".to_owned());
        }
        found
    }

    fn compare_with_knotd(&mut self, way: Way, query: &Query, knotd: &Message, (name, other): (&str, &Message)) {
        let found = differences(&comparable_with_knotd(knotd), &comparable_with_knotd(other));
        if found.is_empty() || (other.has(flag::TC) && knotd.has(flag::TC)) {
            return;
        }
        match self.reason_against_knotd(way, query, knotd, other) {
            Some(reason) => self.note(reason),
            None => self.report(query, &format!("knotd expected, {name} found"), &found),
        }
    }

    fn reason_against_knotd(&self, way: Way, query: &Query, knotd: &Message, other: &Message) -> Option<Deliberate> {
        let zeroed = with_soa_ttl(&comparable_with_knotd(knotd), 0);
        let soa_of_nothing = query.rtype == rtype::SOA && knotd.rcode() == Rcode::NXDOMAIN;
        match (knotd.rcode(), other.rcode()) {
            (Rcode::NOERROR, Rcode::SERVFAIL) if is_subset(&other.answers, &knotd.answers) => Some(Deliberate::Circle),
            (Rcode::NXDOMAIN, Rcode::YXDOMAIN) => Some(Deliberate::TooLong),
            _ if is_nsec_of_cut(query, other, knotd) => Some(Deliberate::NsecOfCut),
            _ if soa_of_nothing && differences(&zeroed, &comparable_with_knotd(other)).is_empty() => {
                Some(Deliberate::SoaOfNothing)
            }
            _ if self.is_below(&query.name, SORTED_WRONG) => Some(Deliberate::ZeroInLabel),
            _ if just_fits(way, if soa_of_nothing { &zeroed } else { knotd }, other) => Some(Deliberate::JustFits),
            _ => {
                let more = self.is_below(&query.name, EMPTY_WILDCARDS) && is_part(&comparable_with_knotd(knotd), other);
                more.then_some(Deliberate::EmptyWildcard)
            }
        }
    }

    fn is_below(&self, name: &Name, label: &[u8]) -> bool {
        let above = self.origin.child(label).unwrap();
        std::iter::successors(name.lowered().parent(), Name::parent).any(|ancestor| ancestor == above)
    }

    fn report(&mut self, query: &Query, who: &str, differences: &[String]) {
        if !differences.is_empty() {
            self.differ
                .push(format!("{who}: {query}\n    {}", differences.join("\n    ")));
        }
    }

    fn finish(self, deliberate: &BTreeSet<Deliberate>) {
        let shown = 40;
        assert!(
            self.differ.is_empty(),
            "{} differences in {} answers; the first of them:\n{}",
            self.differ.len(),
            self.asked,
            self.differ[..self.differ.len().min(shown)].join("\n")
        );
        let met: BTreeSet<Deliberate> = self.deliberate.keys().copied().collect();
        assert_eq!(&met, deliberate, "what was to differ does: {:?}", self.deliberate);
        println!("{} answers agree; {:?}", self.asked, self.deliberate);
    }

    fn note(&mut self, deliberate: Deliberate) {
        *self.deliberate.entry(deliberate).or_default() += 1;
    }
}

/// Whether a server answers with the NSEC record of a cut, and another refers to below it.
fn is_nsec_of_cut(query: &Query, answer: &Message, referral: &Message) -> bool {
    let is_referral = !referral.has(flag::AA) && referral.answers.is_empty();
    query.rtype == rtype::NSEC && answer.has(flag::AA) && !answer.answers.is_empty() && is_referral
}

/// Whether two answers differ by what fits only: by what nobody needs, or because one is truncated, and the other just isn't.
fn just_fits(way: Way, one: &Message, other: &Message) -> bool {
    /// A set of addresses with its signature, or two names that could have been pointers.
    const NEAR_OCTETS: usize = 150;
    let octets_max = match way {
        Way { tcp: true, .. } => return false,
        Way { edns: None, .. } => 512,
        Way {
            edns: Some(payload), ..
        } => usize::from(payload.min(1232)),
    };
    if one.octets.max(other.octets) + NEAR_OCTETS < octets_max {
        return false;
    }
    let [needed_of_one, needed_of_other] = [one, other].map(comparable_with_knotd);
    match (one.has(flag::TC), other.has(flag::TC)) {
        (false, false) => differences(&needed_of_one, &needed_of_other).is_empty(),
        (true, _) => is_part(&needed_of_one, &needed_of_other),
        (_, true) => is_part(&needed_of_other, &needed_of_one),
    }
}

fn is_part(part: &Message, whole: &Message) -> bool {
    is_subset(&part.answers, &whole.answers)
        && is_subset(&part.authorities, &whole.authorities)
        && is_subset(&part.additionals, &whole.additionals)
}

/// Takes out of an answer of named why it is as it is (RFC 8914), which is for people; dnsd logs and counts.
fn without_explanation(answer: &mut Message) {
    const EXTENDED_ERROR: u16 = 15;
    if let Some(edns) = &mut answer.edns {
        edns.options.retain(|(code, _)| *code != EXTENDED_ERROR);
    }
}

/// Asks everything about a zone of this name and the two below it.
fn compare(origin: &str, seed: u64, denial: Denial) {
    let directory = tempfile::tempdir().unwrap();
    let mut generator = Generator::new(seed);
    let family = Family::new(directory.path(), origin, &mut generator, denial);
    let servers = SideBySide::start(directory, NAMED_OPTIONS, &family.zones);
    let mut questions = Vec::new();
    for (origin, _) in &family.zones {
        let origin = Name::of(origin);
        let records = transfer(servers.named, &origin);
        questions.extend(generator.questions_of_signed(&records, &origin));
    }
    let mut comparison = Comparison::new(Name::of(origin), servers.dnsd);
    for way in WAYS {
        let queries = questions.iter().zip(0..).map(|((name, rtype), number)| Query {
            edns: way.opt(),
            // Some of the questions wish for recursion, which none of the servers has.
            flags: if number % 3 == 0 { flag::RD } else { 0 },
            ..Query::of_name(name.clone(), *rtype)
        });
        for answers in servers.ask_all(way, queries.collect()) {
            comparison.compare(way, answers);
        }
    }
    let mut deliberate = BTreeSet::from([
        Deliberate::Circle,
        Deliberate::SoaOfNothing,
        Deliberate::ZeroInLabel,
        Deliberate::TooLong,
        Deliberate::OneSet,
        Deliberate::Needless,
        Deliberate::JustFits,
    ]);
    if denial == Denial::Nsec {
        deliberate.extend([Deliberate::NsecOfCut, Deliberate::EmptyWildcard]);
    }
    comparison.finish(&deliberate);
}

#[test]
fn nsec() {
    compare("nsec.example", 1, Denial::Nsec);
}

#[test]
fn nsec3_as_rfc9276_wants_it() {
    let denial = Denial::Nsec3 {
        iterations: 0,
        salt: "-",
        opt_out: false,
    };
    compare("nsec3.example", 2, denial);
}

#[test]
fn nsec3_with_salt_and_iterations() {
    let denial = Denial::Nsec3 {
        iterations: 5,
        salt: "C0FFEE",
        opt_out: false,
    };
    compare("salted.example", 3, denial);
}

#[test]
fn nsec3_with_opt_out() {
    let denial = Denial::Nsec3 {
        iterations: 0,
        salt: "-",
        opt_out: true,
    };
    compare("optout.example", 4, denial);
}
