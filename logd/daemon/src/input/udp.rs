//! The input `udp`: a task for each address that takes datagrams as long as there are any, many with one system call; each is
//! one message.
//!
//! While the budget for rendered lines is spent, or a file holds its senders back, nothing is taken, and the kernel's queue
//! fills and drops. What it drops is read back from /proc/net/udp and counted.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::datagrams::{Datagrams, Sizes, Wait};
use ballast_shared::listen;
use logd_core::time::ZoneCache;
use metrics::{Counter, counter};
use nix::sys::stat::fstat;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::Service;
use super::source::{Refusal, Source};
use crate::output::HeldBack;
use crate::pipeline::Scratch;
use crate::throttle::Throttle;

/// The longest datagram that IPv4 and IPv6 without jumbograms have room for.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Datagrams taken at a time, before other tasks of the thread have their turn. Their room is memory only as far as datagrams
/// need it: a page each, as a rule.
const BATCH_MAX: usize = 64;

/// How often the kernel is asked what it dropped.
const DROPS_EVERY: Duration = Duration::from_secs(10);

/// How often drops are told; each is counted.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Receives until it is stopped, and then what is still there.
pub(super) async fn receive(
    socket: StdSocket,
    mut sources: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let source = sources.borrow_and_update().clone();
    let mut drops = Drops::of(&socket, &source.input.name);
    let socket = match UdpSocket::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return error!(%error, "cannot receive"),
    };
    let mut receiver = Receiver {
        zone: ZoneCache::new(source.input.time_zone.clone()),
        held_back: HeldBack::default(),
        sources,
        source,
        datagrams: Datagrams::new(Sizes {
            slots: BATCH_MAX,
            datagram_bytes_max: DATAGRAM_BYTES_MAX,
            reply_bytes_max: 0,
        }),
    };
    let mut look = interval_at(Instant::now() + DROPS_EVERY, DROPS_EVERY);
    while !stop.is_cancelled() {
        if receiver.sources.has_changed().unwrap_or(false) {
            receiver.follow(&socket);
            drops.count_for(&receiver.source.input.name);
        }
        let readable = async {
            service.store.room(&mut receiver.held_back).await;
            socket.readable().await
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // While there is no room too: that is when the kernel drops.
            _ = look.tick() => drops.look(),
            readable = readable => {
                if let Err(error) = readable {
                    debug!(%error, "udp socket");
                }
                receiver.take_batch(|datagrams| {
                    socket.try_io(Interest::READABLE, || datagrams.receive(&socket, Wait::No))
                });
            }
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
    // While there is the socket: the kernel's account ends with it.
    drops.look();
}

struct Receiver {
    zone: ZoneCache,
    held_back: HeldBack,
    /// The input that has the address in the running configuration, and in the one that was seen last.
    sources: watch::Receiver<Arc<Source>>,
    source: Arc<Source>,
    datagrams: Datagrams,
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
        let source = &*self.source;
        let max = source.input.message_bytes_max;
        Scratch::with(|scratch| {
            let mut batch = source.batch(scratch, &mut self.held_back);
            let mut bytes = 0;
            for datagram in self.datagrams.iter() {
                let length = datagram.bytes.len();
                bytes += length;
                let peer = SocketAddr::new(datagram.source.ip().to_canonical(), datagram.source.port());
                if !source.allows(peer.ip()) {
                    source.refuse(peer.ip(), Refusal::Allow);
                } else if length > 0 {
                    batch.message(&datagram.bytes[..length.min(max)], length > max, peer, &mut self.zone);
                }
            }
            source.count(bytes, &batch.finish());
        });
        taken
    }
}

/// The kernel's account of what it dropped for a socket because nobody took it.
struct Drops {
    inode: String,
    address: String,
    /// How much of it was counted already.
    counted: u64,
    counter: Counter,
    warnings: Throttle,
}

impl Drops {
    fn of(socket: &StdSocket, input: &str) -> Self {
        let address = socket
            .local_addr()
            .map_or_else(|_| String::new(), |address| address.to_string());
        Self {
            inode: fstat(socket).map_or_else(|_| String::new(), |stat| stat.st_ino.to_string()),
            counted: 0,
            counter: Self::counter(&address, input),
            address,
            warnings: Throttle::new(1, WARN_INTERVAL),
        }
    }

    fn counter(address: &str, input: &str) -> Counter {
        counter!("logd_input_kernel_drops_total", "input" => input.to_owned(), "address" => address.to_owned())
    }

    /// What is dropped from now on is this input's.
    fn count_for(&mut self, input: &str) {
        self.look();
        self.counter = Self::counter(&self.address, input);
    }

    fn look(&mut self) {
        let new = self.new_ones();
        if new == 0 {
            return;
        }
        self.counter.increment(new);
        if self.warnings.admit(std::time::Instant::now()).is_some() {
            warn!(address = %self.address, new, "the kernel dropped datagrams that nobody took in time: a larger receive-buffer bridges more");
        }
    }

    /// Those since the last look. The counter of an address outlives its socket, whose account begins at zero.
    fn new_ones(&mut self) -> u64 {
        let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
        let Some(drops) = tables.iter().find_map(|table| drops_of(table, &self.inode)) else {
            return 0;
        };
        drops.saturating_sub(std::mem::replace(&mut self.counted, drops))
    }
}

/// The last column of the line whose tenth is the inode (proc(5), /proc/net/udp).
fn drops_of(table: &str, inode: &str) -> Option<u64> {
    let line = table
        .lines()
        .find(|line| line.split_whitespace().nth(9) == Some(inode))?;
    line.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_found_by_inode() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     123: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 17\n";
        assert_eq!(drops_of(table, "4242"), Some(17));
        assert_eq!(drops_of(table, "4243"), None);
    }

    #[test]
    fn drops_of_a_real_socket_are_known() {
        let socket = StdSocket::bind("127.0.0.1:0").unwrap();
        let inode = fstat(&socket).unwrap().st_ino.to_string();
        assert_eq!(drops_of(&fs::read_to_string("/proc/net/udp").unwrap(), &inode), Some(0));
    }

    #[test]
    fn each_drop_is_counted_once() {
        let socket = StdSocket::bind("127.0.0.1:0").unwrap();
        listen::set_receive_buffer(&socket, Some(4096)).unwrap();
        let mut drops = Drops::of(&socket, "net");
        let mut total = 0;
        for round in 1..=2 {
            for _ in 0..100 {
                socket.send_to(&[b'x'; 1024], socket.local_addr().unwrap()).unwrap();
            }
            let new = drops.new_ones();
            assert!(0 < new && new <= 100, "round {round}: {new}");
            total += new;
            assert_eq!(drops.new_ones(), 0);
        }
        assert_eq!(total, drops.counted);
    }
}
