//! Which record comes where, and which is left out first: as BIND does it where RFCs leave it open.

use super::*;

const ZONE: &str = "\
@ SOA ns h 1 2 3 4 5
@ NS ns
@ DNSKEY 257 3 8 AwEAAg==
@ NSEC *.a NS SOA RRSIG NSEC DNSKEY
*.a CNAME x.b
*.a NSEC *.b CNAME RRSIG NSEC
*.b CNAME x.cut
*.b NSEC x.0.b CNAME RRSIG NSEC
x.0.b A 192.0.2.2
x.0.b NSEC cut A RRSIG NSEC
cut NS ns
cut NSEC ns NS RRSIG NSEC
d DNAME a
ns A 192.0.2.1
ns NSEC @ A RRSIG NSEC
";

#[test]
fn rfc4035_3_1_3_3_every_wildcard_of_a_chain_is_proved() {
    assert_sets(
        &serve_signed("e", ZONE),
        query("n.d.e", Type::A),
        "NOERROR aa rd
         a d.e. DNAME +
         a n.d.e. CNAME
         a n.a.e. CNAME +
         a x.b.e. CNAME +
         n *.a.e. NSEC +
         n x.0.b.e. NSEC +
         n cut.e. NS
         n cut.e. NSEC +",
    );
}

#[test]
fn the_sets_of_one_owner_stand_together() {
    // What denies the name comes first but for the apex, which has the SOA record already.
    assert_sets(
        &serve_signed("e", ZONE),
        query("nt.e", Type::A),
        "NXDOMAIN aa rd
         n e. SOA +
         n e. NSEC +
         n ns.e. NSEC +",
    );
}

/// A zone whose signatures have 150 octets.
fn zones_with_long_signatures() -> Zones {
    let text = "@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ DNSKEY 257 3 8 AwEAAg==\n@ NSEC *.w NS SOA RRSIG NSEC DNSKEY\n\
                *.w A 192.0.2.1\n*.w NSEC ns A RRSIG NSEC\nns A 192.0.2.1\nns NSEC @ A RRSIG NSEC\n";
    let signatures = signatures("e", text).replace("AAAA\n", &format!("{}\n", "A".repeat(200)));
    serve(&[("e", &format!("{text}{signatures}"))])
}

fn ask_for_512_octets(query: Query) -> String {
    let query = Query {
        edns: Some((512, 0, true)),
        ..query
    };
    sets(&ask_over(&zones_with_long_signatures(), Transport::Udp, &query))
}

#[test]
fn rfc4035_3_1_3_a_proof_that_does_not_fit_is_a_truncated_answer() {
    let text = ask_for_512_octets(query("x.e", Type::A));
    assert!(text.starts_with("NXDOMAIN aa tc rd"), "{text}");
    let text = sets(&ask_over(
        &zones_with_long_signatures(),
        Transport::Udp,
        &query("x.e", Type::A).dnssec_ok(),
    ));
    assert!(text.starts_with("NXDOMAIN aa rd"), "{text}");
}

#[test]
fn the_zones_name_servers_give_way_to_the_proof() {
    assert_eq!(
        ask_for_512_octets(query("x.w.e", Type::A).norec()),
        "NOERROR aa\na x.w.e. A +\nn *.w.e. NSEC +"
    );
}

#[test]
fn one_set_of_signatures_is_enough_over_udp() {
    let zones = serve_signed("e", ZONE);
    let count = |transport| {
        let answered = ask_over(&zones, transport, &query("e", Type::RRSIG).dnssec_ok());
        answered.message().answers.len()
    };
    assert_eq!((count(Transport::Udp), count(Transport::Tcp)), (1, 4));
}
