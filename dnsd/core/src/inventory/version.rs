//! The versions of the zones.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Known, Naming, Producer, Which};
use crate::name::{Name, NameRef};
use crate::rrtype::{Class, Type};
use crate::search_name::SearchName;
use crate::serial::Serial;
use crate::transfer::Delta;
use crate::zone::{Compiled, Finding, SetChange, Zone, ZoneBuilder};

/// The SOA record's REFRESH, RETRY and EXPIRE: whoever follows is told of changes, and one that is not asks often.
const SOA_TIMES: [u32; 3] = [3600, 300, 604_800];

/// Names and addresses that may have other records than before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    names: BTreeSet<Name>,
    addresses: BTreeSet<IpAddr>,
}

impl Touched {
    pub(super) fn name(&mut self, name: &Name) {
        self.names.insert(name.clone());
    }

    pub(super) fn address(&mut self, ip: IpAddr) {
        self.addresses.insert(ip);
    }

    /// Whether nothing was touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.addresses.is_empty()
    }

    /// Takes another's names and addresses too.
    pub fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.addresses.extend(other.addresses);
    }
}

/// A record set that a zone is to have.
struct Set {
    owner: Name,
    rtype: Type,
    rdatas: Vec<Vec<u8>>,
}

impl Producer {
    /// The zone's name; `None`: there are not so many.
    #[must_use]
    pub fn origin(&self, zone: Which) -> Option<&Name> {
        match zone {
            Which::Forward => Some(&self.naming.origin),
            Which::Reverse(place) => self.naming.reverse.get(place),
        }
    }

    /// All of a zone.
    ///
    /// # Errors
    /// When it can't be: it is too large.
    pub fn create(&self, zone: Which, serial: Serial) -> Result<Compiled, Vec<Finding>> {
        let origin = self.origin(zone).unwrap_or(&self.naming.origin);
        let mut builder = ZoneBuilder::new(origin.clone());
        let mut add = |owner: NameRef<'_>, rtype, rdata: &[u8]| {
            builder.add(owner, Class::IN, self.naming.ttl, rtype, rdata, None);
        };
        add(origin.as_name_ref(), Type::SOA, &self.naming.soa(serial));
        for server in &self.naming.nameservers {
            add(origin.as_name_ref(), Type::NS, server.as_wire());
        }
        let mut add_all = |sets: Vec<Set>| {
            for set in &sets {
                for rdata in &set.rdatas {
                    add(set.owner.as_name_ref(), set.rtype, rdata);
                }
            }
        };
        match zone {
            Which::Forward => self.names.keys().for_each(|name| add_all(self.sets_of(name))),
            Which::Reverse(_) => {
                for ip in self.holders.keys().filter(|ip| self.reverse_of(**ip) == Some(zone)) {
                    add_all(vec![self.pointer_of(*ip)]);
                }
            }
        }
        builder.finish()
    }

    /// The version of a zone behind this one, of this serial, and the step that leads to it; `None` when nothing that was touched
    /// has other records than the zone has. It costs in proportion to what was touched.
    ///
    /// # Errors
    /// When there can't be such a version.
    pub fn step(
        &self,
        zone: Which,
        old: &Zone,
        serial: Serial,
        touched: &Touched,
    ) -> Result<Option<(Zone, Delta)>, Finding> {
        let sets: Vec<Set> = match zone {
            Which::Forward => touched.names.iter().flat_map(|name| self.sets_of(name)).collect(),
            Which::Reverse(_) => {
                let addresses = touched.addresses.iter();
                let of_zone = addresses.filter(|ip| self.reverse_of(**ip) == Some(zone));
                of_zone.map(|ip| self.pointer_of(*ip)).collect()
            }
        };
        self.change(old, serial, sets)
    }

    /// The same from a version that was made before the machines were known, such as one of the last life of the daemon: all of it is
    /// looked at.
    ///
    /// # Errors
    /// When there can't be such a version.
    pub fn follow(&self, zone: Which, old: &Zone, serial: Serial) -> Result<Option<(Zone, Delta)>, Finding> {
        let wanted = self.create(zone, serial);
        let wanted = match wanted {
            Ok(compiled) => compiled.zone,
            Err(mut findings) => return Err(findings.swap_remove(0)),
        };
        // The SOA record of the new version is another one in any case.
        if old.record_count() == wanted.record_count() && is_same_but_for_serial(old, &wanted) {
            return Ok(None);
        }
        let delta = Delta::between(old, &wanted);
        Ok(Some((wanted, delta)))
    }

    fn change(&self, old: &Zone, serial: Serial, sets: Vec<Set>) -> Result<Option<(Zone, Delta)>, Finding> {
        let ttl = self.naming.ttl;
        let is_other = |set: &Set| {
            let node = old.node(&SearchName::new(set.owner.as_name_ref()));
            match node.and_then(|node| node.set(set.rtype)) {
                None => !set.rdatas.is_empty(),
                Some(has) => {
                    let mut has_rdatas: Vec<&[u8]> = has.rdatas().collect();
                    has_rdatas.sort_unstable();
                    has.ttl() != ttl || !has_rdatas.into_iter().eq(set.rdatas.iter().map(Vec::as_slice))
                }
            }
        };
        let sets: Vec<Set> = sets.into_iter().filter(is_other).collect();
        if sets.is_empty() {
            return Ok(None);
        }
        let soa = self.naming.soa(serial);
        let change = |owner, rtype, rdatas| SetChange {
            owner,
            rtype,
            covers: Type(0),
            ttl,
            rdatas,
        };
        let mut changes = vec![change(old.origin(), Type::SOA, vec![soa.as_slice()])];
        changes.extend(sets.iter().map(|set| {
            let rdatas = set.rdatas.iter().map(Vec::as_slice).collect();
            change(set.owner.as_name_ref(), set.rtype, rdatas)
        }));
        let next = old.changed(&changes)?;
        let delta = Delta::between_at(old, &next, changes.iter().map(|change| change.owner));
        Ok(Some((next, delta)))
    }

    /// The addresses of a name, of both kinds, in the order of their octets.
    fn sets_of(&self, name: &Name) -> Vec<Set> {
        let ids = self.names.get(name).into_iter().flat_map(super::Claims::have_it);
        let known = ids.filter_map(|id| self.machines.get(id));
        let ips: BTreeSet<IpAddr> = known.flat_map(|known| &known.live).map(|address| address.ip).collect();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for ip in ips {
            match ip {
                IpAddr::V4(ip) => v4.push(ip.octets().to_vec()),
                IpAddr::V6(ip) => v6.push(ip.octets().to_vec()),
            }
        }
        let set = |rtype, rdatas| Set {
            owner: name.clone(),
            rtype,
            rdatas,
        };
        vec![set(Type::A, v4), set(Type::AAAA, v6)]
    }

    /// The PTR record of an address, or that there is none.
    fn pointer_of(&self, ip: IpAddr) -> Set {
        let holder = self.holders.get(&ip).and_then(|holders| holders.first());
        let known = holder.and_then(|(_, id)| Some((&**id, self.machines.get(id)?)));
        let name = known.and_then(|(id, known)| self.first_name(id, known));
        Set {
            owner: reverse_name(ip),
            rtype: Type::PTR,
            rdatas: name.into_iter().map(|name| name.as_wire().to_vec()).collect(),
        }
    }

    /// What a machine is called: by the first name that it has as its own, or else shares.
    fn first_name<'k>(&self, id: &str, known: &'k Known) -> Option<&'k Name> {
        let has = |name: &Name| self.names.get(name).is_some_and(|claims| claims.has_it(id));
        let (own, shared): (Vec<_>, Vec<_>) = known.names.iter().partition(|asked| asked.is_own);
        let mut names = own.into_iter().chain(shared).map(|asked| &asked.name);
        names.find(|name| has(name))
    }

    /// The reverse zone that an address is in: of several the one that says most of it.
    fn reverse_of(&self, ip: IpAddr) -> Option<Which> {
        let name = reverse_name(ip);
        let zones = self.naming.reverse.iter().enumerate();
        let of_it = zones.filter(|(_, zone)| name.is_subdomain_of(zone));
        let (place, _) = of_it.max_by_key(|(_, zone)| zone.label_count())?;
        Some(Which::Reverse(place))
    }
}

