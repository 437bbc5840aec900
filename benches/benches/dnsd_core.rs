//! What one query and one record cost in dnsd's core.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::borrow::Cow;
use std::fmt::Write;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsd_core::answer::{Client, Settings, Transport, answer};
use dnsd_core::master::{Limits, NoSources, Reader, Source};
use dnsd_core::name::Name;
use dnsd_core::rrtype::{Class, Type};
use dnsd_core::zone::{Zone, ZoneBuilder};
use dnsd_core::zones::{ZoneState, Zones};

const HOSTS: u32 = 100_000;

/// A zone of hosts, with what the other kinds of answer need.
fn zone_text() -> String {
    let mut text = String::from(
        "$TTL 1h\n@ SOA ns root 1 1d 2h 4w 30m\n NS ns\nns A 192.0.2.1\nalias CNAME h1\n*.wild TXT wild\nsub NS ns.sub\nns.sub A 192.0.2.2\n",
    );
    for host in 0..HOSTS {
        let [_, b, c, d] = host.to_be_bytes();
        writeln!(text, "h{host} A 10.{b}.{c}.{d}").expect("a string takes everything");
    }
    text
}

fn origin() -> Name {
    Name::parse(b"bench.example.", None).expect("a name")
}

fn read(text: &str, mut each: impl FnMut(dnsd_core::master::RecordRef<'_>)) {
    let mut sources = NoSources;
    let source = Source {
        name: "bench".to_owned(),
        text: Cow::Borrowed(text.as_bytes()),
    };
    let mut reader = Reader::new(&origin(), Class::IN, source, &mut sources, Limits::default());
    while let Some(record) = reader.next_record() {
        each(record.expect("the zone is right"));
    }
}

fn compile(text: &str) -> Zone {
    let mut builder = ZoneBuilder::new(origin());
    read(text, |r| builder.add(r.owner, r.class, r.ttl, r.rtype, r.rdata, None));
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

fn query(name: &str, qtype: Type) -> Vec<u8> {
    let name = Name::parse(format!("{name}.bench.example.").as_bytes(), None).expect("a name");
    let mut message = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01".to_vec();
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&qtype.0.to_be_bytes());
    message.extend_from_slice(b"\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0");
    message
}

fn loading(c: &mut Criterion) {
    let text = zone_text();
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(HOSTS)));
    group.bench_function("parse", |b| b.iter(|| read(&text, |record| _ = black_box(record))));
    group.bench_function("parse and compile", |b| b.iter(|| black_box(compile(&text))));
}

fn answering(c: &mut Criterion) {
    let zones = Zones::new([(origin(), ZoneState::Loaded(Arc::new(compile(&zone_text()))))]);
    let settings = Settings::default();
    let client = Client {
        transport: Transport::Udp,
        address: Ipv4Addr::LOCALHOST.into(),
        now: 1_700_000_000,
    };
    let mut out = [0; 1232];
    let mut group = c.benchmark_group("answer");
    for (kind, name, qtype) in [
        ("positive", "h4711", Type::A),
        ("nxdomain", "nope", Type::A),
        ("nodata", "h4711", Type::MX),
        ("wildcard", "any.wild", Type::TXT),
        ("cname", "alias", Type::A),
        ("referral", "www.sub", Type::A),
    ] {
        let query = query(name, qtype);
        group.bench_function(kind, |b| {
            b.iter(|| black_box(answer(&zones, &settings, &client, black_box(&query), &mut out)));
        });
    }
}

criterion_group!(dnsd_core, loading, answering);
criterion_main!(dnsd_core);
