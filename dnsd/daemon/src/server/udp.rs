//! Queries over UDP: a thread per core and address, each with a socket of its own (SO_REUSEPORT), so that the kernel spreads
//! the clients over them and no two threads wait for each other.
//!
//! A turn of a thread is one call that takes all that came, the answers, and one call that sends them. It waits in the first
//! of them: a thread that looked for the end of the daemon by other means, too, would make a third call for every query
//! wherever queries come one at a time, and that would cost a tenth of the query. It does not wait for more queries than
//! there are: batches grow by themselves when there is no time to answer each at once.
//!
//! Threads aren't bound to cores, nor sockets to the cores that packets come in by (SO_ATTACH_REUSEPORT_CBPF): a network card
//! with one queue would then give all queries to one thread. The kernel's own way, by the client's address and port, spreads
//! them whatever the card does.

mod listener;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ballast_shared::datagrams::{Datagrams, Sizes};
use dnsd_core::answer::LookAhead;
use tracing::warn;

use super::deferred::WayBack;
use super::responder::{Answer, Peer, Responder};
use crate::config::UDP_PAYLOAD_BYTES_LIMIT;

pub(super) use listener::UdpListener;

/// How many queries a turn takes. What a call costs by itself is shared by so many that more don't show (neither did 8 or 64
/// in measurements), and the first of them doesn't wait long for the answers to the last.
const SLOTS: usize = 32;

/// Longer requests are cut off by the kernel and answered FORMERR, whatever they ask: no question comes near it, and the largest signed NOTIFY
/// or UPDATE that clients send over UDP fits.
const REQUEST_BYTES_MAX: usize = 4096;

/// Of a message (RFC 1035 §4.1.1); what was cut off has more.
const HEADER_BYTES: usize = 12;

/// When the system has no memory for a request, asking again at once would only burn the core.
const RECEIVE_RETRY: Duration = Duration::from_millis(100);

/// A socket that somebody else has shut down still gets datagrams, but nobody can wait for them any more. This is short beside
/// a client's patience, and long beside what it takes to look.
const SHUT_DOWN_RETRY: Duration = Duration::from_millis(10);

/// What one thread works with.
pub(super) struct Worker {
    pub(super) listener: Arc<UdpListener>,
    pub(super) responder: Responder,
}

impl Worker {
    /// Answers until the listener is stopped, and then what had come before.
    pub(super) fn run(self) {
        let mut batch = Datagrams::new(Sizes {
            slots: SLOTS,
            datagram_bytes_max: REQUEST_BYTES_MAX,
            reply_bytes_max: UDP_PAYLOAD_BYTES_LIMIT.into(),
        });
        let mut ahead = LookAhead::new();
        let mut is_shut_down = false;
        while !self.listener.is_stopped() {
            match self.listener.receive(&mut batch) {
                Ok(received @ 1..) => self.answer(&mut batch, received, &mut ahead),
                // That it was stopped in the meantime is seen before the next turn.
                Ok(0) if self.listener.is_stopped() => {}
                Ok(0) => {
                    if !is_shut_down {
                        warn!("another process has shut down a UDP socket of ours: answers from it are late");
                        is_shut_down = true;
                    }
                    thread::sleep(SHUT_DOWN_RETRY);
                }
                Err(error) if says_nothing(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot receive over UDP");
                    thread::sleep(RECEIVE_RETRY);
                }
            }
        }
        self.answer_what_is_left(&mut batch, &mut ahead);
    }

    fn answer(&self, batch: &mut Datagrams, received: usize, ahead: &mut LookAhead) {
        let answering = self.responder.begin_batch();
        if received > 1 {
            answering.look_ahead(ahead, batch.iter().map(|datagram| datagram.bytes));
        } else {
            ahead.clear();
        }
        let mut places = 0_usize..;
        batch.answer_each(|datagram, reply| {
            let name = places.next().and_then(|place| ahead.name(place));
            if is_unanswerable(datagram.source) {
                answering.ignore();
                return None;
            }
            // Of what was cut off the header alone is read, so that nobody takes the front of a request for the whole of it.
            let whole = if datagram.is_cut_off {
                HEADER_BYTES
            } else {
                datagram.bytes.len()
            };
            let bound = self.listener.address();
            match answering.answer_ready(&Peer::Sender { datagram, bound }, &datagram.bytes[..whole], name, reply) {
                Answer::Reply(length) => Some(length),
                Answer::Later(begin) => {
                    begin(WayBack::Datagram {
                        listener: self.listener.clone(),
                        client: datagram.source,
                        asked: datagram.destination(),
                    });
                    None
                }
                // A datagram gets no more than one back.
                Answer::Nothing | Answer::Transfer(_) => None,
            }
        });
        drop(answering);
        let unsent = batch.send(&*self.listener);
        if unsent > 0 {
            self.responder.unsent(unsent);
        }
    }

    /// Answers what is in the socket's queue at the end. More comes in for as long as the socket is open, but the queue of now
    /// is not longer than it can be.
    fn answer_what_is_left(&self, batch: &mut Datagrams, ahead: &mut LookAhead) {
        let mut left_max = self.listener.queue_max();
        while left_max > 0 {
            match self.listener.receive_left(batch) {
                Ok(received @ 1..) => {
                    self.answer(batch, received, ahead);
                    left_max = left_max.saturating_sub(received);
                }
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// What an earlier reply met on its way (ICMP) is told to the next call; it says nothing about this one. Nor does it when
/// another thread has taken what there was.
fn says_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

/// A port that nobody receives at: the source was forged, or the sender wants no reply (RFC 768).
fn is_unanswerable(source: SocketAddr) -> bool {
    source.port() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc768_who_sends_from_port_0_wants_no_reply() {
        assert!(is_unanswerable("192.0.2.1:0".parse().unwrap()));
        assert!(!is_unanswerable("192.0.2.1:1".parse().unwrap()));
    }
}
