//! The kernel's account of what it dropped for a socket because nobody took it.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ballast_shared::datagrams::Account;
use metrics::{Counter, counter};
use tracing::{debug, warn};

use crate::throttle::Throttle;

/// How often drops are told; each is counted.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// What was dropped, and how much of it was counted.
pub(in crate::input) struct Drops {
    address: String,
    /// The account as it was looked at last.
    counted: u32,
    counter: Counter,
    warnings: Throttle,
}

impl Drops {
    /// From now on, of a socket that was just bound or inherited: an inherited one has an account of its own, which the runs
    /// before this one have counted.
    pub(in crate::input) fn of(socket: &UdpSocket, input: &str) -> Self {
        let address = socket
            .local_addr()
            .map_or_else(|_| String::new(), |address| address.to_string());
        Self {
            counted: Account::of(socket).map_or(0, |account| account.dropped),
            counter: Self::counter(&address, input),
            address,
            warnings: Throttle::new(1, WARN_INTERVAL),
        }
    }

    fn counter(address: &str, input: &str) -> Counter {
        counter!("logd_input_kernel_drops_total", "input" => input.to_owned(), "address" => address.to_owned())
    }

    /// What is dropped from now on is this input's.
    pub(super) fn count_for(&mut self, input: &str, socket: &impl AsFd) {
        self.look(socket);
        self.counter = Self::counter(&self.address, input);
    }

    /// Counts what is new.
    pub(super) fn look(&mut self, socket: &impl AsFd) {
        let new = self.new_ones(socket);
        if new == 0 {
            return;
        }
        self.counter.increment(new);
        if self.warnings.admit(Instant::now()).is_some() {
            warn!(address = %self.address, new, "the kernel dropped datagrams that nobody took in time: a larger receive-buffer bridges more");
        }
    }

    /// Those since the last look.
    fn new_ones(&mut self, socket: &impl AsFd) -> u64 {
        let dropped = match Account::of(socket) {
            Ok(account) => account.dropped,
            Err(error) => {
                debug!(%error, "no account of dropped datagrams");
                return 0;
            }
        };
        u64::from(dropped.wrapping_sub(std::mem::replace(&mut self.counted, dropped)))
    }
}

#[cfg(test)]
mod tests {
    use ballast_shared::listen::set_receive_buffer;

    use super::*;

    fn overfill(socket: &UdpSocket) {
        for _ in 0..100 {
            socket.send_to(&[b'x'; 1024], socket.local_addr().unwrap()).unwrap();
        }
    }

    fn small() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        set_receive_buffer(&socket, Some(4096)).unwrap();
        socket
    }

    #[test]
    fn each_drop_is_counted_once() {
        let socket = small();
        let mut drops = Drops::of(&socket, "net");
        let mut total = 0;
        for round in 1..=2 {
            overfill(&socket);
            let new = drops.new_ones(&socket);
            assert!(0 < new && new <= 100, "round {round}: {new}");
            total += new;
            assert_eq!(drops.new_ones(&socket), 0);
        }
        assert_eq!(total, u64::from(Account::of(&socket).unwrap().dropped));
    }

    #[test]
    fn what_an_inherited_socket_has_dropped_before_is_not_counted_again() {
        let socket = small();
        overfill(&socket);
        let before = Account::of(&socket).unwrap().dropped;
        assert!(before > 0);
        let mut drops = Drops::of(&socket, "net");
        assert_eq!(drops.new_ones(&socket), 0);
        overfill(&socket);
        let after = Account::of(&socket).unwrap().dropped;
        assert_eq!(drops.new_ones(&socket), u64::from(after - before));
    }
}
