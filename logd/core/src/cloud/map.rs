//! Whose addresses are and were: what a [`Ledger`](super::Ledger) has made of the inventories at one time. It never changes;
//! another one shares with it all that is the same.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use super::tenancy::Tenancy;
use super::{Host, State};

/// A change copies what one shard has: of 100,000 addresses, some hundred entries.
const SHARDS: usize = 256;

/// An odd number without a pattern in its bits: the fractional part of the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whose an address was when, and how far that can be relied on.
#[derive(Debug, Clone)]
pub struct Map {
    shards: Box<[Arc<Shard>]>,
    state: State,
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'m> {
    /// The machine that had the address at that time; `None`: nobody knows.
    pub host: Option<&'m Host>,
    /// Since when it had it, as far as that is known: `i64::MIN` for ever, and where nobody knows.
    pub from: i64,
    /// The first second at which something else may be found in the same map.
    pub until: i64,
}

const NOBODY: Found<'_> = Found {
    host: None,
    from: i64::MIN,
    until: i64::MAX,
};

/// A part of the addresses. IPv4's are apart, whose entries are smaller.
#[derive(Debug, Clone, Default)]
struct Shard {
    v4: Entries<u32>,
    v6: Entries<u128>,
}

type Entries<K> = HashMap<K, Tenancies, BuildHasherDefault<AddressHasher>>;

/// Those of one address: nearly always one, which stands here itself then.
#[derive(Debug, Clone)]
enum Tenancies {
    One(Tenancy),
    Several(Box<[Tenancy]>),
}

impl Map {
    /// Nobody's addresses.
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Arc::default()).collect(),
            state: State::default(),
        }
    }

    /// Whose an address was at this time, in seconds since 1970; nobody's, if nothing of the inventory counts any more. An address of IPv6 that stands for one of IPv4 is that one.
    #[inline]
    #[must_use]
    pub fn find(&self, address: IpAddr, time: i64) -> Found<'_> {
        if self.state == State::Expired {
            return NOBODY;
        }
        let tenancies = match address.to_canonical() {
            IpAddr::V4(address) => {
                let key = address.to_bits();
                self.shards[shard(u64::from(key))].v4.get(&key)
            }
            IpAddr::V6(address) => {
                let key = address.to_bits();
                self.shards[shard(folded(key))].v6.get(&key)
            }
        };
        match tenancies {
            None => NOBODY,
            Some(Tenancies::One(tenancy)) => Found::among(std::slice::from_ref(tenancy), time),
            Some(Tenancies::Several(tenancies)) => Found::among(tenancies, time),
        }
    }

    /// How far the inventory can be relied on.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Puts other tenancies in the place of an address's.
    pub(super) fn set(&mut self, address: IpAddr, mut tenancies: Vec<Tenancy>) {
        let tenancies = match tenancies.len() {
            0 => None,
            1 => tenancies.pop().map(Tenancies::One),
            _ => Some(Tenancies::Several(tenancies.into())),
        };
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let key = address.to_bits();
                let shard = Arc::make_mut(&mut self.shards[shard(u64::from(key))]);
                put(&mut shard.v4, key, tenancies);
            }
            IpAddr::V6(address) => {
                let key = address.to_bits();
                let shard = Arc::make_mut(&mut self.shards[shard(folded(key))]);
                put(&mut shard.v6, key, tenancies);
            }
        }
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.state = state;
    }
}

impl<'m> Found<'m> {
    #[inline]
    fn among(tenancies: &'m [Tenancy], time: i64) -> Self {
        // The first one that is not over.
        let next = tenancies.partition_point(|tenancy| tenancy.until <= time);
        match tenancies.get(next) {
            Some(tenancy) if tenancy.from <= time => Self {
                host: Some(&tenancy.host),
                from: tenancy.from,
                until: tenancy.until,
            },
            Some(tenancy) => Self {
                host: None,
                from: i64::MIN,
                until: tenancy.from,
            },
            None => NOBODY,
        }
    }
}

fn put<K: std::hash::Hash + Eq>(entries: &mut Entries<K>, key: K, tenancies: Option<Tenancies>) {
    match tenancies {
        Some(tenancies) => drop(entries.insert(key, tenancies)),
        None => drop(entries.remove(&key)),
    }
}

/// The shard of an address, by other bits of the hash than its table uses.
fn shard(key: u64) -> usize {
    mixed(key) as usize >> 40 & (SHARDS - 1)
}

fn folded(key: u128) -> u64 {
    mixed(key as u64) ^ (key >> 64) as u64
}

/// The product folded onto itself, so that its upper half counts. Who may choose the addresses in the map, the inventory's, could
/// as well slow us down by their number.
fn mixed(key: u64) -> u64 {
    let product = u128::from(key ^ FACTOR) * u128::from(FACTOR);
    product as u64 ^ (product >> 64) as u64
}

#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are u32 and u128");
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = mixed(u64::from(key));
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = mixed(folded(key));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn an_entry_of_ipv4_is_less_than_a_cache_line() {
        assert_eq!(size_of::<(u32, Tenancies)>(), 40);
    }

    #[test]
    fn like_addresses_spread_over_the_shards() {
        let mut counts = [0; SHARDS];
        for host in 0..100_000_u32 {
            counts[shard(u64::from(Ipv4Addr::new(10, 0, 0, 0).to_bits() + host))] += 1;
        }
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*least > 250 && *most < 600, "{least} to {most}");
        let subnets: HashSet<usize> = (0..1000_u128)
            .map(|subnet| shard(folded(Ipv6Addr::LOCALHOST.to_bits() | subnet << 64)))
            .collect();
        assert!(subnets.len() > 200, "{}", subnets.len());
    }
}
