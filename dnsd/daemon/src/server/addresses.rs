//! Which addresses `[listen] dns` means on this machine, now.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use crate::config::ListenAddress;

/// The socket addresses to bind.
///
/// # Errors
/// When the machine's addresses can't be listed.
pub(super) fn expand(listen: &[ListenAddress]) -> Result<BTreeSet<SocketAddr>, Errno> {
    let mut addresses = BTreeSet::new();
    for entry in listen {
        match entry {
            ListenAddress::Address(address) => {
                addresses.insert(*address);
            }
            ListenAddress::Interfaces(port) => addresses.extend(local_addresses(*port)?),
        }
    }
    Ok(addresses)
}

/// Whether the addresses change with the machine's.
pub(super) fn follow_the_machine(listen: &[ListenAddress]) -> bool {
    let is_of_interfaces = |entry: &ListenAddress| matches!(entry, ListenAddress::Interfaces(_));
    listen.iter().any(is_of_interfaces)
}

fn local_addresses(port: u16) -> Result<Vec<SocketAddr>, Errno> {
    let interfaces = getifaddrs()?;
    let local = |address: SockaddrStorage| {
        if let Some(v4) = address.as_sockaddr_in() {
            return Some(SocketAddr::from((v4.ip(), port)));
        }
        // A link-local address comes with its interface, without which it can't be bound.
        let v6 = address.as_sockaddr_in6()?;
        Some(SocketAddrV6::new(v6.ip(), port, 0, v6.scope_id()).into())
    };
    Ok(interfaces
        .filter_map(|interface| interface.address)
        .filter_map(local)
        .collect())
}

/// What stands for all addresses where the machine has no IPv6.
pub(super) fn without_ipv6(address: SocketAddr) -> Option<SocketAddr> {
    let all_ipv6 = address.is_ipv6() && address.ip().is_unspecified();
    all_ipv6.then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_every_address_with_the_port() {
        let addresses = expand(&[
            ListenAddress::Interfaces(5300),
            ListenAddress::Address("127.0.0.1:5300".parse().unwrap()),
        ])
        .unwrap();
        let loopbacks = addresses
            .iter()
            .filter(|a| **a == "127.0.0.1:5300".parse().unwrap())
            .count();
        assert_eq!(loopbacks, 1, "{addresses:?}");
        assert!(addresses.iter().all(|a| a.port() == 5300 && !a.ip().is_unspecified()));
    }

    #[test]
    fn only_the_wildcard_falls_back_to_ipv4() {
        assert_eq!(
            without_ipv6("[::]:53".parse().unwrap()),
            Some("0.0.0.0:53".parse().unwrap())
        );
        assert_eq!(without_ipv6("[::1]:53".parse().unwrap()), None);
        assert_eq!(without_ipv6("0.0.0.0:53".parse().unwrap()), None);
    }
}
