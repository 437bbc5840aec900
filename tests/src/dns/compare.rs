//! Two servers' answers to one question, compared in what they mean.

use super::message::{Message, Record};

/// What is different about the two answers, each in a line: the flags and response code, the question, the three sections
/// as sets, and EDNS. The order of records is a server's own choice; how often each is there is not.
#[must_use]
pub fn differences(expected: &Message, found: &Message) -> Vec<String> {
    let mut all = Vec::new();
    let mut differ = |what: &str, expected: String, found: String| {
        if expected != found {
            all.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    differ(
        "rcode",
        format!("{:?}", expected.rcode()),
        format!("{:?}", found.rcode()),
    );
    differ(
        "flags",
        format!("{:04x}", expected.flags),
        format!("{:04x}", found.flags),
    );
    differ(
        "question",
        format!("{:?}", expected.questions),
        format!("{:?}", found.questions),
    );
    let edns = |message: &Message| format!("{:?}", message.edns);
    differ("edns", edns(expected), edns(found));
    for (section, expected, found) in [
        ("answer", &expected.answers, &found.answers),
        ("authority", &expected.authorities, &found.authorities),
        ("additional", &expected.additionals, &found.additionals),
    ] {
        all.extend(section_differences(section, expected, found));
    }
    all
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
