//! The zone of RFC 4592 §2.2.1 and every question the RFC answers about it.

use super::*;

const EXAMPLE: &str = "
example. 3600 SOA ns.example.com. host.example.com. 1 2 3 4 60
example. 3600 NS ns.example.com.
example. 3600 NS ns.example.net.
*.example. 3600 TXT \"this is a wildcard\"
*.example. 3600 MX 10 host1.example.
sub.*.example. 3600 TXT \"this is not a wildcard\"
host1.example. 3600 A 192.0.2.1
_ssh._tcp.host1.example. 3600 SRV 0 0 22 host1
_ssh._tcp.host2.example. 3600 SRV 0 0 22 host1
subdel.example. 3600 NS ns.example.com.
subdel.example. 3600 NS ns.example.net.
";

const SOA: &str = "n example. 60 SOA ns.example.com. host.example.com. 1 2 3 4 60";

fn assert_example(name: &str, qtype: Type, expected: &str) {
    let zones = serve(&[("example", EXAMPLE)]);
    assert_answer(&zones, &query(name, qtype), &expected.replace("SOA", SOA));
}

#[test]
fn rfc4592_2_2_1_synthesized_from_the_wildcard() {
    // "QNAME=host3.example. QTYPE=MX": the owner is the name that was asked for.
    assert_example(
        "host3.example",
        Type::MX,
        "NOERROR aa rd
         a host3.example. 3600 MX 10 host1.example.
         x host1.example. 3600 A 192.0.2.1",
    );
}

#[test]
fn rfc4592_2_2_1_no_data_of_the_type_at_the_wildcard() {
    assert_example("host3.example", Type::A, "NOERROR aa rd\nSOA");
}

#[test]
fn rfc4592_2_2_1_names_of_several_labels_are_covered() {
    assert_example(
        "foo.bar.example",
        Type::TXT,
        "NOERROR aa rd\na foo.bar.example. 3600 TXT this is a wildcard",
    );
}

#[test]
fn rfc4592_2_2_1_an_existing_name_is_not_covered() {
    assert_example("host1.example", Type::MX, "NOERROR aa rd\nSOA");
}

#[test]
fn rfc4592_2_2_1_a_name_with_a_wildcard_label_inside_exists() {
    assert_example("sub.*.example", Type::MX, "NOERROR aa rd\nSOA");
    assert_example(
        "sub.*.example",
        Type::TXT,
        "NOERROR aa rd\na sub.*.example. 3600 TXT this is not a wildcard",
    );
}

#[test]
fn rfc4592_2_2_1_names_below_an_existing_name_are_not_covered() {
    // "_telnet._tcp.host1.example., QTYPE=SRV": _tcp.host1 exists as an empty non-terminal.
    assert_example("_telnet._tcp.host1.example", Type::SRV, "NXDOMAIN aa rd\nSOA");
}

#[test]
fn rfc4592_2_2_1_a_delegation_is_not_covered() {
    assert_example(
        "host.subdel.example",
        Type::A,
        "NOERROR rd
         n subdel.example. 3600 NS ns.example.com.
         n subdel.example. 3600 NS ns.example.net.",
    );
}

#[test]
fn rfc4592_2_2_1_the_wildcard_is_not_applied_below_itself() {
    // "ghost.*.example., QTYPE=MX": the closest encloser is *.example, which has no child "*".
    assert_example("ghost.*.example", Type::MX, "NXDOMAIN aa rd\nSOA");
}

#[test]
fn rfc4592_2_1_1_the_wildcard_can_be_asked_for_literally() {
    assert_example(
        "*.example",
        Type::TXT,
        "NOERROR aa rd\na *.example. 3600 TXT this is a wildcard",
    );
    assert_example("*.example", Type::A, "NOERROR aa rd\nSOA");
}

#[test]
fn rfc4592_2_2_2_an_empty_non_terminal_is_not_covered() {
    for name in ["_tcp.host1.example", "host2.example", "_tcp.host2.example"] {
        assert_example(name, Type::TXT, "NOERROR aa rd\nSOA");
    }
}

#[test]
fn rfc4592_3_3_1_the_case_of_the_question_is_kept() {
    assert_example(
        "HosT3.eXample",
        Type::TXT,
        "NOERROR aa rd\na HosT3.eXample. 3600 TXT this is a wildcard",
    );
}

const OWNERS: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
*.alias CNAME host
host A 192.0.2.2
*.empty.deeper.a TXT x
below.*.hollow TXT x
";

#[test]
fn rfc4592_4_5_a_cname_at_a_wildcard_is_followed() {
    let zones = serve(&[("e", OWNERS)]);
    assert_answer(
        &zones,
        &query("x.y.alias.e", Type::A),
        "NOERROR aa rd
         a x.y.alias.e. 3600 CNAME host.e.
         a host.e. 3600 A 192.0.2.2",
    );
    assert_answer(
        &zones,
        &query("x.alias.e", Type::CNAME),
        "NOERROR aa rd\na x.alias.e. 3600 CNAME host.e.",
    );
}

#[test]
fn rfc4592_4_8_an_empty_wildcard_covers_with_nothing() {
    let zones = serve(&[("e", OWNERS)]);
    let nodata = "NOERROR aa rd\nn e. 60 SOA ns.e. h.e. 1 2 3 4 60";
    assert_answer(&zones, &query("anything.hollow.e", Type::TXT), nodata);
    assert_answer(&zones, &query("anything.hollow.e", Type::ANY), nodata);
}
