//! What names promise, by RFC section.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text.as_bytes(), None).unwrap()
}

#[test]
fn rfc1035_3_1_wire_form_is_length_and_octets() {
    assert_eq!(name("www.Example.").as_wire(), b"\x03www\x07Example\x00");
    assert_eq!(Name::root().as_wire(), b"\x00");
    assert_eq!(Name::from_wire(b"\x01a\x00").unwrap(), name("a."));
}

#[test]
fn rfc1035_2_3_4_limits_are_63_and_255() {
    let label = "a".repeat(63);
    assert!(Name::parse(format!("{label}.").as_bytes(), None).is_ok());
    assert_eq!(
        Name::parse(format!("{label}a.").as_bytes(), None),
        Err(NameError::LabelTooLong)
    );
    assert_eq!(
        Name::parse(format!("\\097{label}.").as_bytes(), None),
        Err(NameError::LabelTooLong)
    );
    let longest = format!("{label}.{label}.{label}.{}.", "a".repeat(61));
    assert_eq!(name(&longest).as_wire().len(), NAME_BYTES_MAX);
    assert_eq!(
        Name::parse(format!("a{longest}").as_bytes(), None),
        Err(NameError::LabelTooLong)
    );
    assert_eq!(
        Name::parse(format!("{label}.{label}.{label}.{}.", "a".repeat(62)).as_bytes(), None),
        Err(NameError::NameTooLong)
    );
    assert_eq!(name(&"a.".repeat(127)).label_count(), LABELS_MAX);
    assert_eq!(
        Name::parse("a.".repeat(128).as_bytes(), None),
        Err(NameError::NameTooLong)
    );
    assert!(name(&longest).wildcard_child().is_none());
}

#[test]
fn rfc1035_5_1_relative_names_and_the_at_sign_take_the_origin() {
    let origin = name("example.net.");
    assert_eq!(Name::parse(b"www", Some(&origin)).unwrap(), name("www.example.net."));
    assert_eq!(Name::parse(b"@", Some(&origin)).unwrap(), origin);
    assert_eq!(
        Name::parse(b"\\@", Some(&origin)).unwrap().as_wire(),
        b"\x01@\x07example\x03net\x00"
    );
    assert_eq!(Name::parse(b"www", None), Err(NameError::NoOrigin));
    assert_eq!(Name::parse(b"@", None), Err(NameError::NoOrigin));
}

#[test]
fn rfc1035_5_1_escapes_are_resolved() {
    assert_eq!(name(r"a\.b.c\046d.\200.").as_wire(), b"\x03a.b\x03c.d\x01\xc8\x00");
    for bad in [r"a\", r"a\1.", r"a\12", r"a\256."] {
        assert_eq!(Name::parse(bad.as_bytes(), None), Err(NameError::BadEscape), "{bad}");
    }
    for empty in ["..", ".a.", "a..b."] {
        assert_eq!(
            Name::parse(empty.as_bytes(), None),
            Err(NameError::EmptyLabel),
            "{empty}"
        );
    }
    assert_eq!(Name::parse(b"", None), Err(NameError::Empty));
}

#[test]
fn display_escapes_what_a_master_file_would_misread() {
    assert_eq!(
        name(r"a\.b\;\(\)\\\@\$\032\007.x.").to_string(),
        r"a\.b\;\(\)\\\@\$\032\007.x."
    );
    assert_eq!(Name::root().to_string(), ".");
}

#[test]
fn wire_that_is_not_one_name_is_refused() {
    assert_eq!(Name::from_wire(b""), Err(NameError::Truncated));
    assert_eq!(Name::from_wire(b"\x03ab"), Err(NameError::Truncated));
    assert_eq!(Name::from_wire(b"\x01a\x00\x00"), Err(NameError::TrailingBytes));
    assert_eq!(Name::from_wire(b"\x01a\xc0\x00"), Err(NameError::NotALabel));
    assert_eq!(Name::from_wire(b"\x40a\x00"), Err(NameError::NotALabel));
    assert_eq!(
        Name::from_wire(&[[1, b'a'].repeat(128), vec![0]].concat()),
        Err(NameError::NameTooLong)
    );
}

#[test]
fn rfc4343_only_ascii_letters_ignore_case() {
    assert_eq!(name("WWW.example."), name("www.EXAMPLE."));
    assert_ne!(name(r"\195."), name(r"\227."));
    assert_ne!(name("[."), name("{."));
    let set = HashSet::from([name("A.b.")]);
    assert!(set.contains(&name("a.B.")));
}

