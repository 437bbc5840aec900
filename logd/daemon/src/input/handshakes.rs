//! Turns at handshakes of TLS, which take most of the time that a sender costs before its first message.
//!
//! A connection takes a turn when its sender has said something, so that those who say nothing keep nobody waiting, and keeps
//! it for as long as a handshake takes with a sender that goes on with it; one that is slower goes on without. No sender has
//! more than a share of the turns at a time. So when a fleet comes back at once the others wait for their turn, and nobody's
//! handshake runs out of time because of theirs.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::source::Refusal;
use super::tls::{HandshakeError, Tls};
use crate::turns::{Limits, Turns};

/// Handshakes at a time, of all inputs: more than the cores do in the time of a round trip. Of them, those of one network: many hosts
/// may be there, and this many keep the cores busy. The connections are bounded, and so who waits.
const LIMITS: Limits = Limits {
    turns: 512,
    turns_per_network: 64,
    places: Semaphore::MAX_PERMITS,
    places_per_network: usize::MAX,
};

/// How long a handshake may keep its turn: some round trips around the world.
const TURN_MAX: Duration = Duration::from_secs(1);

/// How long a sender may say nothing at all.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long a sender waits for its turn: more than ten thousand of them take, and about when they give up.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The handshakes that are under way.
pub(crate) struct Handshakes(Arc<Turns>);

impl Handshakes {
    pub(super) fn new() -> Self {
        Self(Turns::new(LIMITS))
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
        let Some(place) = self.0.place(peer) else {
            return Err(late(Refusal::TlsBusy));
        };
        let Ok(turn) = timeout(WAIT_MAX, place.turn()).await else {
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
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
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
        assert_eq!(handshakes.0.free(), LIMITS.turns);
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
                () = sleep(time) => handshakes.0.free()
            }
        };
        assert_eq!(look_after(TURN_MAX / 2).await, LIMITS.turns - 1);
        assert_eq!(look_after(TURN_MAX).await, LIMITS.turns);
        assert_eq!(meeting.await.err().unwrap().why, Refusal::TlsTimeout);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let handshakes = Handshakes::new();
        let _all = handshakes.0.take_all().await;
        let (stream, client) = connection().await;
        client.try_write(b"\x16\x03\x01\x02").unwrap();
        stream.readable().await.unwrap();
        let met = handshakes.meet(stream, address("192.0.2.1"), config()).await;
        assert_eq!(met.err().unwrap().why, Refusal::TlsBusy);
    }
}
