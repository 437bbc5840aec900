//! The input `udp`: a thread for each address that takes datagrams as long as there are any, many with one system call; each is
//! one message.
//!
//! What a datagram costs is mostly what it costs to wake up for it. So when all of them are taken the thread pauses for a moment
//! before it looks again, and the kernel's queue gathers those that come meanwhile. A thread of its own, because the runtime of
//! one that it shared would be woken for each of them all the same, and because the others there would be paused too.
//!
//! While the budget for rendered lines or a file system's share of it is spent, or an output is full and holds its senders back, nothing
//! is taken, and the kernel's queue fills and drops. What it drops is read back from the socket and counted. One file that is behind is
//! not waited for, as the senders to all others would wait with it: what is too much for it is dropped there, and counted too.

mod drops;
mod unnamed;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ballast_shared::datagrams::{Account, Datagrams, Sizes, Wait};
use ballast_shared::listen;
use logd_core::time::ZoneCache;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

pub(super) use drops::Drops;

use unnamed::{Unnamed, Waiting};

use super::Service;
use super::source::{Refusal, Source};
use crate::names::Lookup;
use crate::output::HeldBack;
use crate::pipeline::{Batch, Peer, Scratch};

/// The longest datagram that IPv4 and IPv6 without jumbograms have room for.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Datagrams taken at a time, before other tasks of the thread have their turn. Their room is memory only as far as datagrams
/// need it: a page each, as a rule.
const BATCH_MAX: usize = 64;

/// The longest pause between two looks at a socket: a hundredth of the default `flush-interval`, and time for fifty datagrams at
/// 50,000/s. What is left to be saved by a longer one is little.
const PAUSE_MAX: Duration = Duration::from_millis(1);

/// How fast the kernel's queue may fill in a pause, in bytes of its memory: a million datagrams a second of some hundred bytes.
/// The pause is as short as that takes with the queue that there is: 0.2 ms with Linux's default.
const FILL_BYTES_PER_NANOSECOND: u64 = 1;

/// How often the kernel is asked what it dropped.
const DROPS_EVERY: Duration = Duration::from_secs(10);

/// Starts the thread of a socket, which receives until it is stopped. The receiver learns of its end, by a panic too.
pub(super) fn start(
    socket: StdSocket,
    drops: Drops,
    sources: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    stop: CancellationToken,
) -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    let run = move || match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(receive(socket, drops, sources, service, stop));
            // Nobody asks any more when the daemon has given it up.
            let _ = ended.send(());
        }
        Err(error) => error!(%error, "cannot receive"),
    };
    if let Err(error) = thread::Builder::new().name("udp".into()).spawn(run) {
        error!(%error, "no thread to receive datagrams");
    }
    end
}

/// Receives until it is stopped, and then what is still there.
async fn receive(
    socket: StdSocket,
    mut drops: Drops,
    mut sources: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let source = sources.borrow_and_update().clone();
    let mut pause = pause(&socket);
    let socket = match UdpSocket::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return error!(%error, "cannot receive"),
    };
    let mut receiver = Receiver {
        zone: ZoneCache::new(source.input.time_zone.clone()),
        held_back: HeldBack::of_many(),
        sources,
        source,
        datagrams: Datagrams::new(Sizes {
            slots: BATCH_MAX,
            datagram_bytes_max: DATAGRAM_BYTES_MAX,
            reply_bytes_max: 0,
        }),
        unnamed: Unnamed::default(),
    };
    let mut look = interval_at(Instant::now() + DROPS_EVERY, DROPS_EVERY);
    while !stop.is_cancelled() {
        if receiver.sources.has_changed().unwrap_or(false) {
            receiver.follow(&socket);
            drops.count_for(&receiver.source.input.name, &socket);
            pause = self::pause(&socket);
        }
        let readable = async {
            service.store.room(&mut receiver.held_back).await;
            socket.readable().await
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // While there is no room too: that is when the kernel drops.
            _ = look.tick() => drops.look(&socket),
            readable = readable => {
                if let Err(error) = readable {
                    debug!(%error, "udp socket");
                }
                let taken = receiver.take_batch(|datagrams| {
                    socket.try_io(Interest::READABLE, || datagrams.receive(&socket, Wait::No))
                });
                if 0 < taken && taken < BATCH_MAX {
                    thread::sleep(pause);
                }
            }
            sender = receiver.unnamed.settled() => receiver.release(sender),
            Ok(()) = receiver.sources.changed() => receiver.sources.mark_changed(),
        }
        tokio::task::consume_budget().await;
    }
    // From the socket itself: the runtime learns with a delay that there is something, and now that would be too late.
    let Ok(socket) = socket.into_std() else { return };
    loop {
        tokio::select! {
            biased;
            () = service.abandon.cancelled() => break,
            () = service.store.room(&mut receiver.held_back) => {}
        }
        if receiver.take_batch(|datagrams| datagrams.receive(&socket, Wait::No)) == 0 {
            break;
        }
        tokio::task::consume_budget().await;
    }
    for sender in receiver.unnamed.senders() {
        receiver.release(sender);
    }
    // While there is the socket: the kernel's account ends with it.
    drops.look(&socket);
}

