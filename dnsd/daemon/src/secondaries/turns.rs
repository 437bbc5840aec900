//! Whose turn it is to be transferred: so many zones at a time, and so many of them from one server.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use crate::config::TransfersConfig;

/// Transfers that run, and those that wait for one to end. `T` says which one it is.
#[derive(Debug)]
pub(super) struct Turns<T> {
    running_max: usize,
    per_server_max: usize,
    running: usize,
    servers: BTreeMap<IpAddr, Server<T>>,
    /// Who comes first when servers have as many running: the order in which they came.
    tickets: u64,
}

#[derive(Debug)]
struct Server<T> {
    running: usize,
    waiting: VecDeque<(u64, T)>,
}

impl<T: PartialEq> Turns<T> {
    pub(super) fn new(limits: TransfersConfig) -> Self {
        Self {
            running_max: limits.in_max,
            per_server_max: limits.in_per_server_max,
            running: 0,
            servers: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Other bounds from now on; what runs goes on.
    pub(super) fn set_limits(&mut self, limits: TransfersConfig) {
        self.running_max = limits.in_max;
        self.per_server_max = limits.in_per_server_max;
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Somebody waits for a turn.
    pub(super) fn wait(&mut self, server: IpAddr, waiter: T) {
        self.tickets += 1;
        let ticket = self.tickets;
        self.server(server).waiting.push_back((ticket, waiter));
    }

    /// Somebody waits no longer.
    pub(super) fn leave(&mut self, server: IpAddr, waiter: &T) {
        self.server(server).waiting.retain(|(_, waiting)| waiting != waiter);
        self.forget_idle(server);
    }

    /// A transfer has ended.
    pub(super) fn ended(&mut self, server: IpAddr) {
        let at = self.server(server);
        at.running = at.running.saturating_sub(1);
        self.running = self.running.saturating_sub(1);
        self.forget_idle(server);
    }

    /// Who is next; its transfer runs from now on.
    pub(super) fn next(&mut self) -> Option<T> {
        if self.running >= self.running_max {
            return None;
        }
        let free = self
            .servers
            .values_mut()
            .filter(|server| server.running < self.per_server_max);
        let first = free.min_by_key(|server| server.waiting.front().map_or(u64::MAX, |(ticket, _)| *ticket))?;
        let (_, waiter) = first.waiting.pop_front()?;
        first.running += 1;
        self.running += 1;
        Some(waiter)
    }

    fn server(&mut self, server: IpAddr) -> &mut Server<T> {
        self.servers.entry(server).or_insert_with(|| Server {
            running: 0,
            waiting: VecDeque::new(),
        })
    }

    fn forget_idle(&mut self, server: IpAddr) {
        if self
            .servers
            .get(&server)
            .is_some_and(|at| at.running == 0 && at.waiting.is_empty())
        {
            self.servers.remove(&server);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(in_max: usize, in_per_server_max: usize) -> Turns<u32> {
        Turns::new(TransfersConfig {
            in_max,
            in_per_server_max,
            out_max: 1,
            serial_queries_per_second: 1,
        })
    }

    fn all(turns: &mut Turns<u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.next()).collect()
    }

    #[test]
    fn a_server_that_is_slow_holds_up_its_own_zones_only() {
        let [slow, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let mut turns = turns(3, 2);
        for zone in 0..5 {
            turns.wait(slow, zone);
        }
        for zone in 5..8 {
            turns.wait(other, zone);
        }
        assert_eq!(all(&mut turns), [0, 1, 5]);
        turns.ended(other);
        assert_eq!(all(&mut turns), [6]);
        turns.leave(slow, &2);
        turns.ended(slow);
        assert_eq!(all(&mut turns), [3]);
        for server in [slow, slow, other] {
            turns.ended(server);
        }
        assert_eq!(all(&mut turns), [4, 7]);
        for server in [slow, other] {
            turns.ended(server);
        }
        assert!(turns.servers.is_empty());
    }
}
