//! Answer by answer against named on the same files: every name of a zone and names made from them, every type, over UDP
//! without and with EDNS, with DNSSEC records wanted, and over TCP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ballast_tests::dns::client::{Tcp, Udp, transfer};
use ballast_tests::dns::compare::{comparable_with_knotd, differences, is_subset, with_soa_ttl};
use ballast_tests::dns::generate::Generator;
use ballast_tests::dns::message::{Message, Rcode, Record, flag};
use ballast_tests::dns::name::Name;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, serves};
use ballast_tests::dns::side_by_side::SideBySide;
use ballast_tests::dns::way::Way;
use ballast_tests::{daemon::Daemon, data, peers};
use tempfile::TempDir;

/// named's answers are those of its defaults, but that it takes names that no host has, as dnsd does with a warning, takes
/// sets of any size, and answers ANY over UDP with one set (RFC 8482 §4.1).
const NAMED_OPTIONS: &str = "check-names primary ignore; check-integrity no; max-records-per-type 0; minimal-any yes;";

/// Both servers with the same zones.
struct Pair {
    named: SocketAddr,
    _named: peers::Peer,
    _dnsd: Daemon,
    _directory: TempDir,
}

impl Pair {
    fn start(zones: &[(String, PathBuf)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // named looks for included files in its own directory, dnsd beside the file that includes them.
        let included = "everything.included";
        fs::copy(data("dns").join(included), directory.path().join(included)).unwrap();
        let listed: Vec<(&str, &Path)> = zones
            .iter()
            .map(|(origin, file)| (origin.as_str(), file.as_path()))
            .collect();
        let (peer, named) = peers::named(directory.path(), NAMED_OPTIONS, &listed);
        let mut configuration = Configuration::new();
        for (origin, file) in zones {
            configuration = configuration.zone(origin, file);
        }
        Self {
            named,
            _named: peer,
            _dnsd: configuration.setup().start(),
            _directory: directory,
        }
    }
}

/// Asks both servers and collects where they differ.
struct Comparison {
    way: Way,
    udp: [Udp; 2],
    tcp: [Tcp; 2],
    asked: usize,
    differ: Vec<String>,
}

impl Comparison {
    fn new(named: SocketAddr, way: Way) -> Self {
        let servers = [named, serves()];
        Self {
            way,
            udp: servers.map(Udp::to),
            tcp: servers.map(Tcp::to),
            asked: 0,
            differ: Vec::new(),
        }
    }

    fn query(&self, name: &Name, rtype: u16, number: usize) -> Query {
        // Some of the questions wish for recursion, which no server has.
        let flags = if number.is_multiple_of(3) { flag::RD } else { 0 };
        Query {
            edns: self.way.opt(),
            ..Query::of_name(name.clone(), rtype).flags(flags)
        }
    }

    fn ask(&mut self, name: &Name, rtype: u16) {
        let query = self.query(name, rtype, self.asked);
        let [named, dnsd] = if self.way.tcp {
            self.tcp.each_ref().map(|connection| connection.ask(&query))
        } else {
            self.udp.each_ref().map(|socket| socket.ask(&query))
        };
        self.compare_answers(&query, named, dnsd);
    }

    fn compare_answers(&mut self, query: &Query, mut named: Message, mut dnsd: Message) {
        self.asked += 1;
        self.allow_what_is_deliberate(query.rtype, &mut named, &mut dnsd);
        // named counts RRSIG among the types that RFC 8482 is about.
        let one_set = !self.way.tcp && matches!(query.rtype, rtype::ANY | rtype::RRSIG) && !named.answers.is_empty();
        if (named.has(flag::TC) && dnsd.has(flag::TC)) || one_set {
            self.compare_partial(query, &named, &dnsd);
        } else {
            self.compare(query, &named, &dnsd);
        }
    }

