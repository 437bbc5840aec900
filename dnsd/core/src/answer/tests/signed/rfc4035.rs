//! The examples of RFC 4035 appendix B, over the zone of its appendix A, and what they leave out.

use super::*;

const ZONE: &str = "\
@ SOA ns1 bugs.x.w 1081539377 3600 300 3600000 3600
@ NS ns1
@ NS ns2
@ MX 1 xx
@ NSEC a NS SOA MX RRSIG NSEC DNSKEY
@ DNSKEY 256 3 5 AQOy
@ DNSKEY 257 3 5 AQOe
a NS ns1.a
a NS ns2.a
a DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B
a NSEC ai NS DS RRSIG NSEC
ns1.a A 192.0.2.5
ns2.a A 192.0.2.6
ai A 192.0.2.9
ai HINFO \"KLH-10\" \"ITS\"
ai AAAA 2001:db8::f00:baa9
ai NSEC b A HINFO AAAA RRSIG NSEC
b NS ns1.b
b NS ns2.b
b NSEC ns1 NS RRSIG NSEC
ns1.b A 192.0.2.7
ns2.b A 192.0.2.8
ns1 A 192.0.2.1
ns1 NSEC ns2 A RRSIG NSEC
ns2 A 192.0.2.2
ns2 NSEC *.w A RRSIG NSEC
*.w MX 1 ai
*.w NSEC x.w MX RRSIG NSEC
x.w MX 1 xx
x.w NSEC x.y.w MX RRSIG NSEC
x.y.w MX 1 xx
x.y.w NSEC xx MX RRSIG NSEC
xx A 192.0.2.10
xx HINFO \"KLH-10\" \"TOPS-20\"
xx AAAA 2001:db8::f00:baaa
xx NSEC @ A HINFO AAAA RRSIG NSEC
";

fn zones() -> Zones {
    serve_signed("example", ZONE)
}

#[test]
fn rfc4035_b_1_answer() {
    assert_sets(
        &zones(),
        query("x.w.example", Type::MX).norec(),
        "NOERROR aa
         a x.w.example. MX +
         n example. NS +
         x xx.example. A +
         x xx.example. AAAA +
         x ns1.example. A +
         x ns2.example. A +",
    );
}

#[test]
fn rfc4035_b_2_name_error() {
    assert_sets(
        &zones(),
        query("ml.example", Type::A).norec(),
        "NXDOMAIN aa
         n example. SOA +
         n example. NSEC +
         n b.example. NSEC +",
    );
}

#[test]
fn rfc4035_3_1_3_2_one_record_that_proves_both_is_there_once() {
    // No name is between the apex and a.example: neither 0.example nor *.example.
    assert_sets(
        &zones(),
        query("0.example", Type::A),
        "NXDOMAIN aa rd\nn example. SOA +\nn example. NSEC +",
    );
}

#[test]
fn rfc4035_b_3_no_data_error() {
    assert_sets(
        &zones(),
        query("ns1.example", Type::MX).norec(),
        "NOERROR aa
         n example. SOA +
         n ns1.example. NSEC +",
    );
}

#[test]
fn rfc4035_3_1_3_1_no_data_at_an_empty_non_terminal() {
    for (name, owner) in [("y.w.example", "x.w"), ("w.example", "ns2")] {
        assert_sets(
            &zones(),
            query(name, Type::A),
            &format!("NOERROR aa rd\nn example. SOA +\nn {owner}.example. NSEC +"),
        );
    }
}

#[test]
fn rfc4035_b_4_referral_to_signed_zone() {
    assert_sets(
        &zones(),
        query("mc.a.example", Type::MX).norec(),
        "NOERROR
         n a.example. NS
         n a.example. DS +
         x ns1.a.example. A
         x ns2.a.example. A",
    );
}

#[test]
fn rfc4035_b_5_referral_to_unsigned_zone() {
    assert_sets(
        &zones(),
        query("mc.b.example", Type::MX).norec(),
        "NOERROR
         n b.example. NS
         n b.example. NSEC +
         x ns1.b.example. A
         x ns2.b.example. A",
    );
}

#[test]
fn rfc4035_b_6_wildcard_expansion() {
    assert_sets(
        &zones(),
        query("a.z.w.example", Type::MX).norec(),
        "NOERROR aa
         a a.z.w.example. MX +
         n example. NS +
         n x.y.w.example. NSEC +
         x ai.example. A +
         x ai.example. AAAA +
         x ns1.example. A +
         x ns2.example. A +",
    );
}

#[test]
fn rfc4035_b_7_wildcard_no_data_error() {
    assert_sets(
        &zones(),
        query("a.z.w.example", Type::AAAA).norec(),
        "NOERROR aa
         n example. SOA +
         n x.y.w.example. NSEC +
         n *.w.example. NSEC +",
    );
}

#[test]
fn rfc4035_b_8_ds_child_zone_no_data_error() {
    assert_sets(
        &zones(),
        query("example", Type::DS).norec(),
        "NOERROR aa
         n example. SOA +
         n example. NSEC +",
    );
}

#[test]
fn rfc4035_3_1_4_1_ds_at_a_cut_is_the_parents_matter() {
    assert_sets(
        &zones(),
        query("a.example", Type::DS),
        "NOERROR aa rd\na a.example. DS +",
    );
    assert_sets(
        &zones(),
        query("b.example", Type::DS),
        "NOERROR aa rd\nn example. SOA +\nn b.example. NSEC +",
    );
    // Below the cut it is the child's.
    assert_sets(
        &zones(),
        query("x.b.example", Type::DS),
        "NOERROR rd
         n b.example. NS
         n b.example. NSEC +
         x ns1.b.example. A
         x ns2.b.example. A",
    );
}

#[test]
fn an_nsec_record_at_a_cut_is_the_parents() {
    assert_sets(
        &zones(),
        query("b.example", Type::NSEC),
        "NOERROR aa rd\na b.example. NSEC +",
    );
}

#[test]
fn rfc4035_3_1_3_without_do_there_are_no_proofs() {
    for (name, qtype, expected) in [
        ("ml.example", Type::A, "NXDOMAIN aa rd\nn example. SOA"),
        ("ns1.example", Type::MX, "NOERROR aa rd\nn example. SOA"),
        ("a.z.w.example", Type::AAAA, "NOERROR aa rd\nn example. SOA"),
        (
            "mc.a.example",
            Type::MX,
            "NOERROR rd\nn a.example. NS\nx ns1.a.example. A\nx ns2.a.example. A",
        ),
    ] {
        let answered = ask_over(&zones(), Transport::Udp, &query(name, qtype).edns(1232));
        assert_eq!(sets(&answered), expected, "{name}");
    }
}

#[test]
fn rfc4035_2_2_glue_has_no_signatures_even_if_the_file_has() {
    let text = format!("{ZONE}{}", signatures("example", ZONE));
    let glue = "ns1.b RRSIG A 5 3 3600 20040509183619 20040409183619 38519 example. AAAA";
    let zones = serve(&[("example", &format!("{text}{glue}"))]);
    let answered = ask_over(&zones, Transport::Udp, &query("mc.b.example", Type::MX).dnssec_ok());
    assert!(sets(&answered).contains("\nx ns1.b.example. A\n"));
}
