//! The plain path gives what the general path gives, octet by octet, over zones made of a few labels, so that names meet
//! each other in every way.

use proptest::prelude::*;

use super::*;
use crate::answer::cookie::CookieOption;
use crate::message::option;

const LABELS: &str = "a|b|c|B|ns|ns2|Ns|w|\\*|mail";

/// A name below the zone's (z.example.), at it, beside it or elsewhere.
fn names() -> impl Strategy<Value = String> {
    let inside =
        prop::collection::vec(LABELS, 0..4).prop_map(|labels| [labels, vec!["z.example.".to_owned()]].concat());
    let outside = (
        prop::collection::vec(LABELS, 0..3),
        "example\\.|ns\\.example\\.|net\\.|\\.",
    )
        .prop_map(|(labels, end)| [labels, vec![end]].concat());
    prop_oneof![8 => inside, 2 => outside].prop_map(|labels| labels.join(".").replace("..", "."))
}

/// The end of a line with a signature.
const SIGNATURE: &str = " AAAA\n";

/// A signature, without its owner and the line's end.
fn rrsig(rtype: &str) -> String {
    format!("RRSIG {rtype} 8 2 300 20300101000000 20200101000000 1 z.example. AAAA")
}

/// A zone's text with signatures as long as those of an RSA key of 2048 bits.
fn with_long_signatures(text: &str) -> String {
    text.replace(SIGNATURE, &format!(" {}\n", "A".repeat(340)))
}

/// A record below the zone's name, without its owner.
fn records() -> impl Strategy<Value = String> {
    let signed = "A|AAAA|NS|SOA|CNAME|MX|TXT|DS|NSEC";
    prop_oneof![
        6 => (0..4_u8).prop_map(|n| format!("A 192.0.2.{n}")),
        2 => (0..3_u8).prop_map(|n| format!("AAAA 2001:db8::{n}")),
        4 => names().prop_map(|name| format!("CNAME {name}")),
        4 => names().prop_map(|name| format!("NS {name}")),
        3 => names().prop_map(|name| format!("MX 10 {name}")),
        1 => names().prop_map(|name| format!("PTR {name}")),
        1 => names().prop_map(|name| format!("SRV 0 0 25 {name}")),
        1 => names().prop_map(|name| format!("DNAME {name}")),
        1 => "DS 1 8 250 00|TLSA 3 1 0 00",
        2 => (1..250_usize).prop_map(|length| format!("TXT {}", "x".repeat(length))),
        8 => signed.prop_map(|rtype| rrsig(&rtype)),
        1 => names().prop_map(|name| format!("NSEC {name} A RRSIG")),
    ]
}

