//! Zones are written here as master files are, one record a line.

use super::*;
use crate::name::Name;
use crate::rrtype::Class;
use crate::search_name::SearchName;

/// Takes `owner [TTL] TYPE data` a line; an owner that is left out is the line before's. The TTL is 3600 unless given.
/// Comments take lines of their own.
pub(crate) fn build(origin: &str, text: &str) -> Result<Compiled, Vec<Finding>> {
    let origin: Name = origin.parse().unwrap();
    let mut builder = ZoneBuilder::new(origin.clone());
    let mut owner = origin.clone();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with(';') {
            continue;
        }
        let mut rest = line;
        let mut word = || {
            rest = rest.trim_start();
            let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
            rest = after;
            word
        };
        if !line.starts_with(' ') {
            owner = Name::parse(word().as_bytes(), Some(&origin)).unwrap();
        }
        let mut next = word();
        let ttl = next.parse().inspect(|_| next = word()).unwrap_or(3600);
        let class = Class::parse(next.as_bytes())
            .inspect(|_| next = word())
            .unwrap_or(Class::IN);
        let rtype = Type::parse(next.as_bytes()).unwrap_or_else(|| panic!("no type in {line}"));
        let rdata = crate::rdata::parse(rtype, rest.trim().as_bytes(), Some(&origin))
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let position = Position {
            file: 0,
            line: number as u32 + 1,
        };
        builder.add(owner.as_name_ref(), class, ttl, rtype, &rdata, Some(position));
    }
    builder.finish()
}

pub(crate) fn compiled(origin: &str, text: &str) -> Compiled {
    build(origin, text).unwrap_or_else(|findings| panic!("{findings:?}"))
}

pub(crate) fn zone(origin: &str, text: &str) -> Zone {
    compiled(origin, text).zone
}

const APEX: &str = "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

pub(super) fn with_apex(text: &str) -> Zone {
    zone("example", &format!("{APEX}{text}"))
}

fn find<'z>(zone: &'z Zone, name: &str) -> Lookup<'z> {
    let name: Name = name.parse().unwrap();
    zone.find(&SearchName::new(name.as_name_ref()))
}

fn node_name(node: Node<'_>) -> String {
    node.name().to_string()
}

