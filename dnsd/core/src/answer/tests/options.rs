//! What is answered to EDNS options.

use super::*;
use crate::answer::cookie::COOKIE_BYTES;

const ZONE: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
";

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;

/// Of no server's making.
const CLIENT_COOKIE: &[u8] = b"\x24\x64\xC4\xAB\xCF\x10\xC9\x57";

fn zones() -> Zones {
    serve(&[("e", ZONE)])
}

fn with_cookies(required: bool) -> Settings {
    Settings {
        cookies: Some(Cookies {
            secret: CookieSecret::new([7; 16]),
            older_secrets: Box::default(),
            required,
        }),
        ..Settings::default()
    }
}

fn option(code: u16, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16;
    [&code.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}

/// A request whose OPT record, the last of it, has these options.
fn with_options(query: Query, options: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = query.edns(1232).octets();
    let options = options.concat();
    let length_at = octets.len() - 2;
    octets[length_at..].copy_from_slice(&(options.len() as u16).to_be_bytes());
    octets.extend_from_slice(&options);
    octets
}

/// The options of a reply, whose OPT record is its last.
fn options_of(answered: &Answered) -> Vec<(u16, Vec<u8>)> {
    let header = Header::read(&answered.octets).unwrap();
    if header.questions == 1 {
        let edns = Request::parse(header, &answered.octets).unwrap().edns.unwrap();
        return edns.options().map(|(code, data)| (code, data.to_vec())).collect();
    }
    let Err(RequestError::NoQuestion(Some(edns))) = Request::parse(header, &answered.octets) else {
        panic!("no OPT record");
    };
    edns.options().map(|(code, data)| (code, data.to_vec())).collect()
}

fn ask_options(settings: &Settings, transport: Transport, name: &str, options: &[Vec<u8>]) -> Answered {
    ask_with(
        &zones(),
        settings,
        transport,
        &with_options(query(name, Type::A), options),
    )
}

fn cookie_of(answered: &Answered) -> Vec<u8> {
    let options = options_of(answered);
    assert_eq!((options.len(), options[0].0), (1, COOKIE));
    options[0].1.clone()
}

#[test]
fn rfc5001_2_1_the_servers_name_is_told_if_it_has_one_and_is_asked() {
    let mut settings = Settings::default();
    let asked = [option(NSID, b"")];
    assert!(options_of(&ask_options(&settings, Transport::Udp, "ns.e", &asked)).is_empty());
    settings.chaos.server_id = Some(ChaosText::new("ns7"));
    for name in ["ns.e", "no.e", "else"] {
        let answered = ask_options(&settings, Transport::Udp, name, &asked);
        assert_eq!(options_of(&answered), [(NSID, b"ns7".to_vec())]);
    }
    assert!(options_of(&ask_options(&settings, Transport::Udp, "ns.e", &[])).is_empty());
}

#[test]
fn a_long_name_of_a_server_gives_way_to_the_question() {
    let mut settings = with_cookies(false);
    settings.chaos.server_id = Some(ChaosText::new(&"x".repeat(255)));
    settings.udp_payload_bytes_max = 512;
    let asked = [option(NSID, b""), option(COOKIE, CLIENT_COOKIE)];
    let answered = ask_options(&settings, Transport::Udp, "ns.e", &asked);
    assert_eq!(cookie_of(&answered).len(), COOKIE_BYTES);
    assert_eq!(answered.message().answers.len(), 1);
}

#[test]
fn rfc7873_5_2_3_a_cookie_is_given_with_every_kind_of_answer_and_is_good_afterwards() {
    let settings = with_cookies(false);
    for (name, transport) in [
        ("ns.e", Transport::Udp),
        ("no.e", Transport::Udp),
        ("else", Transport::Udp),
        ("ns.e", Transport::Tcp),
    ] {
        let first = ask_options(&settings, transport, name, &[option(COOKIE, CLIENT_COOKIE)]);
        let cookie = cookie_of(&first);
        assert!(cookie.starts_with(CLIENT_COOKIE) && cookie.len() == COOKIE_BYTES);
        assert!(!first.reply.cookie_valid);
        let second = ask_options(&settings, transport, name, &[option(COOKIE, &cookie)]);
        assert_eq!(cookie_of(&second), cookie);
        assert!(second.reply.cookie_valid);
        assert_eq!(second.reply.rcode, first.reply.rcode);
    }
}

#[test]
fn a_bad_cookie_is_answered_with_a_good_one_and_the_first_of_two_counts() {
    let settings = with_cookies(false);
    let good = cookie_of(&ask_options(
        &settings,
        Transport::Udp,
        "ns.e",
        &[option(COOKIE, CLIENT_COOKIE)],
    ));
    let bad = [CLIENT_COOKIE, &[9; 16]].concat();
    // Nor does it count when the second is malformed.
    for second in [&good[..], &[9]] {
        let answered = ask_options(
            &settings,
            Transport::Udp,
            "ns.e",
            &[option(COOKIE, &bad), option(COOKIE, second)],
        );
        assert_eq!(cookie_of(&answered), good);
        assert_eq!(
            (answered.reply.rcode, answered.reply.cookie_valid),
            (Rcode::NOERROR, false)
        );
    }
}

#[test]
fn cookies_that_are_not_to_be_answered_are_not_there() {
    let settings = Settings::default();
    for cookie in [CLIENT_COOKIE, b"bad"] {
        let answered = ask_options(&settings, Transport::Udp, "ns.e", &[option(COOKIE, cookie)]);
        assert!(options_of(&answered).is_empty());
        assert_eq!(answered.reply.rcode, Rcode::NOERROR);
    }
}

#[test]
fn rfc7873_5_2_2_a_malformed_cookie_gets_formerr_with_an_opt_record() {
    for settings in [with_cookies(false), with_cookies(true)] {
        for length in [0, 7, 9, 15, 41] {
            let answered = ask_options(&settings, Transport::Udp, "ns.e", &[option(COOKIE, &[7; 41][..length])]);
            assert_eq!(answered.reply.rcode, Rcode::FORMERR, "{length}");
            assert!(options_of(&answered).is_empty());
        }
    }
}

#[test]
fn rfc7873_5_2_3_badcookie_is_for_clients_over_udp_that_send_a_cookie() {
    let settings = with_cookies(true);
    let rcode = |transport, options: &[Vec<u8>]| ask_options(&settings, transport, "ns.e", options).reply.rcode;
    let learning = [option(COOKIE, CLIENT_COOKIE)];
    assert_eq!(rcode(Transport::Udp, &[]), Rcode::NOERROR);
    assert_eq!(rcode(Transport::Tcp, &learning), Rcode::NOERROR);
    assert_eq!(rcode(Transport::Udp, &learning), Rcode::BADCOOKIE);
    let refused = ask_options(&settings, Transport::Udp, "ns.e", &learning);
    let cookie = cookie_of(&refused);
    assert_eq!(refused.message().response_code.low(), 7);
    assert_eq!(refused.text(), "BADCOOKIE rd\n");
    assert_eq!(rcode(Transport::Udp, &[option(COOKIE, &cookie)]), Rcode::NOERROR);
}

#[test]
fn rfc7873_5_4_a_cookie_is_given_without_a_question() {
    let header = [0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let without_question = |options: &[Vec<u8>]| {
        let octets = with_options(query("ns.e", Type::A), options);
        [&header[..], &octets[12 + 10..]].concat()
    };
    let settings = with_cookies(true);
    let ask = |options: &[Vec<u8>]| ask_with(&zones(), &settings, Transport::Udp, &without_question(options));
    let answered = ask(&[option(COOKIE, CLIENT_COOKIE)]);
    assert_eq!(answered.reply.rcode, Rcode::NOERROR);
    assert_eq!(cookie_of(&answered).len(), COOKIE_BYTES);
    assert_eq!(answered.octets.len(), 12 + 11 + 4 + COOKIE_BYTES);
    for options in [vec![], vec![option(COOKIE, &CLIENT_COOKIE[1..])]] {
        assert_eq!(ask(&options).reply.rcode, Rcode::FORMERR);
    }
}

#[test]
fn rfc7828_3_2_2_the_idle_timeout_is_told_over_tcp_only() {
    let settings = Settings {
        tcp_keepalive: Some(300),
        ..Settings::default()
    };
    let asked = [option(TCP_KEEPALIVE, b"")];
    let over = |transport, options| options_of(&ask_options(&settings, transport, "ns.e", options));
    assert_eq!(over(Transport::Tcp, &asked), [(TCP_KEEPALIVE, vec![1, 44])]);
    assert_eq!(over(Transport::Tls, &asked), over(Transport::Tcp, &asked));
    assert!(over(Transport::Tcp, &[]).is_empty());
    for other in [Transport::Udp, Transport::Https, Transport::Quic] {
        assert!(over(other, &asked).is_empty(), "{other:?}");
    }
}

#[test]
fn rfc8467_4_1_padded_replies_are_multiples_of_468_octets() {
    let settings = Settings::default();
    let asked = [option(PADDING, &[0; 100])];
    for name in ["ns.e", "no.e", "e", "elsewhere"] {
        for encrypted in [Transport::Tls, Transport::Https, Transport::Quic] {
            let answered = ask_options(&settings, encrypted, name, &asked);
            assert_eq!(answered.octets.len(), 468, "{name}");
            let options = options_of(&answered);
            assert!(options[0].0 == PADDING && options[0].1.iter().all(|octet| *octet == 0));
            assert!(options_of(&ask_options(&settings, encrypted, name, &[])).is_empty());
        }
        for in_the_clear in [Transport::Tcp, Transport::Udp] {
            assert!(options_of(&ask_options(&settings, in_the_clear, name, &asked)).is_empty());
        }
    }
}

#[test]
fn rfc8467_4_1_a_signature_is_of_the_padded_length_and_a_full_message_is_not_padded_past_its_end() {
    let zones = zones();
    let request = with_options(query("ns.e", Type::A), &[option(PADDING, b"")]);
    for (held_back, room, expected) in [(100, 65_535, 368), (0, 300, 300), (0, 65_535, 468)] {
        let client = Client {
            held_back,
            ..client(Transport::Tls)
        };
        let mut out = vec![0; room];
        let Outcome::Reply(reply) = answer(&zones, &Settings::default(), &client, &request, &mut out) else {
            panic!("a reply");
        };
        assert_eq!(reply.len, expected);
    }
}

#[test]
fn rfc6891_6_1_3_options_of_another_version_are_not_answered() {
    let mut octets = with_options(query("ns.e", Type::A), &[option(COOKIE, &CLIENT_COOKIE[1..])]);
    // Behind the question: the root, the type, the class and the upper half of the response code.
    octets[12 + 10 + 6] = 1;
    let answered = ask_with(&zones(), &with_cookies(false), Transport::Udp, &octets);
    assert_eq!(answered.reply.rcode, Rcode::BADVERS);
    assert!(options_of(&answered).is_empty());
}

#[test]
fn rfc8914_a_reply_without_an_answer_says_why_where_there_is_room_for_it() {
    const EXTENDED_ERROR: u16 = 15;
    let zones = Zones::new([("e".parse().unwrap(), ZoneState::Failed)]);
    let ask = |octets: &[u8]| {
        let mut out = vec![0; 1232];
        let settings = Settings::default();
        let outcome = answer_generally(&zones, &settings, &client(Transport::Udp), octets, &mut out);
        let Outcome::Reply(reply) = outcome else {
            panic!("a reply")
        };
        out.truncate(reply.len);
        (reply.rcode, out)
    };
    let (rcode, octets) = ask(&with_options(query("x.e", Type::A), &[]));
    assert_eq!(rcode, Rcode::SERVFAIL);
    let edns = Request::parse(Header::read(&octets).unwrap(), &octets)
        .unwrap()
        .edns
        .unwrap();
    assert_eq!(edns.options().collect::<Vec<_>>(), [(EXTENDED_ERROR, &[0, 24][..])]);
    // Who sends no OPT record gets none (RFC 6891 §7).
    let (rcode, octets) = ask(&query("x.e", Type::A).octets());
    assert_eq!(rcode, Rcode::SERVFAIL);
    assert!(
        Request::parse(Header::read(&octets).unwrap(), &octets)
            .unwrap()
            .edns
            .is_none()
    );
}
