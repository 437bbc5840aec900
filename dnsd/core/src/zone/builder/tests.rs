//! That a zone doesn't depend on how many builders were given its records, or on how many threads compiled it.

use proptest::prelude::*;

use super::*;
use crate::zone::tree::{Plan, plan};
use crate::zone::{RecordSet, SetChange, check};

#[derive(Debug, Clone)]
struct Record {
    owner: Name,
    class: Class,
    rtype: Type,
    ttl: u32,
    rdata: Vec<u8>,
}

fn origin() -> Name {
    "Zone.Test".parse().unwrap()
}

/// Records of few names and types, so that owners come again, in other cases, and sets get several TTLs and duplicates.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let owner = prop_oneof![
        12 => "([abAB*]\\.){0,3}zone\\.test",
        1 => "[ab]\\.other",
    ];
    let data = prop_oneof![
        6 => (Just(Type::A), prop::collection::vec(0..3_u8, 4)),
        2 => (Just(Type::TXT), prop_oneof![Just(b"\x01a".to_vec()), Just(b"\x01A".to_vec())]),
        2 => (Just(Type::NS), prop_oneof![Just(b"\x01n\x00".to_vec()), Just(b"\x01N\x00".to_vec())]),
        1 => (Just(Type::DNAME), Just(b"\x01d\x00".to_vec())),
        1 => (Just(Type::RRSIG), prop::collection::vec(any::<u8>(), 0..3)),
        1 => (Just(Type::NSEC3), Just(vec![1, 0, 0, 0, 0, 0])),
    ];
    let class = prop_oneof![60 => Just(Class::IN), 1 => Just(Class::CH)];
    let record = (owner, class, data, 1..4_u32).prop_map(|(owner, class, (rtype, rdata), ttl)| Record {
        owner: owner.parse().unwrap(),
        class,
        rtype,
        ttl,
        rdata,
    });
    // Of so many types that the node has a list of where its sets are.
    let crowd = ("([ab]\\.){0,1}zone\\.test", 0..8_u16, 12..20_u16).prop_map(|(owner, first, count)| {
        let owner: Name = owner.parse().unwrap();
        (first..first + count)
            .map(|number| Record {
                owner: owner.clone(),
                class: Class::IN,
                rtype: Type(1000 + number),
                ttl: 1,
                rdata: vec![9],
            })
            .collect()
    });
    // Runs of one owner, as files have them.
    let few = prop::collection::vec(record, 1..5).prop_map(|mut run| {
        let owner = run[0].owner.clone();
        for record in run.iter_mut().skip(1).step_by(2) {
            record.owner = owner.clone();
        }
        run
    });
    let run = prop_oneof![6 => few, 1 => crowd];
    prop::collection::vec(run, 0..12).prop_map(|runs| runs.concat())
}

fn builder<'r>(records: impl Iterator<Item = (usize, &'r Record)>) -> ZoneBuilder {
    let mut builder = ZoneBuilder::new(origin());
    for (number, record) in records {
        let position = Position {
            file: 7,
            line: number as u32 + 1,
        };
        builder.add(
            record.owner.as_name_ref(),
            record.class,
            record.ttl,
            record.rtype,
            &record.rdata,
            Some(position),
        );
    }
    builder
}

/// All that can be seen of a zone, and what was found.
fn seen(result: Result<Compiled, Vec<Finding>>) -> String {
    let compiled = match result {
        Ok(compiled) => compiled,
        Err(findings) => return format!("{findings:?}"),
    };
    let mut seen = format!("{:?} {:?}\n", compiled.warnings, check::check(&compiled));
    let link = |node: Option<Node<'_>>| node.map(|node| node.name().to_string());
    for node in compiled.zone.nodes() {
        let links = [node.parent(), node.wildcard_child(), node.barrier(), node.previous()].map(link);
        seen.push_str(&format!("{} {links:?} {}\n", node.name(), node.is_hash()));
        for set in node.sets() {
            let rdatas: Vec<&[u8]> = set.rdatas().collect();
            let position = compiled.positions.of(node, set);
            seen.push_str(&format!(
                "  {set:?} {:?} {} {rdatas:?} {position:?}\n",
                set.covers(),
                set.ttl()
            ));
            let found = match set.covers() {
                Type(0) => node.set(set.rtype()),
                covered => node.signatures(covered),
            };
            assert_eq!(found.map(RecordSet::wire), Some(set.wire()));
        }
    }
    let zone = &compiled.zone;
    seen + &format!("{} {} {}", zone.record_count(), zone.heap_bytes(), zone.has_dnssec())
}

