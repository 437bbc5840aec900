//! Who is connected: so many at most, and who waits longest makes room for who comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// The connections.
pub(super) struct Connections {
    max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_number: HashMap<u64, Place>,
    /// How many there have been.
    admitted: u64,
}

struct Place {
    /// Requests that are being answered: a client may send the next one before it has taken the answer to the last.
    answering: usize,
    /// Since when we wait for a request of it, if none is being answered.
    waiting_since: Instant,
    evicted: CancellationToken,
}

/// A connection's place. It is given back when this is dropped.
pub(super) struct Client {
    number: u64,
    connections: Arc<Connections>,
    evicted: CancellationToken,
}

/// A request of a connection is being answered until this is dropped.
pub(super) struct Busy {
    number: u64,
    connections: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            open: Mutex::default(),
        })
    }

    /// Gives a connection a place, that of the one that has been waiting for its client longest if all are taken; none if none
    /// waits. And whether another one had to go.
    pub(super) fn admit(self: &Arc<Self>) -> (Option<Client>, bool) {
        let mut open = self.open();
        let is_full = open.by_number.len() >= self.max;
        if is_full {
            let waiting = open
                .by_number
                .iter()
                .filter(|(_, place)| place.answering == 0)
                .map(|(number, place)| (place.waiting_since, *number));
            let Some((_, longest)) = waiting.min() else {
                return (None, false);
            };
            if let Some(place) = open.by_number.remove(&longest) {
                place.evicted.cancel();
            }
        }
        open.admitted += 1;
        let number = open.admitted;
        let evicted = CancellationToken::new();
        let place = Place {
            answering: 0,
            waiting_since: Instant::now(),
            evicted: evicted.clone(),
        };
        open.by_number.insert(number, place);
        let client = Client {
            number,
            connections: self.clone(),
            evicted,
        };
        (Some(client), is_full)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// A request of it has come.
    pub(super) fn busy(&self) -> Busy {
        // It may have been evicted meanwhile.
        if let Some(place) = self.connections.open().by_number.get_mut(&self.number) {
            place.answering += 1;
        }
        Busy {
            number: self.number,
            connections: self.connections.clone(),
        }
    }

    /// Whether a request of it is being answered.
    pub(super) fn is_busy(&self) -> bool {
        let open = self.connections.open();
        open.by_number
            .get(&self.number)
            .is_some_and(|place| place.answering > 0)
    }

    /// Waits until its place is another's.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connections.open().by_number.remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(place) = self.connections.open().by_number.get_mut(&self.number) {
            place.answering -= 1;
            place.waiting_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_makes_room_and_who_is_answered_does_not() {
        let connections = Connections::new(2);
        let (first, _) = connections.admit();
        let (second, evicted) = connections.admit();
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(!evicted);
        let answering = first.busy();
        let (third, evicted) = connections.admit();
        let third = third.unwrap();
        assert!(evicted && second.evicted.is_cancelled() && !first.evicted.is_cancelled());
        let _also = third.busy();
        assert!(connections.admit().0.is_none(), "all are being answered");
        drop(answering);
        let (fourth, evicted) = connections.admit();
        assert!(fourth.is_some() && evicted && first.evicted.is_cancelled());
    }

    #[test]
    fn who_asks_again_before_the_first_answer_was_taken_waits_when_both_were() {
        let connections = Connections::new(1);
        let client = connections.admit().0.unwrap();
        let (first, second) = (client.busy(), client.busy());
        drop(first);
        assert!(client.is_busy() && connections.admit().0.is_none());
        drop(second);
        assert!(!client.is_busy() && connections.admit().0.is_some());
        assert!(client.evicted.is_cancelled());
    }

    #[test]
    fn a_place_is_given_back() {
        let connections = Connections::new(1);
        let (client, _) = connections.admit();
        drop(client);
        let (client, evicted) = connections.admit();
        assert!(client.is_some() && !evicted);
    }
}
