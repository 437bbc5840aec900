//! What one message costs in each part of logd's core.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use logd_core::control_chars;
use logd_core::framing::{Framer, Framing, Step};
use logd_core::message::{Message, Origin};
use logd_core::parse;
use logd_core::path::PathTemplate;
use logd_core::selector::Selector;
use logd_core::template::{Context, Template};
use logd_core::time::{Timestamp, ZoneCache};

const RFC3164: &[u8] = b"<30>Nov 22 10:00:00 web-17 nginx[4242]: 192.0.2.1 GET /index.html 200 1532 0.004";
const RFC5424: &[u8] =
    b"<165>1 2026-11-22T10:00:00.123456Z web-17 nginx 4242 req - 192.0.2.1 GET /index.html 200 1532 0.004";
const FORWARD: &[u8] = b"<30>2026-11-22T10:00:00.123456+00:00 web-17 nginx[4242]: 192.0.2.1 GET /index.html 200 1532";

fn now() -> Timestamp {
    ZoneCache::new(TimeZone::UTC).timestamp_at(1_795_341_600, 0)
}

fn framing(c: &mut Criterion) {
    let stream: Vec<u8> = std::iter::repeat_n([RFC3164, b"\n"].concat(), 500).flatten().collect();
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Elements(500));
    group.bench_function("500 lines", |b| {
        b.iter(|| {
            let mut framer = Framer::new(Framing::Auto, 65_536);
            let mut rest = &stream[..];
            while let Step::Frame { frame, consumed } = framer.next(rest) {
                black_box(frame);
                rest = &rest[consumed..];
            }
        });
    });
}

fn parsing(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let mut zone = ZoneCache::new(TimeZone::UTC);
    for (name, frame) in [("rfc3164", RFC3164), ("rfc5424", RFC5424), ("forward format", FORWARD)] {
        group.bench_function(name, |b| {
            b.iter(|| black_box(parse::parse(black_box(frame), now(), &mut zone)));
        });
    }
    group.bench_function("control characters", |b| {
        b.iter(|| black_box(control_chars::clean(black_box(RFC3164))));
    });
}

fn with_context(check: impl FnOnce(&Message<'_>, &Context<'_>)) {
    let message = parse::parse(RFC3164, now(), &mut ZoneCache::new(TimeZone::UTC));
    let peer = "192.0.2.1:40000".parse().expect("an address");
    let origin = Origin {
        peer: Some(peer),
        peer_name: None,
        received: now(),
        input: "bench",
        truncated: false,
    };
    let context = Context {
        message: &message,
        origin: &origin,
        sender_name: None,
        cloud: logd_core::cloud::Sender::default(),
        my_hostname: "here",
        now: now(),
        uuid: &|| [7; 16],
    };
    check(&message, &context);
}

fn rendering(c: &mut Criterion) {
    let mut group = c.benchmark_group("render");
    let mut out = Vec::with_capacity(4096);
    with_context(|message, context| {
        for name in ["RSYSLOG_TraditionalFileFormat", "RSYSLOG_FileFormat", "json"] {
            let template = Template::builtin(name).expect("a built-in format");
            group.bench_function(name, |b| {
                b.iter(|| {
                    out.clear();
                    template.render(black_box(context), &mut out);
                });
            });
        }
        let template = Template::parse("/var/log/hosts/%HOSTNAME%/%PROGRAMNAME%.log").expect("a template");
        let path = PathTemplate::new(&template).expect("a path");
        group.bench_function("path", |b| {
            b.iter(|| {
                out.clear();
                path.render(black_box(context), &mut out);
            });
        });
        let selector = Selector::parse("*.=debug;*.=info;auth,authpriv.none").expect("a selector");
        group.bench_function("selector", |b| {
            b.iter(|| black_box(selector.matches(black_box(message.pri))));
        });
    });
}

criterion_group!(logd_core, framing, parsing, rendering);
criterion_main!(logd_core);
