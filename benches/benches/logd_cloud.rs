//! What `%cloud-…%` costs a message with 100,000 machines known, and what an update of the inventory costs.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use logd_core::cloud::{Address, Fact, Host, Ledger, Machine, Sender, State};
use logd_core::message::Origin;
use logd_core::parse;
use logd_core::path::PathTemplate;
use logd_core::template::{Context, Template};
use logd_core::time::{Timestamp, ZoneCache};

const HOSTS: u32 = 100_000;
const NOW_S: i64 = 1_795_341_600;

fn address(nth: u32) -> IpAddr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + nth).into()
}

fn machine(nth: u32, label: &str) -> Machine {
    let (id, name, group) = (
        format!("i-0a1b2c3d{nth:08x}"),
        format!("web-{nth}"),
        format!("group-{}", nth % 50),
    );
    let fact = |fact| match fact {
        Fact::Id => id.as_str(),
        Fact::Name => &name,
        Fact::Group => &group,
        Fact::Zone => "eu-west-1a",
        Fact::Type => "m5.large",
        Fact::Vpc => "vpc-0a1b2c3d",
        Fact::Subnet => "subnet-0a1b2c3d",
        Fact::Lifecycle => "spot",
    };
    let labels = [("Role", label), ("Environment", "production"), ("Team", "video")];
    Machine {
        host: Host::new(fact, labels),
        addresses: vec![Address {
            ip: address(nth),
            from: Some(NOW_S - 1000),
            until: None,
        }],
    }
}

fn inventory() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.apply((0..HOSTS).map(|nth| machine(nth, "web")), &[], true, NOW_S);
    ledger.set_state(State::Fresh);
    ledger
}

fn now() -> Timestamp {
    ZoneCache::new(TimeZone::UTC).timestamp_at(NOW_S, 0)
}

fn looking_up(c: &mut Criterion) {
    let ledger = inventory();
    let map = ledger.map();
    let mut group = c.benchmark_group("cloud");
    let hot = address(12_345);
    group.bench_function("look up, the same sender", |b| {
        b.iter(|| black_box(map.find(black_box(hot), NOW_S)));
    });
    // A step that comes by all of them, each far from the one before.
    let mut nth = 0;
    group.bench_function("look up, each of 100,000 senders in turn", |b| {
        b.iter(|| {
            nth = (nth + 61_803) % HOSTS;
            black_box(map.find(black_box(address(nth)), NOW_S));
        });
    });
    group.bench_function("look up, unknown senders", |b| {
        b.iter(|| {
            nth = (nth + 61_803) % HOSTS;
            black_box(map.find(black_box(address(HOSTS + nth)), NOW_S));
        });
    });
}

/// What a path asks for beside the look-up, and what the same path costs without.
fn keys(c: &mut Criterion) {
    let ledger = inventory();
    let map = ledger.map();
    let message = parse::parse(
        b"<30>Nov 22 10:00:00 web-17 nginx[4242]: GET /index.html 200",
        now(),
        &mut ZoneCache::new(TimeZone::UTC),
    );
    let mut group = c.benchmark_group("cloud");
    let mut out = Vec::with_capacity(4096);
    let path = |text: &str| PathTemplate::new(&Template::parse(text).expect("a template")).expect("a path");
    let plain = path("/l/%HOSTNAME%/%PROGRAMNAME%.log");
    let clouded = path("/l/%cloud-group%/%cloud-id%/%PROGRAMNAME%.log");
    let mut with = |name: &str, path: &PathTemplate, step: u32| {
        let mut nth = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                nth = (nth + step) % HOSTS;
                let peer = address(nth);
                let origin = Origin {
                    peer: Some((peer, 40_000).into()),
                    peer_name: None,
                    received: now(),
                    input: "bench",
                    truncated: false,
                };
                let mut cloud = Sender::default();
                if path.asks_cloud() {
                    let found = map.find(peer, NOW_S);
                    cloud = Sender {
                        host: found.host,
                        fallback: "",
                        state: map.state(),
                    };
                }
                let context = Context {
                    message: &message,
                    origin: &origin,
                    sender_name: None,
                    cloud,
                    my_hostname: "here",
                    now: now(),
                    uuid: &|| [7; 16],
                };
                out.clear();
                black_box(path.append_key(black_box(&context), &mut out));
            });
        });
    };
    with("key of a path by HOSTNAME", &plain, 1);
    with("look up and key by group and id, the same sender", &clouded, 0);
    with(
        "look up and key by group and id, each of 100,000 in turn",
        &clouded,
        61_803,
    );
}

fn updating(c: &mut Criterion) {
    let mut group = c.benchmark_group("cloud");
    let mut ledger = inventory();
    // A reader has the map of before, as threads do.
    let mut published = ledger.map();
    let mut round = 0_u32;
    group.bench_function("one machine changes", |b| {
        b.iter(|| {
            round += 1;
            let label = format!("role-{round}");
            ledger.apply([machine(round % HOSTS, &label)], &[], false, NOW_S);
            published = ledger.map();
        });
    });
    black_box(&published);
    group.sample_size(10);
    let machines: Vec<_> = (0..HOSTS).map(|nth| machine(nth, "web")).collect();
    group.bench_function("all 100,000 for the first time", |b| {
        b.iter_batched(
            || (Ledger::new(), machines.clone()),
            |(mut ledger, machines)| {
                ledger.apply(machines, &[], true, NOW_S);
                ledger
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(logd_cloud, looking_up, keys, updating);
criterion_main!(logd_cloud);
