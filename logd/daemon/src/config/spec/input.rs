//! `[input.NAME.tcp]` and `[input.NAME.udp]`.

use std::net::SocketAddr;
use std::time::Duration;

use ballast_shared::config::{FromValue, Size, Spanned, Table, Value};
use ipnet::IpNet;

use super::choice::choice;

/// An input of one of the kinds.
pub(in crate::config) enum InputSpec {
    Tcp(TcpSpec),
    Udp(UdpSpec),
}

/// What every network input has.
pub(in crate::config) struct InputKeys {
    pub(in crate::config) listen: Option<Spanned<Vec<Spanned<SocketAddr>>>>,
    pub(in crate::config) allow: Option<Vec<IpNet>>,
    pub(in crate::config) message_max: Option<Spanned<Size>>,
    pub(in crate::config) time_zone: Option<Spanned<String>>,
}

/// `[input.NAME.tcp]`
pub(in crate::config) struct TcpSpec {
    pub(in crate::config) keys: InputKeys,
    pub(in crate::config) framing: Option<FramingChoice>,
    pub(in crate::config) connections_max: Option<Spanned<usize>>,
    pub(in crate::config) connections_per_sender_max: Option<Spanned<usize>>,
    pub(in crate::config) idle_timeout: Option<Duration>,
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
        }
    }
}

impl TcpSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            keys: InputKeys::read(table),
            framing: table.optional("framing"),
            connections_max: table.optional("connections-max"),
            connections_per_sender_max: table.optional("connections-per-sender-max"),
            idle_timeout: table.optional("idle-timeout"),
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
