//! What is answered before any zone is looked at, and the header and the OPT record of every reply.

use super::*;

const ZONE: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
multi A 192.0.2.2
multi AAAA 2001:db8::2
multi TXT x
sig A 192.0.2.3
sig RRSIG A 8 2 3600 20300101000000 20260101000000 1 e. AAAA
sig RRSIG TXT 8 2 3600 20300101000000 20260101000000 1 e. AAAA
";

fn zones() -> Zones {
    serve(&[("e", ZONE)])
}

fn outcome(request: &[u8]) -> Outcome {
    answer(
        &zones(),
        &Settings::default(),
        &client(Transport::Udp),
        request,
        &mut [0; 1232],
    )
}

fn header_of(octets: &[u8]) -> Header {
    Header::read(octets).unwrap()
}

/// The reply's response code and its length, for requests that zones don't matter to.
fn refused(request: &[u8]) -> (Rcode, usize) {
    let answered = ask_with(&zones(), &Settings::default(), Transport::Udp, request);
    (answered.reply.rcode, answered.octets.len())
}

#[test]
fn responses_and_fragments_get_no_reply() {
    let request = query("ns.e", Type::A).octets();
    assert_eq!(outcome(&request[..11]), Outcome::Drop(DropReason::TooShort));
    let mut response = request.clone();
    response[2] |= 0x80;
    assert_eq!(outcome(&response), Outcome::Drop(DropReason::Response));
    assert_eq!(outcome(&[]), Outcome::Drop(DropReason::TooShort));
}

#[test]
fn what_has_no_readable_question_gets_formerr_and_a_header() {
    let request = query("ns.e", Type::A).octets();
    assert_eq!(refused(&request[..12]), (Rcode::FORMERR, 12));
    assert_eq!(refused(&request[..request.len() - 1]), (Rcode::FORMERR, 12));
    for questions in [0, 2] {
        let mut counted = request.clone();
        counted[5] = questions;
        assert_eq!(refused(&counted), (Rcode::FORMERR, 12));
    }
}

#[test]
fn what_is_malformed_behind_its_question_gets_formerr_with_the_question() {
    let request = query("ns.e", Type::A).edns(1232).octets();
    assert_eq!(refused(&request[..request.len() - 1]), (Rcode::FORMERR, 12 + 10));
}

#[test]
fn rfc1035_4_1_1_other_opcodes_get_notimp() {
    for opcode in (1..16).filter(|opcode| !matches!(Opcode(*opcode), Opcode::NOTIFY | Opcode::UPDATE)) {
        let mut request = query("ns.e", Type::A).octets();
        request[2] |= opcode << 3;
        let answered = ask_with(&zones(), &Settings::default(), Transport::Udp, &request);
        assert_eq!((answered.reply.rcode, answered.octets.len()), (Rcode::NOTIMP, 12));
        assert_eq!(header_of(&answered.octets).flags.opcode(), Opcode(opcode));
    }
}

#[test]
fn what_takes_more_than_zones_in_memory_is_left_to_the_caller() {
    let opcode = |opcode: Opcode| {
        let mut request = query("e", Type::SOA).octets();
        request[2] |= opcode.0 << 3;
        request
    };
    let mut signed = query("ns.e", Type::A).octets();
    let tsig_at = signed.len();
    signed[11] = 1;
    signed.extend_from_slice(b"\x03key\x00\x00\xFA\x00\xFF\x00\x00\x00\x00\x00\x00");
    let asked = |name: &str, flags: Flags| {
        let mut request = query(name, Type::A);
        request.flags = flags;
        request.octets()
    };
    let iterative = |name: &str| asked(name, Flags::default());
    let recursive = |name: &str| asked(name, Flags::RD);
    let forwarding = Settings {
        forwards: true,
        ..Settings::default()
    };
    let forward: (Name, ZoneState) = ("f.e".parse().unwrap(), ZoneState::Forward);
    let zones = Zones::new(
        zones()
            .iter()
            .map(|(name, state)| (name.clone(), state.clone()))
            .chain([forward]),
    );
    let number = zones.number("f.e".parse::<Name>().unwrap().as_name_ref());
    for (request, settings, deferred) in [
        (opcode(Opcode::NOTIFY), Settings::default(), Some(Deferred::Notify)),
        (opcode(Opcode::UPDATE), Settings::default(), Some(Deferred::Update)),
        (signed, Settings::default(), Some(Deferred::Signed { tsig_at })),
        (
            query("e", Type::IXFR).octets(),
            Settings::default(),
            Some(Deferred::Transfer),
        ),
        (iterative("other"), forwarding.clone(), None),
        (recursive("other"), Settings::default(), None),
        (recursive("other"), forwarding.clone(), Some(Deferred::Forward(None))),
        (recursive("ns.e"), forwarding, None),
        (
            recursive("www.f.e"),
            Settings::default(),
            Some(Deferred::Forward(number)),
        ),
        (iterative("www.f.e"), Settings::default(), None),
    ] {
        let mut out = [0; 512];
        let outcome = answer(&zones, &settings, &client(Transport::Udp), &request, &mut out);
        let got = match outcome {
            Outcome::Deferred(deferred) => Some(deferred),
            _ => None,
        };
        assert_eq!(got, deferred);
        let local = answer_locally(&zones, &settings, &client(Transport::Udp), &request, &mut out);
        assert!(matches!(got, Some(Deferred::Forward(_)) | None) == matches!(local, Outcome::Reply(_)));
    }
}

