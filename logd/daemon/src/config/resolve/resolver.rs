//! `[resolver]`, and what stands in its place.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ballast_shared::config::Diagnostics;

use crate::config::spec::ResolverKeys;

/// Where the machine says whom it asks (resolv.conf(5)).
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The port that it means.
const PORT: u16 = 53;

/// Who is asked for names: those in the configuration, or those that the machine asks.
pub(super) fn servers(keys: &ResolverKeys, diagnostics: &Diagnostics) -> Arc<[SocketAddr]> {
    match &keys.servers {
        Some(servers) => {
            if servers.value.is_empty() {
                diagnostics.error(
                    servers.span,
                    "one server at least; without this key those of the machine are asked",
                );
            }
            servers.value.iter().map(|server| server.value.0).collect()
        }
        None => of_machine(&fs::read(RESOLV_CONF).unwrap_or_default()),
    }
}

/// As the C library has it: without any, this machine.
fn of_machine(resolv_conf: &[u8]) -> Arc<[SocketAddr]> {
    let (config, _) = resolv_conf::Config::parse_with_errors(resolv_conf);
    let address = |server: &resolv_conf::ScopedIp| SocketAddr::new(IpAddr::from(server), PORT);
    let servers: Arc<[SocketAddr]> = config.nameservers.iter().map(address).collect();
    if servers.is_empty() {
        return Arc::new([SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))]);
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_resolv_conf_are_asked_in_its_order() {
        let servers = of_machine(b"# by hand\nsearch example.net\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n");
        assert_eq!(
            *servers,
            ["192.0.2.53:53", "[2001:db8::53]:53"].map(|text| text.parse().unwrap())
        );
    }

    #[test]
    fn without_a_server_this_machine_is_asked() {
        for text in [&b""[..], b"nameserver nonsense\n\xff"] {
            assert_eq!(*of_machine(text), ["127.0.0.1:53".parse().unwrap()]);
        }
    }
}
