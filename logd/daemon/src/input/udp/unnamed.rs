//! Datagrams that wait for their senders' names, so that the first ones of a sender don't go to a file of its address.
//!
//! A sender's datagrams keep their order: while one of them waits, so do those that come after it. When there is no room for more
//! of a sender's, or its name is not known in time, they go on with the address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use logd_core::time::Timestamp;
use tokio::sync::mpsc;

use crate::names::Lookup;

/// Bytes of datagrams that wait, in all: some ten thousand of the usual length.
const BYTES_MAX: usize = 4 << 20;

/// Bytes of one sender's: what sends more in a second can't be held back.
const SENDER_BYTES_MAX: usize = 256 << 10;

/// What a datagram takes beside its bytes.
const OVERHEAD_BYTES: usize = 128;

/// A datagram that waits.
pub(super) struct Waiting {
    pub(super) peer: SocketAddr,
    pub(super) bytes: Box<[u8]>,
    /// It was longer than its input takes.
    pub(super) truncated: bool,
    pub(super) received: Timestamp,
}

/// Those of all senders.
pub(super) struct Unnamed {
    senders: HashMap<IpAddr, Sender>,
    bytes: usize,
    settled: mpsc::UnboundedReceiver<IpAddr>,
    settle: mpsc::UnboundedSender<IpAddr>,
}

struct Sender {
    lookup: Arc<Lookup>,
    datagrams: Vec<Waiting>,
    bytes: usize,
    /// There was no room: what comes goes on with the address until the lookup is over.
    is_passing: bool,
}

impl Default for Unnamed {
    fn default() -> Self {
        let (settle, settled) = mpsc::unbounded_channel();
        Self {
            senders: HashMap::new(),
            bytes: 0,
            settled,
            settle,
        }
    }
}

impl Unnamed {
    /// Whether a datagram of so many bytes goes on, whose sender's name is known by this lookup or becomes so: those of its sender
    /// that go before it. `None`: it waits, and is to be kept.
    pub(super) fn pass(&mut self, peer: IpAddr, lookup: &Arc<Lookup>, length: usize) -> Option<Vec<Waiting>> {
        if !lookup.is_waited_for() {
            return Some(self.take(peer).map_or_else(Vec::new, |(_, before)| before));
        }
        let Self {
            senders,
            bytes: all_bytes,
            settle,
            ..
        } = self;
        let sender = senders.entry(peer).or_insert_with(|| {
            let (of_task, settle) = (lookup.clone(), settle.clone());
            tokio::spawn(async move {
                of_task.settled().await;
                // The thread may be at its end.
                let _ = settle.send(peer);
            });
            Sender {
                lookup: lookup.clone(),
                datagrams: Vec::new(),
                bytes: 0,
                is_passing: false,
            }
        });
        let needed = length + OVERHEAD_BYTES;
        sender.is_passing |= sender.bytes + needed > SENDER_BYTES_MAX || *all_bytes + needed > BYTES_MAX;
        sender.is_passing.then(|| {
            *all_bytes -= std::mem::take(&mut sender.bytes);
            std::mem::take(&mut sender.datagrams)
        })
    }

    /// Keeps a datagram that waits.
    pub(super) fn keep(&mut self, datagram: Waiting) {
        if let Some(sender) = self.senders.get_mut(&datagram.peer.ip()) {
            let needed = datagram.bytes.len() + OVERHEAD_BYTES;
            sender.bytes += needed;
            self.bytes += needed;
            sender.datagrams.push(datagram);
        }
    }

    /// Waits until a sender's datagrams are to wait no longer.
    pub(super) async fn settled(&mut self) -> IpAddr {
        match self.settled.recv().await {
            Some(sender) => sender,
            // We have a sending end ourselves.
            None => std::future::pending().await,
        }
    }

    /// Takes what waits of a sender, and how it is looked up.
    pub(super) fn take(&mut self, peer: IpAddr) -> Option<(Arc<Lookup>, Vec<Waiting>)> {
        if self.senders.is_empty() {
            return None;
        }
        let sender = self.senders.remove(&peer)?;
        self.bytes -= sender.bytes;
        Some((sender.lookup, sender.datagrams))
    }

    /// The senders of which something waits.
    pub(super) fn senders(&self) -> Vec<IpAddr> {
        self.senders.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const NOW: Timestamp = Timestamp {
        unix_s: 0,
        nanos: 0,
        fraction_digits: 6,
        offset_s: 0,
        zulu: false,
    };

    fn datagram(peer: IpAddr, length: usize) -> Waiting {
        Waiting {
            peer: SocketAddr::new(peer, 514),
            bytes: vec![b'x'; length].into(),
            truncated: false,
            received: NOW,
        }
    }

    /// Whether a datagram of this length waits; how many go before one that does not.
    fn offer(unnamed: &mut Unnamed, peer: IpAddr, lookup: &Arc<Lookup>, length: usize) -> Option<usize> {
        let before = unnamed.pass(peer, lookup, length);
        if before.is_none() {
            unnamed.keep(datagram(peer, length));
        }
        before.map(|before| before.len())
    }

    #[tokio::test]
    async fn a_sender_that_fills_its_room_goes_on_and_keeps_its_order() {
        let mut unnamed = Unnamed::default();
        let [noisy, quiet] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let lookups = [(); 2].map(|()| Lookup::new(Instant::now()));
        assert_eq!(offer(&mut unnamed, quiet, &lookups[1], 10), None);
        let fit = SENDER_BYTES_MAX / (1000 + OVERHEAD_BYTES);
        for _ in 0..fit {
            assert_eq!(offer(&mut unnamed, noisy, &lookups[0], 1000), None);
        }
        assert_eq!(offer(&mut unnamed, noisy, &lookups[0], 1000), Some(fit));
        assert_eq!(
            offer(&mut unnamed, noisy, &lookups[0], 1),
            Some(0),
            "it does not begin anew"
        );
        assert_eq!(offer(&mut unnamed, quiet, &lookups[1], 10), None);
        let (_, waiting) = unnamed.take(quiet).unwrap();
        assert_eq!(waiting.len(), 2);
        assert_eq!(unnamed.bytes, 0);
    }

    #[tokio::test]
    async fn all_together_have_a_bounded_room() {
        let mut unnamed = Unnamed::default();
        let length = SENDER_BYTES_MAX - OVERHEAD_BYTES;
        for number in 0..100_u32 {
            let peer = std::net::Ipv4Addr::from_bits(number).into();
            let waits = offer(&mut unnamed, peer, &Lookup::new(Instant::now()), length).is_none();
            assert_eq!(waits, (number as usize) < BYTES_MAX / SENDER_BYTES_MAX);
            assert!(unnamed.bytes <= BYTES_MAX);
        }
    }

    #[tokio::test]
    async fn who_has_an_answer_is_told_of_once() {
        let mut unnamed = Unnamed::default();
        let peer = "192.0.2.1".parse().unwrap();
        let lookup = Lookup::new(Instant::now());
        assert_eq!(offer(&mut unnamed, peer, &lookup, 10), None);
        assert_eq!(offer(&mut unnamed, peer, &lookup, 10), None);
        lookup.settle(Some("web1".into()));
        assert_eq!(unnamed.settled().await, peer);
        let (lookup, waiting) = unnamed.take(peer).unwrap();
        assert_eq!((lookup.name(), waiting.len()), (Some("web1"), 2));
        assert_eq!(offer(&mut unnamed, peer, &lookup, 10), Some(0));
    }
}