/// A zone, the root's or another, with one to fourteen name servers, whose addresses some have; every other one has no DNSSEC
/// records, and in some the signatures are as long as an RSA key's.
fn zones() -> impl Strategy<Value = Zones> {
    let owned = (
        prop::collection::vec(LABELS, 0..4),
        prop::option::of(0..500_u16),
        records(),
    );
    (
        prop_oneof![4 => Just("z.example"), 1 => Just(".")],
        prop_oneof![
            2 => prop::collection::vec(names(), 1..4),
            // Beside these, names that are asked for are seldom compressed against a server's.
            1 => prop::collection::vec((0..14_u8).prop_map(|n| format!("server{n}.z.example.")), 1..30),
        ],
        prop::collection::vec(owned, 0..50),
        names(),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(
            |(origin, servers, owned, primary, (signed, long_signatures, addresses))| {
                let mut text = format!("@ 600 SOA {primary} root.{primary} 1 2 3 4 300\n").replace("root.. ", "root. ");
                for server in servers {
                    text.push_str(&format!("@ NS {server}\n"));
                    if addresses {
                        text.push_str(&format!("{server} A 192.0.2.1\n{server} AAAA 2001:db8::1\n"));
                    }
                    if addresses && signed {
                        text.push_str(&format!("{server} {}\n{server} {}\n", rrsig("A"), rrsig("AAAA")));
                    }
                }
                for (labels, ttl, record) in owned {
                    if !signed && (record.starts_with("RRSIG") || record.starts_with("NSEC")) {
                        continue;
                    }
                    let owner = if labels.is_empty() {
                        "@".to_owned()
                    } else {
                        labels.join(".")
                    };
                    let ttl = ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
                    text.push_str(&format!("{owner} {ttl} {record}\n"));
                }
                if long_signatures {
                    text = with_long_signatures(&text);
                }
                let child = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.9\nwww A 192.0.2.10";
                serve(&[(origin, &text), ("b.b.z.example", child)])
            },
        )
}

/// A request that is mostly a plain query, and how many octets there are for its answer.
fn requests() -> impl Strategy<Value = (Vec<u8>, Transport, usize)> {
    let types = prop_oneof![
        6 => Just(Type::A),
        2 => Just(Type::AAAA),
        2 => Just(Type::MX),
        2 => Just(Type::TXT),
        1 => Just(Type::NS),
        1 => Just(Type::SOA),
        1 => Just(Type::CNAME),
        1 => Just(Type::PTR),
        1 => Just(Type::DS),
        1 => Just(Type::RRSIG),
        1 => Just(Type::NSEC),
        1 => Just(Type::DNAME),
        1 => Just(Type::KEY),
        1 => any::<u16>().prop_map(Type),
    ];
    let edns = prop_oneof![
        3 => Just(None),
        6 => (0..5000_u16, Just(0_u8), any::<bool>()).prop_map(Some),
        1 => any::<(u16, u8, bool)>().prop_map(Some),
    ];
    let flags = prop_oneof![4 => Just(0), 4 => Just(0x0100), 2 => any::<u16>()];
    let rooms = prop_oneof![4 => Just(65535), 1 => 0..700_usize];
    let behind = prop_oneof![
        9 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    (names(), types, edns, flags, any::<bool>(), rooms, options(), behind).prop_map(
        |(name, qtype, edns, flags, tcp, room, options, behind)| {
            let query = Query {
                flags: Flags(flags),
                name,
                qtype,
                class: Class::IN,
                edns,
            };
            let mut octets = query.octets();
            if edns.is_some() {
                let length_at = octets.len() - 2;
                octets[length_at..].copy_from_slice(&(options.len() as u16).to_be_bytes());
                octets.extend_from_slice(&options);
            }
            octets.extend_from_slice(&behind);
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            (octets, transport, room)
        },
    )
}

/// EDNS options: none, as most clients send, or some that mean something here and some that don't, seldom cut off.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let codes = prop_oneof![
        2 => Just(option::NSID),
        4 => Just(option::COOKIE),
        1 => Just(option::TCP_KEEPALIVE),
        1 => any::<u16>(),
    ];
    let data = prop_oneof![
        2 => Just(Vec::new()),
        2 => prop::collection::vec(any::<u8>(), 8..=8),
        2 => Just(good_cookie()),
        1 => prop::collection::vec(any::<u8>(), 0..50),
    ];
    let some = (prop::collection::vec((codes, data), 1..4), 0..20_usize).prop_map(|(options, cut_off)| {
        let mut octets = Vec::new();
        for (code, data) in options {
            octets.extend_from_slice(&code.to_be_bytes());
            octets.extend_from_slice(&(data.len() as u16).to_be_bytes());
            octets.extend_from_slice(&data);
        }
        if cut_off == 0 {
            octets.pop();
        }
        octets
    });
    prop_oneof![1 => Just(Vec::new()), 1 => some]
}

fn cookies(required: bool) -> Cookies {
    Cookies {
        secret: CookieSecret::new([7; 16]),
        older_secrets: Box::default(),
        required,
    }
}

/// The client's and the server's part of a cookie that the client of these tests got before.
fn good_cookie() -> Vec<u8> {
    let asked = CookieOption::read(&[1; 8]).unwrap();
    cookies(false).check(asked, &client(Transport::Udp)).reply.to_vec()
}

