//! Catalogs are written here as master files are; the sections are those of RFC 9432.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::zone::Zone;
use crate::zone::tests::zone;

mod consumer;
mod producer;

/// A catalog of version 2 with these records.
fn catalog_zone(records: &str) -> Zone {
    zone(
        "catz",
        &format!("@ SOA invalid. invalid. 1 3600 600 86400 0\n@ NS invalid.\nversion TXT \"2\"\n{records}"),
    )
}

fn read(records: &str) -> Result<Catalog, Broken> {
    Catalog::read(&catalog_zone(records))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn listed(catalog: &Catalog) -> Vec<String> {
    let members = catalog.members();
    members.map(|(zone, member)| format!("{zone} {}", member.id)).collect()
}

#[test]
fn rfc9432_4_2_members_are_what_the_ptr_records_below_zones_name() {
    let catalog = read(
        "b1.zones PTR example.com.\nA2.zones PTR Example.NET.\nzones PTR not-a-member.\nx.y.zones PTR neither.\n\
         other PTR nor-this.\nc3.zones TXT \"nor this\"\n",
    )
    .unwrap();
    assert_eq!(listed(&catalog), ["example.com. b1", "Example.NET. a2"]);
}

#[test]
fn rfc9432_4_2_a_member_node_with_two_ptr_records_breaks_the_catalog() {
    let broken = read("a.zones PTR example.com.\na.zones PTR example.net.\n").unwrap_err();
    assert_eq!(broken, Broken::SeveralZones(MemberId::new(b"a")));
    assert_eq!(broken.to_string(), "member a has several PTR records");
}

#[test]
fn rfc9432_4_2_a_zone_at_two_nodes_breaks_the_catalog() {
    let broken = read("a.zones PTR example.com.\nb.zones PTR EXAMPLE.com.\n").unwrap_err();
    assert_eq!(broken, Broken::ListedTwice(name("example.com")));
}

#[test]
fn rfc9432_4_3_1_the_version_is_one_record_that_is_exactly_2() {
    let with_version = |records: &str| {
        let text = format!("@ SOA a. b. 1 1 1 1 1\n@ NS invalid.\n{records}a.zones PTR example.com.\n");
        Catalog::read(&zone("catz", &text)).map(|catalog| catalog.members().len())
    };
    assert_eq!(with_version("version TXT \"2\"\n"), Ok(1));
    assert_eq!(with_version("VERSION TXT \"2\"\n"), Ok(1));
    assert_eq!(with_version(""), Err(Broken::NoVersion));
    assert_eq!(with_version("version A 192.0.2.2\n"), Err(Broken::NoVersion));
    assert_eq!(
        with_version("version TXT \"2\"\nversion TXT \"3\"\n"),
        Err(Broken::SeveralVersions)
    );
    for other in ["\"1\"", "\"3\"", "\"02\"", "\" 2\"", "\"2\" \"\"", "\"\""] {
        assert_eq!(
            with_version(&format!("version TXT {other}\n")),
            Err(Broken::OtherVersion),
            "{other}"
        );
    }
}

#[test]
fn rfc9432_4_4_1_a_member_says_which_catalog_is_to_have_it_in_one_record() {
    let catalog =
        read("a.zones PTR example.com.\ncoo.a.zones PTR newcatz.\ncoo.a.zones TXT \"passed over\"\n").unwrap();
    let member = catalog.member(&name("example.com")).unwrap();
    assert_eq!(member.coo, Some(name("newcatz")));
    let broken = read("a.zones PTR example.com.\ncoo.a.zones PTR x.\ncoo.a.zones PTR y.\n").unwrap_err();
    assert_eq!(broken, Broken::SeveralOwners(MemberId::new(b"a")));
    // Of a node that is no member nothing is read.
    assert_eq!(
        read("coo.a.zones PTR x.\ncoo.a.zones PTR y.\n")
            .unwrap()
            .members()
            .len(),
        0
    );
}

#[test]
fn rfc9432_4_4_2_groups_are_the_values_of_one_string_each() {
    let catalog = read(
        "a.zones PTR example.com.\ngroup.A.zones TXT \"one\"\ngroup.a.zones TXT \"two\"\ngroup.a.zones TXT \"th\" \"ree\"\n\
         group.b.zones TXT \"nobody's\"\nb.zones A 192.0.2.1\n",
    )
    .unwrap();
    let mut groups = catalog.member(&name("example.com")).unwrap().groups.clone();
    groups.sort();
    assert_eq!(groups, [Box::from(*b"one"), Box::from(*b"two")]);
}

#[test]
fn rfc9432_4_5_custom_properties_are_passed_over() {
    let catalog = read(
        "x.ext TXT \"a\"\nx.ext TXT \"b\"\na.zones PTR example.com.\nprimaries.ext.a.zones A 192.0.2.1\n\
         coo.ext.a.zones PTR x.\ncoo.ext.a.zones PTR y.\nunknown.a.zones PTR z.\n",
    )
    .unwrap();
    assert_eq!(listed(&catalog), ["example.com. a"]);
}

#[test]
fn a_catalog_without_members_is_a_right_one() {
    assert_eq!(read(""), Ok(Catalog::default()));
}

#[test]
fn ids_print_as_labels_and_are_read_back() {
    for label in [&b"a1"[..], b"\x00\xFF .", b"a.b\\c"] {
        let id = MemberId::new(label);
        assert_eq!(MemberId::parse(&id.to_string()), Some(id.clone()), "{id}");
    }
    assert_eq!(MemberId::new(b"aB"), MemberId::new(b"Ab"));
    assert_eq!((MemberId::parse("a.b"), MemberId::parse(".")), (None, None));
}

/// A record of a small world, so that they collide: which kind, below which label, about what.
fn arbitrary_records() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec((0..5_u8, 0..4_u8, 0..4_u8), 0..12)
}

