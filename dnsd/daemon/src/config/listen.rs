//! An entry of `[listen] dns`.

use std::net::SocketAddr;

use ballast_shared::config::{FromValue, Value};

/// Where to listen, over UDP and TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ListenAddress {
    /// One address, or all of them (`[::]`, `0.0.0.0`) through one socket.
    Address(SocketAddr),
    /// A socket for each address that the machine has when the daemon starts or reloads, on this port. It leaves the
    /// addresses to us that another daemon doesn't hold, such as all but systemd-resolved's 127.0.0.53.
    Interfaces(u16),
}

impl FromValue for ListenAddress {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        let parsed = match text.strip_prefix("interfaces:") {
            Some(port) => port.parse().ok().map(Self::Interfaces),
            None => text.parse().ok().map(Self::Address),
        };
        if parsed.is_none() {
            value.error_with_help(
                "not an address with a port",
                "write \"192.0.2.1:53\", \"[::]:53\" for all addresses, or \"interfaces:53\" for a socket on each",
            );
        }
        parsed
    }
}

impl ListenAddress {
    /// The address, if it is one.
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Interfaces(_) => None,
        }
    }

    /// The port.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Interfaces(port) => port,
        }
    }
}
