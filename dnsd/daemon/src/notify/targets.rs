//! Who is told of a zone's changes.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use dnsd_core::name::{Name, NameRef};
use dnsd_core::rrtype::Type;
use dnsd_core::search_name::SearchName;
use dnsd_core::zone::{Node, Zone};
use dnsd_core::zones::ZoneState;

use crate::config::{ListenAddress, NotifyMode, NotifyRules, Remote};
use crate::remotes::Place;
use crate::server::views::View;

/// Where name servers are asked.
const PORT: u16 = 53;

/// The name servers of a zone, as far as it is known where they are.
#[derive(Debug, Default)]
pub(super) struct NameServers {
    /// Of those whose names are in zones of ours.
    known: Vec<(Name, IpAddr)>,
    /// Those that the system's resolver is asked for.
    unknown: Vec<Name>,
}

/// The name servers of a zone but its primary, which the SOA record names: that one knows.
pub(super) fn name_servers(zone: &Zone, view: &View) -> NameServers {
    let mut found = NameServers::default();
    let primary = zone
        .soa_set()
        .rdatas()
        .next()
        .and_then(|rdata| NameRef::prefix_of(rdata).ok());
    let set = zone.apex().set(Type::NS);
    for rdata in set.into_iter().flat_map(dnsd_core::zone::RecordSet::rdatas) {
        let Ok(name) = NameRef::from_wire(rdata) else { continue };
        if Some(name) == primary {
            continue;
        }
        match addresses_here(name, zone, view) {
            Some(addresses) => found
                .known
                .extend(addresses.into_iter().map(|address| (name.to_name(), address))),
            None => found.unknown.push(name.to_name()),
        }
    }
    found
}

/// The addresses of a name in the zone, glue included, or in another zone of ours; `None` when none of ours says them.
fn addresses_here(name: NameRef<'_>, zone: &Zone, view: &View) -> Option<Vec<IpAddr>> {
    let search = SearchName::new(name);
    if let Some(addresses) = zone.node(&search).map(addresses_of).filter(|found| !found.is_empty()) {
        return Some(addresses);
    }
    match view.zones().find_own(&search, Type::A)? {
        (_, ZoneState::Loaded(zone)) => zone.node(&search).map(addresses_of).filter(|found| !found.is_empty()),
        _ => None,
    }
}

fn addresses_of(node: Node<'_>) -> Vec<IpAddr> {
    let of_type = |rtype| node.set(rtype).into_iter().flat_map(dnsd_core::zone::RecordSet::rdatas);
    let v4 = of_type(Type::A).filter_map(|rdata| Some(IpAddr::from(*rdata.first_chunk::<4>()?)));
    let v6 = of_type(Type::AAAA).filter_map(|rdata| Some(IpAddr::from(*rdata.first_chunk::<16>()?)));
    v4.chain(v6).collect()
}

impl NameServers {
    /// None at all.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Whether the name servers of a zone with these rules are told.
    pub(super) fn are_told(rules: &NotifyRules) -> bool {
        matches!(rules.mode, NotifyMode::Yes | NotifyMode::PrimaryOnly)
    }

    /// All who are told: the remotes, and the name servers that aren't among them and aren't this one.
    pub(super) async fn with(self, rules: &NotifyRules, listen: &[ListenAddress]) -> Vec<Place> {
        let mut places = match rules.mode {
            NotifyMode::No => return Vec::new(),
            NotifyMode::Yes | NotifyMode::Explicit | NotifyMode::PrimaryOnly => Place::all_of(&rules.also),
        };
        let mut found = self.known;
        for name in self.unknown {
            // A name server that can't be found is told by nobody; the zone's refresh time is there for it.
            if let Ok(addresses) = tokio::net::lookup_host((name.to_string(), PORT)).await {
                found.extend(addresses.map(|address| (name.clone(), address.ip())));
            }
        }
        for (name, ip) in found {
            let is_there = places.iter().any(|place| place.address.ip() == ip);
            if !is_there && !is_ourselves(ip, listen) {
                places.push(place(&name, ip));
            }
        }
        places
    }
}

