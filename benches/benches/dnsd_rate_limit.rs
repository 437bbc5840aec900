//! What rate limiting and cookies cost an answer.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::net::Ipv4Addr;

use ballast_benches::answers::{Asker, KINDS, queries, zones};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsd_core::answer::{Client, CookieSecret, Cookies, Outcome, Reply, Settings, Transport, answer};
use dnsd_core::rate_limit::{RateLimiter, RateLimits, Rates};
use dnsd_core::zones::Zones;

/// Replies of a kind that take turns.
const REPLIES: usize = 256;
/// Networks that ask in turn: with the names they ask for they have more accounts than the table.
const NETWORKS: u32 = 4096;

fn client(address: u32) -> Client {
    Client {
        transport: Transport::Udp,
        address: Ipv4Addr::from(address).into(),
        now: 1_700_000_000,
        held_back: 0,
    }
}

fn limiter() -> RateLimiter {
    let limits = RateLimits {
        rates: Rates {
            responses: 5,
            referrals: 5,
            nodata: 5,
            nxdomains: 5,
            errors: 5,
            all: 0,
        },
        window: 15,
        slip: 2,
        ipv4_prefix_length: 24,
        ipv6_prefix_length: 56,
        exempt: Vec::new(),
        table_size: 20_000,
    };
    RateLimiter::new(limits, [7; 16])
}

/// The reply to a query, and its octets.
fn reply(zones: &Zones, query: &[u8]) -> (Reply, Vec<u8>) {
    let mut out = vec![0; 1232];
    match answer(zones, &Settings::default(), &client(1), query, &mut out) {
        Outcome::Reply(reply) => {
            out.truncate(reply.len);
            (reply, out)
        }
        outcome => panic!("a query gets a reply: {outcome:?}"),
    }
}

fn limiting(c: &mut Criterion) {
    let mut group = c.benchmark_group("rate-limit");
    group.throughput(Throughput::Elements(1));
    let (zones, limiter) = (zones(), limiter());
    for kind in KINDS {
        let queries = queries(kind, Asker::LoadGenerator);
        let replies: Vec<_> = queries.iter().take(REPLIES).map(|query| reply(&zones, query)).collect();
        let mut turn = replies.iter().cycle();
        let mut network = 0_u32;
        group.bench_function(kind.0, |b| {
            b.iter(|| {
                network = (network + 1) % NETWORKS;
                turn.next()
                    .map(|(reply, message)| limiter.check(&client(network << 8), black_box(reply), message))
            });
        });
    }
    group.finish();
}

/// A query whose last record is an OPT record with a cookie.
fn with_cookie(query: &[u8], cookie: &[u8]) -> Vec<u8> {
    let mut query = query.to_vec();
    query[11] = 1;
    let length = cookie.len() as u8;
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4 + length, 0, 10, 0, length]);
    query.extend_from_slice(cookie);
    query
}

fn cookies(c: &mut Criterion) {
    let zones = zones();
    let settings = Settings {
        cookies: Some(Cookies {
            secret: CookieSecret::new([7; 16]),
            older_secrets: Box::default(),
            required: false,
        }),
        ..Settings::default()
    };
    let plain = queries(KINDS[0], Asker::LoadGenerator)[0].clone();
    let learning = with_cookie(&plain, &[9; 8]);
    let mut out = vec![0; 1232];
    let Outcome::Reply(learned) = answer(&zones, &settings, &client(1), &learning, &mut out) else {
        panic!("a query with a cookie gets a reply");
    };
    let known = with_cookie(&plain, &out[learned.len - 24..learned.len]);
    let mut group = c.benchmark_group("cookie");
    group.throughput(Throughput::Elements(1));
    for (name, query) in [("none", &plain), ("a client's", &learning), ("a good one", &known)] {
        group.bench_function(name, |b| {
            b.iter(|| answer(&zones, &settings, &client(1), black_box(query), black_box(&mut out)));
        });
    }
    group.finish();
}

criterion_group!(dnsd_rate_limit, limiting, cookies);
criterion_main!(dnsd_rate_limit);
