//! What dnsd says of signed zones, put to a validating resolver: named asks dnsd for everything and takes no answer whose proof
//! it can't follow from the zone's key on (RFC 4035 §5, RFC 5155 §8).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use ballast_tests::address;
use ballast_tests::dns::client::transfer;
use ballast_tests::dns::generate::Generator;
use ballast_tests::dns::message::{Message, Rcode, Record, flag};
use ballast_tests::dns::name::Name;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::dns::sign::Denial;
use ballast_tests::dns::signed_zone::Family;
use ballast_tests::dns::way::Way;
use ballast_tests::peers;

/// Nothing is truncated.
const WAY: Way = Way::TCP.edns(1232).dnssec_ok();

/// What a validator can make of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is proven.
    Secure,
    /// It is proven that there is no proof: below an insecure delegation.
    Insecure,
    /// The one or the other, as hashes fall: between two NSEC3 records there may be delegations that were left out
    /// (RFC 5155 §9.2).
    Either,
}

/// Asks everything about a zone of this name and the two below it.
fn validate(origin: &str, seed: u64, denial: Denial) {
    let directory = tempfile::tempdir().unwrap();
    let mut generator = Generator::new(seed);
    let family = Family::new(directory.path(), origin, &mut generator, denial);
    let files: Vec<(&str, &Path)> = family
        .zones
        .iter()
        .map(|(origin, file)| (origin.as_str(), file.as_path()))
        .collect();
    let configuration = files
        .iter()
        .fold(Configuration::new(), |all, (origin, file)| all.zone(origin, file));
    let _dnsd = configuration.setup().start();
    // It lists the zones, which dnsd doesn't.
    let knotd = SocketAddr::from((address(1), PORT));
    let _knotd = peers::knotd(directory.path(), knotd, &files);
    let (_validator, validator) = peers::validator(directory.path(), serves(), origin, &family.key);

    let mut questions = Vec::new();
    for (origin, _) in &files {
        let origin = Name::of(origin);
        questions.extend(generator.questions_of_signed(&transfer(knotd, &origin), &origin));
    }
    let queries: Vec<Query> = questions
        .into_iter()
        .map(|(name, rtype)| Query {
            edns: WAY.opt(),
            ..Query::of_name(name, rtype).flags(flag::RD)
        })
        .collect();
    let answers = WAY.ask_all(serves(), &queries);
    let (queries, answers): (Vec<Query>, Vec<Message>) = queries
        .into_iter()
        .zip(answers)
        .filter(|(query, answer)| is_for_validators(query, answer, origin))
        .unzip();
    let mut secure = 0;
    let mut differ = Vec::new();
    for ((query, answer), validated) in queries.iter().zip(&answers).zip(WAY.ask_all(validator, &queries)) {
        let expected = expected(&query.name, answer, origin, denial);
        let is_secure = validated.has(flag::AD);
        secure += usize::from(is_secure);
        let right = expected == Expected::Either || is_secure == (expected == Expected::Secure);
        if !right || validated.rcode() != answer.rcode() || kinds(&validated) != kinds(answer) {
            differ.push(format!(
                "{query} ({expected:?})\n    dnsd {answer:?}\n    validator {validated:?}"
            ));
        }
    }
    println!("{} answers validated, {secure} of them secure", queries.len());
    let shown = 10;
    assert!(
        differ.is_empty(),
        "{} of {} answers are not valid; the first of them:\n{}",
        differ.len(),
        queries.len(),
        differ[..differ.len().min(shown)].join("\n")
    );
    // With opt-out it is about every third.
    assert!(secure * 4 > queries.len(), "only {secure} answers are secure");
}

/// Whether a question is one that validators ask, and its answer at an end. Those that refer, or end with an alias of a name
/// elsewhere, are for servers that aren't there.
fn is_for_validators(query: &Query, answer: &Message, origin: &str) -> bool {
    let is_one_of = |names: &[&str]| {
        let mut names = names.iter().map(|name| Name::of(&format!("{name}{origin}")));
        names.any(|name| name == query.name.lowered())
    };
    let is_asked = match query.rtype {
        rtype::ANY | rtype::RRSIG => false,
        // These are about the zone above, which nobody serves here.
        rtype::DS => !is_one_of(&["", "to-apex."]),
        // The validator takes it from the proof that there is no DS record.
        rtype::NSEC => !is_one_of(&["unsigned."]),
        _ => true,
    };
    let has_data = answer.answers.iter().any(|record| record.rtype == query.rtype);
    let has_soa = answer.authorities.iter().any(|record| record.rtype == rtype::SOA);
    let is_answer = matches!(answer.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN);
    is_asked && is_answer && (has_data || has_soa)
}

fn expected(name: &Name, answer: &Message, origin: &str, denial: Denial) -> Expected {
    let opt_out = matches!(denial, Denial::Nsec3 { opt_out: true, .. });
    let unsigned = Name::of(&format!("unsigned.{origin}"));
    let is_in_unsigned = std::iter::successors(Some(name.lowered()), Name::parent).any(|ancestor| ancestor == unsigned);
    // The zone above has the DS record that isn't there.
    let proves = |record: &Record| matches!(record.rtype, rtype::NSEC | rtype::NSEC3);
    let has_proof = answer.authorities.iter().any(proves);
    match (is_in_unsigned && !has_proof, opt_out && has_proof) {
        (true, _) => Expected::Insecure,
        (_, true) => Expected::Either,
        _ => Expected::Secure,
    }
}

/// What is answered: the records, without what proves them and without the names' case, which the validator has from its cache.
fn kinds(answer: &Message) -> BTreeSet<(Name, u16, Vec<u8>)> {
    let records = answer.answers.iter().filter(|record| record.rtype != rtype::RRSIG);
    records
        .map(|record| (record.owner.clone(), record.rtype, record.data.to_ascii_lowercase()))
        .collect()
}

#[test]
fn nsec() {
    validate("nsec.example", 11, Denial::Nsec);
}

#[test]
fn nsec3() {
    let denial = Denial::Nsec3 {
        iterations: 5,
        salt: "C0FFEE",
        opt_out: false,
    };
    validate("nsec3.example", 12, denial);
}

#[test]
fn nsec3_with_opt_out() {
    let denial = Denial::Nsec3 {
        iterations: 0,
        salt: "-",
        opt_out: true,
    };
    validate("optout.example", 13, denial);
}
