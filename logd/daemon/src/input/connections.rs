//! How many connections an input has, in all and from each sender.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places that connections take.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    by_sender: Mutex<BySender>,
}

#[derive(Debug, Default)]
struct BySender {
    total: usize,
    senders: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The input has as many connections as it may.
    Total,
    /// The sender has.
    Sender,
}

/// The place of a connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    sender: IpAddr,
}

impl Connections {
    /// Takes a place.
    pub(crate) fn take(
        self: &Arc<Self>,
        sender: IpAddr,
        max: usize,
        per_sender_max: Option<usize>,
    ) -> Result<Place, Full> {
        let mut by_sender = self.lock();
        if by_sender.total >= max {
            return Err(Full::Total);
        }
        let of_sender = by_sender.senders.get(&sender).copied().unwrap_or(0);
        if per_sender_max.is_some_and(|max| of_sender >= max) {
            return Err(Full::Sender);
        }
        by_sender.senders.insert(sender, of_sender + 1);
        by_sender.total += 1;
        Ok(Place {
            connections: self.clone(),
            sender,
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, BySender> {
        self.by_sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_sender = self.connections.lock();
        by_sender.total -= 1;
        if let Some(of_sender) = by_sender.senders.get_mut(&self.sender) {
            *of_sender -= 1;
            if *of_sender == 0 {
                by_sender.senders.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_places_come_back() {
        let connections = Arc::new(Connections::default());
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let first = connections.take(a, 2, Some(1)).unwrap();
        assert_eq!(connections.take(a, 2, Some(1)).unwrap_err(), Full::Sender);
        let _second = connections.take(b, 2, Some(1)).unwrap();
        assert_eq!(connections.take(b, 2, None).unwrap_err(), Full::Total);
        drop(first);
        assert_eq!(connections.count(), 1);
        connections.take(a, 2, Some(1)).unwrap();
    }
}
