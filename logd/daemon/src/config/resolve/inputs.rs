//! Inputs.

mod local;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Size, Span, Spanned};
use ballast_shared::privileges::Process;
use jiff::tz::TimeZone;
use logd_core::framing::Framing;
use logd_core::rate_limit::Limit;

use super::plugins::EventsAround;
use super::tls::TlsReader;
use crate::config::spec::{FramingChoice, InputKeys, InputSpec, Named, RateLimitKeys, StreamKeys, TcpSpec};
use crate::config::{Input, InputKind, RateLimit, StreamSettings, TcpSettings};

/// What rsyslog's users raise its 8 KiB to. A sender is let to hold this much of our memory while its frame is incomplete.
const MESSAGE_MAX: Size = Size::kib(64);

/// Every receiver takes this much (RFC 5424 §6.1).
const MESSAGE_MAX_LEAST: Size = Size { bytes: 480 };

/// No octet count has more digits than this takes ([`logd_core::framing::OCTET_COUNT_DIGITS_MAX`]).
const MESSAGE_MAX_MOST: Size = Size { bytes: 9_999_999 };

/// A fleet's worth; each costs a descriptor and some hundred bytes while it is idle.
const CONNECTIONS_MAX: usize = 10_000;

pub(super) fn resolve(
    specs: &[Named<InputSpec>],
    tls: &TlsReader<'_>,
    servers: &Arc<[SocketAddr]>,
    process: &Process,
    events: &EventsAround<'_>,
    diagnostics: &Diagnostics,
) -> Vec<Input> {
    let mut taken = Taken::default();
    warn_of_doubles(specs, diagnostics);
    specs
        .iter()
        .filter_map(|named| {
            let name = named.name.as_str().into();
            Some(match &named.spec {
                InputSpec::Tcp(tcp) => {
                    let kind = InputKind::Tcp(tcp_settings(tcp, tls, diagnostics));
                    of_network(name, &tcp.keys, None, kind, servers, &mut taken, diagnostics)
                }
                InputSpec::Relp(relp) => {
                    let kind = InputKind::Relp(stream_settings(&relp.stream, tls, diagnostics));
                    of_network(name, &relp.keys, None, kind, servers, &mut taken, diagnostics)
                }
                InputSpec::Udp(udp) => of_network(
                    name,
                    &udp.keys,
                    udp.receive_buffer,
                    InputKind::Udp,
                    servers,
                    &mut taken,
                    diagnostics,
                ),
                InputSpec::Unix(unix) => Input {
                    message_bytes_max: message_max(unix.message_max, diagnostics).as_usize(),
                    rate_limit: rate_limit(
                        &unix.rate_limit,
                        RateLimitDefaults::UNIX,
                        unix.rate_limit_severity,
                        diagnostics,
                    ),
                    ..of_machine(name, InputKind::Unix(local::unix(unix, &mut taken.paths, diagnostics)))
                },
                InputSpec::Kmsg(kmsg) => {
                    of_machine(name, InputKind::Kmsg(local::kmsg(kmsg, &mut taken.paths, diagnostics)))
                }
                InputSpec::Mark(mark) => of_machine(name, InputKind::Mark(local::mark(mark, diagnostics))),
                InputSpec::Journal(journal) => Input {
                    message_bytes_max: message_max(journal.message_max, diagnostics).as_usize(),
                    ..of_machine(name, InputKind::Journal(local::journal(journal, process, diagnostics)))
                },
                InputSpec::Plugin(spec) => Input {
                    message_bytes_max: message_max(spec.message_max, diagnostics).as_usize(),
                    ..of_machine(name, InputKind::Plugin(Box::new(events.input(spec, diagnostics)?)))
                },
            })
        })
        .collect()
}

/// What inputs have already.
#[derive(Default)]
struct Taken {
    /// Whether it is TCP's, the address, and where it was said.
    addresses: Vec<(bool, SocketAddr, Span)>,
    paths: Vec<(PathBuf, Span)>,
}

fn of_network(
    name: Arc<str>,
    keys: &InputKeys,
    receive_buffer: Option<Spanned<Size>>,
    kind: InputKind,
    servers: &Arc<[SocketAddr]>,
    taken: &mut Taken,
    diagnostics: &Diagnostics,
) -> Input {
    let is_tcp = kind.stream().is_some();
    Input {
        name,
        listen: listen(keys, is_tcp, &mut taken.addresses, diagnostics),
        allow: keys.allow.as_ref().map(|networks| networks.as_slice().into()),
        message_bytes_max: message_max(keys.message_max, diagnostics).as_usize(),
        receive_buffer_bytes: receive_buffer.map(|size| size.value.as_usize()),
        time_zone: time_zone(keys, diagnostics),
        rate_limit: rate_limit(&keys.rate_limit, RateLimitDefaults::NETWORK, None, diagnostics),
        resolve: (keys.resolve == Some(true)).then(|| servers.clone()),
        kind,
    }
}

/// An input without addresses.
fn of_machine(name: Arc<str>, kind: InputKind) -> Input {
    Input {
        name,
        listen: Vec::new(),
        allow: None,
        message_bytes_max: MESSAGE_MAX.as_usize(),
        receive_buffer_bytes: None,
        time_zone: TimeZone::system(),
        rate_limit: None,
        resolve: None,
        kind,
    }
}

