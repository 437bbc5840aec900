//! Catalogs of our own, read back.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::serial::Serial;
use crate::zone::Severity;
use crate::zone::check;

fn wanted(zone: &str, group: Option<&str>) -> Wanted {
    Wanted {
        zone: name(zone),
        listed: Some(group.map(|group| group.as_bytes().into())),
    }
}

fn gone(zone: &str) -> Wanted {
    Wanted {
        zone: name(zone),
        listed: None,
    }
}

fn created(members: Vec<Wanted>) -> (Producer, Zone) {
    let mut producer = Producer::new(&name("catz")).unwrap();
    let zone = producer.create(Serial(7), members).unwrap().zone;
    (producer, zone)
}

fn id(zone: &Zone, member: &str) -> MemberId {
    Catalog::read(zone).unwrap().member(&name(member)).unwrap().id.clone()
}

#[test]
fn rfc9432_4_1_a_catalog_has_what_a_zone_must_have_and_the_schema() {
    let mut producer = Producer::new(&name("catz")).unwrap();
    let members = vec![wanted("a.example", Some("g")), wanted("b.example", None)];
    let compiled = producer.create(Serial(7), members).unwrap();
    let zone = &compiled.zone;
    assert_eq!((zone.serial(), zone.record_count()), (Serial(7), 6));
    let catalog = Catalog::read(zone).unwrap();
    assert_eq!(catalog.member(&name("a.example")).unwrap().groups, [Box::from(*b"g")]);
    assert!(catalog.member(&name("b.example")).unwrap().groups.is_empty());
    let findings = check::check(&compiled);
    assert!(
        findings.iter().all(|finding| finding.severity() != Severity::Error),
        "{findings:?}"
    );
}

#[test]
fn a_step_costs_what_changes_and_leads_to_the_next_version() {
    let members: Vec<Wanted> = (0..10_000).map(|n| wanted(&format!("z{n}.example"), None)).collect();
    let (mut producer, zone) = created(members);
    let (next, delta) = producer
        .advance(&zone, Serial(8), vec![wanted("new.example", Some("g"))])
        .unwrap()
        .unwrap();
    // Two SOA records, the member and its group.
    assert_eq!((delta.record_count(), next.record_count()), (4, 10_005));
    assert_eq!(delta.apply(&zone).unwrap().serial(), Serial(8));
    assert_eq!(Catalog::read(&next).unwrap().members().len(), 10_001);
}

#[test]
fn rfc9432_5_6_a_zone_that_comes_back_has_another_label_and_one_that_stays_keeps_its_own() {
    let (mut producer, zone) = created(vec![wanted("a.example", None), wanted("b.example", None)]);
    let (without, _) = producer
        .advance(&zone, Serial(8), vec![gone("a.example")])
        .unwrap()
        .unwrap();
    let mut resumed = Producer::resume(&without).unwrap();
    let (again, _) = resumed
        .advance(&without, Serial(9), vec![wanted("a.example", None)])
        .unwrap()
        .unwrap();
    assert_ne!(id(&zone, "a.example"), id(&again, "a.example"));
    assert_eq!(id(&zone, "b.example"), id(&again, "b.example"));
}

#[test]
fn another_group_leaves_the_label_and_no_change_makes_no_version() {
    let (mut producer, zone) = created(vec![wanted("a.example", None)]);
    let same = producer.advance(&zone, Serial(8), vec![wanted("A.example", None), gone("b.example")]);
    assert!(same.unwrap().is_none());
    let (grouped, _) = producer
        .advance(&zone, Serial(8), vec![wanted("a.example", Some("g"))])
        .unwrap()
        .unwrap();
    assert_eq!(id(&zone, "a.example"), id(&grouped, "a.example"));
    let (back, _) = producer
        .advance(&grouped, Serial(9), vec![wanted("a.example", None)])
        .unwrap()
        .unwrap();
    assert_eq!(back.record_count(), zone.record_count());
}

#[test]
fn a_catalog_that_was_lost_is_made_with_the_same_labels() {
    let members = || vec![wanted("a.example", None), wanted("b.example", None)];
    let mut anew = Producer::new(&name("catz")).unwrap();
    let later = anew.create(Serial(99), members()).unwrap().zone;
    assert_eq!(id(&created(members()).1, "b.example"), id(&later, "b.example"));
}

#[test]
fn what_is_to_change_is_told_from_what_is_wanted() {
    let (producer, _) = created(vec![wanted("a", None), wanted("b", Some("g")), wanted("c", None)]);
    let mut changes = producer.towards([(name("a"), None), (name("b"), None), (name("d"), None)]);
    changes.sort_by(|left, right| left.zone.cmp(&right.zone));
    assert_eq!(changes, [wanted("b", None), gone("c"), wanted("d", None)]);
}

#[test]
fn a_catalog_whose_name_leaves_no_room_is_refused() {
    let long = name(&format!("{0}.{0}.{0}.{1}", "a".repeat(60), "b".repeat(50)));
    assert_eq!(Producer::new(&long).unwrap_err(), ProducerError::NameTooLong);
}

proptest! {
    #[test]
    fn versions_say_what_was_wanted_whatever_came_before(
        rounds in prop::collection::vec(
            prop::collection::vec((0..8_u8, prop::option::of(prop::option::of("[a-c]{1,2}"))), 0..6),
            1..8,
        ),
    ) {
        let (mut producer, first) = created(Vec::new());
        let mut zone = Arc::new(first);
        let mut model: BTreeMap<Name, Option<Box<[u8]>>> = BTreeMap::new();
        for (round, edits) in rounds.into_iter().enumerate() {
            let serial = Serial(8 + round as u32);
            let before = Catalog::read(&zone).unwrap();
            let edits: Vec<Wanted> = edits
                .into_iter()
                .map(|(zone, listed)| Wanted {
                    zone: name(&format!("z{zone}.example")),
                    listed: listed.map(|group: Option<String>| group.map(|group| group.as_bytes().into())),
                })
                .collect();
            let taken_out: Vec<Name> = edits
                .iter()
                .filter(|edit| edit.listed.is_none())
                .map(|edit| edit.zone.clone())
                .collect();
            for Wanted { zone, listed } in &edits {
                match listed {
                    Some(group) => model.insert(zone.clone(), group.clone()),
                    None => model.remove(zone),
                };
            }
            if let Some((next, delta)) = producer.advance(&zone, serial, edits).unwrap() {
                let applied = delta.apply(&zone).unwrap();
                prop_assert_eq!(Catalog::read(&applied), Catalog::read(&next));
                prop_assert_eq!(next.serial(), serial);
                zone = Arc::new(next);
            }
            let now = Catalog::read(&zone).unwrap();
            let listed: BTreeMap<Name, Option<Box<[u8]>>> = now
                .members()
                .map(|(zone, member)| (zone.clone(), member.groups.first().cloned()))
                .collect();
            prop_assert_eq!(&listed, &model);
            prop_assert_eq!(producer.members().len(), model.len());
            // Who was not taken out has its label.
            let kept = now.members().filter(|(zone, _)| !taken_out.contains(zone));
            for (zone, member) in kept {
                prop_assert!(before.member(zone).is_none_or(|before| before.id == member.id));
            }
        }
    }
}
