//! The targets of dnsd's core.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use dnsd_core::answer::{Client, Outcome, Settings, Transport, UDP_PAYLOAD_BYTES, answer};
use dnsd_core::master::{Limits, NoSources, Reader, Source};
use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::rrtype::Class;
use dnsd_core::zone::ZoneBuilder;
use dnsd_core::zone::check::check;
use dnsd_core::zones::{ZoneState, Zones};

/// Some of everything that an answer is made of.
const ZONE: &str = r#"$TTL 1h
@         SOA   ns.example.net. root 1 1d 2h 4w 30m
          NS    ns
          NS    ns.other.example.
          MX    10 mail
          TXT   "one" "two"
ns        A     192.0.2.1
          AAAA  2001:db8::1
mail      A     192.0.2.2
www       A     192.0.2.3
          A     192.0.2.4
alias     CNAME www
loop      CNAME loop
far       CNAME www.other.example.
*.wild    TXT   "wild"
          MX    10 mail
b.ent     A     192.0.2.5
sub       NS    ns.sub
          NS    ns.other.example.
          DS    1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.sub    A     192.0.2.6
dname     DNAME target
x.target  A     192.0.2.7
_s._tcp   SRV   0 0 5060 www
big       TXT   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
$GENERATE 1-90 big TXT "text-$-0123456789012345678901234567890123456789"
"#;

static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let origin = Name::parse(b"example.net.", None).expect("a name");
    let mut builder = ZoneBuilder::new(origin.clone());
    let mut sources = NoSources;
    let mut reader = Reader::new(
        &origin,
        Class::IN,
        source(ZONE.as_bytes()),
        &mut sources,
        Limits::default(),
    );
    while let Some(read) = reader.next_record() {
        let record = read.expect("the zone is right");
        builder.add(record.owner, record.class, record.ttl, record.rtype, record.rdata, None);
    }
    let zone = builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone;
    let broken = Name::parse(b"broken.example.", None).expect("a name");
    Zones::new([(origin, ZoneState::Loaded(Arc::new(zone))), (broken, ZoneState::Failed)])
});

fn source(text: &[u8]) -> Source<'_> {
    Source {
        name: "fuzz".to_owned(),
        text: Cow::Borrowed(text),
    }
}

/// Whatever a packet holds, the reply is a reply to it, within its limit, and nothing is written behind the buffer. The first
/// byte shortens the buffer.
pub fn dns_message(data: &[u8]) {
    const GUARD: u8 = 0xa5;
    let [short, request @ ..] = data else { return };
    let room = if *short == 0 { 65_535 } else { usize::from(*short) * 6 };
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut buffer = vec![GUARD; room + 64];
        let client = Client {
            transport,
            address: Ipv4Addr::LOCALHOST.into(),
            now: 1_700_000_000,
        };
        match answer(&ZONES, &Settings::default(), &client, request, &mut buffer[..room]) {
            Outcome::Drop(_) => {}
            Outcome::Reply(reply) => {
                assert!((12..=room).contains(&reply.len));
                assert!(transport == Transport::Tcp || reply.len <= usize::from(UDP_PAYLOAD_BYTES));
                assert_eq!(buffer[..2], request[..2], "the id of the request");
                assert_eq!(buffer[2] & 0x80, 0x80, "a response");
                assert_eq!(request[2] & 0x80, 0, "a response is never answered");
            }
        }
        assert!(buffer[room..].iter().all(|b| *b == GUARD), "nothing behind the buffer");
    }
}

/// A master file is read to its end with bounded work; what is read from it is valid, prints as text that reads the same, and
/// compiles or is refused.
pub fn master_file(data: &[u8]) {
    // Small, because the fuzzer likes nothing better than a $GENERATE of a million records.
    let limits = Limits {
        generated_max: 256,
        ..Limits::default()
    };
    let origin = Name::parse(b"example.net.", None).expect("a name");
    let mut builder = ZoneBuilder::new(origin.clone());
    let mut sources = NoSources;
    let mut reader = Reader::new(&origin, Class::IN, source(data), &mut sources, limits);
    while let Some(read) = reader.next_record() {
        let record = match read {
            Ok(record) => record,
            Err(error) => {
                let _ = error.to_string();
                continue;
            }
        };
        assert_eq!(rdata::check(record.rtype, record.rdata), Ok(()));
        let printed = format!("{}\n", record.to_record());
        let mut sources = NoSources;
        let mut again = Reader::new(&origin, Class::IN, source(printed.as_bytes()), &mut sources, limits);
        let same = again
            .next_record()
            .expect("one record")
            .unwrap_or_else(|error| panic!("{error}: {printed}"));
        assert_eq!(same.to_record(), record.to_record(), "{printed}");
        builder.add(record.owner, record.class, record.ttl, record.rtype, record.rdata, None);
    }
    if let Ok(compiled) = builder.finish() {
        for finding in check(&compiled) {
            let _ = finding.to_string();
        }
    }
}
