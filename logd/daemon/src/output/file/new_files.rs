//! How many files each sender may make: one that makes up a HOSTNAME for each message would have all inodes of the disk in
//! an hour.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// 100,000 files in an hour are normal for a collector, even where all of them come through one relay.
pub(super) const NEW_FILES_MAX: u32 = 2_000;

/// So many minutes' worth of files may come at once: a relay that is seen for the first time has all of its hosts to tell of.
const BURST_MINUTES: u32 = 10;

/// How many senders are told apart; those beyond share what one may.
const SENDERS_MAX: usize = 65_536;

const MINUTE: Duration = Duration::from_secs(60);

/// The senders to one output, and what each may still make.
#[derive(Debug, Default)]
pub(super) struct NewFiles {
    senders: Mutex<HashMap<Sender, Allowance>>,
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

#[derive(Debug, Clone, Copy)]
struct Allowance {
    files: f64,
    at: Instant,
}

impl NewFiles {
    /// Whether the sender may make another file; if so, it has one less to make.
    pub(super) fn admit(&self, sender: Option<IpAddr>, per_minute: u32, now: Instant) -> bool {
        let most = f64::from(per_minute) * f64::from(BURST_MINUTES);
        let rate = f64::from(per_minute) / MINUTE.as_secs_f64();
        let has_now = |allowance: &Allowance| {
            let since = now.saturating_duration_since(allowance.at).as_secs_f64();
            (allowance.files + since * rate).min(most)
        };
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sender = Sender::of(sender);
        if !senders.contains_key(&sender) && senders.len() >= SENDERS_MAX {
            // Who has all of it again need not be remembered.
            senders.retain(|_, allowance| has_now(allowance) < most);
            if senders.len() >= SENDERS_MAX {
                sender = Sender::Others;
            }
        }
        let allowance = senders.entry(sender).or_insert(Allowance { files: most, at: now });
        allowance.files = has_now(allowance);
        allowance.at = now;
        if allowance.files < 1.0 {
            return false;
        }
        allowance.files -= 1.0;
        true
    }
}

impl Sender {
    /// An IPv6 host has all addresses of its /64 (RFC 4291 §2.5.4).
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Local,
            Some(IpAddr::V6(address)) => {
                let network = u128::from(address) >> 64 << 64;
                Self::Address(Ipv6Addr::from(network).into())
            }
            Some(address) => Self::Address(address),
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn senders_beyond_the_limit_share_one_allowance() {
        let new_files = NewFiles::default();
        let now = Instant::now();
        for n in 0..SENDERS_MAX {
            let address = std::net::Ipv4Addr::from(u32::try_from(n).unwrap());
            assert!(new_files.admit(Some(address.into()), 3, now));
        }
        assert_eq!(admitted(&new_files, "192.0.2.1", now), 30);
        assert_eq!(admitted(&new_files, "192.0.2.2", now), 0);
        assert_eq!(admitted(&new_files, "192.0.2.2", now + 10 * MINUTE), 30);
    }
}
