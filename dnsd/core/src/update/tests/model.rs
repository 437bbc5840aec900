//! Updates against a list of records and the pseudocode of RFC 2136, which knows nothing of nodes, sets and drafts.

use proptest::prelude::*;

use super::*;
use crate::zone::Soa;

/// RFC 2136 §3.4.2.7 over a list, and no NS records at a wildcard.
fn update(zone: &mut Vec<Record>, rr: &Record) {
    let apex = rr.owner == origin();
    let same_set = |other: &Record| other.owner == rr.owner && other.rtype == rr.rtype;
    match rr.class {
        Class::IN => {
            let mut there = zone.iter().filter(|other| other.owner == rr.owner);
            let barred = match rr.rtype {
                Type::CNAME => there.any(|other| other.rtype != Type::CNAME),
                Type::NS if rr.owner.is_wildcard() => true,
                _ => there.any(|other| other.rtype == Type::CNAME),
            };
            if barred {
                return;
            }
            if rr.rtype == Type::SOA
                && !zone
                    .iter()
                    .any(|other| same_set(other) && serial(rr).is_after(serial(other)))
            {
                return;
            }
            let single = matches!(rr.rtype, Type::SOA | Type::CNAME);
            zone.retain(|other| !(same_set(other) && (single || other.rdata == rr.rdata)));
            zone.push(rr.clone());
            zone.iter_mut()
                .filter(|other| same_set(other))
                .for_each(|other| other.ttl = rr.ttl);
        }
        Class::ANY if rr.rtype == Type::ANY => {
            zone.retain(|other| other.owner != rr.owner || apex && matches!(other.rtype, Type::SOA | Type::NS));
        }
        Class::ANY => {
            if !(apex && matches!(rr.rtype, Type::SOA | Type::NS)) {
                zone.retain(|other| !same_set(other));
            }
        }
        _ => {
            let last_ns = apex && rr.rtype == Type::NS && zone.iter().filter(|other| same_set(other)).count() == 1;
            if rr.rtype != Type::SOA && !last_ns {
                zone.retain(|other| !(same_set(other) && other.rdata == rr.rdata));
            }
        }
    }
}

fn serial(soa: &Record) -> Serial {
    Soa::read(&soa.rdata).unwrap().serial
}

fn lines(records: impl IntoIterator<Item = Record>) -> Vec<String> {
    let mut lines: Vec<String> = records.into_iter().map(|record| record.to_string()).collect();
    lines.sort();
    lines
}

fn records_of(zone: &Zone) -> Vec<Record> {
    let mut records = Vec::new();
    for node in zone.nodes() {
        for set in node.sets() {
            records.extend(set.rdatas().map(|rdata| Record {
                owner: node.name().to_name(),
                class: Class::IN,
                ttl: set.ttl(),
                rtype: set.rtype(),
                rdata: rdata.into(),
            }));
        }
    }
    records
}

fn line() -> impl Strategy<Value = String> {
    let owner = prop::sample::select(vec!["@", "a", "b.a", "c.b.a", "*", "www"]);
    let data = prop::sample::select(vec![
        "A 192.0.2.1",
        "A 192.0.2.2",
        "NS ns",
        "NS ns2",
        "CNAME www",
        "CNAME a",
        "TXT x",
        "SOA ns h 3 2 3 4 5",
        "SOA ns h 5 9 9 9 9",
        "SOA ns h 8 2 3 4 5",
    ]);
    (owner, data, 0..4, 1..3_u32).prop_map(|(owner, data, form, ttl)| {
        let rtype = data.split(' ').next().unwrap();
        match form {
            0 => format!("{owner} 0 NONE {data}"),
            1 if rtype == "TXT" => format!("{owner} 0 ANY ANY"),
            1 => format!("{owner} 0 ANY {rtype}"),
            _ => format!("{owner} {ttl} IN {data}"),
        }
    })
}

proptest! {
    #[test]
    fn an_update_does_what_the_pseudocode_of_rfc2136_does(
        steps in prop::collection::vec(prop::collection::vec(line(), 0..12), 1..6),
    ) {
        let mut zone = example();
        for step in steps {
            let updates: Vec<Record> = step.iter().map(|line| record(line)).collect();
            let before = records_of(&zone);
            let mut expected = before.clone();
            updates.iter().for_each(|rr| update(&mut expected, rr));
            let changed = run(&zone, &message(&[], &updates)).unwrap();
            let Some(Changed { zone: after, delta }) = changed else {
                prop_assert_eq!(lines(before), lines(expected), "{:?}", step);
                continue;
            };
            prop_assert!(after.serial().is_after(zone.serial()));
            prop_assert_ne!(lines(before), lines(expected.clone()), "{:?}", step);
            // RFC 2136 §3.6: the next serial, unless the update gave one.
            let soa = expected.iter_mut().find(|rr| rr.rtype == Type::SOA).unwrap();
            if serial(soa) == zone.serial() {
                let at = soa.rdata.len() - 20;
                soa.rdata[at..at + 4].copy_from_slice(&zone.serial().next().0.to_be_bytes());
            }
            prop_assert_eq!(lines(records_of(&after)), lines(expected), "{:?}", step);
            let by_delta = delta.apply(&zone).unwrap();
            prop_assert_eq!(lines(records_of(&by_delta)), lines(records_of(&after)));
            zone = after;
        }
    }
}
