//! What there is to ask about a zone: every name with every type that it has, and samples of what it has not.

use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::zone::{Node, RecordSet, Zone};

/// Names that are also asked for what they don't have: so many of a zone, evenly over it; of a smaller zone all.
const SAMPLES_MAX: usize = 1000;

/// A label that nobody's zone has.
const NO_LABEL: &[u8] = b"_dnsd-compare";

/// What names most often have, and are asked for where they don't.
const COMMON: [Type; 5] = [Type::A, Type::AAAA, Type::MX, Type::TXT, Type::SRV];

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// The name.
    pub(super) name: Name,
    /// The type.
    pub(super) qtype: Type,
}

/// All questions about a zone, in the order of its names.
pub(super) fn questions(zone: &Zone) -> impl Iterator<Item = Question> + '_ {
    let nodes = zone.nodes();
    let every = nodes.len().div_ceil(SAMPLES_MAX);
    nodes
        .enumerate()
        .flat_map(move |(n, node)| of_node(node, n % every == 0))
}

fn of_node(node: Node<'_>, is_sample: bool) -> Vec<Question> {
    // No question finds these (RFC 5155 §7.2.8).
    if node.is_hash() {
        return Vec::new();
    }
    let name = node.name().to_name();
    let mut questions = Vec::new();
    let mut ask = |name: &Name, qtype: Type| {
        questions.push(Question {
            name: name.clone(),
            qtype,
        });
    };
    let below = name.prepend(NO_LABEL).ok();
    match node.barrier() {
        // What is below a zone cut or a DNAME record is another's, whatever is asked for.
        Some(barrier) if barrier != node => {
            ask(&name, Type::A);
            return questions;
        }
        Some(_) => {
            ask(&name, Type::NS);
            ask(&name, Type::DS);
            below.iter().for_each(|below| ask(below, Type::A));
            return questions;
        }
        None => {}
    }
    let types = node.sets().map(RecordSet::rtype).filter(|rtype| *rtype != Type::RRSIG);
    let types: Vec<Type> = types.collect();
    // A wildcard also stands for names that aren't there.
    let stands_for = name
        .is_wildcard()
        .then(|| name.parent()?.prepend(NO_LABEL).ok())
        .flatten();
    for name in [Some(&name), stands_for.as_ref()].into_iter().flatten() {
        types.iter().for_each(|rtype| ask(name, *rtype));
        // What is an alias is one for every type.
        if types.is_empty() || node.has_cname() {
            ask(name, Type::A);
        }
    }
    if node.has_dname() {
        below.iter().for_each(|below| ask(below, Type::A));
    } else if is_sample {
        if !types.is_empty() && !node.has_cname() {
            let absent = COMMON.into_iter().filter(|rtype| !types.contains(rtype));
            absent.for_each(|rtype| ask(&name, rtype));
        }
        below.iter().for_each(|below| ask(below, Type::A));
    }
    questions
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::zones::test_zone::zone;

    #[test]
    fn every_name_is_asked_for_all_it_has_and_for_what_it_has_not() {
        let text = "@ SOA n h 1 1 1 1 1\n@ NS n.other.\nwww A 192.0.2.1\nwww MX 1 www\nalias CNAME www\n*.w TXT x\n\
                    a.b TXT x\nsub NS ns.sub\nns.sub A 192.0.2.2\nd DNAME www\nbelow.d A 192.0.2.3\n";
        let zone = zone("example", text);
        let asked: Vec<String> = questions(&zone)
            .map(|Question { name, qtype }| format!("{name} {qtype}"))
            .collect();
        let has = |question: &str| asked.iter().any(|asked| asked == question);
        for question in [
            "example. SOA",
            "example. NS",
            "example. A",
            "_dnsd-compare.example. A",
            "www.example. A",
            "www.example. MX",
            "www.example. TXT",
            "_dnsd-compare.www.example. A",
            "alias.example. CNAME",
            "alias.example. A",
            "*.w.example. TXT",
            "_dnsd-compare.w.example. TXT",
            "w.example. A",
            "b.example. A",
            "a.b.example. TXT",
            "sub.example. NS",
            "sub.example. DS",
            "_dnsd-compare.sub.example. A",
            "ns.sub.example. A",
            "d.example. DNAME",
            "_dnsd-compare.d.example. A",
        ] {
            assert!(has(question), "{question} is missing in {asked:?}");
        }
        assert_eq!(asked.iter().filter(|asked| asked.starts_with("ns.sub.")).count(), 1);
    }

    #[test]
    fn of_a_large_zone_samples_are_asked_for_what_is_not_there() {
        let mut text = "@ SOA n h 1 1 1 1 1\n@ NS n.other.\n".to_owned();
        for host in 0..4999 {
            writeln!(text, "h{host} A 192.0.2.1").unwrap();
        }
        let zone = zone("example", &text);
        let count = |keep: &dyn Fn(&Question) -> bool| questions(&zone).filter(|question| keep(question)).count();
        assert_eq!(count(&|question| question.name.labels().next() == Some(NO_LABEL)), 1000);
        assert_eq!(count(&|question| question.qtype == Type::MX), 1000);
        assert!(count(&|question| question.qtype == Type::A) >= 4999 + 1000);
    }
}
