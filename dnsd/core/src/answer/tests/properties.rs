//! What holds for every request, over a zone that has one of everything.

use proptest::prelude::*;

use super::*;

const EVERYTHING: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
@ MX 10 mail
ns A 192.0.2.1
mail AAAA 2001:db8::1
a CNAME b
b CNAME c.d
*.d A 192.0.2.2
*.d MX 10 mail
x.y.d TXT deep
sub NS ns.sub
sub NS a.a.a
ns.sub A 192.0.2.3
a.a.a A 192.0.2.4
r DNAME a
rr DNAME rr.rr
loop CNAME loop
_s._t SRV 0 0 0 mail
n NAPTR 1 1 s \"\" \"\" _s._t
t TYPE65280 \\# 3 010203
";

fn zones() -> Zones {
    serve(&[
        ("e", EVERYTHING),
        ("a.a.e", "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.5"),
    ])
}

/// Names made of the zone's own labels, in any case and number, below its own origin or not.
fn names() -> impl Strategy<Value = String> {
    let labels = "[abcdrxy*]|rr|sub|ns|mail|D|_s|_t|LOOP|t|n|e";
    (prop::collection::vec(labels, 0..8), prop::bool::weighted(0.9)).prop_map(|(mut labels, inside)| {
        if inside {
            labels.push("e".to_owned());
        }
        labels.join(".") + "."
    })
}

fn queries() -> impl Strategy<Value = Query> {
    let types = prop_oneof![
        Just(Type::A),
        Just(Type::NS),
        Just(Type::MX),
        Just(Type::SOA),
        Just(Type::CNAME),
        Just(Type::ANY),
        Just(Type::DS),
        Just(Type::DNAME),
        any::<u16>().prop_map(Type),
    ];
    let edns = prop::option::of((
        any::<u16>(),
        prop_oneof![9 => Just(0_u8), 1 => any::<u8>()],
        any::<bool>(),
    ));
    (names(), types, edns, any::<bool>()).prop_map(|(name, qtype, edns, rd)| Query {
        flags: if rd { Flags::RD } else { Flags::default() },
        name,
        qtype,
        class: Class::IN,
        edns,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_octets_get_a_readable_reply_inside_the_buffer_or_none(
        request in prop::collection::vec(any::<u8>(), 0..300),
        room in 0..600_usize,
    ) {
        let mut out = vec![0xAA; 700];
        let outcome = answer(&zones(), &Settings::default(), &client(Transport::Udp), &request, &mut out[..room]);
        prop_assert!(out[room..].iter().all(|octet| *octet == 0xAA));
        if let Outcome::Reply(reply) = outcome {
            prop_assert!(reply.len <= room);
            prop_assert_eq!(&out[..2], &request[..2]);
        }
    }

    #[test]
    fn damaged_queries_get_a_readable_reply_or_none(
        query in queries(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut request = query.octets();
        for (at, octet) in damage {
            let at = at.index(request.len());
            request[at] = octet;
        }
        request.truncate(cut.index(request.len()) + 1);
        let mut out = vec![0; 1232];
        if let Outcome::Reply(reply) = answer(&zones(), &Settings::default(), &client(Transport::Udp), &request, &mut out) {
            let message = Message::from_vec(&out[..reply.len]);
            prop_assert!(message.is_ok(), "{:?}: {message:?}", &out[..reply.len]);
        }
    }

    #[test]
    fn every_reply_has_the_id_and_the_question_and_keeps_its_limit(query in queries(), tcp in any::<bool>()) {
        let request = query.octets();
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let answered = ask_with(&zones(), &Settings::default(), transport, &request);
        let question_end = request.len() - if query.edns.is_some() { 11 } else { 0 };
        prop_assert_eq!(&answered.octets[12..question_end], &request[12..question_end]);
        let header = header(&answered.octets);
        prop_assert_eq!((header.id, header.questions), (0x1234, 1));
        prop_assert!(header.flags.contains(Flags::QR) && !header.flags.contains(Flags::RA));
        let message = answered.message();
        prop_assert_eq!(message.edns.is_some(), query.edns.is_some());
        if !tcp {
            let limit = query.edns.map_or(512, |(bytes, ..)| bytes.clamp(512, 1232));
            prop_assert!(answered.octets.len() <= usize::from(limit));
        }
        // No record is there twice.
        let text = answered.text();
        let mut lines: Vec<&str> = text.lines().skip(1).map(|line| &line[2..]).collect();
        let count = lines.len();
        lines.sort_unstable();
        lines.dedup();
        prop_assert_eq!(lines.len(), count, "{}", text);
    }

    #[test]
    fn the_case_of_a_question_changes_nothing_else(query in queries()) {
        let lower = Query { name: query.name.to_lowercase(), ..query };
        let upper = Query { name: lower.name.to_uppercase(), flags: lower.flags, qtype: lower.qtype, class: lower.class, edns: lower.edns };
        prop_assert_eq!(ask(&zones(), &lower).to_lowercase(), ask(&zones(), &upper).to_lowercase());
    }
}

fn header(octets: &[u8]) -> Header {
    Header::read(octets).unwrap()
}
