//! That a zone which was changed is the zone that its records make when they are compiled.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rrtype::Class;
use crate::zone::difference::Difference;
use crate::zone::tests::{with_apex, zone};
use crate::zone::{Lookup, Node};

type Sets = BTreeMap<(Name, Type, Type), (u32, Vec<Vec<u8>>)>;

#[derive(Debug, Clone)]
struct Change {
    owner: Name,
    rtype: Type,
    covers: Type,
    ttl: u32,
    rdatas: Vec<Vec<u8>>,
}

fn origin() -> Name {
    "zone.test".parse().unwrap()
}

fn owners() -> impl Strategy<Value = Name> {
    prop_oneof![
        4 => "([abc*]\\.){1,4}",
        1 => Just(String::new()),
    ]
    .prop_map(|front| format!("{front}zone.test").parse().unwrap())
}

/// Few names and types: names come and go, get names below them and lose them, become cuts, aliases and hashes.
fn changes() -> impl Strategy<Value = Change> {
    let data = prop_oneof![
        4 => (Just(Type::A), prop::collection::vec(prop::collection::vec(0..3_u8, 4), 0..3)),
        2 => (Just(Type::NS), prop::collection::vec(Just(b"\x01n\x00".to_vec()), 0..2)),
        2 => (Just(Type::DNAME), prop::collection::vec(Just(b"\x01d\x00".to_vec()), 0..2)),
        2 => (Just(Type::NSEC3), prop::collection::vec(Just(vec![1, 0, 0, 0, 0, 0]), 0..2)),
        1 => (Just(Type::RRSIG), prop::collection::vec(Just(vec![0, 1, 9]), 0..2)),
    ];
    (owners(), data, 1..4_u32).prop_map(|(owner, (rtype, rdatas), ttl)| Change {
        owner,
        rtype,
        covers: if rtype == Type::RRSIG { Type::A } else { Type(0) },
        ttl,
        rdatas,
    })
}

/// Changes, now and then of so many sets of a name that its node has a list of where they are.
fn many_changes(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Change>> {
    let crowd = ("([ab]\\.){0,1}zone\\.test", 10..20_u16, 0..2_usize).prop_map(|(owner, types, records)| {
        let owner: Name = owner.parse().unwrap();
        (0..types)
            .map(|number| Change {
                owner: owner.clone(),
                rtype: Type(1000 + number),
                covers: Type(0),
                ttl: 1,
                rdatas: vec![vec![9]; records],
            })
            .collect()
    });
    let change = changes().prop_map(|change| vec![change]);
    prop::collection::vec(prop_oneof![12 => change, 1 => crowd], count).prop_map(|changes| changes.concat())
}

fn soa(serial: usize) -> Change {
    let text = format!("n h {serial} 2 3 4 5");
    Change {
        owner: origin(),
        rtype: Type::SOA,
        covers: Type(0),
        ttl: 60,
        rdatas: vec![crate::rdata::parse(Type::SOA, text.as_bytes(), Some(&origin())).unwrap()],
    }
}

fn set_changes(changes: &[Change]) -> Vec<SetChange<'_>> {
    changes
        .iter()
        .map(|change| SetChange {
            owner: change.owner.as_name_ref(),
            rtype: change.rtype,
            covers: change.covers,
            ttl: change.ttl,
            rdatas: change.rdatas.iter().map(Vec::as_slice).collect(),
        })
        .collect()
}

fn note(sets: &mut Sets, change: &Change) {
    let key = (change.owner.clone(), change.rtype, change.covers);
    if change.rdatas.is_empty() {
        sets.remove(&key);
    } else {
        sets.insert(key, (change.ttl, change.rdatas.clone()));
    }
}

