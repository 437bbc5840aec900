//! Turns at what a sender, or its network's servers, can make slow on purpose: no network has more than a share of them, nor of the
//! places where others wait for one, so that those of other networks go on beside.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::network::network;

/// How many there are, and how many of them are for one [`network`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Those who have a turn.
    pub(crate) turns: usize,
    pub(crate) turns_per_network: usize,
    /// Those who have one or wait for it.
    pub(crate) places: usize,
    pub(crate) places_per_network: usize,
}

/// Who has a turn or waits for one.
pub(crate) struct Turns {
    limits: Limits,
    turns: Semaphore,
    places: Arc<Semaphore>,
    networks: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A place to wait for a turn; given back when dropped.
pub(crate) struct Place {
    all: Arc<Turns>,
    network: IpAddr,
    /// Its network's turns, of which each of its places has a reference.
    turns: Arc<Semaphore>,
    _of_all: OwnedSemaphorePermit,
}

/// A turn; given back when dropped.
pub(crate) struct Turn<'p> {
    _of_all: SemaphorePermit<'p>,
    _of_network: SemaphorePermit<'p>,
}

impl Turns {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            turns: Semaphore::new(limits.turns),
            places: Arc::new(Semaphore::new(limits.places)),
            networks: Mutex::default(),
        })
    }

    /// A place for an address, if there is one.
    pub(crate) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let of_all = self.places.clone().try_acquire_owned().ok()?;
        let network = network(address);
        let mut networks = self.networks();
        let turns = networks
            .entry(network)
            .or_insert_with(|| Arc::new(Semaphore::new(self.limits.turns_per_network)));
        // One reference is the map's.
        (Arc::strong_count(turns) <= self.limits.places_per_network).then(|| Place {
            all: self.clone(),
            network,
            turns: turns.clone(),
            _of_all: of_all,
        })
    }

    /// How many turns nobody has.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.turns.available_permits()
    }

    /// Takes them all.
    #[cfg(test)]
    pub(crate) async fn take_all(&self) -> SemaphorePermit<'_> {
        let all = self.turns.acquire_many(self.limits.turns as u32).await;
        all.expect("it is never closed")
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits for a turn: first for one of its network's, then for one of all.
    pub(crate) async fn turn(&self) -> Turn<'_> {
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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const LIMITS: Limits = Limits {
        turns: 8,
        turns_per_network: 3,
        places: 20,
        places_per_network: 10,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_network_waits_for_its_own_turns_only() {
        let turns = Turns::new(LIMITS);
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"].map(|text| turns.place(address(text)).unwrap());
        let mut taken = Vec::new();
        for _ in 0..LIMITS.turns_per_network {
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
        let turns = Turns::new(LIMITS);
        let place = |number: u128| turns.place(Ipv6Addr::from_bits((0x2001_0db8 << 96) + number).into());
        let places: Vec<_> = (0..LIMITS.places_per_network as u128)
            .map(|number| place(number).unwrap())
            .collect();
        assert!(place(LIMITS.places_per_network as u128).is_none());
        assert!(place(1 << 64).is_some());
        drop(places);
        assert_eq!(turns.networks().len(), 0);
        assert_eq!(turns.places.available_permits(), LIMITS.places);
    }
}
