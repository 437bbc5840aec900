//! What new versions mean for the zones that are there.

use proptest::prelude::*;
use std::collections::HashSet;

use super::*;

const NOTHING_TAKEN: fn(&Name) -> bool = |_| false;

/// A catalog of members `zone id`, with more of them `zone id ! new-catalog` or `zone id # group`.
fn catalog(members: &[&str]) -> Catalog {
    let mut records = String::new();
    for member in members {
        let words: Vec<&str> = member.split(' ').collect();
        records += &format!("{}.zones PTR {}.\n", words[1], words[0]);
        match words[2..] {
            ["!", to] => records += &format!("coo.{}.zones PTR {to}.\n", words[1]),
            ["#", group] => records += &format!("group.{}.zones TXT \"{group}\"\n", words[1]),
            _ => {}
        }
    }
    read(&records).unwrap()
}

fn shown(update: &Update) -> Vec<String> {
    let changes = update.changes.iter().map(|Change { zone, what, from }| match from {
        Some(from) => format!("{zone} {what:?} from {from}"),
        None => format!("{zone} {what:?}"),
    });
    changes.chain(update.clashes.iter().map(ToString::to_string)).collect()
}

#[derive(Default)]
struct Bench(Consumer);

impl Bench {
    fn update(&mut self, name_of_catalog: &str, members: &[&str]) -> Vec<String> {
        let update = self
            .0
            .update(&name(name_of_catalog), catalog(members), false, NOTHING_TAKEN);
        shown(&update.unwrap())
    }

    fn owners(&self, zone: &str) -> Option<String> {
        let owned = self.0.owned(&name(zone))?;
        Some(format!("{} {}", owned.catalog, owned.id))
    }
}

#[test]
fn zones_come_stay_and_go_with_the_versions_of_their_catalog() {
    let mut bench = Bench::default();
    assert_eq!(bench.update("c", &["a 1", "b 2"]), ["a. Added", "b. Added"]);
    assert_eq!(bench.update("c", &["a 1", "b 2"]), Vec::<String>::new());
    assert_eq!(bench.update("c", &["b 2", "d 3"]), ["a. Removed", "d. Added"]);
    assert_eq!(bench.owners("b").as_deref(), Some("c. 2"));
    assert_eq!(bench.owners("a"), None);
}

#[test]
fn rfc9432_4_4_2_another_group_leaves_the_zone_s_data_alone() {
    let mut bench = Bench::default();
    bench.update("c", &["a 1 # x"]);
    assert_eq!(bench.update("c", &["a 1 # y"]), ["a. Kept"]);
    assert_eq!(bench.0.owned(&name("a")).unwrap().groups, [Box::from(*b"y")]);
}

#[test]
fn rfc9432_5_4_another_label_begins_a_zone_anew() {
    let mut bench = Bench::default();
    bench.update("c", &["a 1"]);
    assert_eq!(bench.update("c", &["a 2"]), ["a. Reset"]);
    assert_eq!(bench.update("c", &["a 2"]), Vec::<String>::new());
}

#[test]
fn rfc9432_5_2_what_is_there_stays_and_the_newcomer_is_told() {
    let mut bench = Bench::default();
    bench.update("c", &["a 1"]);
    assert_eq!(
        bench.update("d", &["a 1", "b 2"]),
        ["b. Added", "a. is a member of the catalog c. already"]
    );
    let taken = bench
        .0
        .update(&name("e"), catalog(&["own 1"]), false, |zone| *zone == name("own"));
    assert_eq!(shown(&taken.unwrap()), ["own. is a zone of the configuration already"]);
    assert_eq!(bench.owners("own"), None);
    // Once the name is free the catalog that lists it has it.
    assert_eq!(shown(&bench.0.reconsider(&name("e"), NOTHING_TAKEN)), ["own. Added"]);
}

#[test]
fn rfc9432_5_3_a_catalog_removes_only_what_it_has_brought() {
    let mut bench = Bench::default();
    bench.update("c", &["a 1"]);
    bench.update("d", &["a 1"]);
    assert_eq!(bench.update("d", &[]), Vec::<String>::new());
    assert_eq!(bench.owners("a").as_deref(), Some("c. 1"));
}