fn compiled(sets: &Sets) -> Zone {
    let mut builder = ZoneBuilder::new(origin());
    for ((owner, rtype, _), (ttl, rdatas)) in sets {
        for rdata in rdatas {
            builder.add(owner.as_name_ref(), Class::IN, *ttl, *rtype, rdata, None);
        }
    }
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

fn name_of(node: Node<'_>) -> String {
    node.name().to_string()
}

/// All that can be read of a zone, by walking through it and by asking for these names.
fn seen(zone: &Zone, names: &[Name]) -> String {
    let mut seen = format!("{} {:?}\n", zone.record_count(), zone.soa());
    for node in zone.nodes() {
        let links =
            [node.parent(), node.wildcard_child(), node.barrier(), node.previous()].map(|node| node.map(name_of));
        seen += &format!("{} {links:?} {} {}\n", name_of(node), node.is_hash(), node.is_apex());
        for set in node.sets() {
            let rdatas: Vec<&[u8]> = set.rdatas().collect();
            seen += &format!("  {set:?} {} {} {rdatas:?}\n", set.covers(), set.ttl());
            assert_eq!(node.set(set.rtype()).is_some(), set.rtype() != Type::RRSIG);
        }
    }
    for name in names {
        let search = SearchName::new(name.as_name_ref());
        let found = match zone.find(&search) {
            Lookup::Exact(node) => format!("exact {}", name_of(node)),
            Lookup::Delegation { cut, at_cut } => format!("cut {} {at_cut}", name_of(cut)),
            Lookup::Dname(node) => format!("dname {}", name_of(node)),
            Lookup::Wildcard { source, encloser } => format!("wildcard {} {}", name_of(source), name_of(encloser)),
            Lookup::NoName { encloser } => format!("none {}", name_of(encloser)),
            Lookup::OutOfZone => "out".to_owned(),
        };
        let name = name.as_name_ref();
        let others = [
            zone.node(&search),
            zone.predecessor(name),
            zone.nsec3_at_or_before(name),
            zone.last_nsec3(),
        ];
        seen += &format!("{name}: {found} {:?}\n", others.map(|node| node.map(name_of)));
    }
    seen
}

proptest! {
    #[test]
    fn a_changed_zone_is_the_zone_that_its_records_make(
        first in many_changes(0..20),
        // Each a change of the zone, or the base made anew.
        steps in prop::collection::vec(prop::option::weighted(0.9, many_changes(1..8)), 1..8),
        names in prop::collection::vec(owners(), 20),
    ) {
        let mut sets = Sets::new();
        note(&mut sets, &soa(0));
        first.iter().for_each(|change| note(&mut sets, change));
        let mut zone = compiled(&sets);
        for (serial, step) in (1..).zip(steps) {
            let Some(mut changes) = step else {
                zone = zone.rebased().unwrap();
                prop_assert!(zone.overlay.is_none());
                continue;
            };
            changes.push(soa(serial));
            let before = zone;
            let old = seen(&before, &names);
            zone = before.changed(&set_changes(&changes)).unwrap();
            prop_assert_eq!(old, seen(&before, &names));
            changes.iter().for_each(|change| note(&mut sets, change));
            let expected = compiled(&sets);
            prop_assert_eq!(seen(&expected, &names), seen(&zone, &names), "after {:?}", changes);
            prop_assert_eq!(Difference::between(&expected, &zone), Difference::default());
        }
    }
}

fn change<'c>(owner: &'c Name, rtype: Type, rdatas: &[&'c [u8]]) -> SetChange<'c> {
    SetChange {
        owner: owner.as_name_ref(),
        rtype,
        covers: Type(0),
        ttl: 60,
        rdatas: rdatas.to_vec(),
    }
}

#[test]
fn a_change_that_a_zone_cannot_have_leaves_no_zone() {
    let zone = with_apex("a A 192.0.2.1");
    let apex: Name = "example".parse().unwrap();
    let outside: Name = "example.org".parse().unwrap();
    let large: Vec<Vec<u8>> = (0..6000_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let large: Vec<&[u8]> = large.iter().map(Vec::as_slice).collect();
    let soa = zone.soa_set().rdatas().next().unwrap().to_vec();
    let mut other_soa = soa.clone();
    *other_soa.last_mut().unwrap() ^= 1;
    for (change, kind) in [
        (change(&outside, Type::A, &[&[0; 4]]), FindingKind::OutOfZone),
        (change(&apex, Type::ANY, &[&[0; 4]]), FindingKind::MetaType),
        (change(&apex, Type::A, &large), FindingKind::SetTooLarge),
        (change(&apex, Type::RRSIG, &[&[0, 1, 0]]), FindingKind::OtherTypeCovered),
        (change(&apex, Type::SOA, &[]), FindingKind::NoSoa),
        (change(&apex, Type::SOA, &[&soa, &other_soa]), FindingKind::SeveralSoas),
        (change(&apex, Type::SOA, &[b"\x00\x00abc"]), FindingKind::MalformedSoa),
    ] {
        assert_eq!(zone.changed(&[change]).err().unwrap().kind, kind);
    }
}

#[test]
fn a_base_is_made_anew_when_many_names_have_changed() {
    let mut zone = zone("example", "@ SOA ns h 1 2 3 4 5\n@ NS ns.example.org.");
    let name = |number: usize| -> Name { format!("h{number}.example").parse().unwrap() };
    let mut rebased = 0;
    for number in 0..ENTRIES_MIN * 3 {
        zone = zone
            .changed(&[change(&name(number), Type::A, &[&[192, 0, 2, 1]])])
            .unwrap();
        rebased += usize::from(zone.overlay.is_none());
        assert!(
            zone.overlay
                .as_ref()
                .is_none_or(|overlay| overlay.entries.len() <= ENTRIES_MIN + 1)
        );
    }
    assert_eq!((rebased, zone.nodes().len()), (2, 1 + ENTRIES_MIN * 3));
}

#[test]
fn names_that_come_and_go_leave_nothing_behind() {
    let mut zone = zone("example", "@ SOA ns h 1 2 3 4 5\n@ NS ns.example.org.");
    let name: Name = "h.example".parse().unwrap();
    for _ in 0..10 * ENTRIES_MIN {
        zone = zone.changed(&[change(&name, Type::A, &[&[192, 0, 2, 1]])]).unwrap();
        zone = zone.changed(&[change(&name, Type::A, &[])]).unwrap();
        let nodes = zone.overlay.as_ref().map_or(0, |overlay| overlay.nodes.len());
        assert!(nodes <= ENTRIES_MIN, "{nodes}");
    }
    assert_eq!(zone.nodes().len(), 1);
}
