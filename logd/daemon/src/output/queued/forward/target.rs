//! `target = ["tls://a.example.net:6514"]`: how and where to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The longest name of a host that there is (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// One of the places that an output forwards to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A datagram each (RFC 5426).
    Udp,
    /// A stream (RFC 6587).
    Tcp,
    /// The same, encrypted (RFC 5425).
    Tls,
    /// Each acknowledged; encrypted where the output has `tls`.
    Relp,
}

/// Where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// Looked up with each connection.
    Name(Box<str>),
}

/// A text that is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotATarget {
    Scheme,
    Host,
    Port,
    Path,
}

impl Transport {
    const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Relp];

    fn scheme(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Relp => "relp",
        }
    }

    /// Those that IANA has, and the one that rsyslog's examples have for RELP.
    fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls => 6514,
            Self::Relp => 2514,
        }
    }
}

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let (scheme, rest) = text.split_once("://").ok_or(NotATarget::Scheme)?;
        let transport = Transport::ALL.into_iter().find(|known| known.scheme() == scheme);
        let transport = transport.ok_or(NotATarget::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(NotATarget::Path);
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(NotATarget::Host)?;
                let address: Ipv6Addr = address.parse().map_err(|_| NotATarget::Host)?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':').ok_or(NotATarget::Port)?),
                };
                (Host::Address(address.into()), port)
            }
            None => {
                let (host, port) = match rest.split_once(':') {
                    // Of an address that its brackets are missing from this is no port.
                    Some((_, port)) if port.contains(':') => return Err(NotATarget::Host),
                    Some((host, port)) => (host, Some(port)),
                    None => (rest, None),
                };
                (Host::of(host)?, port)
            }
        };
        let port = match port {
            None => transport.default_port(),
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(NotATarget::Port)?,
        };
        Ok(Self { transport, host, port })
    }
}

impl Host {
    fn of(text: &str) -> Result<Self, NotATarget> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let is_name = !text.is_empty()
            && text.len() <= HOST_BYTES_MAX
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        // What looks like an address and is none is no name either.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_name && !is_number {
            Ok(Self::Name(text.into()))
        } else {
            Err(NotATarget::Host)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, port) = (self.transport.scheme(), self.port);
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "{scheme}://[{address}]:{port}"),
            Host::Address(IpAddr::V4(address)) => write!(f, "{scheme}://{address}:{port}"),
            Host::Name(name) => write!(f, "{scheme}://{name}:{port}"),
        }
    }
}

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "not a target",
            Self::Host => "a target without the name or address of a host",
            Self::Port => "a target with a wrong port",
            Self::Path => "a target has nothing behind its host and port",
        })
    }
}

impl std::error::Error for NotATarget {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_scheme_a_host_and_a_port() {
        for (text, whole) in [
            ("udp://192.0.2.1", "udp://192.0.2.1:514"),
            ("tcp://logs.example.net:5514", "tcp://logs.example.net:5514"),
            ("tls://[2001:db8::1]", "tls://[2001:db8::1]:6514"),
            ("tls://[2001:db8::1]:1", "tls://[2001:db8::1]:1"),
            ("relp://a_b-c.example/", "relp://a_b-c.example:2514"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), whole);
            assert_eq!(whole.parse(), Ok(target));
        }
    }

    #[test]
    fn what_is_no_target_is_told_why() {
        for (text, why) in [
            ("192.0.2.1:514", NotATarget::Scheme),
            ("@@logs.example.net", NotATarget::Scheme),
            ("http://logs.example.net", NotATarget::Scheme),
            ("tcp://", NotATarget::Host),
            ("tcp://2001:db8::1", NotATarget::Host),
            ("tcp://[2001:db8::1", NotATarget::Host),
            ("tcp://300.1.1.1", NotATarget::Host),
            ("tcp://a b", NotATarget::Host),
            ("tcp://a:0", NotATarget::Port),
            ("tcp://a:65536", NotATarget::Port),
            ("tcp://[::1]514", NotATarget::Port),
            ("tcp://a/b", NotATarget::Path),
            ("tcp://user@a", NotATarget::Path),
        ] {
            assert_eq!(text.parse::<Target>(), Err(why), "{text}");
        }
    }
}
