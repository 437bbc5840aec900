//! What it costs to send a zone of a million records, to take it in, and to do either with the steps between two versions.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsd_core::message::{Header, Request};
use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::rrtype::{Class, Type};
use dnsd_core::transfer::{
    Delta, Incoming, IncomingLimits, Outgoing, REQUEST_BYTES_MAX, Received, ReplyHead, write_ixfr_request,
};
use dnsd_core::zone::{SetChange, Zone, ZoneBuilder};

/// Each has an A and an AAAA record.
const HOSTS: u32 = 500_000;
const CHANGED: u32 = 1000;
const LIMITS: IncomingLimits = IncomingLimits {
    octets_max: 1 << 30,
    records_max: 1 << 22,
};

fn origin() -> Name {
    Name::parse(b"big.example.", None).expect("a name")
}

fn host(number: u32) -> Name {
    Name::parse(format!("h{number:06}.big.example.").as_bytes(), None).expect("a name")
}

fn soa(serial: u32) -> Vec<u8> {
    let text = format!("ns1 hostmaster {serial} 7200 900 1209600 300");
    rdata::parse(Type::SOA, text.as_bytes(), Some(&origin())).expect("SOA data")
}

fn zone() -> Zone {
    let mut builder = ZoneBuilder::new(origin());
    builder.add(origin().as_name_ref(), Class::IN, 3600, Type::SOA, &soa(1), None);
    for number in 0..HOSTS {
        let (host, address) = (host(number), number.to_be_bytes());
        let mut long = [0; 16];
        long[12..].copy_from_slice(&address);
        builder.add(host.as_name_ref(), Class::IN, 300, Type::A, &address, None);
        builder.add(host.as_name_ref(), Class::IN, 300, Type::AAAA, &long, None);
    }
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

/// The next version: other addresses for some hosts all over the zone.
fn changed(zone: &Zone) -> Zone {
    let hosts: Vec<Name> = (0..CHANGED).map(|number| host(number * (HOSTS / CHANGED))).collect();
    let (soa, origin) = (soa(2), origin());
    let set = |owner, rtype, rdata| SetChange {
        owner,
        rtype,
        covers: Type(0),
        ttl: 300,
        rdatas: vec![rdata],
    };
    let mut changes: Vec<SetChange<'_>> = hosts
        .iter()
        .map(|host| set(host.as_name_ref(), Type::A, &[192, 0, 2, 1]))
        .collect();
    changes.push(set(origin.as_name_ref(), Type::SOA, &soa));
    zone.changed(&changes).expect("a change of addresses")
}

fn head(zone: &Zone) -> ReplyHead {
    let mut buffer = [0; REQUEST_BYTES_MAX];
    let len = write_ixfr_request(1, zone, &mut buffer).expect("a request fits");
    let message = &buffer[..len];
    let header = Header::read(message).expect("a header");
    ReplyHead::new(&Request::parse(header, message).expect("a request"), None)
}

fn send(mut transfer: Outgoing, mut take: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 65_535];
    while let Some(len) = transfer.next_message(&mut buffer).expect("records that fit") {
        take(&buffer[..len]);
    }
}

fn receive(zone: &Zone, messages: &[Vec<u8>]) -> Received {
    let have = dnsd_core::serial::Serial(zone.serial().0.wrapping_sub(1));
    let mut transfer = Incoming::ixfr(origin(), 1, have, LIMITS);
    for message in messages {
        transfer.feed(message).unwrap_or_else(|error| panic!("{error}"));
    }
    transfer.finish(1).unwrap_or_else(|error| panic!("{error}"))
}

fn transfers(criterion: &mut Criterion) {
    let old = Arc::new(zone());
    let new = Arc::new(changed(&old));
    let mut messages = Vec::new();
    send(Outgoing::axfr(head(&old), Arc::clone(&old)), |message| {
        messages.push(message.to_vec());
    });

    let mut group = criterion.benchmark_group("transfer of a million records");
    group.sample_size(10);
    group.throughput(Throughput::Elements(old.record_count() as u64));
    group.bench_function("out", |bencher| {
        bencher.iter(|| {
            send(Outgoing::axfr(head(&old), Arc::clone(&old)), |message| {
                black_box(message);
            });
        });
    });
    group.bench_function("in", |bencher| bencher.iter(|| receive(&old, &messages)));
    group.bench_function("difference", |bencher| bencher.iter(|| Delta::between(&old, &new)));
    group.finish();

    let delta = Arc::new(Delta::between(&old, &new));
    let steps = |taken: &mut Vec<Vec<u8>>| {
        let transfer = Outgoing::ixfr(
            head(&old),
            Arc::clone(&new),
            old.serial(),
            Some(vec![Arc::clone(&delta)]),
        );
        send(transfer, |message| taken.push(message.to_vec()));
    };
    let mut messages = Vec::new();
    steps(&mut messages);
    let mut group = criterion.benchmark_group("steps of a thousand changes");
    group.bench_function("out", |bencher| {
        bencher.iter(|| {
            let mut taken = Vec::new();
            steps(&mut taken);
            taken
        });
    });
    group.bench_function("in", |bencher| bencher.iter(|| receive(&new, &messages)));
    group.bench_function("apply", |bencher| bencher.iter(|| delta.apply(&old)));
    group.finish();
}

criterion_group!(benches, transfers);
criterion_main!(benches);
