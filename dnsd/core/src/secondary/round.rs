//! One walk through the primaries.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::{Action, Attempt, Transport};
use crate::serial::Serial;

/// How often a primary is asked in datagrams before it is asked over a connection: two may get lost.
const UDP_TRIES: u32 = 3;
/// How long a datagram's answer is waited for; BIND waits five seconds too.
const UDP_PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection and the answer on it are waited for.
const TCP_PATIENCE: Duration = Duration::from_secs(15);

/// What is being done with a primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is asked for its SOA record in a datagram, for the last time but `left`.
    Udp { left: u32 },
    /// It is asked over a connection.
    Tcp,
    /// The zone is transferred from it.
    Transfer { from: Option<Serial> },
    /// The zone is transferred from it, to be compared with the one here.
    Compare { since: Duration },
}

impl Step {
    const ASK: Self = Self::Udp { left: UDP_TRIES - 1 };
    const TRANSFER: Self = Self::Transfer { from: None };

    /// How long it is waited for; `None` for a transfer, whose time begins when its turn has come.
    pub(super) fn patience(self) -> Option<Duration> {
        match self {
            Self::Udp { .. } => Some(UDP_PATIENCE),
            Self::Tcp => Some(TCP_PATIENCE),
            Self::Transfer { .. } | Self::Compare { .. } => None,
        }
    }
}

/// Which primary is asked, and how.
#[derive(Debug)]
pub(super) struct Round {
    first: usize,
    /// How many primaries have been done with.
    done: usize,
    pub(super) step: Step,
    /// Whether the zone is transferred whole and taken whatever its serial is.
    pub(super) forced: bool,
    /// Whether a peer was there, whatever it had.
    pub(super) has_answer: bool,
    /// Whether the data of a peer are still to be compared.
    pub(super) must_compare: bool,
}

impl Round {
    /// Asks this primary first, then the others in their order.
    pub(super) fn starting_with(first: usize) -> Self {
        Self {
            first,
            done: 0,
            step: Step::ASK,
            forced: false,
            has_answer: false,
            must_compare: false,
        }
    }

    /// Transfers the zone from the first primary that gives it.
    pub(super) fn of_transfers() -> Self {
        Self {
            step: Step::TRANSFER,
            forced: true,
            ..Self::starting_with(0)
        }
    }

    /// What is to be done.
    pub(super) fn action(&self, attempt: Attempt) -> Action {
        let primary = self.primary();
        let ask = |transport| Action::Ask {
            attempt,
            primary,
            transport,
        };
        match self.step {
            Step::Udp { .. } => ask(Transport::Udp),
            Step::Tcp => ask(Transport::Tcp),
            Step::Transfer { from } => Action::Transfer {
                attempt,
                primary,
                from,
                forced: self.forced,
            },
            Step::Compare { .. } => Action::Compare { attempt, primary },
        }
    }

    /// Whose turn it is.
    pub(super) fn primary(&self) -> usize {
        match self.done {
            0 => self.first,
            done if done <= self.first => done - 1,
            done => done,
        }
    }

    /// Nothing came: whether the same primary is asked again.
    pub(super) fn repeat(&mut self) -> bool {
        self.step = match self.step {
            Step::Udp { left: 0 } => Step::Tcp,
            Step::Udp { left } => Step::Udp { left: left - 1 },
            Step::Tcp | Step::Transfer { .. } | Step::Compare { .. } => return false,
        };
        true
    }

    /// Goes on to the next of so many primaries; false when there is none.
    pub(super) fn next_primary(&mut self, primaries: NonZeroUsize) -> bool {
        self.done += 1;
        self.step = if self.forced { Step::TRANSFER } else { Step::ASK };
        self.done < primaries.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_primary_is_asked_once_the_first_in_front() {
        for (first, order) in [(0, [0, 1, 2, 3]), (2, [2, 0, 1, 3]), (3, [3, 0, 1, 2])] {
            let primaries = NonZeroUsize::new(4).unwrap();
            let mut round = Round::starting_with(first);
            let mut asked = vec![round.primary()];
            while round.next_primary(primaries) {
                asked.push(round.primary());
            }
            assert_eq!(asked, order);
        }
    }
}
