//! The examples of RFC 5155 appendix B, over the zone of its appendix A, and what they leave out.

use super::*;

/// The apex is `example`, whose hash is 0p9m…; the letters in front of the other hashes:
/// 2t7b ns1, 2vpt x.y.w, 35mt a, b4um x.w, gjeq ai, ji6n y.w, k8ud w, koha 2t7b… (a name that looks like a hash),
/// q04j ns2, r53b *.w, t644 xx. The unsigned delegation c is opted out.
pub(super) const ZONE: &str = "\
@ SOA ns1 bugs.x.w 1 3600 300 3600000 3600
@ NS ns1
@ NS ns2
@ MX 1 xx
@ DNSKEY 256 3 7 AwEAAQ==
@ DNSKEY 257 3 7 AwEAAg==
@ NSEC3PARAM 1 0 12 aabbccdd
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG
2t7b4g4vsa5smi47k61mv5bv1a22bojr A 192.0.2.127
2t7b4g4vsa5smi47k61mv5bv1a22bojr NSEC3 1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG
2vptu5timamqttgl4luu9kg21e0aor3s NSEC3 1 1 12 aabbccdd 35mthgpgcu1qg68fab165klnsnk3dpvl MX RRSIG
35mthgpgcu1qg68fab165klnsnk3dpvl NSEC3 1 1 12 aabbccdd b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG
a NS ns1.a
a NS ns2.a
a DS 58470 5 1 3079F1593EBAD6DC121E202A8B766A6A4837206C
ns1.a A 192.0.2.5
ns2.a A 192.0.2.6
ai A 192.0.2.9
ai HINFO \"KLH-10\" \"ITS\"
ai AAAA 2001:db8::f00:baa9
b4um86eghhds6nea196smvmlo4ors995 NSEC3 1 1 12 aabbccdd gjeqe526plbf1g8mklp59enfd789njgi MX RRSIG
c NS ns1.c
c NS ns2.c
ns1.c A 192.0.2.7
ns2.c A 192.0.2.8
gjeqe526plbf1g8mklp59enfd789njgi NSEC3 1 1 12 aabbccdd ji6neoaepv8b5o6k4ev33abha8ht9fgc HINFO A AAAA RRSIG
ji6neoaepv8b5o6k4ev33abha8ht9fgc NSEC3 1 1 12 aabbccdd k8udemvp1j2f7eg6jebps17vp3n8i58h
k8udemvp1j2f7eg6jebps17vp3n8i58h NSEC3 1 1 12 aabbccdd kohar7mbb8dc2ce8a9qvl8hon4k53uhi
kohar7mbb8dc2ce8a9qvl8hon4k53uhi NSEC3 1 1 12 aabbccdd q04jkcevqvmu85r014c7dkba38o0ji5r A RRSIG
ns1 A 192.0.2.1
ns2 A 192.0.2.2
q04jkcevqvmu85r014c7dkba38o0ji5r NSEC3 1 1 12 aabbccdd r53bq7cc2uvmubfu5ocmm6pers9tk9en A RRSIG
r53bq7cc2uvmubfu5ocmm6pers9tk9en NSEC3 1 1 12 aabbccdd t644ebqk9bibcna874givr6joj62mlhv MX RRSIG
t644ebqk9bibcna874givr6joj62mlhv NSEC3 1 1 12 aabbccdd 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom HINFO A AAAA RRSIG
*.w MX 1 ai
x.w MX 1 xx
x.y.w MX 1 xx
xx A 192.0.2.10
xx HINFO \"KLH-10\" \"TOPS-20\"
xx AAAA 2001:db8::f00:baaa
";

fn zones() -> Zones {
    serve_signed("example", ZONE)
}

#[test]
fn rfc5155_b_1_name_error() {
    assert_sets(
        &zones(),
        query("a.c.x.w.example", Type::A),
        "NXDOMAIN aa rd
         n example. SOA +
         n b4um86eghhds6nea196smvmlo4ors995.example. NSEC3 +
         n 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 +
         n 35mthgpgcu1qg68fab165klnsnk3dpvl.example. NSEC3 +",
    );
}

#[test]
fn rfc5155_b_2_no_data_error() {
    assert_sets(
        &zones(),
        query("ns1.example", Type::MX),
        "NOERROR aa rd
         n example. SOA +
         n 2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. NSEC3 +",
    );
}

#[test]
fn rfc5155_b_2_1_no_data_error_empty_non_terminal() {
    assert_sets(
        &zones(),
        query("y.w.example", Type::A),
        "NOERROR aa rd
         n example. SOA +
         n ji6neoaepv8b5o6k4ev33abha8ht9fgc.example. NSEC3 +",
    );
}

#[test]
fn rfc5155_b_3_referral_to_an_opt_out_unsigned_zone() {
    assert_sets(
        &zones(),
        query("mc.c.example", Type::MX),
        "NOERROR rd
         n c.example. NS
         n 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 +
         n 35mthgpgcu1qg68fab165klnsnk3dpvl.example. NSEC3 +
         x ns1.c.example. A
         x ns2.c.example. A",
    );
}

#[test]
fn rfc5155_b_4_wildcard_expansion() {
    assert_sets(
        &zones(),
        query("a.z.w.example", Type::MX).norec(),
        "NOERROR aa
         a a.z.w.example. MX +
         n example. NS +
         n q04jkcevqvmu85r014c7dkba38o0ji5r.example. NSEC3 +
         x ai.example. A +
         x ai.example. AAAA +
         x ns1.example. A +
         x ns2.example. A +",
    );
}

