use super::super::Position;
use super::*;
use crate::zone::tests::{build, compiled};

/// What is found in a good zone of three records with these beside them: `owner type kind`, without the kind's name.
fn found(text: &str) -> Vec<String> {
    let base = "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
    let findings = match build("e.test", &format!("{base}{text}")) {
        Ok(zone) => check(&zone),
        Err(errors) => errors,
    };
    findings
        .iter()
        .map(|finding| {
            let kind = format!("{:?}", finding.kind);
            let kind = kind.split('(').next().unwrap().to_owned();
            let severity = if finding.severity() == Severity::Error {
                "E"
            } else {
                "W"
            };
            let rtype = finding.rtype.map(|rtype| rtype.to_string()).unwrap_or_default();
            format!("{severity} {} {rtype} {kind}", finding.owner)
        })
        .collect()
}

/// What is found, for each of these zones.
fn assert_found(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(found(text), *expected, "{text}");
    }
}

#[test]
fn a_good_zone_has_no_findings() {
    assert_found(&[
        ("", &[]),
        ("*.w A 192.0.2.3\n@ MX 0 a.w", &[]),
        ("@ MX 0 .", &[]),
        ("@ NS ns.example.com.", &[]),
        ("x TXT \"v=spf1 -all\"", &[]),
        ("gc._msdcs A 192.0.2.1", &[]),
        ("_a._tcp SRV 0 0 1 ns", &[]),
    ]);
}

#[test]
fn rfc1035_5_2_a_zone_has_name_servers() {
    let zone = compiled("e.test", "@ SOA ns h 1 2 3 4 5\nns A 192.0.2.1");
    let findings = check(&zone);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind, FindingKind::NoNs);
    assert!(has_errors(&findings));
}

#[test]
fn rfc1034_3_6_2_a_cname_is_alone() {
    assert_found(&[
        ("x CNAME ns\nx A 192.0.2.1", &["E x.e.test. CNAME CnameAndOtherData"]),
        ("x A 192.0.2.1\nx CNAME ns", &["E x.e.test. CNAME CnameAndOtherData"]),
        ("x CNAME ns\nx DNAME ns", &["E x.e.test. CNAME CnameAndOtherData"]),
        ("@ CNAME ns", &["E e.test. CNAME CnameAndOtherData"]),
        ("x CNAME ns\nx CNAME ns2", &["E x.e.test. CNAME SeveralCnames"]),
        ("x CNAME ns\nx NSEC y.e.test. CNAME", &[]),
    ]);
}

#[test]
fn rfc6672_2_4_a_dname_is_single_and_has_nothing_below_it() {
    assert_found(&[
        ("x DNAME ns\nx DNAME ns2", &["E x.e.test. DNAME SeveralDnames"]),
        ("x DNAME ns\na.x A 192.0.2.2", &["W a.x.e.test. A HiddenByDname"]),
        ("x DNAME ns\nx NS ns", &[]),
    ]);
}

#[test]
fn an_soa_record_below_the_apex_is_an_error() {
    assert_found(&[("x SOA ns h 1 2 3 4 5", &["E x.e.test. SOA SoaNotAtApex"])]);
    assert!(build("e.test", "x SOA ns h 1 2 3 4 5").is_err());
}

#[test]
fn the_zones_own_name_servers_have_addresses() {
    assert_found(&[
        ("@ NS ns2", &["E e.test. NS NsWithoutAddress"]),
        ("@ NS ns2\nns2 CNAME ns", &["E e.test. NS NsIsCname"]),
        ("@ NS a.x\nx DNAME y", &["E e.test. NS NsBelowDname"]),
        (
            "@ NS 192.0.2.9",
            &["W e.test. NS TargetIsAddress", "E e.test. NS NsWithoutAddress"],
        ),
        ("@ NS 192.0.2.9.", &["W e.test. NS TargetIsAddress"]),
        ("@ NS a.w\n*.w A 192.0.2.3", &[]),
    ]);
}

#[test]
fn delegations_have_their_glue() {
    assert_found(&[
        ("sub NS ns.sub", &["W sub.e.test. NS RequiredGlueMissing"]),
        ("sub NS ns.sub2\nsub2 NS ns", &["W sub.e.test. NS SiblingGlueMissing"]),
        ("sub NS ns9", &["W sub.e.test. NS DelegationWithoutAddress"]),
        ("sub NS al\nal CNAME ns", &["W sub.e.test. NS TargetIsCname"]),
        ("sub NS ns.sub\nns.sub AAAA ::1", &[]),
        ("sub NS ns\na.sub TXT x\nsub A 192.0.2.3", &[]),
    ]);
}

#[test]
fn rfc2181_10_3_services_are_offered_by_hosts_with_addresses() {
    assert_found(&[
        ("@ MX 10 mail", &["W e.test. MX TargetWithoutAddress"]),
        ("@ MX 10 mail\nmail CNAME ns", &["W e.test. MX TargetIsCname"]),
        ("@ MX 10 mail.x\nx DNAME y", &["W e.test. MX TargetBelowDname"]),
        ("@ MX 10 192.0.2.1.", &["W e.test. MX TargetIsAddress"]),
        ("@ MX 10 mail.sub\nsub NS ns", &[]),
        ("_a._tcp SRV 0 0 1 foo", &["W _a._tcp.e.test. SRV TargetWithoutAddress"]),
        (
            "_a._tcp SRV 0 0 1 foo\nfoo CNAME ns",
            &["W _a._tcp.e.test. SRV TargetIsCname"],
        ),
    ]);
}

