//! The bound on open TCP connections: when all places are taken, the client that has been idle for longest gives up its own.
//!
//! So a new client always gets in, and whoever holds connections open without asking loses them first. When every client
//! is in the middle of a query, the new one is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// The places, over all listeners.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    shared: Arc<Mutex<Taken>>,
}

#[derive(Debug)]
struct Taken {
    places_max: usize,
    clients: HashMap<u64, Client>,
    next_number: u64,
    accepted: u64,
    evicted: u64,
    refused: u64,
}

#[derive(Debug)]
struct Client {
    /// `None` while a query is answered.
    idle_since: Option<Instant>,
    leave: CancellationToken,
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

    /// Takes a place for a new client of a listener that ends with `stop`; `None` when there is none to be had.
    pub(crate) fn take(&self, stop: &CancellationToken) -> Option<Place> {
        let mut taken = self.lock();
        if taken.clients.len() >= taken.places_max && !taken.evict_idlest() {
            taken.refused += 1;
            return None;
        }
        let number = taken.next_number;
        taken.next_number += 1;
        taken.accepted += 1;
        let leave = stop.child_token();
        taken.clients.insert(
            number,
            Client {
                idle_since: None,
                leave: leave.clone(),
            },
        );
        drop(taken);
        Some(Place {
            places: self.clone(),
            number,
            leave,
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

    fn set_idle_since(&self, number: u64, idle_since: Option<Instant>) {
        if let Some(client) = self.lock().clients.get_mut(&number) {
            client.idle_since = idle_since;
        }
    }
}

impl Taken {
    fn evict_idlest(&mut self) -> bool {
        let idlest = self
            .clients
            .iter()
            .filter_map(|(number, client)| Some((client.idle_since?, *number)))
            .min();
        let Some((_, number)) = idlest else { return false };
        if let Some(client) = self.clients.remove(&number) {
            client.leave.cancel();
            self.evicted += 1;
        }
        true
    }
}

/// A client's place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    number: u64,
    leave: CancellationToken,
}

impl Place {
    /// The client waits for us to hear from it.
    pub(super) fn idle_from_now(&self) {
        self.places.set_idle_since(self.number, Some(Instant::now()));
    }

    /// A query is being answered: the place can't be taken away.
    pub(super) fn busy(&self) {
        self.places.set_idle_since(self.number, None);
    }

    /// Cancelled when the place went to another client, or the listener ends.
    pub(super) fn leaving(&self) -> &CancellationToken {
        &self.leave
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().clients.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idlest_client_makes_room() {
        let stop = CancellationToken::new();
        let places = Places::new(2);
        let (first, second) = (places.take(&stop).unwrap(), places.take(&stop).unwrap());
        second.idle_from_now();
        first.idle_from_now();
        let _third = places.take(&stop).unwrap();
        assert!(second.leaving().is_cancelled());
        assert!(!first.leaving().is_cancelled());
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
    fn clients_in_the_middle_of_a_query_keep_their_places() {
        let stop = CancellationToken::new();
        let places = Places::new(1);
        let busy = places.take(&stop).unwrap();
        busy.idle_from_now();
        busy.busy();
        assert!(places.take(&stop).is_none());
        assert_eq!(places.usage().refused, 1);
        drop(busy);
        assert!(places.take(&stop).is_some());
    }
}
