//! What `localhost` and `localnets` stand for.

use std::net::IpAddr;

use ipnet::IpNet;

use super::range::{Range, RangeSet, number};

/// The addresses of the machine's interfaces and the networks that these are in. The daemon looks them up and does so again
/// when they change; a list is not compiled anew for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalNetworks {
    hosts: RangeSet,
    networks: RangeSet,
}

impl LocalNetworks {
    /// Takes the interfaces' addresses, each with the length of its network's prefix.
    pub fn new(interfaces: impl IntoIterator<Item = IpNet>) -> Self {
        let mut local = Self::default();
        for interface in interfaces {
            local.hosts.insert(Range::single(interface.addr()));
            local
                .networks
                .extend(Range::of_network(interface).into_iter().flatten());
        }
        local
    }

    /// Whether this is an address of the machine's own. All of 127.0.0.0/8 is, though no interface says so.
    pub fn is_host(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.hosts.contains(number(address))
    }

    pub(super) fn hosts(&self) -> &RangeSet {
        &self.hosts
    }

    pub(super) fn networks(&self) -> &RangeSet {
        &self.networks
    }
}
