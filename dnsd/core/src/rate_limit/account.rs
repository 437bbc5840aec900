//! What one kind of answer to one client's network has cost lately: a balance that fits a word, so that it is read and
//! changed in one step and the threads need no lock.
//!
//! The word has, from its low end: the time up to which what was sent is paid, the turn in the cadence of truncated answers,
//! and a fingerprint of whose account it is. An answer moves the paid time on by a second's share. Time that has passed is
//! credit, but of one second at most; what is owed is bounded by the window, which is how long a flooder is held off after
//! the flood. That is BIND's account, kept as a time rather than as a number of answers: nobody has to add credit to
//! accounts that aren't used.

/// Bits of the time below a second. Rates of up to [`RATE_MAX`](super::RATE_MAX) come out exact to less than one answer.
const FRACTION_BITS: u32 = 20;
/// Bits of the whole time: twelve days. An account that nobody touched for six or more looks as if it were ahead of now by
/// more than any window and is found to be out of date by that; one that is touched again in the very seconds in which the
/// time comes round may hold its client off for a window.
const TIME_BITS: u32 = 40;
/// Bits of the turn.
const TURN_BITS: u32 = 4;
const FINGERPRINT_SHIFT: u32 = TIME_BITS + TURN_BITS;

const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
const TURN_MASK: u64 = (1 << TURN_BITS) - 1;
const SECOND: i64 = 1 << FRACTION_BITS;

/// What an account is charged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tariff {
    /// Answers a second, 1 to [`RATE_MAX`](super::RATE_MAX).
    pub(super) rate: u16,
    /// Seconds for which an account can be in debt.
    pub(super) window: u16,
    /// Which of the answers that are held back is sent truncated: every n-th, beginning with the first; 0: none.
    pub(super) slip: u8,
}

/// What is to be done about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Send it truncated: a client that is there asks again over TCP, one whose address was forged gets nothing that is
    /// larger than the question.
    Slip,
    /// Send nothing.
    Drop,
}

/// An account as it stands in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account(pub(super) u64);

impl Account {
    /// The part of an account that says whose it is; never that of an empty place.
    pub(super) fn fingerprint(hash: u64) -> u64 {
        (hash >> FINGERPRINT_SHIFT).max(1)
    }

    /// An account that nothing was charged to.
    pub(super) fn new(fingerprint: u64, now: u32) -> Self {
        Self(fingerprint << FINGERPRINT_SHIFT | time_of(now, -SECOND))
    }

    pub(super) fn belongs_to(self, fingerprint: u64) -> bool {
        self.0 >> FINGERPRINT_SHIFT == fingerprint
    }

    /// How far the paid time is ahead of now: the debt if it is more than nothing, else the credit. An account that is out of
    /// date has all the credit that there is, like one that was never there.
    pub(super) fn debt(self, now: u32, window: u16) -> i64 {
        let ahead = self.0.wrapping_sub(time_of(now, 0)) & TIME_MASK;
        let unused = u64::BITS - TIME_BITS;
        let ahead = ((ahead << unused).cast_signed()) >> unused;
        if (-SECOND..=i64::from(window) * SECOND).contains(&ahead) {
            ahead
        } else {
            -SECOND
        }
    }

    /// Charges one answer.
    pub(super) fn charge(self, tariff: Tariff, now: u32) -> (Self, Verdict) {
        let debt = self.debt(now, tariff.window) + SECOND / i64::from(tariff.rate);
        let turn = (self.0 >> TIME_BITS) & TURN_MASK;
        let (turn, verdict) = match (debt <= 0, tariff.slip) {
            (true, _) => (turn, Verdict::Send),
            (false, 0) => (turn, Verdict::Drop),
            (false, slip) => {
                let verdict = if turn == 0 { Verdict::Slip } else { Verdict::Drop };
                // A reload may have made the cadence shorter.
                (if turn + 1 >= u64::from(slip) { 0 } else { turn + 1 }, verdict)
            }
        };
        let paid_until = time_of(now, debt.min(i64::from(tariff.window) * SECOND));
        let fingerprint = (self.0 >> FINGERPRINT_SHIFT) << FINGERPRINT_SHIFT;
        (Self(fingerprint | turn << TIME_BITS | paid_until), verdict)
    }
}

/// A time as an account has it.
fn time_of(now: u32, ahead: i64) -> u64 {
    ((i64::from(now) << FRACTION_BITS) + ahead).cast_unsigned() & TIME_MASK
}
