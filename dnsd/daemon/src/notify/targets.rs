//! Who is told of a zone's changes.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dnsd_core::acl::LocalNetworks;
use dnsd_core::name::{Name, NameRef};
use dnsd_core::rrtype::Type;
use dnsd_core::search_name::SearchName;
use dnsd_core::zone::{Node, Zone};
use dnsd_core::zones::ZoneState;

use super::addresses::Addresses;
use crate::config::{ListenAddress, NotifyMode, NotifyRules, Remote};
use crate::remotes::Place;
use crate::server::views::View;

/// Where name servers are asked.
pub(super) const PORT: u16 = 53;

/// Name servers of a zone that are looked for, and addresses of theirs that are told. No delegation has as many as a tenth of
/// it, and whose zones these are, the primary's administrator, is not to decide how many messages we send to whom.
const SERVERS_MAX: usize = 64;

/// The name servers of a zone, as far as it is known where they are.
#[derive(Debug, Default)]
pub(super) struct NameServers {
    /// Of those whose names are in zones of ours.
    known: Vec<(Name, IpAddr)>,
    /// Those that the system's resolver is asked for.
    unknown: Vec<Name>,
}

/// Who is told, beside whom is not for their number.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) places: Vec<Place>,
    /// Name servers, or addresses of theirs.
    pub(super) left_out: usize,
}

/// Where this server is.
#[derive(Debug, Clone)]
pub(super) struct Here {
    /// What it listens on.
    pub(super) listen: Vec<ListenAddress>,
    /// The machine's addresses.
    pub(super) local: Arc<LocalNetworks>,
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

    /// Whether others have to be asked where they are.
    pub(super) fn are_elsewhere(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// All who are told: the remotes, and the name servers that aren't among them and aren't this one.
    pub(super) async fn with(self, rules: &NotifyRules, here: &Here, addresses: &Addresses) -> Targets {
        let mut targets = Targets {
            places: match rules.mode {
                NotifyMode::No => Vec::new(),
                NotifyMode::Yes | NotifyMode::Explicit | NotifyMode::PrimaryOnly => Place::all_of(&rules.also),
            },
            left_out: self.unknown.len().saturating_sub(SERVERS_MAX),
        };
        if rules.mode == NotifyMode::No {
            return targets;
        }
        let mut found = self.known;
        for name in self.unknown.iter().take(SERVERS_MAX) {
            // A name server that can't be found is told by nobody; the zone's refresh time is there for it.
            found.extend(addresses.of(name).await.into_iter().map(|ip| (name.clone(), ip)));
        }
        let told_max = targets.places.len() + SERVERS_MAX;
        let mut told: HashSet<IpAddr> = targets.places.iter().map(|place| place.address.ip()).collect();
        for (name, ip) in found {
            if here.is_at(ip) || !told.insert(ip) {
                continue;
            }
            if targets.places.len() < told_max {
                targets.places.push(place(&name, ip));
            } else {
                targets.left_out += 1;
            }
        }
        targets
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

impl Here {
    /// Whether what is sent there comes to this server: it listens there, and the address is the machine's. That it can be bound
    /// says nothing: where addresses move from machine to machine any can be (`net.ipv4.ip_nonlocal_bind`).
    fn is_at(&self, ip: IpAddr) -> bool {
        self.listen.iter().any(|listen| match listen {
            ListenAddress::Interfaces(port) => *port == PORT && self.local.is_host(ip),
            ListenAddress::Address(at) => {
                at.port() == PORT && (at.ip() == ip || (at.ip().is_unspecified() && self.local.is_host(ip)))
            }
        })
    }
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
        let at = |address: &str| Here {
            listen: vec![ListenAddress::Address(address.parse().unwrap())],
            local: Arc::new(LocalNetworks::new(["198.51.100.7/24".parse().unwrap()])),
        };
        let (here, addresses) = (at("[::]:53"), Addresses::new());
        let told = |targets: Targets| targets.places.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told(servers().with(&rules, &here, &addresses).await),
            ["192.0.2.2#5353", "192.0.2.3#53"]
        );
        let elsewhere = at("127.0.0.2:53");
        assert_eq!(told(servers().with(&rules, &elsewhere, &addresses).await).len(), 3);
        rules.mode = NotifyMode::Explicit;
        assert!(!NameServers::are_told(&rules));
        assert_eq!(
            told(NameServers::none().with(&rules, &here, &addresses).await),
            ["192.0.2.2#5353"]
        );
        rules.mode = NotifyMode::No;
        assert!(servers().with(&rules, &here, &addresses).await.places.is_empty());
    }

    #[tokio::test]
    async fn a_primary_with_name_servers_without_number_has_some_of_them_told() {
        let servers = (0..10_000_u32).map(|n| ("ns".parse().unwrap(), IpAddr::from([10, 0, (n >> 8) as u8, n as u8])));
        let servers = NameServers {
            known: servers.collect(),
            unknown: Vec::new(),
        };
        let here = Here {
            listen: Vec::new(),
            local: Arc::default(),
        };
        let rules = crate::config::Rules::default().notify;
        let targets = servers.with(&rules, &here, &Addresses::new()).await;
        assert_eq!(
            (targets.places.len(), targets.left_out),
            (SERVERS_MAX, 10_000 - SERVERS_MAX)
        );
    }

    #[test]
    fn this_server_is_where_it_listens_at_an_address_of_the_machines() {
        let here = |listen| Here {
            listen: vec![listen],
            local: Arc::new(LocalNetworks::new(["198.51.100.7/24".parse().unwrap()])),
        };
        let address = |text: &str| ListenAddress::Address(text.parse().unwrap());
        for (listen, ip, expected) in [
            (ListenAddress::Interfaces(53), "198.51.100.7", true),
            (ListenAddress::Interfaces(53), "198.51.100.8", false),
            (ListenAddress::Interfaces(5353), "198.51.100.7", false),
            (address("[::]:53"), "198.51.100.7", true),
            (address("[::]:53"), "127.1.2.3", true),
            // An address that moves between machines, and is at another one now.
            (address("[::]:53"), "198.51.100.9", false),
            (address("198.51.100.7:53"), "198.51.100.7", true),
            (address("198.51.100.7:53"), "198.51.100.9", false),
        ] {
            assert_eq!(here(listen).is_at(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
