//! `[input.NAME.tcp]`, `[input.NAME.relp]`, `[input.NAME.udp]`, and the inputs of this machine.

mod local;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{FromValue, Size, Spanned, Table, Value};
use ipnet::IpNet;

pub(in crate::config) use local::{JournalSpec, KmsgSpec, MarkSpec, PluginInputSpec, UnixSpec};

use super::choice::choice;

/// An input of one of the kinds.
pub(in crate::config) enum InputSpec {
    Tcp(TcpSpec),
    Relp(RelpSpec),
    Udp(UdpSpec),
    Unix(UnixSpec),
    Kmsg(KmsgSpec),
    Mark(MarkSpec),
    Journal(JournalSpec),
    Plugin(PluginInputSpec),
}

/// What every network input has.
pub(in crate::config) struct InputKeys {
    pub(in crate::config) listen: Option<Spanned<Vec<Spanned<SocketAddr>>>>,
    pub(in crate::config) allow: Option<Vec<IpNet>>,
    pub(in crate::config) message_max: Option<Spanned<Size>>,
    pub(in crate::config) time_zone: Option<Spanned<String>>,
    pub(in crate::config) rate_limit: RateLimitKeys,
    pub(in crate::config) resolve: Option<bool>,
}

/// `rate-limit-interval` and `rate-limit-burst`
pub(in crate::config) struct RateLimitKeys {
    pub(in crate::config) interval: Option<Spanned<Duration>>,
    pub(in crate::config) burst: Option<Spanned<u64>>,
}

/// What every input with connections has.
pub(in crate::config) struct StreamKeys {
    pub(in crate::config) connections_max: Option<Spanned<usize>>,
    pub(in crate::config) connections_per_sender_max: Option<Spanned<usize>>,
    pub(in crate::config) idle_timeout: Option<Duration>,
    pub(in crate::config) tls: Option<TlsSpec>,
}

/// `tls = { … }`
pub(in crate::config) struct TlsSpec {
    pub(in crate::config) certificate: Option<Spanned<PathBuf>>,
    pub(in crate::config) key: Option<Spanned<PathBuf>>,
    pub(in crate::config) client_ca: Option<Spanned<PathBuf>>,
    pub(in crate::config) permitted_peers: Option<Spanned<Vec<Spanned<String>>>>,
}

/// `[input.NAME.tcp]`
pub(in crate::config) struct TcpSpec {
    pub(in crate::config) keys: InputKeys,
    pub(in crate::config) stream: StreamKeys,
    pub(in crate::config) framing: Option<FramingChoice>,
}

/// `[input.NAME.relp]`
pub(in crate::config) struct RelpSpec {
    pub(in crate::config) keys: InputKeys,
    pub(in crate::config) stream: StreamKeys,
}

/// `[input.NAME.udp]`
pub(in crate::config) struct UdpSpec {
    pub(in crate::config) keys: InputKeys,
    pub(in crate::config) receive_buffer: Option<Spanned<Size>>,
}

impl InputKeys {
    fn read(table: &Table<'_>) -> Self {
        Self {
            listen: table.required("listen"),
            allow: table.optional("allow"),
            message_max: table.optional("message-max"),
            time_zone: table.optional("time-zone"),
            rate_limit: RateLimitKeys::read(table),
            resolve: table.optional("resolve"),
        }
    }
}

impl RateLimitKeys {
    fn read(table: &Table<'_>) -> Self {
        Self {
            interval: table.optional("rate-limit-interval"),
            burst: table.optional("rate-limit-burst"),
        }
    }
}

impl TcpSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            keys: InputKeys::read(table),
            stream: StreamKeys::read(table),
            framing: table.optional("framing"),
        }
    }
}

impl RelpSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            keys: InputKeys::read(table),
            stream: StreamKeys::read(table),
        }
    }
}

impl StreamKeys {
    fn read(table: &Table<'_>) -> Self {
        Self {
            connections_max: table.optional("connections-max"),
            connections_per_sender_max: table.optional("connections-per-sender-max"),
            idle_timeout: table.optional("idle-timeout"),
            tls: table.table("tls").map(|tls| TlsSpec::read(&tls)),
        }
    }
}

impl TlsSpec {
    fn read(table: &Table<'_>) -> Self {
        Self {
            certificate: table.required("certificate"),
            key: table.required("key"),
            client_ca: table.optional("client-ca"),
            permitted_peers: table.optional("permitted-peers"),
        }
    }
}

impl UdpSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            keys: InputKeys::read(table),
            receive_buffer: table.optional("receive-buffer"),
        }
    }
}

/// `framing`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum FramingChoice {
    Auto,
    Newline,
    OctetCounted,
}

impl FromValue for FramingChoice {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let choices = [
            ("auto", Self::Auto),
            ("newline", Self::Newline),
            ("octet-counted", Self::OctetCounted),
        ];
        choice(value, &choices)
    }
}
