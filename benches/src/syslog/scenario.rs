//! The streams that collectors are measured with.

use serde::Serialize;

use super::message::{Format, Framing, Layout};

/// How the messages of a scenario come, and what is promised of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Service {
    /// Plain TCP.
    Tcp,
    /// TCP, and every batch that is written is synced.
    TcpSynced,
    /// TLS.
    Tls,
    /// RELP: acknowledged when it is written.
    Relp,
    /// RELP: acknowledged when it is synced.
    RelpSynced,
}

impl Service {
    /// Whether files are synced.
    #[must_use]
    pub fn is_synced(self) -> bool {
        matches!(self, Self::TcpSynced | Self::RelpSynced)
    }

    /// Whether messages come by RELP.
    #[must_use]
    pub fn is_relp(self) -> bool {
        matches!(self, Self::Relp | Self::RelpSynced)
    }
}

/// One of the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Its name in the table.
    pub name: &'static str,
    /// How the messages come.
    pub service: Service,
    /// Connections at a time.
    pub connections: u64,
    /// Hosts that they speak for.
    pub hosts: u64,
    /// The length of a message, its framing not counted.
    pub message_bytes: usize,
    /// How a message is written.
    pub format: Format,
    /// How messages are told apart.
    pub framing: Framing,
    /// Messages of a run, of those peers that take as long as rsyslog.
    pub messages: u64,
}

impl Scenario {
    const USUAL: Self = Self {
        name: "10 connections, 100 hosts, 300 B",
        service: Service::Tcp,
        connections: 10,
        hosts: 100,
        message_bytes: 300,
        format: Format::Rfc3164,
        framing: Framing::Newline,
        messages: 600_000,
    };

    /// The one that all others differ from.
    pub const MIX: Self = Self::USUAL;

    /// One sender.
    pub const ONE: Self = Self {
        name: "1 connection, 1 host",
        connections: 1,
        hosts: 1,
        ..Self::USUAL
    };

    /// A thousand of them.
    pub const THOUSAND: Self = Self {
        name: "1,000 connections, 1,000 hosts",
        connections: 1000,
        hosts: 1000,
        ..Self::USUAL
    };

    /// Relays for ten thousand.
    pub const RELAYS: Self = Self {
        name: "100 connections, 10,000 hosts",
        connections: 100,
        hosts: 10_000,
        ..Self::USUAL
    };

    /// Short messages.
    pub const SHORT: Self = Self {
        name: "100 B",
        message_bytes: 100,
        ..Self::USUAL
    };

    /// Long ones.
    pub const LONG: Self = Self {
        name: "1,000 B",
        message_bytes: 1000,
        messages: 400_000,
        ..Self::USUAL
    };

    /// RFC 5424 with structured data, octet-counted.
    pub const RFC5424: Self = Self {
        name: "RFC 5424 with structured data, octet-counted",
        format: Format::Rfc5424,
        framing: Framing::OctetCounted,
        ..Self::USUAL
    };

    /// Over TLS.
    pub const TLS: Self = Self {
        name: "TLS",
        service: Service::Tls,
        messages: 300_000,
        ..Self::USUAL
    };

    /// Over RELP.
    pub const RELP: Self = Self {
        name: "RELP, acknowledged when written",
        service: Service::Relp,
        messages: 100_000,
        ..Self::USUAL
    };

    /// Over RELP to a device. Few messages: rsyslog syncs each of them.
    pub const RELP_SYNCED: Self = Self {
        name: "RELP, acknowledged when synced",
        service: Service::RelpSynced,
        hosts: 10,
        messages: 2_000,
        ..Self::USUAL
    };

    /// To a device.
    pub const SYNCED: Self = Self {
        name: "TCP, sync = \"always\"",
        service: Service::TcpSynced,
        hosts: 10,
        messages: 100_000,
        ..Self::USUAL
    };

    /// Those over plain TCP, with the floor in them.
    pub const PLAIN: [Self; 7] = [
        Self::MIX,
        Self::ONE,
        Self::THOUSAND,
        Self::RELAYS,
        Self::SHORT,
        Self::LONG,
        Self::RFC5424,
    ];

    /// Its messages.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout::new(self.message_bytes, self.format, self.framing)
    }
}
