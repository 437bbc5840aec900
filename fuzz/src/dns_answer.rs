//! Answers.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use dnsd_core::answer::{
    Chaos, ChaosText, Client, CookieSecret, Cookies, MinimalResponses, Outcome, Reply, Settings, Transport, answer,
    answer_generally,
};
use dnsd_core::master::{Limits, NoSources, Reader, Source};
use dnsd_core::name::Name;
use dnsd_core::rate_limit::{RateLimiter, RateLimits, Rates};
use dnsd_core::rrtype::Class;
use dnsd_core::zone::{Zone, ZoneBuilder};
use dnsd_core::zones::{ZoneState, Zones};
use hickory_proto::op::Message;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// A zone that isn't signed, one for each way of signing, and one below another.
const TEXTS: [(&str, &str); 5] = [
    ("example.net.", include_str!("../zones/plain.zone")),
    ("nsec.example.", include_str!("../zones/nsec.zone")),
    ("nsec3.example.", include_str!("../zones/nsec3.zone")),
    ("optout.example.", include_str!("../zones/optout.zone")),
    (
        "open.nsec3.example.",
        "@ 60 SOA ns root 1 1d 2h 4w 30m\n@ 60 NS ns\nns 60 A 192.0.2.7\n",
    ),
];

static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let loaded = TEXTS.map(|(origin, text)| {
        let origin = Name::parse(origin.as_bytes(), None).expect("a name");
        let zone = ZoneState::Loaded(Arc::new(zone(&origin, text)));
        (origin, zone)
    });
    let broken = Name::parse(b"broken.example.", None).expect("a name");
    Zones::new(loaded.into_iter().chain([(broken, ZoneState::Failed)]))
});

/// Looks at every reply, and holds most of them back.
static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| {
    let rates = Rates {
        responses: 1,
        referrals: 1,
        nodata: 1,
        nxdomains: 1,
        errors: 1,
        all: 2,
    };
    let limits = RateLimits {
        rates,
        window: 15,
        slip: 2,
        ipv4_prefix_length: 24,
        ipv6_prefix_length: 56,
        exempt: Vec::new(),
        table_size: 64,
    };
    RateLimiter::new(limits, [3; 16])
});

fn zone(origin: &Name, text: &str) -> Zone {
    let mut builder = ZoneBuilder::new(origin.clone());
    let mut sources = NoSources;
    let source = Source {
        name: "fuzz".to_owned(),
        text: Cow::Borrowed(text.as_bytes()),
    };
    let mut reader = Reader::new(origin, Class::IN, source, &mut sources, Limits::default());
    while let Some(read) = reader.next_record() {
        let record = read.expect("the zone is right");
        builder.add(record.owner, record.class, record.ttl, record.rtype, record.rdata, None);
    }
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

/// What an operator may have set, from the bits of an octet.
fn settings(bits: u8) -> Settings {
    let text = |text| Some(ChaosText::new(text));
    let cookies = Cookies {
        secret: CookieSecret::new([1; 16]),
        older_secrets: [CookieSecret::new([2; 16])].into(),
        required: bits & 2 != 0,
    };
    Settings {
        udp_payload_bytes_max: if bits & 4 != 0 { 4096 } else { 1232 },
        minimal_any: bits & 8 == 0,
        minimal_responses: match bits >> 4 & 3 {
            0 => MinimalResponses::NoAuthRecursive,
            1 => MinimalResponses::No,
            2 => MinimalResponses::NoAuth,
            _ => MinimalResponses::Yes,
        },
        chaos: Chaos {
            version: text("1"),
            hostname: text("host"),
            server_id: (bits & 64 != 0).then(|| ChaosText::new("id")),
        },
        cookies: (bits & 1 != 0).then_some(cookies),
        tcp_keepalive: (bits & 128 != 0).then_some(300),
        forwards: false,
    }
}

/// Whatever a packet holds, the reply is a reply to it and well-formed, within its limit, the same by both ways to it, and
/// nothing is written behind the buffer. The first octet shortens the buffer, the second is what is set.
pub fn dns_answer(data: &[u8]) {
    let [short, bits, request @ ..] = data else { return };
    let room = if *short == 0 { 65_535 } else { usize::from(*short) * 6 };
    let settings = settings(*bits);
    for transport in [Transport::Udp, Transport::Tcp] {
        let client = Client {
            transport,
            address: Ipv4Addr::LOCALHOST.into(),
            now: 1_700_000_000,
            held_back: 0,
        };
        let mut buffer = Guarded::new(room);
        let outcome = answer(&ZONES, &settings, &client, request, buffer.room());
        buffer.check();
        let mut general = Guarded::new(room);
        let expected = answer_generally(&ZONES, &settings, &client, request, general.room());
        general.check();
        assert_eq!(outcome, expected);
        if let Outcome::Reply(reply) = outcome {
            assert!((12..=room).contains(&reply.len));
            let udp_max = usize::from(settings.udp_payload_bytes_max);
            assert!(transport == Transport::Tcp || reply.len <= udp_max);
            let octets = &buffer.room()[..reply.len];
            assert_eq!(octets, &general.room()[..reply.len], "by both ways");
            check_reply(request, &reply, octets, room);
            // The daemon does as it says; that it has something to say is all that holds for every reply.
            let _ = LIMITER.check(&client, &reply, octets);
        }
    }
}

/// A reply's octets: those of an answer to the request, and a message in the eyes of another library.
fn check_reply(request: &[u8], reply: &Reply, octets: &[u8], room: usize) {
    assert_eq!(octets[..2], request[..2], "the id of the request");
    assert_eq!(octets[2] & 0x80, 0x80, "a response");
    assert_eq!(request[2] & 0x80, 0, "a response is never answered");
    assert_eq!(octets[2] & 0x78, request[2] & 0x78, "the opcode of the request");
    assert_eq!(
        u16::from(octets[3] & 0x0f),
        reply.rcode.0 & 0x0f,
        "the code that is counted"
    );
    // Less room than everybody has to give may be too little for the question, or the OPT record.
    let has_room = room >= 512;
    if let Some(qname) = reply.qname.as_ref().filter(|_| has_room) {
        let question = qname.start..qname.end + 4;
        assert_eq!(
            octets[question.clone()],
            request[question],
            "the question, in the client's case"
        );
    }
    let mut decoder = BinDecoder::new(octets);
    let message = Message::read(&mut decoder).unwrap_or_else(|error| panic!("{error}: {octets:02x?}"));
    assert!(decoder.is_empty(), "nothing behind the last record: {octets:02x?}");
    if has_room {
        assert_eq!(message.edns.is_some(), reply.edns, "an OPT record for one");
    }
}

/// A buffer with octets behind it that nobody may write.
struct Guarded(Vec<u8>);

impl Guarded {
    const OCTET: u8 = 0xa5;
    const OCTETS: usize = 64;

    fn new(room: usize) -> Self {
        Self(vec![Self::OCTET; room + Self::OCTETS])
    }

    fn room(&mut self) -> &mut [u8] {
        let room = self.0.len() - Self::OCTETS;
        &mut self.0[..room]
    }

    fn check(&self) {
        let guard = self.0.iter().rev().take(Self::OCTETS);
        assert!(
            guard.copied().eq([Self::OCTET; Self::OCTETS]),
            "nothing behind the buffer"
        );
    }
}