proptest! {
    #[test]
    fn a_catalog_is_what_its_records_say_in_any_order(records in arbitrary_records()) {
        let mut text = String::new();
        let (mut zones, mut owners, mut groups) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (kind, label, about) in records {
            match kind {
                0 | 1 => {
                    zones.insert((label, about));
                    text += &format!("l{label}.zones PTR z{about}.\n");
                }
                2 => {
                    owners.insert((label, about));
                    text += &format!("coo.L{label}.zones PTR c{about}.\n");
                }
                3 => {
                    groups.insert((label, about));
                    text += &format!("GROUP.l{label}.zones TXT \"g{about}\"\n");
                }
                _ => text += &format!("coo.ext.l{label}.zones PTR c{about}.\n"),
            }
        }
        let of = |all: &BTreeSet<(u8, u8)>, label: u8| -> Vec<u8> {
            all.iter().filter(|(of, _)| *of == label).map(|(_, about)| *about).collect()
        };
        let is_broken = (0..4).any(|n| {
            let at_label = of(&zones, n).len();
            let labels_of_zone = zones.iter().filter(|(_, zone)| *zone == n).count();
            at_label > 1 || labels_of_zone > 1 || (at_label == 1 && of(&owners, n).len() > 1)
        });
        let read = read(&text);
        prop_assert_eq!(read.is_err(), is_broken, "{:?}", read);
        let Ok(catalog) = read else { return Ok(()) };
        prop_assert_eq!(catalog.members().len(), zones.len());
        for (label, zone) in &zones {
            let member = catalog.member(&name(&format!("z{zone}"))).unwrap();
            prop_assert_eq!(member.id.to_string(), format!("l{label}"));
            let coo = of(&owners, *label).first().map(|to| name(&format!("c{to}")));
            prop_assert_eq!(&member.coo, &coo);
            let mut found: Vec<String> = member
                .groups
                .iter()
                .map(|group| String::from_utf8_lossy(group).into_owned())
                .collect();
            found.sort();
            let expected: Vec<String> = of(&groups, *label).iter().map(|group| format!("g{group}")).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