    /// Takes out of two answers what differs on purpose.
    fn allow_what_is_deliberate(&self, rtype: u16, named: &mut Message, dnsd: &mut Message) {
        // named explains some errors (RFC 8914), such as a chain of aliases that is too long; dnsd logs and counts.
        const EXTENDED_ERROR: u16 = 15;
        if let Some(edns) = &mut named.edns {
            edns.options.retain(|(code, _)| *code != EXTENDED_ERROR);
        }
        // Both servers have zones that aren't signed but hold records of DNSSEC. named takes them for the beginnings of a
        // signature that nobody is to see yet: it hides them from ANY, and RRSIG beside what it covers.
        if rtype == rtype::ANY && named.answers.is_empty() && dnsd.answers.iter().all(is_of_dnssec) {
            *dnsd = named.clone();
        }
        if rtype == rtype::ANY && self.way.tcp {
            dnsd.answers.retain(|record| !is_of_dnssec(record));
        } else if self.way.dnssec_ok && rtype != rtype::RRSIG {
            dnsd.answers.retain(|record| record.rtype != rtype::RRSIG);
        }
        // SIG (RFC 2535) is out of use; named answers ANY with an error where there is nothing else.
        if rtype == rtype::ANY && named.rcode() == Rcode::SERVFAIL && dnsd.answers.iter().all(|r| r.rtype == rtype::SIG)
        {
            *named = dnsd.clone();
        }
        // RFC 9471 §3.1: a referral that lacks glue from below the cut is truncated. named 9.18 sends what fits as if it
        // were all.
        if dnsd.has(flag::TC) && lacks_glue(named) {
            named.flags |= flag::TC;
        }
        // Of the names in a chain of aliases dnsd writes more as pointers, so some chains fit that named cuts off.
        if named.has(flag::TC) && !dnsd.has(flag::TC) && is_subset(&named.answers, &dnsd.answers) {
            *named = Message {
                flags: named.flags & !flag::TC,
                ..dnsd.clone()
            };
        }
    }

    fn compare(&mut self, query: &Query, named: &Message, dnsd: &Message) {
        let found = differences(named, dnsd);
        if !found.is_empty() {
            self.differ.push(format!("{query}\n    {}", found.join("\n    ")));
        }
    }

    /// What of a truncated answer is sent is each server's choice, and so is the set that answers ANY over UDP, as long as
    /// it is part of the whole.
    fn compare_partial(&mut self, query: &Query, named: &Message, dnsd: &Message) {
        let whole = self.tcp[1].ask(query);
        let same_head = (named.flags, &named.edns, &named.questions) == (dnsd.flags, &dnsd.edns, &dnsd.questions);
        let partial = is_subset(&dnsd.answers, &whole.answers)
            && is_subset(&dnsd.authorities, &whole.authorities)
            && is_subset(&dnsd.additionals, &whole.additionals);
        let empty = dnsd.answers.is_empty() && !dnsd.has(flag::TC);
        if !same_head || !partial || empty {
            self.differ
                .push(format!("{query}: in part\n    named {named:?}\n    dnsd {dnsd:?}"));
        }
    }

