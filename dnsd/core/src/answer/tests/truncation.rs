//! How long answers may be, and what is left out of them (RFC 1035 §4.2.1, RFC 2181 §9, RFC 6891 §6.2, RFC 9471).

use super::*;

fn zones() -> Zones {
    let mut text = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for n in 0..30 {
        text += &format!("big TXT {n:050}\nhuge TXT {n:0200}\n");
    }
    for n in 0..8 {
        text += &format!("medium TXT {n:050}\n");
    }
    for n in 0..13 {
        text += &format!("sub NS h{n}.sub\nh{n}.sub A 192.0.2.1\nh{n}.sub AAAA 2001:db8::1\nodd NS h{n}.sub\n");
    }
    serve(&[("e", &text)])
}

fn len(name: &str, payload_bytes: Option<u16>) -> (usize, bool) {
    let query = Query {
        edns: payload_bytes.map(|bytes| (bytes, 0, false)),
        ..query(name, Type::TXT)
    };
    let answered = ask_over(&zones(), Transport::Udp, &query);
    (answered.octets.len(), answered.reply.flags.contains(Flags::TC))
}

#[test]
fn rfc1035_4_2_1_without_edns_a_datagram_has_512_octets() {
    let (bytes, truncated) = len("medium.e", None);
    assert!(truncated && bytes <= 512);
    assert_eq!(len("medium.e", Some(1232)), (12 + 14 + 8 * 63 + 11, false));
}

#[test]
fn rfc6891_6_2_3_sizes_below_512_count_as_512_and_large_ones_as_ours() {
    assert!(len("medium.e", Some(0)).1);
    assert!(!len("medium.e", Some(541)).1);
    assert!(len("medium.e", Some(540)).1);
    assert!(len("big.e", Some(65535)).1);
}

#[test]
fn rfc2181_9_a_set_is_whole_or_not_there() {
    let answered = ask_over(&zones(), Transport::Udp, &query("big.e", Type::TXT).edns(1232));
    assert_eq!(answered.text(), "NOERROR aa tc rd\n");
    assert!(answered.message().edns.is_some());
}

#[test]
fn over_tcp_there_is_room() {
    let answered = ask_over(&zones(), Transport::Tcp, &query("huge.e", Type::TXT));
    assert_eq!(answered.message().answers.len(), 30);
    assert!(!answered.reply.flags.contains(Flags::TC));
}

#[test]
fn rfc9471_3_1_a_referral_without_all_its_in_domain_glue_is_truncated() {
    let referral = |name: &str, payload_bytes: u16| {
        let answered = ask_over(&zones(), Transport::Udp, &query(name, Type::A).edns(payload_bytes));
        let message = answered.message();
        assert_eq!(message.authorities.len(), 13);
        (answered.reply.flags.contains(Flags::TC), message.additionals.len())
    };
    assert_eq!(referral("x.sub.e", 1232), (false, 26));
    let (truncated, glue) = referral("x.sub.e", 512);
    assert!(truncated && (1..26).contains(&glue));
    // Sibling glue is not needed to follow the referral.
    let (truncated, glue) = referral("x.odd.e", 512);
    assert!(!truncated && (1..26).contains(&glue));
}

#[test]
fn optional_additional_records_are_left_out_in_silence() {
    let mut text = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for n in 0..12 {
        text += &format!("m MX {n} host-{n}\nhost-{n} AAAA 2001:db8::1\n");
    }
    let answered = ask_over(&serve(&[("e", &text)]), Transport::Udp, &query("m.e", Type::MX));
    let message = answered.message();
    assert_eq!(message.answers.len(), 12);
    assert!((1..12).contains(&message.additionals.len()));
    assert!(!answered.reply.flags.contains(Flags::TC));
}

#[test]
fn a_buffer_of_any_length_is_kept_to() {
    let zones = zones();
    for name in ["big.e", "medium.e", "x.sub.e", "no.e"] {
        let request = query(name, Type::TXT).edns(1232).octets();
        for room in 0..600 {
            let mut out = vec![0xAA; 700];
            let outcome = answer(
                &zones,
                &Settings::default(),
                &client(Transport::Tcp),
                &request,
                &mut out[..room],
            );
            assert!(out[room..].iter().all(|octet| *octet == 0xAA));
            match outcome {
                Outcome::Reply(reply) => assert!((HEADER_BYTES..=room).contains(&reply.len)),
                Outcome::Drop(reason) => assert!(reason == DropReason::NoRoom && room < HEADER_BYTES),
                Outcome::Deferred(deferred) => panic!("{deferred:?}"),
            }
        }
    }
}

#[test]
fn rfc1035_4_1_1_a_referral_is_not_authoritative_when_it_is_cut_off_either() {
    let mut text = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nalias CNAME x.sub\n".to_owned();
    for n in 0..100 {
        text += &format!("sub NS h{n}.sub\nh{n}.sub A 192.0.2.1\n");
    }
    let zones = serve(&[("e", &text)]);
    let text = |name| ask_over(&zones, Transport::Udp, &query(name, Type::A)).text();
    assert_eq!(text("x.sub.e"), "NOERROR tc rd\n");
    // What is authoritative is the alias in front of it.
    assert_eq!(text("alias.e"), "NOERROR aa tc rd\na alias.e. 3600 CNAME x.sub.e.\n");
}

#[test]
fn rfc8945_5_3_a_reply_to_be_signed_leaves_room_and_is_whole_or_a_question() {
    let ask = |name: &str, held_back: u16, payload_bytes: u16| {
        let client = Client {
            held_back,
            ..client(Transport::Udp)
        };
        let request = query(name, Type::A).edns(payload_bytes).octets();
        let mut octets = vec![0; 65535];
        let Outcome::Reply(reply) = answer(&zones(), &Settings::default(), &client, &request, &mut octets) else {
            panic!("no reply");
        };
        octets.truncate(reply.len);
        Answered { reply, octets }
    };
    // A referral with 13 servers and all of their addresses, which just fits.
    let whole = ask("x.sub.e", 0, 1232);
    let room = 1232 - whole.octets.len() as u16;
    assert_eq!(ask("x.sub.e", room, 1232).octets, whole.octets);
    // Unsigned there would be some of it, see above.
    let cut = ask("x.sub.e", 85, 512);
    assert_eq!(cut.text(), "NOERROR tc rd\n");
    let message = cut.message();
    assert_eq!((message.queries.len(), message.edns.is_some()), (1, true));
    assert!(cut.octets.len() + 85 <= 512);
}