/// How long to wait for more when all is taken.
fn pause(socket: &impl AsFd) -> Duration {
    let bytes = Account::of(socket).map_or(0, |account| account.receive_buffer_bytes);
    PAUSE_MAX.min(Duration::from_nanos(u64::from(bytes) / FILL_BYTES_PER_NANOSECOND))
}

struct Receiver {
    zone: ZoneCache,
    held_back: HeldBack,
    /// The input that has the address in the running configuration, and in the one that was seen last.
    sources: watch::Receiver<Arc<Source>>,
    source: Arc<Source>,
    datagrams: Datagrams,
    /// What waits for its sender's name.
    unnamed: Unnamed,
}

impl Receiver {
    /// Takes up the input, as the running configuration has it.
    fn follow(&mut self, socket: &UdpSocket) {
        let before = std::mem::replace(&mut self.source, self.sources.borrow_and_update().clone());
        let input = &self.source.input;
        self.zone = ZoneCache::new(input.time_zone.clone());
        if input.receive_buffer_bytes != before.input.receive_buffer_bytes
            && let Err(error) = listen::set_receive_buffer(socket, input.receive_buffer_bytes)
        {
            warn!(input = %input.name, %error, "the receive buffer stays as it was");
        }
        if self.source.names().is_none() {
            // What comes next waits for no name, and would overtake them.
            for sender in self.unnamed.senders() {
                self.release(sender);
            }
        }
    }

    /// Takes the datagrams that are there, up to a batch; how many there were.
    fn take_batch(&mut self, receive: impl FnOnce(&mut Datagrams) -> io::Result<usize>) -> usize {
        let taken = match receive(&mut self.datagrams) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return 0,
            Err(error) => {
                // Of an earlier answer of somebody's (an ICMP error); the next call has the next datagrams.
                debug!(%error, "udp socket");
                return 1;
            }
        };
        let Self {
            zone,
            held_back,
            source,
            datagrams,
            unnamed,
            ..
        } = self;
        let max = source.input.message_bytes_max;
        Scratch::with(|scratch| {
            let mut batch = source.batch(scratch, held_back);
            let mut bytes = 0;
            for datagram in datagrams.iter() {
                let length = datagram.bytes.len();
                bytes += length;
                let peer = SocketAddr::new(datagram.source.ip().to_canonical(), datagram.source.port());
                let (frame, truncated) = (&datagram.bytes[..length.min(max)], length > max);
                if !source.allows(peer.ip()) {
                    source.refuse(peer.ip(), Refusal::Allow);
                } else if length == 0 {
                    // It says nothing.
                } else if let Some(lookup) = source.look_up(peer.ip()) {
                    match unnamed.pass(peer.ip(), &lookup, frame.len()) {
                        Some(before) => {
                            deliver(&before, &lookup, &mut batch, zone);
                            let sender = Peer {
                                address: peer,
                                name: lookup.name(),
                            };
                            batch.message_of(frame, truncated, sender, batch.received(), zone);
                        }
                        None => unnamed.keep(Waiting {
                            peer,
                            bytes: frame.into(),
                            truncated,
                            received: batch.received(),
                        }),
                    }
                } else {
                    batch.message(frame, truncated, peer, zone);
                }
            }
            source.count(bytes, &batch.finish());
        });
        taken
    }

    /// Sends what has waited for a sender's name on its way.
    fn release(&mut self, sender: IpAddr) {
        let Some((lookup, waiting)) = self.unnamed.take(sender) else {
            return;
        };
        let source = &*self.source;
        Scratch::with(|scratch| {
            let mut batch = source.batch(scratch, &mut self.held_back);
            deliver(&waiting, &lookup, &mut batch, &mut self.zone);
            source.count(0, &batch.finish());
        });
    }
}

/// Sends a sender's datagrams on their way, with the name that it has by now.
fn deliver(waiting: &[Waiting], lookup: &Lookup, batch: &mut Batch<'_>, zone: &mut ZoneCache) {
    for datagram in waiting {
        let sender = Peer {
            address: datagram.peer,
            name: lookup.name(),
        };
        batch.message_of(&datagram.bytes, datagram.truncated, sender, datagram.received, zone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_receive_buffer_is_looked_at_more_often() {
        let socket = StdSocket::bind("127.0.0.1:0").unwrap();
        listen::set_receive_buffer(&socket, Some(100_000)).unwrap();
        assert_eq!(pause(&socket), Duration::from_micros(200));
        listen::set_receive_buffer(&socket, Some(4 << 20)).unwrap();
        assert!(pause(&socket) <= PAUSE_MAX);
    }
}
