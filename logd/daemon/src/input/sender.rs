//! The sender at the other end of a connection, and what its messages are treated with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use logd_core::time::ZoneCache;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Service;
use super::connections::Place;
use super::source::{Refusal, Source};
use super::transport::Transport;
use crate::names;
use crate::output::HeldBack;
use crate::pipeline::{Batch, Scratch};
use crate::plugins::{self, now_s};

/// A sender with a connection.
pub(super) struct Sender {
    pub(super) peer: SocketAddr,
    /// What its certificate calls it.
    pub(super) peer_name: Option<Box<str>>,
    /// What its address is called.
    name: names::Connected,
    /// Which machine it is, where that is asked for.
    machine: plugins::Connected,
    zone: ZoneCache,
    held_back: HeldBack,
    idle_timeout: Option<Duration>,
    /// The input that has the address in the running configuration, and in the one that was seen last.
    sources: watch::Receiver<Arc<Source>>,
    pub(super) source: Arc<Source>,
    pub(super) service: Arc<Service>,
    /// Read what is there and end.
    pub(super) stop: CancellationToken,
    place: Place,
}

impl Sender {
    pub(super) fn new(
        peer: SocketAddr,
        sources: watch::Receiver<Arc<Source>>,
        source: Arc<Source>,
        service: Arc<Service>,
        stop: CancellationToken,
        place: Place,
    ) -> Self {
        Self {
            peer,
            peer_name: None,
            name: names::Connected::new(peer.ip(), source.names()),
            machine: plugins::Connected::new(now_s()),
            zone: ZoneCache::new(source.input.time_zone.clone()),
            held_back: HeldBack::default(),
            idle_timeout: source.input.kind.stream().and_then(|stream| stream.idle_timeout),
            sources,
            source,
            service,
            stop,
            place,
        }
    }

    /// Waits until its name is known, or for as long as messages wait for that.
    pub(super) async fn named(&self) {
        tokio::select! {
            biased;
            () = self.name.settled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Waits until more may be read from it. Meanwhile it keeps no configuration alive that is gone: an output that is full ends
    /// with that, and has nobody wait for it any more.
    pub(super) async fn room(&mut self) {
        loop {
            tokio::select! {
                biased;
                () = self.service.store.room(&mut self.held_back) => return,
                Ok(()) = self.sources.changed() => self.follow(),
            }
        }
    }

    /// Whether an output that its messages went to has no room for more.
    pub(super) fn is_held_back(&mut self) -> bool {
        self.held_back.look()
    }

    /// Whether there may be something to read, or to be drained; `false` if the sender was silent for too long.
    pub(super) async fn readable(&mut self, transport: &Transport) -> bool {
        loop {
            let readable = async {
                tokio::select! {
                    biased;
                    () = transport.readable() => true,
                    () = self.stop.cancelled() => true,
                    // A sender that is silent for long does not keep a configuration alive that is gone.
                    Ok(()) = self.sources.changed() => false,
                }
            };
            let readable = match self.idle_timeout {
                Some(idle) => timeout(idle, readable).await,
                None => Ok(readable.await),
            };
            match readable {
                Ok(true) => return true,
                Ok(false) => self.follow(),
                Err(_) => return false,
            }
        }
    }

    /// Takes up the input, if a reload has changed it, and another name. Before each read.
    pub(super) fn follow_if_changed(&mut self) {
        if self.sources.has_changed().unwrap_or(false) {
            self.follow();
        }
        self.name.look(self.source.names());
    }

    /// Takes up the input, as the running configuration has it.
    fn follow(&mut self) {
        self.source = self.sources.borrow_and_update().clone();
        self.place.move_to(&self.source.connections);
        self.name.follow(self.source.names());
        self.machine.follow();
        self.zone = ZoneCache::new(self.source.input.time_zone.clone());
    }

    /// Begins a batch of what was read at one time, and lends the zone of stamps that don't name theirs.
    pub(super) fn batch<'b>(&'b mut self, scratch: &'b mut Scratch) -> (Batch<'b>, &'b mut ZoneCache) {
        let batch = self.source.batch(scratch, &mut self.held_back);
        let machine = &mut self.machine;
        let cloud = self.source.inventory().map(|inventory| {
            machine.look(inventory, self.peer.ip(), batch.received().unix_s);
            machine.sender(inventory)
        });
        let batch = batch
            .with_peer_name(self.peer_name.as_deref())
            .with_sender_name(self.name.name())
            .with_cloud(cloud);
        (batch, &mut self.zone)
    }

    /// Counts that the sender is turned away.
    pub(super) fn refuse(&self, why: Refusal) {
        self.source.refuse(self.peer.ip(), why);
    }
}
