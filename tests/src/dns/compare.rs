//! Two servers' answers to one question, compared in what they mean.

use std::fmt::Debug;

use super::message::{Message, Record};
use super::rtype;

/// What is different about the two answers, each in a line: the flags and response code, the question, the three sections
/// as sets, and EDNS. The order of records is a server's own choice; how often each is there is not.
#[must_use]
pub fn differences(expected: &Message, found: &Message) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(difference("rcode", &expected.rcode(), &found.rcode()));
    if expected.flags != found.flags {
        all.push(format!(
            "flags: expected {:04x}, found {:04x}",
            expected.flags, found.flags
        ));
    }
    all.extend(difference("question", &expected.questions, &found.questions));
    all.extend(difference("edns", &expected.edns, &found.edns));
    for (section, expected, found) in [
        ("answer", &expected.answers, &found.answers),
        ("authority", &expected.authorities, &found.authorities),
        ("additional", &expected.additionals, &found.additionals),
    ] {
        all.extend(section_differences(section, expected, found));
    }
    all
}

fn difference<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Option<String> {
    (expected != found).then(|| format!("{what}: expected {expected:?}, found {found:?}"))
}

fn section_differences(section: &str, expected: &[Record], found: &[Record]) -> Vec<String> {
    let mut missing = Vec::from(expected);
    let mut unexpected = Vec::new();
    for record in found {
        match missing.iter().position(|other| other == record) {
            Some(at) => drop(missing.swap_remove(at)),
            None => unexpected.push(record),
        }
    }
    let missing = missing.iter().map(|record| format!("{section}: missing {record:?}"));
    let unexpected = unexpected
        .iter()
        .map(|record| format!("{section}: unexpected {record:?}"));
    missing.chain(unexpected).collect()
}

/// Whether every record of `part` is in `whole`.
#[must_use]
pub fn is_subset(part: &[Record], whole: &[Record]) -> bool {
    part.iter().all(|record| whole.contains(record))
}

/// What of an answer knotd can be held to: it adds no name servers of the zone to an answer that has records, and fewer
/// addresses than named.
#[must_use]
pub fn comparable_with_knotd(answer: &Message) -> Message {
    let mut answer = answer.clone();
    answer.additionals.clear();
    let refers = answer.answers.is_empty();
    answer
        .authorities
        .retain(|record| refers || !is_of_name_servers(record));
    if let Some(edns) = &mut answer.edns {
        edns.options.clear();
    }
    answer
}

/// Whether a record is NS, or signs such.
fn is_of_name_servers(record: &Record) -> bool {
    record.rtype == rtype::NS || is_signature_of(record, rtype::NS)
}

fn is_signature_of(record: &Record, rtype: u16) -> bool {
    record.rtype == rtype::RRSIG && record.data.starts_with(&rtype.to_be_bytes())
}

/// A negative answer with another TTL of its SOA record and that one's signature.
#[must_use]
pub fn with_soa_ttl(answer: &Message, ttl: u32) -> Message {
    let mut answer = answer.clone();
    for record in &mut answer.authorities {
        if record.rtype == rtype::SOA || is_signature_of(record, rtype::SOA) {
            record.ttl = ttl;
        }
    }
    answer
}