#[test]
fn rfc4034_6_1_canonical_order() {
    let sorted = [
        "example.",
        "a.example.",
        "yljkjljk.a.example.",
        "Z.a.example.",
        "zABC.a.EXAMPLE.",
        "z.example.",
        r"\001.z.example.",
        "*.z.example.",
        r"\200.z.example.",
    ];
    for pair in sorted.windows(2) {
        assert!(name(pair[0]) < name(pair[1]), "{} < {}", pair[0], pair[1]);
    }
    assert_eq!(name("A.example.").cmp(&name("a.EXAMPLE.")), Ordering::Equal);
}

#[test]
fn ancestors_end_at_label_borders() {
    let host = name("a.b.Example.net.");
    assert!(host.is_subdomain_of(&name("example.NET.")));
    assert!(host.is_subdomain_of(&host));
    assert!(host.is_subdomain_of(&Name::root()));
    assert!(!name("bexample.net.").is_subdomain_of(&name("example.net.")));
    assert!(!name("net.").is_subdomain_of(&host));
    // The tail's bytes stand inside one label: `\001a` followed by the root is no label's border here.
    assert!(!Name::from_wire(b"\x03x\x01a\x00").unwrap().is_subdomain_of(&name("a.")));
    assert_eq!(host.strip_suffix(&name("example.net.")).unwrap(), b"\x01a\x01b");
    assert_eq!(host.strip_suffix(&host).unwrap(), b"");
    assert_eq!(host.suffix(2).unwrap(), name("example.net."));
    assert_eq!(host.suffix(4).unwrap(), Name::root());
    assert!(host.suffix(5).is_none());
    assert_eq!(host.parent().unwrap(), name("b.example.net."));
    assert!(Name::root().parent().is_none());
}

#[test]
fn rfc4592_2_1_1_a_wildcard_starts_with_an_asterisk_label() {
    assert!(name("*.example.").is_wildcard());
    assert!(name(r"\042.example.").is_wildcard());
    assert!(!name("*a.example.").is_wildcard());
    assert!(!name("a.*.example.").is_wildcard());
    assert_eq!(name("example.").wildcard_child().unwrap(), name("*.example."));
    assert_eq!(name("example.").prepend(b""), Err(NameError::EmptyLabel));
}

/// Any name that wire form can carry.
pub(crate) fn any_name() -> impl Strategy<Value = Name> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=20), 0..=8).prop_map(|labels| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(label.len() as u8);
            wire.extend(label);
        }
        wire.push(0);
        Name::from_wire(&wire).unwrap()
    })
}

/// Two names under one parent, of octets that are alike, that differ in case only, and that the end of a label is compared as.
fn siblings() -> impl Strategy<Value = (Name, Name)> {
    let octet = || prop_oneof![4 => Just(b'a'), 1 => Just(b'A'), 1 => Just(0), 1 => Just(b'b'), 1 => Just(0xFF)];
    let label = || prop::collection::vec(octet(), 1..12);
    let parent = prop_oneof![Just("example."), Just("e."), Just(".")];
    (label(), label(), parent).prop_map(|(left, right, parent)| {
        let below = |label: &[u8]| name(parent).prepend(label).unwrap();
        (below(&left), below(&right))
    })
}

proptest! {
    #[test]
    fn printed_names_read_back_octet_for_octet(name in any_name()) {
        let printed = name.to_string();
        let read = Name::parse(printed.as_bytes(), None).unwrap();
        prop_assert_eq!(read.as_wire(), name.as_wire());
    }

    #[test]
    fn any_text_and_any_wire_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let origin = name("example.");
        if let Ok(name) = Name::parse(&bytes, Some(&origin)) {
            prop_assert_eq!(Name::from_wire(name.as_wire()).unwrap(), name);
        }
        if let Ok(name) = Name::from_wire(&bytes) {
            prop_assert_eq!(name.as_wire(), &bytes[..]);
        }
    }

    #[test]
    fn rfc4034_6_1_siblings_are_in_the_order_of_their_labels((a, b) in siblings()) {
        let label = |name: &Name| name.labels().next().map(<[u8]>::to_ascii_lowercase);
        prop_assert_eq!(a.cmp(&b), label(&a).cmp(&label(&b)), "{} {}", a, b);
    }

    #[test]
    fn order_agrees_with_equality(a in any_name(), b in any_name()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
    }
}
