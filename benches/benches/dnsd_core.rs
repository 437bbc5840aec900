//! What one query and one record cost in dnsd's core.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::net::Ipv4Addr;

use ballast_benches::answers::{Asker, KINDS, compile, queries, read, zones};
use ballast_benches::dns::zones::HOSTS;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsd_core::answer::{Client, Settings, Transport, answer};

fn loading(c: &mut Criterion) {
    let text = HOSTS.text(1);
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(HOSTS.records())));
    group.bench_function("parse", |b| b.iter(|| read(&text, |record| _ = black_box(record))));
    group.bench_function("parse and compile", |b| b.iter(|| black_box(compile(&text))));
}

fn answering(c: &mut Criterion) {
    let zones = zones();
    let settings = Settings::default();
    let client = Client {
        transport: Transport::Udp,
        address: Ipv4Addr::LOCALHOST.into(),
        now: 1_700_000_000,
        held_back: 0,
    };
    let mut out = [0; 1232];
    for asker in Asker::ALL {
        let mut group = c.benchmark_group(format!("answer/{}", asker.name()));
        group.throughput(Throughput::Elements(1));
        for kind in KINDS {
            let queries = queries(kind, asker);
            let mut turn = queries.iter().cycle();
            // A query an iteration, so that the time is that of one.
            group.bench_function(kind.0, |b| {
                b.iter(|| {
                    let query = turn.next().map_or(&[][..], Vec::as_slice);
                    answer(&zones, &settings, &client, black_box(query), black_box(&mut out))
                });
            });
        }
    }
}

criterion_group!(dnsd_core, loading, answering);
criterion_main!(dnsd_core);
