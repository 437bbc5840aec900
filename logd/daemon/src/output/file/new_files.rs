//! How many files each sender may make: one that makes up a HOSTNAME for each message would have all inodes of the disk in
//! an hour.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::network::network;

/// 100,000 files in an hour are normal for a collector, even where all of them come through one relay.
pub(super) const NEW_FILES_MAX: u32 = 2_000;

/// So many minutes' worth of files may come at once: a relay that is seen for the first time has all of its hosts to tell of.
const BURST_MINUTES: u32 = 10;

/// How many senders are told apart; those beyond share what one may.
const SENDERS_MAX: usize = 65_536;

const MINUTE: Duration = Duration::from_secs(60);

/// Nobody needs longer than this to have all of it again: [`BURST_MINUTES`], and the second that it ends in.
const SECONDS: usize = (BURST_MINUTES * 60 + 2) as usize;

/// The senders to one output, and what each may still make.
#[derive(Debug)]
pub(super) struct NewFiles {
    began: Instant,
    senders: Mutex<Senders>,
}

#[derive(Debug)]
struct Senders {
    max: usize,
    allowances: HashMap<Sender, Allowance>,
    /// Each sender once, by a second, counted from the beginning and modulo [`SECONDS`], before whose end it doesn't have all of it
    /// again. A sender that made more files since then is moved on when that second is over: once for many files, so that
    /// nobody ever walks through all senders for one message.
    due: Box<[Vec<Sender>]>,
    /// All seconds before this one were looked at.
    second: u64,
}

/// Who counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sender {
    Address(IpAddr),
    /// What came by no network.
    Local,
    /// All that are too many.
    Others,
}

/// So many files at that time, since the beginning.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    files: f64,
    at: Duration,
}

/// What each sender may make.
#[derive(Debug, Clone, Copy)]
struct Limit {
    most: f64,
    a_second: f64,
}

impl Default for NewFiles {
    fn default() -> Self {
        Self::new(SENDERS_MAX)
    }
}

impl NewFiles {
    fn new(senders_max: usize) -> Self {
        Self {
            began: Instant::now(),
            senders: Mutex::new(Senders {
                max: senders_max,
                allowances: HashMap::new(),
                due: (0..SECONDS).map(|_| Vec::new()).collect(),
                second: 0,
            }),
        }
    }

    /// Whether the sender may make another file; if so, it has one less to make.
    pub(super) fn admit(&self, sender: Option<IpAddr>, per_minute: u32, now: Instant) -> bool {
        let now = now.saturating_duration_since(self.began);
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.admit(Sender::of(sender), Limit::new(per_minute), now)
    }
}

impl Senders {
    fn admit(&mut self, sender: Sender, limit: Limit, now: Duration) -> bool {
        self.forget_until(now.as_secs(), limit);
        let is_one_too_many = self.allowances.len() >= self.max && !self.allowances.contains_key(&sender);
        let sender = if is_one_too_many { Sender::Others } else { sender };
        let Some(allowance) = self.allowances.get_mut(&sender) else {
            let first = Allowance {
                files: limit.most - 1.0,
                at: now,
            };
            self.due[place(first.whole_in(limit))].push(sender);
            self.allowances.insert(sender, first);
            return true;
        };
        let files = allowance.files_at(now, limit);
        if files < 1.0 {
            return false;
        }
        *allowance = Allowance {
            files: files - 1.0,
            at: now,
        };
        true
    }

    /// Forgets who has all of it again since before this second, as nobody needs to remember that.
    fn forget_until(&mut self, second: u64, limit: Limit) {
        // After a longer silence the same places would come round again.
        let first = self.second.max(second.saturating_sub(SECONDS as u64));
        for past in first..second {
            for sender in std::mem::take(&mut self.due[place(past)]) {
                let Some(allowance) = self.allowances.get(&sender) else {
                    continue;
                };
                let whole_in = allowance.whole_in(limit);
                if whole_in < second {
                    self.allowances.remove(&sender);
                } else {
                    self.due[place(whole_in)].push(sender);
                }
            }
        }
        self.second = self.second.max(second);
    }
}

impl Limit {
    fn new(per_minute: u32) -> Self {
        Self {
            most: f64::from(per_minute) * f64::from(BURST_MINUTES),
            a_second: f64::from(per_minute) / MINUTE.as_secs_f64(),
        }
    }
}

impl Allowance {
    fn files_at(&self, now: Duration, limit: Limit) -> f64 {
        let since = now.saturating_sub(self.at).as_secs_f64();
        (self.files + since * limit.a_second).min(limit.most)
    }