#[test]
fn rfc4592_4_2_no_delegation_at_a_wildcard() {
    assert_found(&[
        ("*.x NS ns", &["E *.x.e.test. NS NsAtWildcard"]),
        ("x.*.y TXT hi", &["W x.*.y.e.test. TXT AsteriskInside"]),
    ]);
}

#[test]
fn rfc1123_2_1_hosts_have_host_names() {
    assert_found(&[
        ("a_b A 192.0.2.1", &["W a_b.e.test. A OwnerIsNoHostName"]),
        ("a_b AAAA ::1", &["W a_b.e.test. AAAA OwnerIsNoHostName"]),
        ("*.a_b A 192.0.2.1", &["W *.a_b.e.test. A OwnerIsNoHostName"]),
        ("a_b TXT x", &[]),
        ("@ MX 0 a_b.example.", &["W e.test. MX TargetIsNoHostName"]),
        ("@ NS a_b.example.", &["W e.test. NS TargetIsNoHostName"]),
        ("x PTR a_b.example.", &[]),
    ]);
}

#[test]
fn rfc7208_3_1_spf_is_in_txt_records() {
    assert_found(&[
        ("@ SPF \"v=spf1 -all\"", &["W e.test. SPF SpfWithoutTxt"]),
        ("@ SPF \"v=spf1 -all\"\n@ TXT \"v=spf1 -all\"", &[]),
    ]);
}

#[test]
fn a_set_that_no_message_can_hold_is_an_error() {
    let texts = |count: usize| (0..count).map(|n| format!("big TXT {n:0250}\n")).collect::<String>();
    // 12 octets of header, 16 of question, 263 a record: 249 of them leave 20 octets. A record more makes a set that isn't
    // even stored, a longer owner one that is.
    let long_owner = texts(249).replace("big", &"b".repeat(24));
    let too_large = format!("E {}.e.test. TXT SetTooLarge", "b".repeat(24));
    assert_found(&[
        (&texts(249), &[]),
        (&texts(250), &["E big.e.test. TXT SetTooLarge"]),
        (&long_owner, &[&too_large]),
    ]);
}

#[test]
fn rfc9276_3_2_iterations_that_resolvers_do_not_put_up_with() {
    assert_found(&[
        ("@ NSEC3PARAM 1 0 50 -", &[]),
        ("@ NSEC3PARAM 1 0 51 -", &["W e.test. NSEC3PARAM Nsec3Iterations"]),
    ]);
}

#[test]
fn a_finding_says_where_in_plain_words() {
    let zone = compiled(
        "e.test",
        "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n\n@ MX 10 mail",
    );
    let findings = check(&zone);
    assert_eq!(
        findings[0].to_string(),
        "e.test. MX: mail.e.test. has no address in the zone"
    );
    assert_eq!(findings[0].position, Some(Position { file: 0, line: 5 }));
}

#[test]
fn an_error_is_found_behind_any_number_of_warnings() {
    let hosts: String = (0..1500).map(|number| format!("h_{number} A 192.0.2.1\n")).collect();
    let found = found(&format!("{hosts}x CNAME ns\nx A 192.0.2.1"));
    assert_eq!(found.len(), 1001);
    assert_eq!(found[1000], "E x.e.test. CNAME CnameAndOtherData");
}

#[test]
fn a_step_that_takes_or_brings_what_makes_an_error_is_found_as_in_the_whole_zone() {
    let good = "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nx A 192.0.2.2\n";
    let zone = compiled("e.test", good).zone;
    for (text, expected) in [
        (good.to_owned() + "y A 192.0.2.3\n", None),
        (good.replace("ns A 192.0.2.1\n", ""), Some("ns.e.test. has no address")),
        (good.replace("ns A 192.0.2.1", "ns CNAME x"), Some("is a CNAME")),
        (good.replace("@ NS ns\n", ""), Some("no NS record")),
        (good.to_owned() + "*.w NS ns\n", Some("NS records at a wildcard")),
        (good.to_owned() + "y CNAME x\ny TXT a\n", Some("CNAME beside")),
    ] {
        let text = text.replace("h 1 2", "h 2 2");
        let step = Delta::between(&zone, &compiled("e.test", &text).zone);
        let next = step.apply(&zone).unwrap();
        let errors = |findings: Vec<Finding>| -> Vec<String> {
            let errors = findings.iter().filter(|finding| finding.severity() == Severity::Error);
            errors.map(ToString::to_string).collect()
        };
        let found = errors(check_step(&next, &step));
        assert_eq!(found.len(), usize::from(expected.is_some()), "{text}: {found:?}");
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(found, expected)| found.contains(expected)),
            "{found:?}"
        );
        assert_eq!(found, errors(check(&compiled("e.test", &text))));
    }
}