fn settings() -> impl Strategy<Value = Settings> {
    let minimal_responses = prop_oneof![
        Just(MinimalResponses::No),
        Just(MinimalResponses::NoAuth),
        Just(MinimalResponses::NoAuthRecursive),
        Just(MinimalResponses::Yes),
    ];
    (
        prop_oneof![512..1500_u16, Just(4096)],
        minimal_responses,
        prop::option::of(any::<bool>().prop_map(cookies)),
        prop::option::of("[a-z]{1,255}".prop_map(|text| ChaosText::new(&text))),
        prop::option::of(any::<u16>()),
    )
        .prop_map(
            |(udp_payload_bytes_max, minimal_responses, cookies, server_id, tcp_keepalive)| Settings {
                udp_payload_bytes_max,
                minimal_responses,
                chaos: Chaos {
                    server_id,
                    ..Chaos::default()
                },
                cookies,
                tcp_keepalive,
                ..Settings::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_paths_give_the_same_octets(
        zones in zones(),
        settings in settings(),
        requests in prop::collection::vec(requests(), 30),
    ) {
        let mut plain_out = vec![0xAA; 65535];
        let mut general_out = vec![0x55; 65535];
        for (request, transport, room) in requests {
            let client = client(transport);
            let plain = plain::answer(&zones, &settings, &client, &request, None, &mut plain_out[..room]);
            let Some(plain) = plain else { continue };
            let general = answer_generally(&zones, &settings, &client, &request, &mut general_out[..room]);
            let len = plain.len;
            prop_assert_eq!(Outcome::Reply(plain), general, "{:?}", &request);
            prop_assert!(
                plain_out[..len] == general_out[..len],
                "{:?}\n{:?}",
                Message::from_vec(&plain_out[..len]),
                Message::from_vec(&general_out[..len])
            );
        }
    }
}

#[test]
fn name_servers_that_are_too_long_to_be_prepared_are_all_there() {
    let mut text = String::from("@ SOA ns0 h 1 2 3 4 60\nh A 192.0.2.9\n");
    for n in 0..8 {
        text.push_str(&format!("@ NS ns{n}\nns{n} A 192.0.2.{n}\nns{n} AAAA 2001:db8::{n}\n"));
        text.push_str(&format!("ns{n} {}\nns{n} {}\n", rrsig("A"), rrsig("AAAA")));
    }
    let zones = serve(&[("z.example", &with_long_signatures(&text))]);
    let query = query("h.z.example.", Type::A).norec().dnssec_ok();
    let answered = ask_over(&zones, Transport::Tcp, &query);
    assert_eq!(answered.text().matches("\nx ").count(), 8 * 4);
}

/// How a query that resolvers and stubs send is answered; `false` on the general path.
fn is_plain(zones: &Zones, query: &Query) -> bool {
    let mut out = [0; 1232];
    plain::answer(
        zones,
        &Settings::default(),
        &client(Transport::Udp),
        &query.octets(),
        None,
        &mut out,
    )
    .is_some()
}

#[test]
fn what_is_asked_most_takes_the_plain_path() {
    const HOSTS: &str = "
@ SOA ns1 hostmaster 1 2 3 4 300
@ NS ns1
@ NS ns2
@ MX 10 mail
ns1 A 192.0.2.1
ns2 A 192.0.2.2
h A 192.0.2.3
h AAAA 2001:db8::3
mail A 192.0.2.4
c CNAME h
out CNAME elsewhere.net.
m MX 10 h
t TXT text
*.w A 192.0.2.5
d NS ns1.d
d NS ns2.d
ns1.d A 192.0.2.6
ns2.d A 192.0.2.7
p PTR h
";
    let zones = serve(&[("example", HOSTS)]);
    for (name, qtype) in [
        ("h.example.", Type::A),
        ("H.EXAMPLE.", Type::AAAA),
        ("example.", Type::MX),
        ("c.example.", Type::A),
        ("c.example.", Type::CNAME),
        ("c.example.", Type::TXT),
        ("out.example.", Type::A),
        ("m.example.", Type::MX),
        ("t.example.", Type::TXT),
        ("any.w.example.", Type::A),
        ("any.w.example.", Type::AAAA),
        ("w.example.", Type::A),
        ("www.d.example.", Type::A),
        ("d.example.", Type::A),
        ("p.example.", Type::PTR),
        ("h.example.", Type::TXT),
        ("nx.nx.example.", Type::A),
    ] {
        assert!(is_plain(&zones, &query(name, qtype)), "{name} {qtype}");
        assert!(is_plain(&zones, &query(name, qtype).norec()), "{name} {qtype} norec");
        assert!(
            is_plain(&zones, &query(name, qtype).norec().dnssec_ok()),
            "{name} {qtype} norec dnssec"
        );
    }
}

#[test]
fn rfc7873_5_2_a_query_with_a_cookie_takes_the_plain_path() {
    let zones = serve(&[("example", "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n")]);
    let settings = |required| Settings {
        cookies: Some(cookies(required)),
        ..Settings::default()
    };
    let mut request = query("ns.example.", Type::A).edns(1232).octets();
    let length_at = request.len() - 1;
    request[length_at] = 12;
    request.extend_from_slice(&[0, 10, 0, 8, 1, 1, 1, 1, 1, 1, 1, 1]);
    let mut out = [0; 1232];
    let mut answered = |settings: &Settings| {
        let reply = plain::answer(&zones, settings, &client(Transport::Udp), &request, None, &mut out)?;
        Some(out[reply.len - 24..reply.len].to_vec())
    };
    assert_eq!(answered(&settings(false)), Some(good_cookie()));
    assert_eq!(answered(&settings(true)), None);
}

#[test]
fn rfc4035_3_1_1_records_of_a_signed_zone_take_the_plain_path_with_their_signatures() {
    const SIGNED: &str = "
@ SOA ns hostmaster 1 2 3 4 300
@ NS ns
@ RRSIG NS 8 1 300 20300101000000 20200101000000 1 example. AAAA
ns A 192.0.2.1
ns RRSIG A 8 2 300 20300101000000 20200101000000 1 example. AAAA
h A 192.0.2.3
h RRSIG A 8 2 300 20300101000000 20200101000000 1 example. AAAA
";
    let zones = serve(&[("example", SIGNED)]);
    let query = query("h.example.", Type::A).norec().dnssec_ok();
    assert!(is_plain(&zones, &query));
    assert_eq!(ask(&zones, &query).matches("RRSIG").count(), 3);
}