proptest! {
    #[test]
    fn parts_that_are_appended_make_the_zone_that_one_builder_makes(
        mut records in records(),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        soa in any::<prop::sample::Index>(),
    ) {
        let soa_rdata = crate::rdata::parse(Type::SOA, b"n h 1 2 3 4 5", Some(&origin())).unwrap();
        records.insert(soa.index(records.len() + 1), Record {
            owner: "zone.TEST".parse().unwrap(),
            class: Class::IN,
            rtype: Type::SOA,
            ttl: 1,
            rdata: soa_rdata,
        });
        let mut borders: Vec<usize> = splits.iter().map(|split| split.index(records.len() + 1)).collect();
        borders.extend([0, records.len()]);
        borders.sort_unstable();
        let numbered = || records.iter().enumerate();
        let mut parts = borders
            .windows(2)
            .map(|part| builder(numbered().skip(part[0]).take(part[1] - part[0])));
        let mut joined = parts.next().unwrap();
        for part in parts {
            joined.append(part);
        }
        prop_assert_eq!(seen(joined.finish()), seen(builder(numbered()).finish()));
    }
}

#[test]
fn a_large_zone_is_the_same_on_any_number_of_threads() {
    let large = || {
        let mut builder = ZoneBuilder::new(origin());
        let soa = crate::rdata::parse(Type::SOA, b"n h 1 2 3 4 5", Some(&origin())).unwrap();
        builder.add(origin().as_name_ref(), Class::IN, 1, Type::SOA, &soa, None);
        for host in 0..70_000_u32 {
            let owner: Name = format!("h{}.{}.zone.test", host.reverse_bits(), host % 7)
                .parse()
                .unwrap();
            let (rtype, rdata) = match host % 1000 {
                1 => (Type::MX, &b"\x00\x00\x01m\x04zone\x04test\x00"[..]),
                _ => (Type::A, &host.to_be_bytes()[..]),
            };
            builder.add(owner.as_name_ref(), Class::IN, 60, rtype, rdata, None);
        }
        builder
    };
    let compiled = |memory, threads| {
        large()
            .finish_in(memory, threads)
            .unwrap_or_else(|findings| panic!("{findings:?}"))
    };
    let compiled_on_one = compiled(Vec::new(), 1);
    let found = check::check(&compiled_on_one);
    assert_eq!(found.len(), 71);
    let one = compiled_on_one.zone;
    let bytes = one.base.arena.len();
    for (threads, memory_bytes) in [(2, 0), (3, bytes - 1), (1, bytes), (2, bytes + 1)] {
        let compiled = compiled(vec![0xA5; memory_bytes], threads);
        assert_eq!(check::check_on(&compiled, threads), found);
        let other = compiled.zone;
        assert!(one.base.arena[..] == other.base.arena[..] && one.base.order == other.base.order);
        for node in one.nodes() {
            let search = crate::search_name::SearchName::new(node.name());
            assert_eq!(other.node(&search).map(Node::number), Some(node.number()));
        }
    }
}

/// An SOA record, and all that a signed apex has: 18 sets.
fn signed_apex() -> Vec<Record> {
    let types = [
        Type::SOA,
        Type::NS,
        Type::A,
        Type::AAAA,
        Type::MX,
        Type::TXT,
        Type::CAA,
        Type::DNSKEY,
        Type::NSEC,
    ];
    let record = |rtype, rdata| Record {
        owner: origin(),
        class: Class::IN,
        rtype,
        ttl: 60,
        rdata,
    };
    let soa = crate::rdata::parse(Type::SOA, b"n h 1 2 3 4 5", Some(&origin())).unwrap();
    types
        .into_iter()
        .flat_map(|rtype| {
            let data = if rtype == Type::SOA {
                soa.clone()
            } else {
                b"\x01n\x00".to_vec()
            };
            let signature = [&rtype.0.to_be_bytes()[..], b"signature"].concat();
            [record(rtype, data), record(Type::RRSIG, signature)]
        })
        .collect()
}

