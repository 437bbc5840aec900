//! The zones and the queries of RFC 1034 §6, with their answers. The RFC's answers to type ANY and about mail through
//! the additional section hold; its name servers keep class IN only.

use super::*;

/// RFC 1034 §6.1: the root zone of server C.ISI.EDU, with EDU's and MIL's delegations and the address glue.
const ROOT: &str = "
. 518400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400
. 518400 NS A.ISI.EDU.
. 518400 NS C.ISI.EDU.
. 518400 NS SRI-NIC.ARPA.
MIL. 86400 NS SRI-NIC.ARPA.
MIL. 86400 NS A.ISI.EDU.
EDU. 86400 NS SRI-NIC.ARPA.
EDU. 86400 NS C.ISI.EDU.
SRI-NIC.ARPA. 86400 A 26.0.0.73
SRI-NIC.ARPA. 86400 A 10.0.0.51
SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.
SRI-NIC.ARPA. 86400 HINFO DEC-2060 TOPS20
ACC.ARPA. 86400 A 26.6.0.65
ACC.ARPA. 86400 HINFO PDP-11/70 UNIX
ACC.ARPA. 86400 MX 10 ACC.ARPA.
USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.
73.0.0.26.IN-ADDR.ARPA. 86400 PTR SRI-NIC.ARPA.
65.0.6.26.IN-ADDR.ARPA. 86400 PTR ACC.ARPA.
51.0.0.10.IN-ADDR.ARPA. 86400 PTR SRI-NIC.ARPA.
52.0.0.10.IN-ADDR.ARPA. 86400 PTR C.ISI.EDU.
103.0.3.26.IN-ADDR.ARPA. 86400 PTR A.ISI.EDU.
A.ISI.EDU. 86400 A 26.3.0.103
C.ISI.EDU. 86400 A 10.0.0.52
";

/// RFC 1034 §6.1: the zone EDU of the same server.
const EDU: &str = "
EDU. 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870729 1800 300 604800 86400
EDU. 86400 NS SRI-NIC.ARPA.
EDU. 86400 NS C.ISI.EDU.
UCI 172800 NS ICS.UCI
UCI 172800 NS ROME.UCI
ICS.UCI 172800 A 192.5.19.1
ROME.UCI 172800 A 192.5.19.31
ISI 172800 NS VAXA.ISI
ISI 172800 NS A.ISI
ISI 172800 NS VENERA.ISI.EDU.
VAXA.ISI 172800 A 10.2.0.27
VAXA.ISI 172800 A 128.9.0.33
VENERA.ISI.EDU. 172800 A 10.1.0.52
VENERA.ISI.EDU. 172800 A 128.9.0.32
A.ISI 172800 A 26.3.0.103
UDEL.EDU. 172800 NS LOUIE.UDEL.EDU.
LOUIE.UDEL.EDU. 172800 A 10.0.0.96
LOUIE.UDEL.EDU. 172800 A 192.5.39.3
";

fn c_isi_edu() -> Zones {
    serve(&[(".", ROOT), ("EDU", EDU)])
}

#[test]
fn rfc1034_6_2_1_an_address() {
    assert_answer(
        &c_isi_edu(),
        &query("SRI-NIC.ARPA", Type::A),
        "NOERROR aa rd
         a SRI-NIC.ARPA. 86400 A 10.0.0.51
         a SRI-NIC.ARPA. 86400 A 26.0.0.73",
    );
}

#[test]
fn rfc1034_6_2_2_everything() {
    let answered = ask_over(&c_isi_edu(), Transport::Tcp, &query("SRI-NIC.ARPA", Type::ANY));
    assert_eq!(
        answered.text(),
        "NOERROR aa rd\n\
         a SRI-NIC.ARPA. 86400 A 10.0.0.51\n\
         a SRI-NIC.ARPA. 86400 A 26.0.0.73\n\
         a SRI-NIC.ARPA. 86400 HINFO DEC-2060 TOPS20\n\
         a SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.\n"
    );
}

#[test]
fn rfc1034_6_2_3_mail_with_the_exchangers_addresses() {
    assert_answer(
        &c_isi_edu(),
        &query("SRI-NIC.ARPA", Type::MX),
        "NOERROR aa rd
         a SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.
         x SRI-NIC.ARPA. 86400 A 10.0.0.51
         x SRI-NIC.ARPA. 86400 A 26.0.0.73",
    );
}

#[test]
fn rfc1034_6_2_4_a_name_without_records_of_the_type() {
    assert_answer(
        &c_isi_edu(),
        &query("SRI-NIC.ARPA", Type::NS),
        "NOERROR aa rd
         n . 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400",
    );
}

#[test]
fn rfc1034_6_2_5_a_misspelt_name() {
    assert_answer(
        &c_isi_edu(),
        &query("SIR-NIC.ARPA", Type::A),
        "NXDOMAIN aa rd
         n . 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400",
    );
}

#[test]
fn rfc1034_6_2_6_a_name_in_a_zone_that_is_another_servers() {
    // The RFC shows the addresses of both servers; its own of the root zone are no glue, and left to be asked for.
    assert_answer(
        &c_isi_edu(),
        &query("BRL.MIL", Type::A),
        "NOERROR rd
         n MIL. 86400 NS A.ISI.EDU.
         n MIL. 86400 NS SRI-NIC.ARPA.
         x A.ISI.EDU. 86400 A 26.3.0.103",
    );
}

#[test]
fn rfc1034_6_2_7_an_alias_and_where_it_leads() {
    // C.ISI.EDU is in EDU, which is another zone of this server: the alias is told, its target is asked for anew.
    assert_answer(
        &c_isi_edu(),
        &query("USC-ISIC.ARPA", Type::A),
        "NOERROR aa rd
         a USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.",
    );
}

#[test]
fn rfc1034_6_2_8_the_alias_itself() {
    assert_answer(
        &c_isi_edu(),
        &query("USC-ISIC.ARPA", Type::CNAME),
        "NOERROR aa rd
         a USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.",
    );
}

#[test]
fn rfc1034_4_3_2_the_nearest_zone_answers_with_a_referral_below_it() {
    assert_answer(
        &c_isi_edu(),
        &query("www.udel.edu", Type::A),
        "NOERROR rd
         n udel.edu. 172800 NS LOUIE.udel.edu.
         x LOUIE.udel.edu. 172800 A 10.0.0.96
         x LOUIE.udel.edu. 172800 A 192.5.39.3",
    );
}

#[test]
fn positive_answers_name_the_servers_of_the_zone_when_recursion_is_not_desired() {
    let text = ask(&c_isi_edu(), &query("ACC.ARPA", Type::A).norec());
    assert!(
        text.starts_with("NOERROR aa\na ACC.ARPA. 86400 A 26.6.0.65\nn . 518400 NS A.ISI.EDU.\n"),
        "{text}"
    );
    assert!(
        text.ends_with("x SRI-NIC.ARPA. 86400 A 10.0.0.51\nx SRI-NIC.ARPA. 86400 A 26.0.0.73\n"),
        "{text}"
    );
    // Those of the answer itself are not repeated.
    let text = ask(&c_isi_edu(), &query(".", Type::NS).norec());
    assert!(!text.contains("\nn "), "{text}");
}
