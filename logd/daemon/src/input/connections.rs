//! How many connections an input has, in all and from each sender.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Gauge, gauge};
use tracing::error;

use super::limits::SenderId;
use crate::config::{Input, InputKind, UnixSettings};

/// The places that connections take.
#[derive(Debug)]
pub(crate) struct Connections {
    by_sender: Mutex<BySender>,
    open: Gauge,
}

#[derive(Debug, Default)]
struct BySender {
    total: usize,
    senders: HashMap<SenderId, usize>,
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
    sender: SenderId,
}

impl Connections {
    /// Those of an input.
    pub(crate) fn of(input: &Input) -> Self {
        Self {
            by_sender: Mutex::default(),
            open: match input.kind {
                InputKind::Tcp(_) | InputKind::Relp(_) | InputKind::Unix(UnixSettings { stream: true, .. }) => {
                    gauge!("logd_input_connections", "input" => input.name.to_string())
                }
                InputKind::Udp
                | InputKind::Unix(_)
                | InputKind::Kmsg(_)
                | InputKind::Mark(_)
                | InputKind::Journal(_)
                | InputKind::Plugin(_) => Gauge::noop(),
            },
        }
    }

    /// Takes a place.
    pub(crate) fn take(
        self: &Arc<Self>,
        sender: impl Into<SenderId>,
        max: usize,
        per_sender_max: Option<usize>,
    ) -> Result<Place, Full> {
        let sender = sender.into();
        let mut by_sender = self.lock();
        if by_sender.total >= max {
            return Err(Full::Total);
        }
        let of_sender = by_sender.senders.get(&sender).copied().unwrap_or(0);
        if per_sender_max.is_some_and(|max| of_sender >= max) {
            return Err(Full::Sender);
        }
        self.enter(&mut by_sender, sender);
        Ok(Place {
            connections: self.clone(),
            sender,
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().total
    }

    fn enter(&self, by_sender: &mut BySender, sender: SenderId) {
        *by_sender.senders.entry(sender).or_default() += 1;
        by_sender.total += 1;
        self.open.set(by_sender.total as f64);
    }

    fn leave(&self, sender: SenderId) {
        let mut by_sender = self.lock();
        by_sender.total -= 1;
        self.open.set(by_sender.total as f64);
        if let Some(of_sender) = by_sender.senders.get_mut(&sender) {
            *of_sender -= 1;
            if *of_sender == 0 {
                by_sender.senders.remove(&sender);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BySender> {
        self.by_sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Moves it to the input that the connection belongs to now; a limit there is none for who is inside already.
    pub(crate) fn move_to(&mut self, connections: &Arc<Connections>) {
        if Arc::ptr_eq(&self.connections, connections) {
            return;
        }
        connections.enter(&mut connections.lock(), self.sender);
        let left = std::mem::replace(&mut self.connections, connections.clone());
        left.leave(self.sender);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(sender = %self.sender, "the task of a connection failed: the connection is lost");
        }
        self.connections.leave(self.sender);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections() -> Arc<Connections> {
        Arc::new(Connections {
            by_sender: Mutex::default(),
            open: Gauge::noop(),
        })
    }

    #[test]
    fn a_place_moves_with_its_connection() {
        let [old, new] = [connections(), connections()];
        let sender = SenderId::Address("192.0.2.1".parse().unwrap());
        let mut place = old.take(sender, 1, Some(1)).unwrap();
        place.move_to(&new);
        assert_eq!((old.count(), new.count()), (0, 1));
        place.move_to(&new);
        drop(place);
        assert_eq!((old.count(), new.count()), (0, 0));
        old.take(sender, 1, Some(1)).unwrap();
    }

    #[test]
    fn both_limits_hold_and_places_come_back() {
        let connections = connections();
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| SenderId::Address(text.parse().unwrap()));
        let first = connections.take(a, 2, Some(1)).unwrap();
        assert_eq!(connections.take(a, 2, Some(1)).unwrap_err(), Full::Sender);
        let _second = connections.take(b, 2, Some(1)).unwrap();
        assert_eq!(connections.take(b, 2, None).unwrap_err(), Full::Total);
        drop(first);
        assert_eq!(connections.count(), 1);
        connections.take(a, 2, Some(1)).unwrap();
    }
}
