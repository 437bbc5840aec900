//! Turns at handshakes of TLS, which take most of the time that a sender costs before its first message.
//!
//! A connection takes a turn when its sender has said something, so that those who say nothing keep nobody waiting, and keeps
//! it for as long as a handshake takes with a sender that goes on with it; one that is slower goes on without. No sender has
//! more than a share of the turns at a time. So when a fleet comes back at once the others wait for their turn, and nobody's
//! handshake runs out of time because of theirs.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::source::Refusal;
use super::tls::{HandshakeError, Tls};

/// Handshakes at a time, of all inputs: more than the cores do in the time of a round trip.
const TURNS: usize = 512;

/// Of them, those of one sender: of one address, or of one network of IPv6's (/64), all of whose addresses one host may have.
/// Many hosts may be behind one address, too, and this many keep the cores busy.
const TURNS_PER_SENDER: usize = 64;

/// How long a handshake may keep its turn: some round trips around the world.
const TURN_MAX: Duration = Duration::from_secs(1);

/// How long a sender may say nothing at all.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long a sender waits for its turn: more than ten thousand of them take, and about when they give up.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The handshakes that are under way.
pub(crate) struct Handshakes {
    turns: Semaphore,
    /// Of those who have a turn or wait for one.
    senders: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A turn; given back when dropped. Its permits go before the share, which looks whether there are others.
struct Turn<'h> {
    _of_all: SemaphorePermit<'h>,
    _of_sender: OwnedSemaphorePermit,
    _share: Share<'h>,
}

/// A sender's turns, for somebody who has one or waits for one.
struct Share<'h> {
    handshakes: &'h Handshakes,
    sender: IpAddr,
    turns: Arc<Semaphore>,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self {
            turns: Semaphore::new(TURNS),
            senders: Mutex::default(),
        }
    }

    /// Meets the client at the other end of a connection, in a bounded time.
    pub(super) async fn meet(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        config: Arc<ServerConfig>,
    ) -> Result<Tls, HandshakeError> {
        let late = |why| HandshakeError {
            why,
            cause: ErrorKind::TimedOut.into(),
        };
        // An error comes up again in the handshake.
        if timeout(SILENCE_MAX, stream.readable()).await.is_err() {
            return Err(late(Refusal::TlsTimeout));
        }
        let Ok(turn) = timeout(WAIT_MAX, self.turn(peer)).await else {
            return Err(late(Refusal::TlsBusy));
        };
        let handshake = Tls::accept(stream, config);
        tokio::pin!(handshake);
        tokio::select! {
            biased;
            met = &mut handshake => return met,
            () = sleep(TURN_MAX) => drop(turn),
        }
        handshake.await
    }

    /// Waits for a turn: first for one of the sender's, then for one of all.
    async fn turn(&self, peer: IpAddr) -> Turn<'_> {
        let share = self.share(peer);
        let of_sender = share.turns.clone().acquire_owned().await;
        let of_all = self.turns.acquire().await;
        Turn {
            _of_all: of_all.expect("it is never closed"),
            _of_sender: of_sender.expect("it is never closed"),
            _share: share,
        }
    }

    fn share(&self, peer: IpAddr) -> Share<'_> {
        let sender = sender(peer);
        let turns = self
            .lock()
            .entry(sender)
            .or_insert_with(|| Arc::new(Semaphore::new(TURNS_PER_SENDER)))
            .clone();
        Share {
            handshakes: self,
            sender,
            turns,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        /// The map's, and ours.
        const NOBODY_ELSE: usize = 2;
        let mut senders = self.handshakes.lock();
        if Arc::strong_count(&self.turns) == NOBODY_ELSE {
            senders.remove(&self.sender);
        }
    }
}

/// Whose turns those of an address are.
fn sender(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_sender_waits_for_its_own_turns_only() {
        let handshakes = Handshakes::new();
        let [one, other] = ["2001:db8::1", "2001:db8:0:1::1"].map(address);
        let mut turns = Vec::new();
        for _ in 0..TURNS_PER_SENDER {
            turns.push(handshakes.turn(one).await);
        }
        let same_network = address("2001:db8::ffff");
        let waiting = handshakes.turn(same_network);
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("its share is spent"),
            _ = handshakes.turn(other) => {}
        }
        turns.pop();
        let _turn = waiting.await;
    }

    #[tokio::test]
    async fn of_who_has_come_and_gone_nothing_is_left() {
        let handshakes = Handshakes::new();
        let peer = address("192.0.2.1");
        let (first, second) = (handshakes.turn(peer).await, handshakes.turn(peer).await);
        drop(first);
        assert_eq!(handshakes.lock().len(), 1);
        drop(second);
        assert_eq!(handshakes.lock().len(), 0);
    }

    /// A connection, and its end at the client.
    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    fn config() -> Arc<ServerConfig> {
        // No certificate is needed as far as these clients come.
        let config = ServerConfig::builder_with_provider(ballast_shared::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
        Arc::new(config)
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_takes_no_turn_and_is_not_waited_for() {
        let handshakes = Handshakes::new();
        let (stream, _client) = connection().await;
        let begun = Instant::now();
        let meeting = handshakes.meet(stream, address("192.0.2.1"), config());
        tokio::pin!(meeting);
        tokio::select! {
            biased;
            _ = &mut meeting => panic!("there is time left"),
            () = sleep(SILENCE_MAX / 2) => {}
        }
        assert_eq!(handshakes.turns.available_permits(), TURNS);
        assert_eq!(meeting.await.err().unwrap().why, Refusal::TlsTimeout);
        assert_eq!(begun.elapsed().as_secs(), SILENCE_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_gives_the_turn_back_and_goes_on() {
        let handshakes = Handshakes::new();
        let (stream, client) = connection().await;
        client.try_write(b"\x16\x03\x01\x02").unwrap();
        stream.readable().await.unwrap();
        let meeting = handshakes.meet(stream, address("192.0.2.1"), config());
        tokio::pin!(meeting);
        let mut look_after = async |time| {
            tokio::select! {
                biased;
                _ = &mut meeting => panic!("there is time left"),
                () = sleep(time) => handshakes.turns.available_permits()
            }
        };
        assert_eq!(look_after(TURN_MAX / 2).await, TURNS - 1);
        assert_eq!(look_after(TURN_MAX).await, TURNS);
        assert_eq!(meeting.await.err().unwrap().why, Refusal::TlsTimeout);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let handshakes = Handshakes::new();
        let _all = handshakes.turns.acquire_many(TURNS as u32).await.unwrap();
        let (stream, client) = connection().await;
        client.try_write(b"\x16\x03\x01\x02").unwrap();
        stream.readable().await.unwrap();
        let met = handshakes.meet(stream, address("192.0.2.1"), config()).await;
        assert_eq!(met.err().unwrap().why, Refusal::TlsBusy);
    }
}
