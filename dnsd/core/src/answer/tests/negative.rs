//! Negative answers (RFC 2308).

use super::*;

const ZONE: &str = "
@ 1200 SOA ns h 7 2 3 4 300
@ NS ns
ns A 192.0.2.1
a CNAME b
dangling CNAME missing
b A 192.0.2.2
x.ent A 192.0.2.3
";

#[test]
fn rfc2308_3_the_soa_record_with_the_smaller_of_ttl_and_minimum() {
    for (soa_ttl, minimum, expected) in [(1200, 300, 300), (60, 300, 60), (300, 0, 0)] {
        let text = format!("@ {soa_ttl} SOA ns h 1 2 3 4 {minimum}\n@ NS ns\nns A 192.0.2.1");
        let zones = serve(&[("e", &text)]);
        for (name, rcode) in [("no.e", "NXDOMAIN"), ("ns.e", "NOERROR")] {
            assert_answer(
                &zones,
                &query(name, Type::TXT),
                &format!("{rcode} aa rd\nn e. {expected} SOA ns.e. h.e. 1 2 3 4 {minimum}"),
            );
        }
    }
}

#[test]
fn rfc2308_2_1_name_error_at_the_end_of_an_alias() {
    assert_answer(
        &serve(&[("e", ZONE)]),
        &query("dangling.e", Type::A),
        "NXDOMAIN aa rd
         a dangling.e. 3600 CNAME missing.e.
         n e. 300 SOA ns.e. h.e. 7 2 3 4 300",
    );
}

#[test]
fn rfc2308_2_2_no_data_at_the_end_of_an_alias() {
    assert_answer(
        &serve(&[("e", ZONE)]),
        &query("a.e", Type::AAAA),
        "NOERROR aa rd
         a a.e. 3600 CNAME b.e.
         n e. 300 SOA ns.e. h.e. 7 2 3 4 300",
    );
}

#[test]
fn rfc8020_an_empty_non_terminal_exists_and_has_no_data() {
    assert_answer(
        &serve(&[("e", ZONE)]),
        &query("ent.e", Type::A),
        "NOERROR aa rd\nn e. 300 SOA ns.e. h.e. 7 2 3 4 300",
    );
}

#[test]
fn the_soa_of_a_name_that_is_not_there_is_not_cached() {
    let zones = serve(&[("e", ZONE)]);
    assert_answer(
        &zones,
        &query("no.e", Type::SOA),
        "NXDOMAIN aa rd\nn e. 0 SOA ns.e. h.e. 7 2 3 4 300",
    );
    assert_answer(
        &zones,
        &query("b.e", Type::SOA),
        "NOERROR aa rd\nn e. 300 SOA ns.e. h.e. 7 2 3 4 300",
    );
}

#[test]
fn a_zone_that_is_not_loaded_is_a_servers_failure() {
    let zones = Zones::new([("e".parse().unwrap(), ZoneState::Failed)]);
    assert_answer(&zones, &query("www.e", Type::A), "SERVFAIL rd");
    assert_answer(&zones, &query("www.f", Type::A), "REFUSED rd");
}

#[test]
fn rfc5155_7_2_8_the_owners_of_nsec3_records_do_not_exist() {
    const HASH: &str = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom";
    let nsec3 =
        format!("{HASH} NSEC3 1 0 0 - {HASH} A\n{HASH} RRSIG NSEC3 8 2 60 20300101000000 20260101000000 1 e. AAAA\n");
    let start = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n";
    let rcode = |more: &str, name: &str, qtype| {
        let zones = serve(&[("e", &format!("{start}{nsec3}{more}"))]);
        ask_over(&zones, Transport::Udp, &query(name, qtype)).reply.rcode
    };
    for qtype in [Type::NSEC3, Type::A, Type::ANY] {
        assert_eq!(rcode("", &format!("{HASH}.e"), qtype), Rcode::NXDOMAIN);
    }
    // It hides neither a wildcard nor what else has the name.
    assert_eq!(
        rcode("* A 192.0.2.2\n", &format!("x.{HASH}.e"), Type::A),
        Rcode::NOERROR
    );
    assert_eq!(
        rcode(&format!("{HASH} A 192.0.2.2\n"), &format!("{HASH}.e"), Type::A),
        Rcode::NOERROR
    );
    assert_eq!(
        rcode(&format!("x.{HASH} A 192.0.2.2\n"), &format!("{HASH}.e"), Type::A),
        Rcode::NOERROR
    );
}
