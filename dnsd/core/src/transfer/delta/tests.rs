use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::name::Name;
use crate::rrtype::Class;
use crate::zone::tests::zone;
use crate::zone::{Zone, ZoneBuilder};

fn example(serial: u32, text: &str) -> Zone {
    zone("example", &format!("@ SOA ns h {serial} 2 3 4 5\n@ NS ns\n{text}"))
}

fn lines(records: &Records) -> Vec<String> {
    records.iter().skip(1).map(|record| record.to_string()).collect()
}

/// All records of a zone, as lines of a master file.
pub(in crate::transfer) fn records_of(zone: &Zone) -> Vec<String> {
    let line = |record: RecordRef<'_>| format!("{} {record}", record.covers());
    zone.nodes()
        .flat_map(|node| node.sets().map(move |set| (node.name(), set)))
        .flat_map(|(owner, set)| {
            let record = move |rdata| RecordRef {
                owner,
                rtype: set.rtype(),
                ttl: set.ttl(),
                rdata,
            };
            set.rdatas().map(record).map(line)
        })
        .map(|line| line.to_ascii_lowercase())
        .collect()
}

#[test]
fn rfc1995_4_a_delta_is_what_goes_and_what_comes_after_the_soa_records() {
    for (old, new, removed, added) in [
        ("", "", vec![], vec![]),
        ("a A 192.0.2.1", "", vec!["a.example. 3600 IN A 192.0.2.1"], vec![]),
        (
            "a A 192.0.2.1\na A 192.0.2.2",
            "a A 192.0.2.1\na A 192.0.2.3",
            vec!["a.example. 3600 IN A 192.0.2.2"],
            vec!["a.example. 3600 IN A 192.0.2.3"],
        ),
        // A set has one TTL, so all of its records change with it.
        (
            "a 60 A 192.0.2.1\na 60 A 192.0.2.2",
            "a 90 A 192.0.2.1",
            vec!["a.example. 60 IN A 192.0.2.1", "a.example. 60 IN A 192.0.2.2"],
            vec!["a.example. 90 IN A 192.0.2.1"],
        ),
        // Case matters in data, which keeps it; not in owners.
        (
            "a MX 1 M\nB TXT x",
            "a MX 1 m\nb TXT x",
            vec!["a.example. 3600 IN MX 1 M.example."],
            vec!["a.example. 3600 IN MX 1 m.example."],
        ),
        // Below a cut and out of sight, but in the zone.
        (
            "sub NS ns\nns.sub A 192.0.2.1",
            "sub NS ns\nns.sub A 192.0.2.2",
            vec!["ns.sub.example. 3600 IN A 192.0.2.1"],
            vec!["ns.sub.example. 3600 IN A 192.0.2.2"],
        ),
    ] {
        let (old, new) = (example(1, old), example(2, new));
        let delta = Delta::between(&old, &new);
        assert_eq!((delta.from(), delta.to()), (Serial(1), Serial(2)));
        assert_eq!(lines(delta.removed()), removed);
        assert_eq!(lines(delta.added()), added);
        assert_eq!(records_of(&delta.apply(&old).unwrap()), records_of(&new));
    }
}

#[test]
fn a_delta_that_does_not_fit_is_refused() {
    let old = example(1, "a A 192.0.2.1");
    let new = example(2, "b A 192.0.2.1");
    let delta = Delta::between(&old, &new);
    let name = |text: &str| text.parse::<Name>().unwrap();
    assert_eq!(
        delta.apply(&new).err(),
        Some(ApplyError::OtherSerial {
            zone: Serial(2),
            delta: Serial(1)
        })
    );
    assert_eq!(
        delta.apply(&example(1, "")).err(),
        Some(ApplyError::NotThere {
            owner: name("a.example"),
            rtype: Type::A
        })
    );
    assert_eq!(
        delta.apply(&example(1, "a A 192.0.2.1\nb A 192.0.2.1")).err(),
        Some(ApplyError::AlreadyThere {
            owner: name("b.example"),
            rtype: Type::A
        })
    );
    let other = zone("other", "@ SOA ns h 1 2 3 4 5\n@ NS ns\n");
    assert_eq!(delta.apply(&other).err(), Some(ApplyError::OtherZone));
}

#[test]
fn records_that_make_no_delta_are_refused() {
    let zone = example(1, "a A 192.0.2.1");
    let origin: Name = "example".parse().unwrap();
    let soa = || {
        let mut records = Records::new();
        let rdata = zone.soa_set().rdatas().next().unwrap();
        records.push(origin.as_name_ref(), Type::SOA, 60, rdata);
        records
    };
    let with = |mut records: Records, owner: &str, rtype, rdata: &[u8]| {
        let owner: Name = owner.parse().unwrap();
        records.push(owner.as_name_ref(), rtype, 60, rdata);
        records
    };
    for (removed, added, error) in [
        (Records::new(), soa(), DeltaError::NoSoa),
        (soa(), Records::new(), DeltaError::NoSoa),
        (
            soa(),
            with(Records::new(), "example", Type::A, &[1; 4]),
            DeltaError::NoSoa,
        ),
        (
            soa(),
            with(Records::new(), "example", Type::SOA, b"\0\0x"),
            DeltaError::MalformedSoa,
        ),
        (
            soa(),
            with(soa(), "a.example", Type::SOA, b"\0\0x"),
            DeltaError::SeveralSoas,
        ),
        (soa(), with(soa(), "a.test", Type::A, &[1; 4]), DeltaError::OutOfZone),
        (
            soa(),
            with(
                Records::new(),
                "other",
                Type::SOA,
                zone.soa_set().rdatas().next().unwrap(),
            ),
            DeltaError::OutOfZone,
        ),
    ] {
        assert_eq!(Delta::new(removed, added).err(), Some(error));
    }
    assert_eq!(Delta::merged(&[]).err(), Some(DeltaError::None));
    let step = Delta::between(&zone, &example(2, ""));
    let gap = DeltaError::Gap {
        to: Serial(2),
        from: Serial(1),
    };
    assert_eq!(Delta::merged(&[&step, &step]).err(), Some(gap));
}

