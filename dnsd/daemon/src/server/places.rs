//! The bound on open TCP connections: when all places are taken, one of those who hold them gives its own up.
//!
//! That is the client that has been idle for longest, and where nobody is idle the one that takes longest to read its
//! answers. An address that has more than its share of the places gives way before others do. So a new client gets in
//! whatever others do with their connections: hold them without asking, or ask and don't read. Only when every client's
//! answer is being made at this moment is the new one refused.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// An address may have this part of the places before its connections are the first to be closed: one client alone can't
/// take them all from the others, and a few resolvers behind one address have enough.
const SHARE: usize = 4;

/// The places, over all listeners.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    shared: Arc<Mutex<Taken>>,
}

#[derive(Debug)]
struct Taken {
    places_max: usize,
    clients: HashMap<u64, Client>,
    /// How many of them come from each address.
    by_source: HashMap<Source, usize>,
    next_number: u64,
    accepted: u64,
    evicted: u64,
    refused: u64,
}

#[derive(Debug)]
struct Client {
    source: Source,
    doing: Doing,
    evicted: CancellationToken,
}

/// What a client's connection waits for. In the order in which clients give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// For the client's next query, since then.
    Idle(Instant),
    /// For the client to read its answers, since then.
    Writing(Instant),
    /// For us.
    Answering,
}

/// Where a connection comes from, as far as one client can't choose it: an IPv4 address, or the network of an IPv6 address,
/// of which a host has a whole /64 (RFC 4291 §2.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 => v4,
        })
    }
}

/// How the places are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Connections open now.
    pub(crate) open: usize,
    /// Connections that got a place.
    pub(crate) accepted: u64,
    /// Connections closed to make room.
    pub(crate) evicted: u64,
    /// Connections that found no room.
    pub(crate) refused: u64,
}

impl Places {
    /// Room for so many.
    pub(crate) fn new(places_max: usize) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Taken {
                places_max,
                clients: HashMap::new(),
                by_source: HashMap::new(),
                next_number: 0,
                accepted: 0,
                evicted: 0,
                refused: 0,
            })),
        }
    }

    /// Changes the bound. Those who have a place keep it.
    pub(crate) fn resize(&self, places_max: usize) {
        self.lock().places_max = places_max;
    }

    /// Takes a place for a new client at `address`; `None` when there is none to be had.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.lock();
        if taken.clients.len() >= taken.places_max && !taken.evict() {
            taken.refused += 1;
            return None;
        }
        let number = taken.next_number;
        taken.next_number += 1;
        taken.accepted += 1;
        let evicted = CancellationToken::new();
        let source = Source::of(address);
        *taken.by_source.entry(source).or_default() += 1;
        taken.clients.insert(
            number,
            Client {
                source,
                doing: Doing::Idle(Instant::now()),
                evicted: evicted.clone(),
            },
        );
        drop(taken);
        Some(Place {
            places: self.clone(),
            number,
            evicted,
        })
    }

    /// For metrics.
    pub(crate) fn usage(&self) -> Usage {
        let taken = self.lock();
        Usage {
            open: taken.clients.len(),
            accepted: taken.accepted,
            evicted: taken.evicted,
            refused: taken.refused,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, number: u64, doing: Doing) {
        if let Some(client) = self.lock().clients.get_mut(&number) {
            client.doing = doing;
        }
    }
}

impl Taken {
    fn evict(&mut self) -> bool {
        let share = self.places_max.div_ceil(SHARE);
        let first = self
            .clients
            .iter()
            .filter(|(_, client)| client.doing != Doing::Answering)
            .min_by_key(|(number, client)| {
                let in_share = self.by_source.get(&client.source).is_none_or(|places| *places <= share);
                (in_share, client.doing, **number)
            });
        let Some(number) = first.map(|(number, _)| *number) else {
            return false;
        };
        if let Some(client) = self.remove(number) {
            client.evicted.cancel();
            self.evicted += 1;
        }
        true
    }

    fn remove(&mut self, number: u64) -> Option<Client> {
        let client = self.clients.remove(&number)?;
        if let Some(places) = self.by_source.get_mut(&client.source) {
            *places -= 1;
            if *places == 0 {
                self.by_source.remove(&client.source);
            }
        }
        Some(client)
    }
}

/// A client's place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    number: u64,
    evicted: CancellationToken,
}

impl Place {
    /// We wait for the client's next query.
    pub(super) fn idle_from_now(&self) {
        self.places.set(self.number, Doing::Idle(Instant::now()));
    }

    /// Queries are being answered: the place can't be taken away.
    pub(super) fn answering(&self) {
        self.places.set(self.number, Doing::Answering);
    }

    /// We wait for the client to read its answers.
    pub(super) fn writing_from_now(&self) {
        self.places.set(self.number, Doing::Writing(Instant::now()));
    }

    /// Cancelled when the place went to another client.
    pub(super) fn evicted(&self) -> &CancellationToken {
        &self.evicted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client of its own address.
    fn take(places: &Places, client: u8) -> Place {
        places.take([192, 0, 2, client].into()).unwrap()
    }

    fn is_gone(place: &Place) -> bool {
        place.evicted().is_cancelled()
    }

    #[test]
    fn the_idlest_client_makes_room() {
        let places = Places::new(2);
        let (first, second) = (take(&places, 1), take(&places, 2));
        second.idle_from_now();
        first.idle_from_now();
        let _third = take(&places, 3);
        assert!(is_gone(&second) && !is_gone(&first));
        drop(second);
        assert_eq!(
            places.usage(),
            Usage {
                open: 2,
                accepted: 3,
                evicted: 1,
                refused: 0
            }
        );
    }

    #[test]
    fn who_reads_slowest_makes_room_when_nobody_is_idle() {
        let places = Places::new(3);
        let (first, second, idle) = (take(&places, 1), take(&places, 2), take(&places, 3));
        second.writing_from_now();
        first.writing_from_now();
        idle.idle_from_now();
        let fourth = take(&places, 4);
        assert!(is_gone(&idle), "idle since later than the others write, and yet first");
        fourth.answering();
        let _fifth = take(&places, 5);
        assert!(is_gone(&second) && !is_gone(&first));
    }

    #[test]
    fn clients_whose_answer_is_being_made_keep_their_places() {
        let places = Places::new(1);
        let answering = take(&places, 1);
        answering.answering();
        assert!(places.take([192, 0, 2, 2].into()).is_none());
        assert_eq!(places.usage().refused, 1);
        drop(answering);
        take(&places, 2);
    }

    #[test]
    fn an_address_with_more_than_its_share_gives_way_first() {
        let places = Places::new(8);
        let others: Vec<Place> = (10..15).map(|client| take(&places, client)).collect();
        let many: Vec<Place> = (0..3).map(|_| take(&places, 1)).collect();
        for place in &many {
            place.writing_from_now();
        }
        let _new = take(&places, 2);
        assert!(is_gone(&many[0]), "though others are idle");
        assert_eq!(places.usage().evicted, 1);
        // Down to its share it is one of many.
        let _newer = take(&places, 3);
        assert!(is_gone(&others[0]) && !is_gone(&many[1]));
    }

    #[test]
    fn rfc4291_2_5_1_the_hosts_of_a_64_are_one() {
        let source = |address: &str| Source::of(address.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:0:0:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