impl Naming {
    /// RFC 1035 §3.3.13. Who asked for a name that was not there may ask again as soon as for one that was (RFC 2308 §4).
    fn soa(&self, serial: Serial) -> Vec<u8> {
        let primary = self.nameservers.first().unwrap_or(&self.origin);
        let mut rdata = [primary.as_wire(), self.contact.as_wire()].concat();
        let [refresh, retry, expire] = SOA_TIMES;
        for number in [serial.0, refresh, retry, expire, self.ttl] {
            rdata.extend_from_slice(&number.to_be_bytes());
        }
        rdata
    }
}

fn is_same_but_for_serial(old: &Zone, new: &Zone) -> bool {
    let without_serial = |zone: &Zone| {
        let mut rdata: Vec<u8> = zone.soa_set().rdatas().next().unwrap_or_default().to_vec();
        // The five numbers are at the end, the serial first.
        let at = rdata.len().saturating_sub(20);
        rdata.drain(at..at + 4);
        (zone.soa_set().ttl(), rdata)
    };
    let sets = |zone: &Zone| -> Vec<(Name, Type, u32, Vec<Vec<u8>>)> {
        let nodes = zone
            .nodes()
            .flat_map(|node| node.sets().map(move |set| (node.name().to_name(), set)));
        let others = nodes.filter(|(_, set)| set.rtype() != Type::SOA);
        others
            .map(|(name, set)| {
                let mut rdatas: Vec<Vec<u8>> = set.rdatas().map(<[u8]>::to_vec).collect();
                rdatas.sort_unstable();
                (name, set.rtype(), set.ttl(), rdatas)
            })
            .collect()
    };
    without_serial(old) == without_serial(new) && sets(old) == sets(new)
}

/// The name of an address (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse_name(ip: IpAddr) -> Name {
    let text = match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            let labels: String = nibbles.map(|nibble| format!("{nibble:x}.")).collect();
            format!("{labels}ip6.arpa.")
        }
    };
    text.parse().expect("at most 34 labels of at most four octets")
}