    fn finish(self) {
        let shown = 40;
        assert!(
            self.differ.is_empty(),
            "{} of {} answers differ; the first of them:\n{}",
            self.differ.len(),
            self.asked,
            self.differ[..self.differ.len().min(shown)].join("\n")
        );
        println!("{} answers are the same", self.asked);
    }
}

/// Whether a record is one that a signer made, in named's eyes.
fn is_of_dnssec(record: &Record) -> bool {
    use rtype::{DNSKEY, NSEC, NSEC3, NSEC3PARAM, RRSIG};
    [RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM].contains(&record.rtype)
}

/// Whether a referral is without an address of a name server below its own cut.
fn lacks_glue(referral: &Message) -> bool {
    let servers = referral.authorities.iter().filter(|record| record.rtype == rtype::NS);
    referral.answers.is_empty()
        && servers
            .filter(|server| server.data.ends_with(server.owner.as_wire()))
            .any(|server| {
                !referral
                    .additionals
                    .iter()
                    .any(|glue| glue.owner.as_wire() == server.data)
            })
}

/// The names to ask for: each owner, its parents, a child of each that isn't there, a child of a child, the same names in
/// another case, and names of nobody's.
fn names(records: &[Record], origin: &Name) -> BTreeSet<Name> {
    let mut existing = BTreeSet::new();
    for record in records.iter().filter(|record| !is_one_of_many(&record.owner)) {
        let ancestors = std::iter::successors(Some(record.owner.clone()), Name::parent);
        existing.extend(ancestors.take_while(|name| name != &origin.parent().unwrap()));
    }
    let mut names = existing.clone();
    for name in &existing {
        names.insert(name.in_other_case());
        names.extend(name.child(b"absent"));
        names.extend(name.child(b"*"));
        names.extend(name.child(b"b").and_then(|child| child.child(b"a")));
    }
    names.extend(origin.parent());
    names.insert(Name::of("."));
    names
}

/// Whether an owner is one of a series that $GENERATE made: the first of them says what all do.
fn is_one_of_many(owner: &Name) -> bool {
    owner.labels().any(|label| {
        let first_digit = label
            .iter()
            .rposition(|byte| !byte.is_ascii_digit())
            .map_or(0, |at| at + 1);
        let number = String::from_utf8_lossy(&label[first_digit..]).parse();
        first_digit > 0 && matches!(number, Ok(2_u32..))
    })
}

fn types(records: &[Record]) -> BTreeSet<u16> {
    let mut types: BTreeSet<u16> = records.iter().map(|record| record.rtype).collect();
    // named takes it for a kind of ANY.
    types.remove(&rtype::SIG);
    types.extend([
        rtype::A,
        rtype::AAAA,
        rtype::DS,
        rtype::SOA,
        rtype::NS,
        rtype::TXT,
        rtype::ANY,
    ]);
    types
}

/// The zones of `tests/data/dns`.
fn zones() -> Vec<(String, PathBuf)> {
    [
        ("somewhere.net", "dns/somewhere.net.zone"),
        ("corners.example", "dns/corners.zone"),
        ("child.corners.example", "dns/child.zone"),
        ("everything.example", "dns/everything.zone"),
    ]
    .map(|(origin, file)| (origin.to_owned(), data(file)))
    .into()
}

/// Every name of the zones with every type, or with only those that decide how an answer is made up.
fn compare(way: Way, every_type: bool) {
    let zones = zones();
    let pair = Pair::start(&zones);
    let mut comparison = Comparison::new(pair.named, way);
    for (origin, _) in &zones {
        let origin = Name::of(origin);
        let records = transfer(pair.named, &origin);
        let all_types = types(&records);
        for name in names(&records, &origin) {
            let owned = records.iter().filter(|record| record.owner == name.lowered());
            let mut types: BTreeSet<u16> = owned.map(|record| record.rtype).collect();
            types.extend([rtype::A, rtype::ANY, rtype::DS, rtype::PRIVATE]);
            for &rtype in if every_type { &all_types } else { &types } {
                comparison.ask(&name, rtype);
            }
        }
    }
    comparison.finish();
}

#[test]
fn every_name_and_every_type_over_udp_with_edns() {
    compare(Way::UDP.edns(1232), true);
}

#[test]
fn over_udp_without_edns() {
    compare(Way::UDP, false);
}

#[test]
fn over_udp_to_clients_that_take_more_than_is_sent() {
    compare(Way::UDP.edns(4096), false);
}

#[test]
fn over_udp_with_dnssec_records_wanted() {
    compare(Way::UDP.edns(1232).dnssec_ok(), false);
}

#[test]
fn over_tcp() {
    compare(Way::TCP, false);
}

/// Small zones in which names, aliases, cuts and wildcards meet by chance, each with questions that are near to what it has.
#[test]
fn generated_zones() {
    const ZONES: u64 = 150;
    const QUESTIONS: usize = 200;
    let directory = tempfile::tempdir().unwrap();
    let zones: Vec<(String, PathBuf)> = (0..ZONES)
        .map(|seed| {
            let origin = format!("z{seed}.example");
            let file = directory.path().join(&origin);
            fs::write(&file, Generator::new(seed).zone()).unwrap();
            (origin, file)
        })
        .collect();
    let servers = SideBySide::start(tempfile::tempdir().unwrap(), NAMED_OPTIONS, &zones);
    let way = Way::UDP.edns(1232);
    let mut comparison = Comparison::new(servers.named, way);
    let mut knotd_differs = BTreeMap::new();
    for (seed, (origin, file)) in (0..).zip(&zones) {
        let before = comparison.differ.len();
        let mut generator = Generator::new(seed);
        let queries = (0..QUESTIONS).map(|number| {
            let (name, rtype) = generator.question(&Name::of(origin));
            comparison.query(&name, rtype, number)
        });
        for answers in servers.ask_all(way, queries.collect()) {
            match knotds_own(&answers.query, &answers.knotd, &answers.dnsd) {
                Ok(None) => {}
                Ok(Some(deliberate)) => *knotd_differs.entry(deliberate).or_insert(0) += 1,
                Err(found) => {
                    let found = found.join("\n    ");
                    comparison.differ.push(format!("knotd: {}\n    {found}", answers.query));
                }
            }
            comparison.compare_answers(&answers.query, answers.named, answers.dnsd);
        }
        if comparison.differ.len() > before {
            let text = fs::read_to_string(file).unwrap();
            comparison.differ[before] += &format!("\n    in the zone of seed {seed}:\n{text}");
        }
    }
    use KnotdsOwn::{Circle, NotLoaded, SoaOfNothing, WildcardDname};
    let met: Vec<KnotdsOwn> = knotd_differs.keys().copied().collect();
    assert_eq!(
        met,
        [NotLoaded, Circle, SoaOfNothing, WildcardDname],
        "what was to differ does"
    );
    assert!(
        knotd_differs[&NotLoaded] < comparison.asked / 2,
        "knotd has most of the zones"
    );
    comparison.finish();
}

/// Where knotd answers in another way than dnsd and named do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KnotdsOwn {
    /// A zone with names below a DNAME, which nobody can see (RFC 6672 §2.4), is one that it doesn't load.
    NotLoaded,
    /// A chain of aliases that comes back to where it was, or grows without end, is the zone's error to named and dnsd; it
    /// gives the chain, or less of it.
    Circle,
    /// Asked for the SOA of a name that isn't there, named and dnsd give theirs with a TTL of 0 (`zero-no-soa-ttl`).
    SoaOfNothing,
    /// A DNAME at a wildcard has no meaning (RFC 4592 §4.4): it gives it to each name that the wildcard stands for.
    WildcardDname,
}