#[test]
fn rd_and_cd_are_copied_and_the_other_bits_are_not() {
    let mut request = query("ns.e", Type::A);
    request.flags = Flags(0x07F0);
    let answered = ask_over(&zones(), Transport::Udp, &request);
    let expected = Flags::QR.with(Flags::AA).with(Flags::RD).with(Flags::CD);
    assert_eq!(header_of(&answered.octets).flags, expected);
    assert_eq!(header_of(&answered.octets).id, 0x1234);
}

#[test]
fn the_question_is_repeated_in_its_case() {
    let request = query("mULti.E", Type::A).octets();
    let answered = ask_with(&zones(), &Settings::default(), Transport::Udp, &request);
    assert_eq!(answered.octets[12..request.len()], request[12..]);
    assert!(answered.text().contains("a mULti.E. "));
}

#[test]
fn classes_other_than_in_are_not_served() {
    for (class, rcode) in [
        (Class::CH, Rcode::REFUSED),
        (Class::HS, Rcode::REFUSED),
        (Class(77), Rcode::REFUSED),
        (Class::ANY, Rcode::FORMERR),
        (Class(0), Rcode::FORMERR),
    ] {
        assert_eq!(
            refused(&query("ns.e", Type::A).class(class).octets()).0,
            rcode,
            "{class}"
        );
    }
}

#[test]
fn types_that_are_no_questions_for_a_zone() {
    for (qtype, rcode) in [
        (Type::AXFR, Rcode::FORMERR),
        (Type::MAILA, Rcode::NOTIMP),
        (Type::MAILB, Rcode::NOTIMP),
        (Type::OPT, Rcode::FORMERR),
        (Type::TSIG, Rcode::FORMERR),
        (Type::TKEY, Rcode::FORMERR),
        (Type(128), Rcode::FORMERR),
        (Type(65280), Rcode::NOERROR),
        (Type(0), Rcode::NOERROR),
    ] {
        assert_eq!(refused(&query("ns.e", qtype).octets()).0, rcode, "{qtype}");
    }
    let over_tcp = query("e", Type::AXFR).octets();
    let outcome = answer(
        &zones(),
        &Settings::default(),
        &client(Transport::Tcp),
        &over_tcp,
        &mut [0; 512],
    );
    assert_eq!(outcome, Outcome::Deferred(Deferred::Transfer));
}

#[test]
fn rfc6891_6_1_1_there_is_an_opt_record_when_the_request_has_one() {
    for (name, rcode) in [
        ("ns.e", Rcode::NOERROR),
        ("no.e", Rcode::NXDOMAIN),
        ("else", Rcode::REFUSED),
    ] {
        let with = ask_over(&zones(), Transport::Udp, &query(name, Type::A).edns(4096));
        let edns = with.message().edns.unwrap();
        assert_eq!((with.reply.rcode, edns.max_payload(), edns.version()), (rcode, 1232, 0));
        assert!(!edns.flags().dnssec_ok);
        assert!(
            ask_over(&zones(), Transport::Udp, &query(name, Type::A))
                .message()
                .edns
                .is_none()
        );
    }
}

#[test]
fn rfc3225_3_the_do_bit_is_copied() {
    let answered = ask_over(&zones(), Transport::Udp, &query("ns.e", Type::A).dnssec_ok());
    assert!(answered.message().edns.unwrap().flags().dnssec_ok);
    assert!(answered.reply.dnssec_ok && answered.reply.edns);
}

