//! What it costs to change k names in a zone of a million, and to ask a zone that was changed.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::rrtype::{Class, Type};
use dnsd_core::search_name::SearchName;
use dnsd_core::zone::{SetChange, Zone, ZoneBuilder};

const HOSTS: u32 = 1_000_000;

fn name(text: &str) -> Name {
    Name::parse(text.as_bytes(), None).expect("a name")
}

fn host(number: u32) -> Name {
    name(&format!("h{number:07}.bench.example."))
}

fn soa(serial: u32) -> Vec<u8> {
    let text = format!("ns root {serial} 1 1 1 1");
    rdata::parse(Type::SOA, text.as_bytes(), Some(&name("bench.example."))).expect("SOA data")
}

fn zone() -> Zone {
    let origin = name("bench.example.");
    let mut builder = ZoneBuilder::new(origin.clone());
    builder.add(origin.as_name_ref(), Class::IN, 60, Type::SOA, &soa(0), None);
    for number in 0..HOSTS {
        let address = number.to_be_bytes();
        builder.add(host(number).as_name_ref(), Class::IN, 60, Type::A, &address, None);
    }
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

/// As a transfer does it: other addresses for k names all over the zone, and another serial.
fn change(zone: &Zone, k: u32, serial: u32) -> Zone {
    let origin = name("bench.example.");
    let soa = soa(serial);
    let address = serial.to_be_bytes();
    let hosts: Vec<Name> = (0..k)
        .map(|number| host((serial * k + number).wrapping_mul(2_654_435_761) % HOSTS))
        .collect();
    let set = |owner, rtype, rdata| SetChange {
        owner,
        rtype,
        covers: Type(0),
        ttl: 60,
        rdatas: vec![rdata],
    };
    let mut changes: Vec<SetChange<'_>> = hosts
        .iter()
        .map(|host| set(host.as_name_ref(), Type::A, &address[..]))
        .collect();
    changes.push(set(origin.as_name_ref(), Type::SOA, &soa));
    zone.changed(&changes).expect("a change of addresses")
}

fn changing(c: &mut Criterion) {
    let compiled = zone();
    let mut group = c.benchmark_group("change");
    group.sample_size(10);
    for k in [1, 10, 1000] {
        group.throughput(Throughput::Elements(k.into()));
        group.bench_function(BenchmarkId::from_parameter(k), |b| {
            // Each change is one of the zone that the one before made, so that the overlay grows and is folded.
            let mut serial = 0;
            let mut zone = change(&compiled, k, serial);
            b.iter(|| {
                serial += 1;
                zone = change(&zone, k, serial);
            });
        });
    }
    group.finish();
    let changed = change(&compiled, 1000, 1);
    let mut group = c.benchmark_group("find");
    for (kind, zone) in [("compiled", &compiled), ("changed", &changed)] {
        group.bench_function(kind, |b| {
            let mut number = 0_u32;
            b.iter(|| {
                number = number.wrapping_add(2_654_435_761);
                let name = host(number % HOSTS);
                black_box(zone.find(&SearchName::new(name.as_name_ref())));
            });
        });
    }
}

criterion_group!(dnsd_change, changing);
criterion_main!(dnsd_change);
