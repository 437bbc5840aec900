//! Turns at lookups. What one takes is up to the servers of the address's network, which may be slow on purpose; and a host of
//! IPv6's has all addresses of its /64 (RFC 4291 §2.5.4), each of which is looked up. So no network has more than a share of the
//! turns and of the places where lookups wait for one, and the others' go on beside.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Lookups at a time: enough for a fleet that comes back at once, few enough for a resolver's own limits.
pub(super) const TURNS: usize = 256;

/// Of them, those of one address or one /64: many hosts may be there, and their server answers this many in some milliseconds.
const TURNS_PER_NETWORK: usize = 32;

/// Lookups that are under way or wait: as many as an input has connections. Beyond, an address is a name.
const PLACES: usize = 10_000;

/// Of them, those of one address or one /64.
const PLACES_PER_NETWORK: usize = 1000;

/// The lookups that are under way or wait.
pub(super) struct Turns {
    turns: Semaphore,
    places: Arc<Semaphore>,
    networks: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A lookup's place; given back when dropped.
pub(super) struct Place {
    all: Arc<Turns>,
    network: IpAddr,
    /// Its network's turns, of which each of its places has a reference.
    turns: Arc<Semaphore>,
    _of_all: OwnedSemaphorePermit,
}

/// A turn; given back when dropped.
pub(super) struct Turn<'p> {
    _of_all: SemaphorePermit<'p>,
    _of_network: SemaphorePermit<'p>,
}

impl Turns {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            turns: Semaphore::new(TURNS),
            places: Arc::new(Semaphore::new(PLACES)),
            networks: Mutex::default(),
        })
    }

    /// A place for the lookup of an address, if there is one.
    pub(super) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let of_all = self.places.clone().try_acquire_owned().ok()?;
        let network = network(address);
        let mut networks = self.networks();
        let turns = networks
            .entry(network)
            .or_insert_with(|| Arc::new(Semaphore::new(TURNS_PER_NETWORK)));
        // One reference is the map's.
        (Arc::strong_count(turns) <= PLACES_PER_NETWORK).then(|| Place {
            all: self.clone(),
            network,
            turns: turns.clone(),
            _of_all: of_all,
        })
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits for a turn: first for one of its network's, then for one of all.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let of_network = self.turns.acquire().await.expect("it is never closed");
        let of_all = self.all.turns.acquire().await.expect("it is never closed");
        Turn {
            _of_all: of_all,
            _of_network: of_network,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        /// The map's, and ours.
        const NOBODY_ELSE: usize = 2;
        let mut networks = self.all.networks();
        if Arc::strong_count(&self.turns) == NOBODY_ELSE {
            networks.remove(&self.network);
        }
    }
}

/// Whose turns those of an address are.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_network_waits_for_its_own_turns_only() {
        let turns = Turns::new();
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"].map(|text| turns.place(address(text)).unwrap());
        let mut taken = Vec::new();
        for _ in 0..TURNS_PER_NETWORK {
            taken.push(one.turn().await);
        }
        let waiting = same.turn();
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("its share is spent"),
            _ = other.turn() => {}
        }
        taken.pop();
        let _turn = waiting.await;
    }

    #[test]
    fn a_network_has_so_many_places_and_leaves_nothing_behind() {
        let turns = Turns::new();
        let place = |number: u128| turns.place(Ipv6Addr::from_bits((0x2001_0db8 << 96) + number).into());
        let places: Vec<_> = (0..PLACES_PER_NETWORK as u128)
            .map(|number| place(number).unwrap())
            .collect();
        assert!(place(PLACES_PER_NETWORK as u128).is_none());
        assert!(place(1 << 64).is_some());
        drop(places);
        assert_eq!(turns.networks().len(), 0);
        assert_eq!(turns.places.available_permits(), PLACES);
    }
}