#[test]
fn rfc5155_b_5_wildcard_no_data_error() {
    assert_sets(
        &zones(),
        query("a.z.w.example", Type::AAAA),
        "NOERROR aa rd
         n k8udemvp1j2f7eg6jebps17vp3n8i58h.example. NSEC3 +
         n q04jkcevqvmu85r014c7dkba38o0ji5r.example. NSEC3 +
         n r53bq7cc2uvmubfu5ocmm6pers9tk9en.example. NSEC3 +
         n example. SOA +",
    );
}

#[test]
fn rfc5155_b_6_ds_child_zone_no_data_error() {
    assert_sets(
        &zones(),
        query("example", Type::DS),
        "NOERROR aa rd
         n example. SOA +
         n 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 +",
    );
}

#[test]
fn rfc5155_7_2_7_a_referral_to_a_signed_zone_needs_no_proof() {
    assert_sets(
        &zones(),
        query("mc.a.example", Type::MX),
        "NOERROR rd
         n a.example. NS
         n a.example. DS +
         x ns1.a.example. A
         x ns2.a.example. A",
    );
}

#[test]
fn rfc5155_7_2_4_no_ds_at_an_opted_out_delegation() {
    assert_sets(
        &zones(),
        query("c.example", Type::DS),
        "NOERROR aa rd
         n 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 +
         n example. SOA +
         n 35mthgpgcu1qg68fab165klnsnk3dpvl.example. NSEC3 +",
    );
}

#[test]
fn rfc5155_7_2_8_the_name_of_an_nsec3_record_does_not_exist() {
    for name in [
        "kohar7mbb8dc2ce8a9qvl8hon4k53uhi.example",
        "x.0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example",
    ] {
        for qtype in [Type::NSEC3, Type::A] {
            let answered = ask_over(&zones(), Transport::Udp, &query(name, qtype).dnssec_ok());
            let text = sets(&answered);
            assert!(text.starts_with("NXDOMAIN aa rd\nn example. SOA +\nn 0p9m"), "{text}");
        }
    }
    // Unless it has other records, too.
    assert_sets(
        &zones(),
        query("2t7b4g4vsa5smi47k61mv5bv1a22bojr.example", Type::A),
        "NOERROR aa rd\na 2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. A +",
    );
}

#[test]
fn rfc5155_4_1_2_parameters_with_flags_are_not_used() {
    let other = "1 0 0 ee";
    let names = ["@", "a", "ai", "ns1", "ns2", "w", "*.w", "x.w", "y.w", "x.y.w", "xx"];
    let text = format!(
        "{ZONE}@ NSEC3PARAM 1 1 0 ee\n@ NSEC3PARAM 1 0 9999 ee\n@ NSEC3PARAM 2 0 0 ee\n{}",
        nsec3_chain("example", other, &names)
    );
    assert_sets(
        &serve_signed("example", &text),
        query("a.c.x.w.example", Type::A),
        "NXDOMAIN aa rd
         n example. SOA +
         n b4um86eghhds6nea196smvmlo4ors995.example. NSEC3 +
         n 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 +
         n 35mthgpgcu1qg68fab165klnsnk3dpvl.example. NSEC3 +",
    );
}

#[test]
fn rfc5155_10_4_records_of_another_chain_are_passed_over() {
    // The hashes of two chains over the same names are mixed; whichever is the one with parameters is answered from.
    let apex = "@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ DNSKEY 257 3 8 AwEAAg==\nns A 192.0.2.1\n";
    let hosts: Vec<String> = (0..40).map(|n| format!("h{n}")).collect();
    let mut names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    names.extend(["@", "ns"]);
    let (one, other) = ("1 0 3 -", "1 0 0 ABCD");
    let chains = nsec3_chain("e", one, &names) + &nsec3_chain("e", other, &names);
    let records: String = hosts.iter().map(|host| format!("{host} A 192.0.2.1\n")).collect();
    for parameters in [one, other] {
        let zones = serve_signed("e", &format!("{apex}@ NSEC3PARAM {parameters}\n{records}{chains}"));
        for n in 0..40 {
            let answered = ask_over(&zones, Transport::Tcp, &query(&format!("no{n}.e"), Type::A).dnssec_ok());
            let text = answered.text();
            let proofs = text
                .lines()
                .filter(|line| line.contains(" NSEC3 ") && !line.contains(" RRSIG "));
            let of_chain = format!(" NSEC3 {parameters} ");
            assert!(
                (2..=3).contains(&proofs.clone().count()) && proofs.clone().all(|line| line.contains(&of_chain)),
                "{text}"
            );
        }
    }
}

#[test]
fn rfc5155_5_unusable_parameters_leave_answers_without_proofs() {
    for parameters in ["1 1 12 aabbccdd", "2 0 12 aabbccdd", "1 0 2501 aabbccdd"] {
        let text = ZONE.replace("NSEC3PARAM 1 0 12 aabbccdd", &format!("NSEC3PARAM {parameters}"));
        assert_sets(
            &serve_signed("example", &text),
            query("a.c.x.w.example", Type::A),
            "NXDOMAIN aa rd\nn example. SOA +",
        );
    }
}