#[test]
fn an_apex_may_have_eighteen_record_sets() {
    let records = signed_apex();
    let whole = || builder(records.iter().enumerate());
    let one = seen(whole().finish());
    let zone = whole().finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone;
    assert_eq!((zone.apex().sets().len(), zone.record_count()), (18, 18));
    assert_eq!(one, seen(whole().finish_on(2)));
    for split in 1..records.len() {
        let numbered = || records.iter().enumerate();
        let mut joined = builder(numbered().take(split));
        joined.append(builder(numbered().skip(split)));
        assert_eq!(one, seen(joined.finish()), "split before record {split}");
    }
    let added = zone
        .changed(&[SetChange {
            owner: origin().as_name_ref(),
            rtype: Type::HINFO,
            covers: Type(0),
            ttl: 60,
            rdatas: vec![b"\x00\x00"],
        }])
        .unwrap();
    assert_eq!((added.apex().sets().len(), added.record_count()), (19, 19));
    for set in zone.apex().sets() {
        let found = match set.covers() {
            Type(0) => added.apex().set(set.rtype()),
            covered => added.apex().signatures(covered),
        };
        assert_eq!(found.map(RecordSet::wire), Some(set.wire()), "{set:?}");
    }
}

fn outside(number: u32) -> Record {
    Record {
        owner: format!("h{number}.other").parse().unwrap(),
        class: Class::IN,
        rtype: Type::A,
        ttl: 60,
        rdata: vec![192, 0, 2, 1],
    }
}

#[test]
fn an_error_is_found_behind_any_number_of_warnings() {
    let in_zone = |number: u32, class, rtype| Record {
        owner: "a.zone.test".parse().unwrap(),
        class,
        rtype,
        rdata: number.to_be_bytes().to_vec(),
        ..outside(0)
    };
    let warnings = || signed_apex().into_iter().chain((0..1500).map(outside));
    let too_large: Vec<Record> = (0..6000).map(|number| in_zone(number, Class::IN, Type::A)).collect();
    for (wrong, kind) in [
        (vec![in_zone(0, Class::CH, Type::A)], FindingKind::OtherClass(Class::CH)),
        (vec![in_zone(0, Class::IN, Type::ANY)], FindingKind::MetaType),
        (too_large, FindingKind::SetTooLarge),
    ] {
        let records: Vec<Record> = warnings().chain(wrong.clone()).collect();
        let whole = builder(records.iter().enumerate());
        // As a part of a file that is read by another thread, which has as many warnings of its own.
        let part: Vec<Record> = (1500..3000).map(outside).chain(wrong).collect();
        let mut joined = builder(warnings().collect::<Vec<_>>().iter().enumerate());
        joined.append(builder(part.iter().enumerate()));
        for builder in [whole, joined] {
            let findings = builder.finish().err().unwrap();
            assert_eq!(findings.last().unwrap().kind, kind);
            assert_eq!(findings.len(), 1001);
        }
    }
}

#[test]
fn empty_non_terminals_are_limited_with_the_zone() {
    let mut builder = builder(signed_apex().iter().enumerate());
    for name in ["1", "2", "3"] {
        let owner: Name = format!("{name}.{}zone.test", "a.b.c.".repeat(30)).parse().unwrap();
        builder.add(owner.as_name_ref(), Class::IN, 1, Type::A, &[192, 0, 2, 1], None);
    }
    builder.close_run();
    let plans = plan(&mut builder, 4000);
    let empty = plans.iter().filter(|plan| plan.head.sets == 0);
    assert!((20..90).contains(&empty.clone().count()));
    assert!(empty.map(Plan::bytes).sum::<usize>() <= 4000);
    assert_eq!(builder.runs.runs.len(), 0);
    let findings = builder.findings.into_vec();
    assert_eq!(
        findings.iter().map(|finding| &finding.kind).collect::<Vec<_>>(),
        [&FindingKind::ZoneTooLarge]
    );
}
