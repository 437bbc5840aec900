//! Where a log goes: "tls://logs.example.net:6514".

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::names::is_domain;

/// How it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Udp,
    Tcp,
    Tls,
    /// With TLS where that is configured.
    Relp,
}

/// An input of logd's, as its own outputs have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) protocol: Protocol,
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// The host, if it is a name: what its certificate is for unless something else is said.
    pub(super) fn name(&self) -> Option<&str> {
        self.host.parse::<IpAddr>().is_err().then_some(&self.host)
    }
}

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotATarget;

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a target: \"udp://\", \"tcp://\", \"tls://\" or \"relp://\", a host, and \":PORT\" if it isn't the usual one")
    }
}

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let (scheme, rest) = text.split_once("://").ok_or(NotATarget)?;
        let (protocol, usual) = match scheme {
            "udp" => (Protocol::Udp, 514),
            "tcp" => (Protocol::Tcp, 514),
            "tls" => (Protocol::Tls, 6514),
            "relp" => (Protocol::Relp, 2514),
            _ => return Err(NotATarget),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(NotATarget)?;
                let address: Ipv6Addr = address.parse().map_err(|_| NotATarget)?;
                (address.to_string(), port)
            }
            None => {
                let (host, port) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
                // An address of version 4 is a domain's name by its letters.
                if !is_domain(host) {
                    return Err(NotATarget);
                }
                (host.to_owned(), port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port != 0).ok_or(NotATarget)?
            }
            None if port.is_empty() => usual,
            _ => return Err(NotATarget),
        };
        Ok(Self { protocol, host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_protocol_a_host_and_a_port() {
        let read = |text: &str| text.parse::<Target>().map(|target| (target.host, target.port));
        assert_eq!(read("tls://logs.example.net"), Ok(("logs.example.net".into(), 6514)));
        assert_eq!(read("udp://192.0.2.1:5514"), Ok(("192.0.2.1".into(), 5514)));
        assert_eq!(read("relp://[2001:db8::1]"), Ok(("2001:db8::1".into(), 2514)));
        for text in [
            "",
            "logs",
            "http://logs",
            "tls://",
            "tls://a b",
            "tls://a\"b",
            "tls://a:",
            "tls://a:0",
            "tls://a:+1",
            "tls://a:65536",
            "tls://[::1",
            "tls://[a]",
            "tls://a/b",
        ] {
            assert_eq!(read(text), Err(NotATarget), "{text}");
        }
    }
}
