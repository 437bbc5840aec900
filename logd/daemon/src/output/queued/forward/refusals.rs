//! Messages that a target refuses one by one, as RELP lets it: one of them must not hold up all that come behind it.
//!
//! One that is refused while the target takes those behind it is sent again some times, and then given up. As long as the target
//! takes nothing behind it, it is the target that is in trouble, and nothing is given up. (omrelp takes any answer for a good
//! one, and loses such a message without a word.)

use std::collections::BTreeMap;

/// So often a message is refused before it is given up. With each time all that is on its way is sent again.
const REFUSALS_MAX: u32 = 3;

/// What was refused, of what no target has.
#[derive(Default)]
pub(super) struct Refusals {
    /// How often, by number: no more than what is on its way at a time.
    times: BTreeMap<u64, u32>,
}

impl Refusals {
    /// The message of this number was refused, and one behind it was not.
    pub(super) fn note(&mut self, number: u64) {
        *self.times.entry(number).or_default() += 1;
    }

    /// Whether this one is not sent any more.
    pub(super) fn gives_up(&self, number: u64) -> bool {
        self.times.get(&number).is_some_and(|times| *times >= REFUSALS_MAX)
    }

    /// All messages before this number have arrived, but for those that are given up: up to which that is so, and how many
    /// have been given up for it.
    pub(super) fn settle(&mut self, mut position: u64) -> (u64, u64) {
        while self.gives_up(position) {
            position += 1;
        }
        let later = self.times.split_off(&position);
        let settled = std::mem::replace(&mut self.times, later);
        let given_up = settled.values().filter(|times| **times >= REFUSALS_MAX);
        (position, given_up.count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As often as it is tried.
    fn refuse(refusals: &mut Refusals, number: u64) {
        for _ in 0..REFUSALS_MAX {
            refusals.note(number);
        }
    }

    #[test]
    fn a_message_that_is_refused_again_and_again_is_given_up() {
        let mut refusals = Refusals::default();
        refusals.note(7);
        assert!(!refusals.gives_up(7), "it may have been chance");
        for number in [7, 8, 11] {
            refuse(&mut refusals, number);
        }
        assert_eq!([7, 8, 9].map(|n| refusals.gives_up(n)), [true, true, false]);
        assert_eq!(refusals.settle(7), (9, 2), "nothing has to come behind them");
        assert_eq!(refusals.settle(10), (10, 0), "once");
        assert_eq!(refusals.settle(20), (20, 1));
    }

    #[test]
    fn a_message_that_is_taken_after_all_is_not_given_up() {
        let mut refusals = Refusals::default();
        refusals.note(7);
        assert_eq!(refusals.settle(8), (8, 0));
        assert!(refusals.times.is_empty());
    }
}
