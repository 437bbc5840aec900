//! The line of a query, octet by octet that of BIND 9.18's category `queries`.

use std::fmt::{self, Display, Formatter};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsd_core::name::NameRef;

use super::entry::{CookieState, Query};

/// Appends the line of a query, without its end. `asked` tells apart who took queries at the same time: what BIND has an
/// address in memory for.
pub(super) fn write(to: &mut Vec<u8>, query: &Query<'_>, asked: u64) {
    let name = WithoutFinalDot(query.qname);
    let client = query.client;
    // Writing to a Vec can't fail.
    let _ = write!(to, "client @{asked:#x} {}#{}", client.ip(), client.port());
    if let Some(key) = query.key {
        let _ = write!(to, "/key {}", WithoutFinalDot(key));
    }
    let _ = write!(to, " ({name})");
    if let Some(view) = query.view {
        let _ = write!(to, ": view {view}");
    }
    let _ = write!(to, ": query: {name} {} {} ", query.qclass, query.qtype);
    to.push(if query.recursion_desired { b'+' } else { b'-' });
    if query.key.is_some() {
        to.push(b'S');
    }
    if let Some(version) = query.edns_version {
        let _ = write!(to, "E({version})");
    }
    let cookie = match query.cookie {
        CookieState::Absent => None,
        CookieState::Sent => Some(b'K'),
        CookieState::Good => Some(b'V'),
    };
    let flags = [
        query.is_tcp.then_some(b'T'),
        query.dnssec_ok.then_some(b'D'),
        query.checking_disabled.then_some(b'C'),
        cookie,
    ];
    to.extend(flags.into_iter().flatten());
    let _ = write!(to, " ({})", query.local);
    if let Some(subnet) = query.client_subnet.and_then(ClientSubnet::read) {
        let _ = write!(to, " [ECS {subnet}]");
    }
}

/// A name as BIND logs it.
struct WithoutFinalDot<'n>(NameRef<'n>);

impl Display for WithoutFinalDot<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_root() {
            return f.write_str(".");
        }
        // Behind the last label stands the dot that isn't wanted.
        let text = self.0.to_string();
        f.write_str(text.strip_suffix('.').unwrap_or(&text))
    }
}

/// The data of the option (RFC 7871 §6).
struct ClientSubnet {
    address: IpAddr,
    source: u8,
    scope: u8,
}

impl ClientSubnet {
    fn read(data: &[u8]) -> Option<Self> {
        let [0, family, source, scope, prefix @ ..] = data else {
            return None;
        };
        Some(Self {
            address: match family {
                // "dig +subnet=0" has no family (RFC 7871 §7.1.2), which BIND shows as IPv4.
                0 | 1 => Ipv4Addr::from(filled(prefix)?).into(),
                2 => Ipv6Addr::from(filled(prefix)?).into(),
                _ => return None,
            },
            source: *source,
            scope: *scope,
        })
    }
}

/// An address of which only the octets in front are there.
fn filled<const OCTETS: usize>(prefix: &[u8]) -> Option<[u8; OCTETS]> {
    let mut octets = [0; OCTETS];
    octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
    Some(octets)
}

impl Display for ClientSubnet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.address, self.source, self.scope)
    }
}