#[test]
fn rfc6891_6_1_3_an_unknown_version_is_badvers_with_ours() {
    let mut request = query("ns.e", Type::A);
    request.edns = Some((1232, 1, true));
    let answered = ask_over(&zones(), Transport::Udp, &request);
    assert_eq!(answered.reply.rcode, Rcode::BADVERS);
    assert_eq!(answered.octets[12 + 10..], [0, 0, 41, 4, 208, 1, 0, 0x80, 0, 0, 0]);
}

#[test]
fn rfc6891_6_1_2_unknown_options_are_ignored() {
    let mut request = query("ns.e", Type::A).edns(1232).octets();
    let length = request.len();
    request[length - 1] = 5;
    request.extend_from_slice(&[0xFE, 0, 0, 1, 9]);
    let answered = ask_with(&zones(), &Settings::default(), Transport::Udp, &request);
    assert_eq!(answered.text(), "NOERROR aa rd\na ns.e. 3600 A 192.0.2.1\n");
    assert_eq!(
        answered.octets[answered.octets.len() - 11..],
        [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn rfc8482_4_1_any_over_udp_is_one_set_unless_set_otherwise() {
    let one = "NOERROR aa rd\na multi.e. 3600 A 192.0.2.2\n";
    assert_eq!(ask(&zones(), &query("multi.e", Type::ANY)), one);
    let all = "NOERROR aa rd\n\
         a multi.e. 3600 A 192.0.2.2\n\
         a multi.e. 3600 TXT x\n\
         a multi.e. 3600 AAAA 2001:db8::2\n";
    assert_eq!(
        ask_over(&zones(), Transport::Tcp, &query("multi.e", Type::ANY)).text(),
        all
    );
    let settings = Settings {
        minimal_any: false,
        ..Settings::default()
    };
    let answered = ask_with(
        &zones(),
        &settings,
        Transport::Udp,
        &query("multi.e", Type::ANY).octets(),
    );
    assert_eq!(answered.text(), all);
}

#[test]
fn rfc4035_3_1_1_signatures_come_with_their_set_when_they_are_asked_for() {
    let answers = |transport, query: &Query| ask_over(&zones(), transport, query).message().answers.len();
    assert_eq!(answers(Transport::Udp, &query("sig.e", Type::A)), 1);
    assert_eq!(answers(Transport::Udp, &query("sig.e", Type::A).dnssec_ok()), 2);
    assert_eq!(answers(Transport::Udp, &query("sig.e", Type::RRSIG)), 1);
    assert_eq!(answers(Transport::Tcp, &query("sig.e", Type::RRSIG)), 2);
    assert_eq!(answers(Transport::Udp, &query("ns.e", Type::RRSIG)), 0);
}

#[test]
fn rfc4892_the_server_says_of_itself_what_it_is_told_to() {
    let chaos = |settings: &Settings, name: &str, qtype: Type| {
        ask_with(
            &zones(),
            settings,
            Transport::Udp,
            &query(name, qtype).class(Class::CH).octets(),
        )
        .text()
    };
    let silent = Settings::default();
    let mut talking = Settings::default();
    talking.chaos.version = Some(ChaosText::new("1.2"));
    talking.chaos.server_id = Some(ChaosText::new("ns7"));
    for name in ["version.bind", "hostname.bind", "id.server", "else.bind"] {
        assert_eq!(chaos(&silent, name, Type::TXT), "REFUSED rd\n");
    }
    assert_eq!(
        chaos(&talking, "VERSION.bind", Type::TXT),
        "NOERROR aa rd\na VERSION.bind. 0 TXT 1.2\n"
    );
    assert_eq!(
        chaos(&talking, "id.server", Type::ANY),
        "NOERROR aa rd\na id.server. 0 TXT ns7\n"
    );
    assert_eq!(chaos(&talking, "id.server", Type::A), "NOERROR aa rd\n");
    assert_eq!(chaos(&talking, "hostname.bind", Type::TXT), "REFUSED rd\n");
}

#[test]
fn what_counters_and_logs_want_is_in_the_reply() {
    let request = query("www.ns.e", Type::MX).octets();
    let reply = ask_with(&zones(), &Settings::default(), Transport::Udp, &request).reply;
    assert_eq!((reply.rcode, reply.qtype), (Rcode::NXDOMAIN, Some(Type::MX)));
    assert_eq!(&request[reply.qname.unwrap()], b"\x03www\x02ns\x01e\x00");
    assert_eq!(zones().origin(reply.zone.unwrap()).unwrap().to_string(), "e.");
    let reply = ask_with(
        &zones(),
        &Settings::default(),
        Transport::Udp,
        &query("f", Type::A).octets(),
    )
    .reply;
    assert_eq!((reply.rcode, reply.zone), (Rcode::REFUSED, None));
}
