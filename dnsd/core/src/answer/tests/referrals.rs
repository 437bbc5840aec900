//! Referrals, glue and what else goes into the additional section.

use super::*;

const ZONE: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
in NS ns.in
in NS ns
ns.in A 192.0.2.2
ns.in AAAA 2001:db8::2
sibling NS ns.in
sibling NS ns.elsewhere.
www.in A 192.0.2.9
signed NS ns.in
signed DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000
signed RRSIG DS 8 2 3600 20300101000000 20260101000000 1 e. AAAA
mx MX 10 mail
mx MX 20 ns.in
mx MX 30 any.wild
mail A 192.0.2.3
*.wild A 192.0.2.4
_x._tcp SRV 0 0 1 mail
_x._tcp SRV 0 0 2 mail
";

fn zones() -> Zones {
    serve(&[("e", ZONE)])
}

#[test]
fn rfc1034_4_3_2_a_referral_has_no_aa_and_carries_its_glue() {
    let expected = "NOERROR rd
         n in.e. 3600 NS ns.e.
         n in.e. 3600 NS ns.in.e.
         x ns.in.e. 3600 A 192.0.2.2
         x ns.in.e. 3600 AAAA 2001:db8::2";
    for (name, qtype) in [
        ("in.e", Type::NS),
        ("in.e", Type::SOA),
        ("www.in.e", Type::A),
        ("ns.in.e", Type::A),
    ] {
        assert_answer(&zones(), &query(name, qtype), expected);
    }
}

#[test]
fn rfc9471_2_2_sibling_glue_is_given() {
    assert_answer(
        &zones(),
        &query("a.sibling.e", Type::A),
        "NOERROR rd
         n sibling.e. 3600 NS ns.in.e.
         n sibling.e. 3600 NS ns.elsewhere.
         x ns.in.e. 3600 A 192.0.2.2
         x ns.in.e. 3600 AAAA 2001:db8::2",
    );
}

#[test]
fn rfc4035_3_1_4_1_ds_is_answered_by_the_parent() {
    let text = ask(&zones(), &query("signed.e", Type::DS));
    assert!(text.starts_with("NOERROR aa rd\na signed.e. 3600 DS 1 "), "{text}");
    assert_answer(
        &zones(),
        &query("in.e", Type::DS),
        "NOERROR aa rd\nn e. 60 SOA ns.e. h.e. 1 2 3 4 60",
    );
    // Below the cut it is the child's as everything is.
    assert!(ask(&zones(), &query("a.in.e", Type::DS)).starts_with("NOERROR rd\nn in.e. "));
}

#[test]
fn rfc4035_3_1_4_a_referral_to_a_signed_child_has_its_ds_records() {
    let zones = zones();
    let text = ask(&zones, &query("a.signed.e", Type::A).dnssec_ok());
    assert!(
        text.contains("\nn signed.e. 3600 DS ") && text.contains("\nn signed.e. 3600 RRSIG "),
        "{text}"
    );
    assert!(!ask(&zones, &query("a.signed.e", Type::A)).contains(" DS "));
}

#[test]
fn rfc1034_4_3_2_6_addresses_of_targets_that_the_zone_has() {
    // A wildcard's are among them, those below a cut are not: they are the child's to tell.
    assert_answer(
        &zones(),
        &query("mx.e", Type::MX),
        "NOERROR aa rd
         a mx.e. 3600 MX 10 mail.e.
         a mx.e. 3600 MX 20 ns.in.e.
         a mx.e. 3600 MX 30 any.wild.e.
         x mail.e. 3600 A 192.0.2.3
         x any.wild.e. 3600 A 192.0.2.4",
    );
}

#[test]
fn an_address_is_added_once() {
    assert_answer(
        &zones(),
        &query("_x._tcp.e", Type::SRV),
        "NOERROR aa rd
         a _x._tcp.e. 3600 SRV 0 0 1 mail.e.
         a _x._tcp.e. 3600 SRV 0 0 2 mail.e.
         x mail.e. 3600 A 192.0.2.3",
    );
    assert_answer(
        &zones(),
        &query("ns.e", Type::A).norec(),
        "NOERROR aa
         a ns.e. 3600 A 192.0.2.1
         n e. 3600 NS ns.e.",
    );
}

#[test]
fn rfc6698_3_keys_of_services_come_with_their_addresses() {
    let key = "3 1 1 00";
    let text = format!(
        "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nm MX 1 ns\n_25._tcp.ns TLSA {key}\n\
         _s._udp SRV 0 0 5060 ns\n_5060._udp.ns TLSA {key}"
    );
    let zones = serve(&[("e", &text)]);
    for (name, qtype, owner) in [
        ("m.e", Type::MX, "_25._tcp.ns.e."),
        ("_s._udp.e", Type::SRV, "_5060._udp.ns.e."),
    ] {
        let text = ask(&zones, &query(name, qtype));
        assert!(
            text.ends_with(&format!("x ns.e. 3600 A 192.0.2.1\nx {owner} 3600 TLSA {key}\n")),
            "{text}"
        );
    }
}

#[test]
fn rfc3403_4_1_a_naptr_record_brings_what_its_flag_says() {
    let zones = serve(&[(
        "e",
        "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nother A 192.0.2.2\n_s._tcp SRV 0 0 1 ns\n\
         s NAPTR 1 1 S \"\" \"\" _s._tcp\na NAPTR 1 1 a \"\" \"\" other\nu NAPTR 1 1 u \"\" \"\" ns",
    )]);
    let additional = |name: &str| {
        let text = ask(&zones, &query(name, Type::NAPTR));
        text.lines()
            .filter(|line| line.starts_with('x'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        additional("s.e"),
        ["x _s._tcp.e. 3600 SRV 0 0 1 ns.e.", "x ns.e. 3600 A 192.0.2.1"]
    );
    assert_eq!(additional("a.e"), ["x other.e. 3600 A 192.0.2.2"]);
    assert!(additional("u.e").is_empty());
}

#[test]
fn targets_of_large_sets_are_not_looked_up() {
    let hosts = |count: usize| {
        let records: String = (0..count)
            .map(|n| format!("m MX {n} h{n}\nh{n} A 192.0.2.1\n"))
            .collect();
        let zones = serve(&[(
            "e",
            &format!("@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n{records}"),
        )]);
        ask(&zones, &query("m.e", Type::MX).edns(1232)).matches("\nx ").count()
    };
    assert_eq!((hosts(13), hosts(14)), (13, 0));
}

#[test]
fn name_servers_are_left_out_beside_digests_and_keys() {
    let zones = serve(&[(
        "e",
        "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\na CDS 0 0 0 00\na TXT x\n",
    )]);
    assert!(!ask(&zones, &query("a.e", Type::CDS).norec()).contains(" NS "));
    assert!(ask(&zones, &query("a.e", Type::TXT).norec()).contains(" NS "));
}
