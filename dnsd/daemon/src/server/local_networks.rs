//! The machine's own addresses, and the networks that they are in.

use std::net::{Ipv4Addr, Ipv6Addr};

use std::time::Duration;

use dnsd_core::acl::LocalNetworks;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::{SockaddrIn, SockaddrIn6};
use tokio_util::sync::CancellationToken;

use super::Shared;

/// How long an address may be new to the machine before lists know it. BIND looks every hour (`interface-interval`); a look is a
/// few system calls.
const LOOK_PERIOD: Duration = Duration::from_secs(60);

/// Looks now and then, for addresses come and go without a reload.
pub(crate) async fn follow(shared: Shared, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(LOOK_PERIOD))
        .await
        .is_some()
    {
        shared.refresh_local_networks();
    }
}

/// Asks the system.
///
/// # Errors
/// When it can't list its interfaces.
pub(super) fn look_up() -> Result<LocalNetworks, Errno> {
    Ok(LocalNetworks::new(
        getifaddrs()?.filter_map(|interface| network_of(&interface)),
    ))
}

/// An interface's address with the length of its network's prefix; one without a mask is alone in its network.
fn network_of(interface: &InterfaceAddress) -> Option<IpNet> {
    let (address, mask) = (interface.address.as_ref()?, interface.netmask.as_ref());
    if let Some(v4) = address.as_sockaddr_in() {
        let mask = mask.and_then(|mask| mask.as_sockaddr_in());
        let mask = mask.map_or(Ipv4Addr::BROADCAST, SockaddrIn::ip);
        return Ipv4Net::with_netmask(v4.ip(), mask).ok().map(IpNet::from);
    }
    let v6 = address.as_sockaddr_in6()?;
    let mask = mask.and_then(|mask| mask.as_sockaddr_in6());
    let mask = mask.map_or(Ipv6Addr::from(u128::MAX), SockaddrIn6::ip);
    Ipv6Net::with_netmask(v6.ip(), mask).ok().map(IpNet::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsd_core::acl::{Acl, Entry, Subject, Who};

    #[test]
    fn the_loopback_address_is_local_and_its_network_too() {
        let local = look_up().unwrap();
        let allows = |subject, address: &str| {
            let entry = Entry {
                excludes: false,
                subject,
            };
            Acl::new(vec![entry]).allows(&Who::new(address.parse().unwrap(), None), &local)
        };
        assert!(allows(Subject::Localhost, "127.0.0.1"));
        assert!(!allows(Subject::Localhost, "127.1.2.3"));
        assert!(allows(Subject::Localnets, "127.1.2.3"));
        assert!(!allows(Subject::Localnets, "198.51.100.1"));
    }
}