#[test]
fn rfc9432_4_4_1_a_zone_goes_over_when_the_new_catalog_lists_it_and_the_old_one_says_so() {
    let mut bench = Bench::default();
    bench.update("old", &["a 1", "b 2", "k 3"]);
    // Not at the moment in which the old one says so.
    assert_eq!(
        bench.update("old", &["a 1 ! new", "b 2 ! other", "k 3 ! new"]),
        Vec::<String>::new()
    );
    assert_eq!(
        bench.update("new", &["a 1", "b 2", "k 9"]),
        [
            "a. Kept from old.",
            "k. Reset from old.",
            "b. is a member of the catalog old. already"
        ]
    );
    assert_eq!(bench.owners("a").as_deref(), Some("new. 1"));
    // The old one lets go of it then, and nothing happens.
    assert_eq!(bench.update("old", &["b 2 ! other"]), Vec::<String>::new());
    assert_eq!(bench.owners("k").as_deref(), Some("new. 9"));
}

#[test]
fn rfc9432_4_4_1_versions_that_come_together_hand_zones_over_in_either_order() {
    let versions = [("old", catalog(&["a 1 ! new"])), ("new", catalog(&["a 1"]))];
    for order in [[0, 1], [1, 0]] {
        let mut bench = Bench::default();
        bench.update("old", &["a 1"]);
        for (of, version) in &versions {
            bench.0.note(&name(of), version);
        }
        for (of, version) in order.map(|n| &versions[n]) {
            let update = bench.0.update(&name(of), version.clone(), false, NOTHING_TAKEN);
            assert!(update.is_ok());
        }
        assert_eq!(bench.owners("a").as_deref(), Some("new. 1"), "{order:?}");
    }
}

#[test]
fn rfc9432_4_4_1_a_hand_over_that_was_taken_back_is_none() {
    let mut bench = Bench::default();
    bench.update("old", &["a 1 ! new"]);
    bench.update("old", &["a 1"]);
    assert_eq!(
        bench.update("new", &["a 1"]),
        ["a. is a member of the catalog old. already"]
    );
}

#[test]
fn a_catalog_that_listed_a_name_first_in_vain_has_it_once_it_is_free_but_not_by_a_hand_over() {
    let mut bench = Bench::default();
    bench.update("old", &["a 1"]);
    bench.update("new", &["a 1"]);
    bench.update("old", &["a 1 ! new"]);
    assert_eq!(
        shown(&bench.0.reconsider(&name("new"), NOTHING_TAKEN)),
        ["a. is a member of the catalog old. already"]
    );
    bench.update("old", &[]);
    assert_eq!(shown(&bench.0.reconsider(&name("new"), NOTHING_TAKEN)), ["a. Added"]);
}

#[test]
fn what_an_earlier_run_had_is_compared_with_the_version_that_is_there() {
    let mut bench = Bench::default();
    let owned = |catalog: &str, id: &str| Owned {
        catalog: name(catalog),
        id: MemberId::parse(id).unwrap(),
        groups: Vec::new(),
    };
    bench.0.restore(name("a"), owned("c", "1"));
    bench.0.restore(name("b"), owned("c", "1b"));
    bench.0.restore(name("m"), owned("old", "7"));
    let old = catalog(&["m 7 ! c"]);
    bench.0.note(&name("old"), &old);
    assert_eq!(
        bench.update("c", &["b 2b", "d 3", "m 7"]),
        ["a. Removed", "b. Reset", "d. Added", "m. Kept from old."]
    );
    let again = bench.0.update(&name("old"), old, false, NOTHING_TAKEN).unwrap();
    assert_eq!(shown(&again), ["m. is a member of the catalog c. already"]);
}

#[test]
fn the_loss_of_more_than_half_of_a_hundred_members_has_to_be_accepted() {
    let members: Vec<String> = (0..100).map(|n| format!("z{n} i{n}")).collect();
    let first = |count: usize| -> Vec<&str> { members[..count].iter().map(String::as_str).collect() };
    let renamed: Vec<String> = (0..100).map(|n| format!("z{n} j{n}")).collect();
    let mut bench = Bench::default();
    bench.update("c", &first(100));
    let refused = bench.0.update(&name("c"), catalog(&first(49)), false, NOTHING_TAKEN);
    let loss = Loss {
        members: 100,
        removed: 51,
        reset: 0,
    };
    assert_eq!(refused, Err(loss));
    assert_eq!(bench.0.owned_by(&name("c")).count(), 100);
    let anew: Vec<&str> = renamed.iter().map(String::as_str).collect();
    let refused = bench
        .0
        .update(&name("c"), catalog(&anew), false, NOTHING_TAKEN)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "of 100 members 0 would go and 100 would begin anew"
    );
    assert_eq!(bench.update("c", &first(50)).len(), 50);
    // Few may all go.
    assert_eq!(bench.update("c", &first(0)).len(), 50);
    bench.update("c", &first(100));
    let accepted = bench.0.update(&name("c"), catalog(&[]), true, NOTHING_TAKEN).unwrap();
    assert_eq!(accepted.changes.len(), 100);
}