/// What differs between knotd's answer and another, of what knotd can be held to: nothing, something deliberate, or this.
fn knotds_own(query: &Query, knotd: &Message, other: &Message) -> Result<Option<KnotdsOwn>, Vec<String>> {
    let [knotd, other] = [knotd, other].map(comparable_with_knotd);
    let found = differences(&knotd, &other);
    match (knotd.rcode(), other.rcode()) {
        _ if found.is_empty() => Ok(None),
        (Rcode::SERVFAIL, _) if knotd.answers.is_empty() => Ok(Some(KnotdsOwn::NotLoaded)),
        (Rcode::NOERROR, Rcode::SERVFAIL)
            if is_subset(&other.answers, &knotd.answers) || is_subset(&knotd.answers, &other.answers) =>
        {
            Ok(Some(KnotdsOwn::Circle))
        }
        (Rcode::NXDOMAIN, _)
            if query.rtype == rtype::SOA && differences(&with_soa_ttl(&knotd, 0), &other).is_empty() =>
        {
            Ok(Some(KnotdsOwn::SoaOfNothing))
        }
        _ if other.answers.iter().any(is_wildcard_dname) => Ok(Some(KnotdsOwn::WildcardDname)),
        _ => Err(found),
    }
}

fn is_wildcard_dname(record: &Record) -> bool {
    record.rtype == rtype::DNAME && record.owner.labels().next() == Some(b"*")
}
