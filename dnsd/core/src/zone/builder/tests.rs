//! That a zone doesn't depend on how many builders were given its records, or on how many threads compiled it.

use proptest::prelude::*;

use super::*;
use crate::zone::check;

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
    // Runs of one owner, as files have them.
    let run = prop::collection::vec(record, 1..5).prop_map(|mut run| {
        let owner = run[0].owner.clone();
        for record in run.iter_mut().skip(1).step_by(2) {
            record.owner = owner.clone();
        }
        run
    });
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
            builder.add(owner.as_name_ref(), Class::IN, 60, Type::A, &host.to_be_bytes(), None);
        }
        builder
    };
    let compiled = |threads| {
        large()
            .finish_on(threads)
            .unwrap_or_else(|findings| panic!("{findings:?}"))
            .zone
    };
    let one = compiled(1);
    for threads in [2, 3] {
        let other = compiled(threads);
        assert!(one.base.arena == other.base.arena && one.base.order == other.base.order);
        for node in one.nodes() {
            let search = crate::search_name::SearchName::new(node.name());
            assert_eq!(other.node(&search).map(Node::number), Some(node.number()));
        }
    }
}