    /// The second in which it is all there again.
    fn whole_in(&self, limit: Limit) -> u64 {
        let missing_s = (limit.most - self.files).max(0.0) / limit.a_second;
        (self.at.as_secs_f64() + missing_s) as u64
    }
}

/// Where a second stands in the ring.
fn place(second: u64) -> usize {
    (second % SECONDS as u64) as usize
}

impl Sender {
    fn of(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Local, |address| Self::Address(network(address)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admitted(new_files: &NewFiles, sender: &str, now: Instant) -> usize {
        let sender = sender.parse().ok();
        (0..100).filter(|_| new_files.admit(sender, 3, now)).count()
    }

    #[test]
    fn ten_minutes_worth_at_once_and_then_so_many_a_minute() {
        let new_files = NewFiles::default();
        let start = Instant::now();
        assert_eq!(admitted(&new_files, "192.0.2.1", start), 30);
        assert_eq!(admitted(&new_files, "192.0.2.1", start + MINUTE), 3);
        assert_eq!(admitted(&new_files, "192.0.2.1", start + 100 * MINUTE), 30);
    }

    #[test]
    fn senders_are_told_apart_and_a_host_of_ipv6_is_one() {
        let new_files = NewFiles::default();
        let now = Instant::now();
        assert_eq!(admitted(&new_files, "192.0.2.1", now), 30);
        assert_eq!(admitted(&new_files, "192.0.2.2", now), 30);
        assert_eq!(admitted(&new_files, "::ffff:192.0.2.1", now), 0);
        assert_eq!(admitted(&new_files, "2001:db8::1", now), 30);
        assert_eq!(admitted(&new_files, "2001:db8::2", now), 0);
    }

    fn address(n: usize) -> IpAddr {
        std::net::Ipv4Addr::from(u32::try_from(n).unwrap()).into()
    }

    #[test]
    fn senders_beyond_the_limit_share_one_allowance() {
        let new_files = NewFiles::default();
        let now = Instant::now();
        for n in 0..SENDERS_MAX {
            assert!(new_files.admit(Some(address(n)), 3, now));
        }
        assert_eq!(admitted(&new_files, "192.0.2.1", now), 30);
        assert_eq!(admitted(&new_files, "192.0.2.2", now), 0);
        assert_eq!(admitted(&new_files, "192.0.2.2", now + 11 * MINUTE), 30);
    }

    #[test]
    fn those_beyond_the_limit_of_senders_share_one_allowance() {
        let new_files = NewFiles::new(4);
        let now = Instant::now();
        for n in 0..100 {
            let is_admitted = new_files.admit(Some(address(n)), 1, now);
            assert_eq!(is_admitted, n < 4 + BURST_MINUTES as usize, "{n}");
        }
        assert_eq!(new_files.senders.lock().unwrap().allowances.len(), 5);
    }

    /// The same without an order: all senders are looked at each time.
    struct Naive {
        max: usize,
        allowances: HashMap<Sender, Allowance>,
    }

    impl Naive {
        fn admit(&mut self, sender: Sender, limit: Limit, now: Duration) -> bool {
            self.allowances
                .retain(|_, allowance| allowance.whole_in(limit) >= now.as_secs());
            let room = self.allowances.contains_key(&sender) || self.allowances.len() < self.max;
            let sender = if room { sender } else { Sender::Others };
            let full = Allowance {
                files: limit.most,
                at: now,
            };
            let allowance = self.allowances.entry(sender).or_insert(full);
            let files = allowance.files_at(now, limit);
            if files >= 1.0 {
                *allowance = Allowance {
                    files: files - 1.0,
                    at: now,
                };
            }
            files >= 1.0
        }
    }

    proptest! {
        #[test]
        fn the_order_of_forgetting_changes_nothing_of_who_may_what(
            max in 1..5_usize,
            per_minute in 1..4_u32,
            steps in prop::collection::vec((0..8_usize, prop_oneof![3 => 0..3_000_u64, 1 => 0..800_000_u64]), 1..300),
        ) {
            let new_files = NewFiles::new(max);
            let mut naive = Naive { max, allowances: HashMap::new() };
            let mut now = Duration::ZERO;
            for (sender, later_ms) in steps {
                now += Duration::from_millis(later_ms);
                let sender = address(sender);
                let expected = naive.admit(Sender::of(Some(sender)), Limit::new(per_minute), now);
                prop_assert_eq!(new_files.admit(Some(sender), per_minute, new_files.began + now), expected);
                let senders = new_files.senders.lock().unwrap();
                prop_assert_eq!(senders.allowances.len(), naive.allowances.len());
                prop_assert_eq!(senders.due.iter().map(Vec::len).sum::<usize>(), senders.allowances.len());
            }
        }
    }
}