const NAMES: &[&[u8]] = &[b"\x01n\x00", b"\x01N\x00", b"\x01m\x01a\x04zone\x04test\x00"];
const EXCHANGES: &[&[u8]] = &[
    b"\x00\x01\x01n\x00",
    b"\x00\x01\x01N\x00",
    b"\x00\x02\x04mail\x04zone\x04test\x00",
];

/// Versions of a zone, each made of the one before it by a few edits of few names.
pub(in crate::transfer) fn versions(count: usize) -> impl Strategy<Value = Vec<Zone>> {
    let data = prop_oneof![
        4 => (0..4_u8).prop_map(|last| (Type::A, vec![192, 0, 2, last])),
        2 => prop::sample::select(NAMES)
            .prop_map(|name| (Type::NS, name.to_vec())),
        2 => prop::sample::select(EXCHANGES)
            .prop_map(|name| (Type::MX, name.to_vec())),
        1 => (1..3_u8, 0..2_u8).prop_map(|(covered, tag)| (Type::RRSIG, [&[0, covered, 8, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, tag][..], b"\x04zone\x04test\x00sig"].concat())),
        1 => "[a-c]{0,300}".prop_map(|text| (Type(65280), text.into_bytes())),
    ];
    let owner = prop_oneof![
        6 => "([abcAB*]\\.){1,4}",
        1 => Just(String::new()),
    ]
    .prop_map(|front| format!("{front}zone.test").parse::<Name>().unwrap());
    let edit = (owner, data, 1..3_u32, any::<bool>());
    let edits = prop::collection::vec(edit, 0..20);
    prop::collection::vec(edits, count).prop_map(|versions| {
        // Owner, type and data, TTL, and whether the record comes or its set goes.
        type Edited = (Name, (Type, Vec<u8>), u32, bool);
        type Sets = BTreeMap<(Name, Type), (u32, Vec<Vec<u8>>)>;
        let mut sets = Sets::new();
        let of_version = |(serial, edits): (usize, Vec<Edited>)| {
            for (owner, (rtype, rdata), ttl, keep) in edits {
                let set = sets.entry((owner, rtype)).or_default();
                set.0 = ttl;
                if keep {
                    set.1.push(rdata);
                } else {
                    set.1.clear();
                }
            }
            let origin: Name = "zone.test".parse().unwrap();
            let mut builder = ZoneBuilder::new(origin.clone());
            let soa = crate::rdata::parse(Type::SOA, format!("n h {serial} 2 3 4 5").as_bytes(), Some(&origin));
            builder.add(origin.as_name_ref(), Class::IN, 60, Type::SOA, &soa.unwrap(), None);
            for ((owner, rtype), (ttl, rdatas)) in &sets {
                for rdata in rdatas {
                    builder.add(owner.as_name_ref(), Class::IN, *ttl, *rtype, rdata, None);
                }
            }
            builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
        };
        versions.into_iter().enumerate().map(of_version).collect()
    })
}

proptest! {
    #[test]
    fn what_is_between_two_versions_makes_the_one_of_the_other(versions in versions(4)) {
        let mut steps = Vec::new();
        for pair in versions.windows(2) {
            let delta = Delta::between(&pair[0], &pair[1]);
            let made = delta.apply(&pair[0]).unwrap();
            prop_assert_eq!(records_of(&made), records_of(&pair[1]));
            prop_assert_eq!(made.record_count(), pair[1].record_count());
            let names: Vec<Name> = delta.removed().iter().chain(delta.added()).map(|record| record.owner.to_name()).collect();
            prop_assert_eq!(&Delta::between_at(&pair[0], &pair[1], names.iter().map(Name::as_name_ref)), &delta);
            let mut octets = Vec::new();
            delta.encode(&mut octets);
            prop_assert_eq!(octets.len(), delta.encoded_bytes());
            prop_assert_eq!(Delta::decode(&octets), Ok(delta.clone()));
            steps.push(delta);
        }
        let all = Delta::merged(&steps.iter().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(records_of(&all.apply(&versions[0]).unwrap()), records_of(&versions[3]));
        prop_assert_eq!(all.record_count(), Delta::between(&versions[0], &versions[3]).record_count());
    }

    #[test]
    fn octets_that_are_no_delta_are_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Delta::decode(&octets).is_err());
    }

    #[test]
    fn a_delta_with_an_octet_changed_is_another_or_none(versions in versions(2), at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let delta = Delta::between(&versions[0], &versions[1]);
        let mut octets = Vec::new();
        delta.encode(&mut octets);
        let at = at.index(octets.len());
        octets[at] ^= change;
        if let Ok(other) = Delta::decode(&octets) {
            let mut again = Vec::new();
            other.encode(&mut again);
            prop_assert_eq!(again, octets);
        }
    }
}