/// journald reads the kernel's log too.
fn warn_of_doubles(specs: &[Named<InputSpec>], diagnostics: &Diagnostics) {
    let journals =
        |named: &&Named<InputSpec>| matches!(&named.spec, InputSpec::Journal(spec) if spec.directory.is_none());
    let kernel = specs.iter().find(|named| matches!(named.spec, InputSpec::Kmsg(_)));
    if let (Some(kernel), Some(journal)) = (kernel, specs.iter().find(journals)) {
        diagnostics.warning(
            kernel.span,
            format!(
                "the journal has the kernel's messages too: with the input \"{}\" they come twice",
                journal.name
            ),
        );
    }
}

/// What a limit has where it says only how long its interval is: rsyslog's.
#[derive(Clone, Copy)]
struct RateLimitDefaults {
    burst: u64,
    severity: u8,
}

impl RateLimitDefaults {
    const NETWORK: Self = Self {
        burst: 10_000,
        severity: 0,
    };
    /// Nobody withholds an emergency.
    const UNIX: Self = Self {
        burst: 200,
        severity: 1,
    };
}

fn rate_limit(
    keys: &RateLimitKeys,
    defaults: RateLimitDefaults,
    severity: Option<Spanned<u8>>,
    diagnostics: &Diagnostics,
) -> Option<RateLimit> {
    if let Some(severity) = severity.filter(|severity| severity.value > 7) {
        diagnostics.error(severity.span, "severities are 0 (emerg) to 7 (debug)");
    }
    let Some(interval) = keys.interval else {
        let without = keys
            .burst
            .map(|burst| burst.span)
            .or(severity.map(|severity| severity.span));
        if let Some(span) = without {
            diagnostics.error(span, "this does nothing without `rate-limit-interval`");
        }
        return None;
    };
    if let Some(burst) = keys.burst.filter(|burst| burst.value == 0) {
        diagnostics.error(burst.span, "at least 1");
    }
    // As in rsyslog: an interval of nothing is no limit.
    (!interval.value.is_zero()).then(|| RateLimit {
        limit: Limit {
            burst: keys.burst.map_or(defaults.burst, |burst| burst.value),
            interval: interval.value,
        },
        severity: severity.map_or(defaults.severity, |severity| severity.value),
    })
}

fn at_least_one(number: Option<Spanned<usize>>, diagnostics: &Diagnostics) -> Option<usize> {
    let number = number?;
    if number.value == 0 {
        diagnostics.error(number.span, "at least 1");
    }
    Some(number.value)
}

fn tcp_settings(tcp: &TcpSpec, tls: &TlsReader<'_>, diagnostics: &Diagnostics) -> TcpSettings {
    TcpSettings {
        framing: match tcp.framing {
            None | Some(FramingChoice::Auto) => Framing::Auto,
            Some(FramingChoice::Newline) => Framing::Newline,
            Some(FramingChoice::OctetCounted) => Framing::OctetCounted,
        },
        stream: stream_settings(&tcp.stream, tls, diagnostics),
    }
}

fn stream_settings(keys: &StreamKeys, tls: &TlsReader<'_>, diagnostics: &Diagnostics) -> StreamSettings {
    StreamSettings {
        connections_max: at_least_one(keys.connections_max, diagnostics).unwrap_or(CONNECTIONS_MAX),
        connections_per_sender_max: at_least_one(keys.connections_per_sender_max, diagnostics),
        idle_timeout: keys.idle_timeout,
        tls: keys.tls.as_ref().and_then(|spec| tls.settings(spec)),
    }
}

/// The addresses, each of which one input can have.
fn listen(
    keys: &InputKeys,
    is_tcp: bool,
    taken: &mut Vec<(bool, SocketAddr, Span)>,
    diagnostics: &Diagnostics,
) -> Vec<SocketAddr> {
    let Some(listen) = &keys.listen else { return Vec::new() };
    if listen.value.is_empty() {
        diagnostics.error(listen.span, "an input listens on one address at least");
    }
    for address in &listen.value {
        match taken
            .iter()
            .find(|(tcp, other, _)| (*tcp, *other) == (is_tcp, address.value))
        {
            Some((_, _, first)) => {
                let first = diagnostics.place(*first);
                diagnostics.error(address.span, format!("this address is listened on already, at {first}"));
            }
            None => taken.push((is_tcp, address.value, address.span)),
        }
    }
    listen.value.iter().map(|address| address.value).collect()
}

fn message_max(size: Option<Spanned<Size>>, diagnostics: &Diagnostics) -> Size {
    let Some(size) = size else {
        return MESSAGE_MAX;
    };
    if size.value < MESSAGE_MAX_LEAST || size.value > MESSAGE_MAX_MOST {
        diagnostics.error(
            size.span,
            "a message may have 480 bytes at least, as RFC 5424 has it, and 9999999 at most",
        );
    }
    size.value
}

fn time_zone(keys: &InputKeys, diagnostics: &Diagnostics) -> TimeZone {
    let Some(name) = &keys.time_zone else {
        return TimeZone::system();
    };
    TimeZone::get(&name.value).unwrap_or_else(|_| {
        let message = format!("no time zone \"{}\" on this machine", name.value);
        diagnostics.error_with_help(
            name.span,
            message,
            "zones have names such as \"Europe/Berlin\" and \"UTC\"",
        );
        TimeZone::UTC
    })
}
