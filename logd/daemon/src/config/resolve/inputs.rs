//! Inputs.

use std::net::SocketAddr;

use ballast_shared::config::{Diagnostics, Size, Span, Spanned};
use jiff::tz::TimeZone;
use logd_core::framing::Framing;

use super::tls::TlsReader;
use crate::config::spec::{FramingChoice, InputKeys, InputSpec, Named, StreamKeys, TcpSpec};
use crate::config::{Input, InputKind, StreamSettings, TcpSettings};

/// What rsyslog's users raise its 8 KiB to. A sender is let to hold this much of our memory while its frame is incomplete.
const MESSAGE_MAX: Size = Size::kib(64);

/// Every receiver takes this much (RFC 5424 §6.1).
const MESSAGE_MAX_LEAST: Size = Size { bytes: 480 };

/// No octet count has more digits than this takes ([`logd_core::framing::OCTET_COUNT_DIGITS_MAX`]).
const MESSAGE_MAX_MOST: Size = Size { bytes: 9_999_999 };

/// A fleet's worth; each costs a descriptor and some hundred bytes while it is idle.
const CONNECTIONS_MAX: usize = 10_000;

pub(super) fn resolve(specs: &[Named<InputSpec>], tls: &TlsReader<'_>, diagnostics: &Diagnostics) -> Vec<Input> {
    let mut taken = Vec::new();
    specs
        .iter()
        .map(|named| {
            let (keys, kind, receive_buffer) = match &named.spec {
                InputSpec::Tcp(tcp) => (&tcp.keys, InputKind::Tcp(tcp_settings(tcp, tls, diagnostics)), None),
                InputSpec::Relp(relp) => (
                    &relp.keys,
                    InputKind::Relp(stream_settings(&relp.stream, tls, diagnostics)),
                    None,
                ),
                InputSpec::Udp(udp) => (&udp.keys, InputKind::Udp, udp.receive_buffer),
            };
            let is_tcp = kind.stream().is_some();
            Input {
                name: named.name.as_str().into(),
                listen: listen(keys, is_tcp, &mut taken, diagnostics),
                allow: keys.allow.as_ref().map(|networks| networks.as_slice().into()),
                message_bytes_max: message_max(keys, diagnostics).as_usize(),
                receive_buffer_bytes: receive_buffer.map(|size| size.value.as_usize()),
                time_zone: time_zone(keys, diagnostics),
                kind,
            }
        })
        .collect()
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
    let at_least_one = |number: Spanned<usize>| {
        if number.value == 0 {
            diagnostics.error(number.span, "at least 1");
        }
        number.value
    };
    StreamSettings {
        connections_max: keys.connections_max.map_or(CONNECTIONS_MAX, at_least_one),
        connections_per_sender_max: keys.connections_per_sender_max.map(at_least_one),
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

fn message_max(keys: &InputKeys, diagnostics: &Diagnostics) -> Size {
    let Some(size) = keys.message_max else {
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