#[test]
fn of_a_version_that_waits_nothing_is_brought_in_though_it_was_noted() {
    let mut bench = Bench::default();
    for n in 0..100 {
        let owned = Owned {
            catalog: name("c"),
            id: MemberId::new(b"i"),
            groups: Vec::new(),
        };
        bench.0.restore(name(&format!("z{n}")), owned);
    }
    let waiting = catalog(&["new 1"]);
    bench.0.note(&name("c"), &waiting);
    let refused = bench.0.update(&name("c"), waiting.clone(), false, NOTHING_TAKEN);
    assert_eq!(refused.unwrap_err().removed, 100);
    assert_eq!(bench.0.reconsider(&name("c"), NOTHING_TAKEN), Update::default());
    assert_eq!(bench.0.owned_by(&name("c")).count(), 100);
    let accepted = bench.0.update(&name("c"), waiting, true, NOTHING_TAKEN).unwrap();
    assert_eq!(accepted.changes.len(), 101);
}

#[test]
fn a_catalog_that_is_none_any_more_takes_its_zones_with_it() {
    let mut bench = Bench::default();
    bench.update("c", &["a 1", "b 2"]);
    bench.update("d", &["x 1"]);
    assert_eq!(bench.0.release(&name("b")).unwrap().id, MemberId::new(b"2"));
    assert_eq!(bench.0.forget(&name("c")), [name("a")]);
    assert!(bench.0.owned(&name("x")).is_some());
}

/// Members of a small world, so that they collide: which zone, which label, which catalog it is handed to.
fn arbitrary_catalog() -> impl Strategy<Value = Catalog> {
    let member = (0..6_usize, 0..3_u8, prop::option::weighted(0.3, 0..3_usize));
    prop::collection::vec(member, 0..6).prop_map(|members| {
        let mut seen = HashSet::new();
        let texts: Vec<String> = members
            .into_iter()
            .filter(|(zone, _, _)| seen.insert(*zone))
            .map(|(zone, id, coo)| {
                let coo = coo.map(|to| format!(" ! c{to}")).unwrap_or_default();
                // Labels of two zones differ.
                format!("z{zone} i{zone}x{id}{coo}")
            })
            .collect();
        catalog(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

proptest! {
    #[test]
    fn a_zone_is_there_exactly_if_a_catalog_has_brought_it(
        versions in prop::collection::vec((0..3_usize, arbitrary_catalog()), 1..12),
    ) {
        let taken = name("z5");
        let mut consumer = Consumer::default();
        let mut there: BTreeMap<Name, MemberId> = BTreeMap::new();
        let mut newest: BTreeMap<Name, Catalog> = BTreeMap::new();
        for (number, version) in versions {
            let of = name(&format!("c{number}"));
            newest.insert(of.clone(), version.clone());
            let update = consumer.update(&of, version.clone(), false, |zone| *zone == taken).unwrap();
            for Change { zone, what, .. } in &update.changes {
                let id = version.member(zone).map(|member| member.id.clone());
                let before = match id {
                    Some(id) => there.insert(zone.clone(), id),
                    None => there.remove(zone),
                };
                let after = there.get(zone);
                match what {
                    What::Added => prop_assert!(before.is_none() && after.is_some()),
                    What::Removed => prop_assert!(before.is_some() && after.is_none()),
                    What::Reset => prop_assert!(before.is_some() && before.as_ref() != after),
                    What::Kept => prop_assert!(before.is_some() && before.as_ref() == after),
                }
            }
            // What was carried out is what is noted, and what is noted is what its catalog says.
            let noted: BTreeMap<Name, MemberId> = (0..3)
                .map(|number| name(&format!("c{number}")))
                .flat_map(|catalog| {
                    let owned = consumer.owned_by(&catalog);
                    owned.map(|(zone, owned)| (zone.clone(), owned.id.clone())).collect::<Vec<_>>()
                })
                .collect();
            prop_assert_eq!(&noted, &there);
            for (zone, id) in &noted {
                let owner = &consumer.owned(zone).unwrap().catalog;
                prop_assert_eq!(&newest[owner].member(zone).unwrap().id, id);
                prop_assert!(*zone != taken);
            }
            // Each member of this version is there, or told.
            for (zone, _) in version.members() {
                let is_told = update.clashes.iter().any(|clash| clash.zone == *zone);
                let is_ours = consumer.owned(zone).is_some_and(|owned| owned.catalog == of);
                prop_assert!(is_told != is_ours);
            }
        }
    }
}