#[test]
fn rfc4034_6_1_nodes_are_in_canonical_order() {
    let zone = with_apex(
        "z A 192.0.2.1\nyljkjljk.a A 192.0.2.1\nZ.a A 192.0.2.1\na A 192.0.2.1\nzABC.a A 192.0.2.1\n\\001.z A 192.0.2.1\n*.z A 192.0.2.1\n\\200.z A 192.0.2.1",
    );
    let names: Vec<String> = zone.nodes().map(node_name).collect();
    assert_eq!(
        names,
        [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.example.",
            "ns.example.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ]
    );
    let mut sorted: Vec<Name> = zone.nodes().map(|node| node.name().to_name()).collect();
    sorted.sort();
    assert!(zone.nodes().map(|node| node.name().to_name()).eq(sorted));
}

#[test]
fn rfc3597_every_type_of_a_name_is_found_among_thousands() {
    use std::fmt::Write as _;
    let types = || (1000..3000).map(Type);
    let mut text = String::new();
    for rtype in types() {
        writeln!(text, "a TYPE{} \\# 2 {:04x}", rtype.0, rtype.0).unwrap();
        writeln!(
            text,
            "a RRSIG TYPE{} 8 2 60 20300101000000 20200101000000 1 example. AQ==",
            rtype.0
        )
        .unwrap();
    }
    let zone = with_apex(&text);
    let Lookup::Exact(node) = find(&zone, "a.example") else {
        panic!()
    };
    for rtype in types() {
        let set = node.set(rtype).unwrap();
        assert_eq!(
            (set.rtype(), set.rdatas().next()),
            (rtype, Some(&rtype.0.to_be_bytes()[..]))
        );
        let signatures = node.signatures(rtype).unwrap();
        assert_eq!((signatures.rtype(), signatures.covers()), (Type::RRSIG, rtype));
    }
    assert!(node.set(Type::A).is_none() && node.set(Type(3000)).is_none() && node.signatures(Type::A).is_none());
}

#[test]
fn rfc4592_2_2_2_empty_non_terminals_exist() {
    let zone = with_apex("a.b.c A 192.0.2.1");
    for name in ["b.c.example", "c.example"] {
        let Lookup::Exact(node) = find(&zone, name) else {
            panic!("{name}")
        };
        assert!(node.is_empty());
    }
    let Lookup::NoName { encloser } = find(&zone, "x.y.b.c.example") else {
        panic!()
    };
    assert_eq!(node_name(encloser), "b.c.example.");
    assert_eq!(encloser.parent().map(node_name).as_deref(), Some("c.example."));
}

#[test]
fn the_closest_encloser_is_found_at_any_depth() {
    let zone = with_apex("a.b.c.d.e.f.g.h A 192.0.2.1");
    let mut name = "a.b.c.d.e.f.g.h.example".to_owned();
    for below in 0..20 {
        name.insert_str(0, "x.");
        let Lookup::NoName { encloser } = find(&zone, &name) else {
            panic!("{name}")
        };
        assert_eq!(node_name(encloser), "a.b.c.d.e.f.g.h.example.", "{below}");
    }
    let Lookup::NoName { encloser } = find(&zone, "1.2.3.4.5.6.7.example") else {
        panic!()
    };
    assert!(encloser.is_apex());
    assert_eq!(find(&zone, "1.2.3.4.5.6.7.test"), Lookup::OutOfZone);
    assert_eq!(find(&zone, "."), Lookup::OutOfZone);
    assert_eq!(find(&zone, "xexample"), Lookup::OutOfZone);
}

#[test]
fn rfc1034_4_2_1_what_is_below_a_cut_belongs_to_the_child() {
    let zone = with_apex("sub NS ns.sub\nns.sub A 192.0.2.2\ndeeper.sub NS ns\nx.deeper.sub A 192.0.2.3");
    let cut = |name| match find(&zone, name) {
        Lookup::Delegation { cut, at_cut } => Some((node_name(cut), at_cut)),
        _ => None,
    };
    for name in [
        "ns.sub.example",
        "deeper.sub.example",
        "x.deeper.sub.example",
        "nothing.sub.example",
    ] {
        assert_eq!(cut(name), Some(("sub.example.".to_owned(), false)), "{name}");
    }
    assert_eq!(cut("SUB.example"), Some(("sub.example.".to_owned(), true)));
    assert_eq!(cut("ns.example"), None);
}

#[test]
fn rfc6672_2_3_a_dname_redirects_names_below_it_only() {
    let zone = with_apex("d DNAME other.example\nd TXT x\nhidden.d A 192.0.2.2\ncut DNAME d\ncut NS ns");
    assert!(matches!(find(&zone, "d.example"), Lookup::Exact(_)));
    for name in ["x.d.example", "hidden.d.example", "a.b.hidden.d.example"] {
        let Lookup::Dname(owner) = find(&zone, name) else {
            panic!("{name}")
        };
        assert_eq!(node_name(owner), "d.example.");
    }
    assert!(matches!(find(&zone, "x.cut.example"), Lookup::Delegation { .. }));
}

#[test]
fn records_are_kept_once_and_in_order() {
    let zone = with_apex("a TXT b\na TXT a\na TXT b\nA TXT c\na MX 1 X\na MX 1 x");
    let Lookup::Exact(node) = find(&zone, "a.example") else {
        panic!()
    };
    let texts: Vec<&[u8]> = node.set(Type::TXT).unwrap().rdatas().collect();
    assert_eq!(texts, [b"\x01a", b"\x01b", b"\x01c"]);
    assert_eq!(node.set(Type::MX).unwrap().count(), 1);
    assert_eq!((zone.record_count(), zone.nodes().len()), (7, 3));
}

#[test]
fn signatures_are_sets_by_the_type_they_cover() {
    let signature = |covered: &str| format!("a RRSIG {covered} 8 2 60 20300101000000 20260101000000 1 example. AAAA\n");
    let zone = with_apex(&format!(
        "a A 192.0.2.2\na TXT x\n{}{}",
        signature("TXT"),
        signature("A")
    ));
    let Lookup::Exact(node) = find(&zone, "a.example") else {
        panic!()
    };
    let sets: Vec<_> = node.sets().map(|set| (set.rtype(), set.covers())).collect();
    assert_eq!(
        sets,
        [
            (Type::A, Type(0)),
            (Type::TXT, Type(0)),
            (Type::RRSIG, Type::A),
            (Type::RRSIG, Type::TXT)
        ]
    );
    assert_eq!(node.signatures(Type::TXT).unwrap().count(), 1);
    assert!(node.signatures(Type::AAAA).is_none());
}

#[test]
fn rfc2181_5_2_differing_ttls_are_settled_as_bind_does_and_reported() {
    for (text, ttl) in [
        // The first of neighbours.
        ("x 10 A 192.0.2.1\nx 20 A 192.0.2.2", 10),
        // The last of runs.
        ("x 20 A 192.0.2.1\ny A 192.0.2.7\nx 10 A 192.0.2.2", 10),
        ("x 10 A 192.0.2.1\ny A 192.0.2.7\nx 20 A 192.0.2.2", 20),
    ] {
        let compiled = compiled("example", &format!("{APEX}{text}"));
        let Lookup::Exact(node) = find(&compiled.zone, "x.example") else {
            panic!()
        };
        assert_eq!(node.set(Type::A).unwrap().ttl(), ttl, "{text}");
        let [finding] = &compiled.warnings[..] else {
            panic!("{text}")
        };
        assert_eq!(
            (&finding.kind, finding.position.unwrap().line),
            (&FindingKind::TtlsDiffer(ttl), 4)
        );
        assert_eq!(
            finding.to_string(),
            format!("x.example. A: the TTLs of these records differ: {ttl} is used for all")
        );
    }
}

#[test]
fn a_zone_without_exactly_one_good_soa_record_is_none() {
    for (text, kind) in [
        ("@ NS ns", FindingKind::NoSoa),
        ("x SOA a b 1 2 3 4 5", FindingKind::NoSoa),
        ("@ SOA a b 1 2 3 4 5\n@ SOA a b 2 2 3 4 5", FindingKind::SeveralSoas),
        (
            "@ SOA a b 1 2 3 4 5\nx CH A 192.0.2.1",
            FindingKind::OtherClass(Class::CH),
        ),
    ] {
        let findings = build("example", text).err().unwrap();
        assert_eq!(
            findings.iter().map(|finding| &finding.kind).collect::<Vec<_>>(),
            [&kind],
            "{text}"
        );
    }
    let origin: Name = "example".parse().unwrap();
    let mut builder = ZoneBuilder::new(origin.clone());
    builder.add(origin.as_name_ref(), Class::IN, 1, Type::SOA, b"\x00\x00abc", None);
    assert_eq!(builder.finish().err().unwrap()[0].kind, FindingKind::MalformedSoa);
}

#[test]
fn records_outside_of_the_zone_are_ignored_and_reported_once_a_name() {
    let compiled = compiled(
        "example",
        &format!("{APEX}a.test. A 192.0.2.1\na.test. AAAA ::1\nb.test. A 192.0.2.1"),
    );
    let owners: Vec<String> = compiled
        .warnings
        .iter()
        .map(|finding| finding.owner.to_string())
        .collect();
    assert_eq!(owners, ["a.test.", "b.test."]);
    assert_eq!(compiled.zone.record_count(), 3);
}

#[test]
fn the_case_of_names_is_that_of_their_first_record() {
    let zone = with_apex("WwW A 192.0.2.1\nwww TXT x");
    let Lookup::Exact(node) = find(&zone, "www.EXAMPLE") else {
        panic!()
    };
    assert_eq!(node_name(node), "WwW.example.");
    assert_eq!(node.sets().count(), 2);
}

#[test]
fn the_root_can_be_a_zone() {
    let zone = zone(".", "@ SOA ns h 1 2 3 4 5\n@ NS ns\ncom NS ns\na.b.org A 192.0.2.1");
    assert!(matches!(find(&zone, "www.com"), Lookup::Delegation { .. }));
    let Lookup::NoName { encloser } = find(&zone, "x.b.org") else {
        panic!()
    };
    assert_eq!(node_name(encloser), "b.org.");
    assert!(matches!(find(&zone, "."), Lookup::Exact(node) if node.is_apex()));
}
