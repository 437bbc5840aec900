//! The accounts: a table of fixed size that all threads charge without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::account::{Account, Tariff, Verdict};

/// Accounts that a hash can be kept in: those of one cache line, so that looking for one costs one access to memory.
const WAYS: usize = 8;

/// How often a charge is tried again that another thread was faster with. Whoever loses more often than that is one of many
/// that charge the same account at once: it is in debt already, and one answer more or less changes nothing.
const RACES_MAX: usize = 4;

/// The accounts that share a line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; WAYS]);

#[derive(Debug)]
pub(super) struct Table {
    lines: Box<[Line]>,
}

impl Table {
    /// Room for `accounts`, rounded up to whole lines; at least one.
    pub(super) fn new(accounts: usize) -> Self {
        let lines = accounts.div_ceil(WAYS).max(1);
        Self {
            lines: (0..lines).map(|_| Line::default()).collect(),
        }
    }

    /// How many accounts it can hold.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.lines.len() * WAYS
    }

    /// Charges one answer to the account of `hash`. One that isn't there takes the place of the one with the most credit,
    /// which is the least missed: with a full second's credit it says no more than one that was never there.
    ///
    /// Each word is a whole account and stands for nothing but itself, so that no order between them is needed.
    pub(super) fn charge(&self, hash: u64, tariff: Tariff, now: u32) -> Verdict {
        let line = self.line(hash);
        let fingerprint = Account::fingerprint(hash);
        let mut verdict = Verdict::Send;
        for _ in 0..RACES_MAX {
            let (place, found) = find(line, fingerprint, tariff.window, now);
            let account = if found.belongs_to(fingerprint) {
                found
            } else {
                Account::new(fingerprint, now)
            };
            let (charged, its_verdict) = account.charge(tariff, now);
            verdict = its_verdict;
            if place
                .compare_exchange(found.0, charged.0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            {
                break;
            }
        }
        verdict
    }

    /// The low half of the hash says which line, the high half has the fingerprint.
    fn line(&self, hash: u64) -> &Line {
        let lines = self.lines.len() as u64;
        &self.lines[(((hash & 0xFFFF_FFFF) * lines) >> 32) as usize]
    }
}

/// The place of the account with this fingerprint, else that of the one with the most credit.
fn find(line: &Line, fingerprint: u64, window: u16, now: u32) -> (&AtomicU64, Account) {
    let load = |place: &AtomicU64| Account(place.load(Ordering::Relaxed));
    let (mut place, mut account) = (&line.0[0], load(&line.0[0]));
    let mut debt = account.debt(now, window);
    for other_place in &line.0 {
        let other = load(other_place);
        if other.belongs_to(fingerprint) {
            return (other_place, other);
        }
        let others_debt = other.debt(now, window);
        if others_debt < debt {
            (place, account, debt) = (other_place, other, others_debt);
        }
    }
    (place, account)
}