fn place(name: &Name, ip: IpAddr) -> Place {
    let address = SocketAddr::new(ip, PORT);
    Place {
        remote: Arc::new(Remote {
            name: name.to_string(),
            addresses: vec![address],
            keys: Vec::new(),
            sources: Vec::new(),
            tls: None,
        }),
        address,
    }
}

/// Whether what is sent there comes to this server: it listens there, and the address is the machine's.
fn is_ourselves(ip: IpAddr, listen: &[ListenAddress]) -> bool {
    let listens = listen.iter().any(|listen| match listen {
        ListenAddress::Interfaces(port) => *port == PORT,
        ListenAddress::Address(at) => at.port() == PORT && (at.ip() == ip || at.ip().is_unspecified()),
    });
    // Nobody can be bound to an address that the machine doesn't have.
    listens && UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::views::View;
    use crate::zones::test_zone::zone;
    use dnsd_core::zones::Zones;

    fn shown(servers: &NameServers) -> (Vec<String>, Vec<String>) {
        let known = servers.known.iter().map(|(name, ip)| format!("{name} {ip}")).collect();
        (known, servers.unknown.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn rfc1996_2_1_the_notify_set_is_the_name_servers_but_the_primary() {
        let other = zone(
            "other.test",
            "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.9\nns AAAA 2001:db8::9\n",
        );
        let ours = zone(
            "zone.test",
            "@ SOA NS1 h 1 2 3 4 5\n@ NS ns1\n@ NS ns2\n@ NS ns.sub\n@ NS ns.other.test.\n@ NS ns.elsewhere.test.\n\
             ns1 A 192.0.2.1\nns2 A 192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\n",
        );
        let zones = Zones::new([("other.test".parse().unwrap(), ZoneState::Loaded(Arc::new(other)))]);
        let view = View::outside(zones, Arc::new([]));
        let (mut known, unknown) = shown(&name_servers(&ours, &view));
        known.sort();
        assert_eq!(
            known,
            [
                "ns.other.test. 192.0.2.9",
                "ns.other.test. 2001:db8::9",
                "ns.sub.zone.test. 192.0.2.3",
                "ns2.zone.test. 192.0.2.2",
            ]
        );
        assert_eq!(unknown, ["ns.elsewhere.test."]);
    }

    #[tokio::test]
    async fn nobody_is_told_twice_and_this_server_isnt_told() {
        let remote = Remote {
            name: "ns2".into(),
            addresses: vec!["192.0.2.2:5353".parse().unwrap()],
            keys: Vec::new(),
            sources: Vec::new(),
            tls: None,
        };
        let mut rules = crate::config::Rules::default().notify;
        rules.also = [Arc::new(remote)].into();
        let servers = || NameServers {
            known: ["192.0.2.2", "127.0.0.1", "192.0.2.3"]
                .map(|ip| ("ns".parse().unwrap(), ip.parse().unwrap()))
                .into(),
            unknown: Vec::new(),
        };
        let listen = [ListenAddress::Address("[::]:53".parse().unwrap())];
        let told = |places: Vec<Place>| places.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told(servers().with(&rules, &listen).await),
            ["192.0.2.2#5353", "192.0.2.3#53"]
        );
        let elsewhere = [ListenAddress::Address("127.0.0.2:53".parse().unwrap())];
        assert_eq!(told(servers().with(&rules, &elsewhere).await).len(), 3);
        rules.mode = NotifyMode::Explicit;
        assert!(!NameServers::are_told(&rules));
        assert_eq!(
            told(NameServers::none().with(&rules, &listen).await),
            ["192.0.2.2#5353"]
        );
        rules.mode = NotifyMode::No;
        assert!(servers().with(&rules, &listen).await.is_empty());
    }
}
