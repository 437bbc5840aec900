//! Lines of the log that anybody on the network can cause: so many a second, and no more.

use std::sync::atomic::{AtomicU64, Ordering};

/// Enough to see what goes wrong, and not enough to fill a disk: a million lines a day.
const LINES_PER_SECOND_MAX: u64 = 10;
/// Bits of the count of lines: more of them than the bound, many times.
const COUNT_BITS: u32 = 16;

/// Lets so many lines through.
#[derive(Debug, Default)]
pub(crate) struct LogGate {
    /// The second, and the lines in it.
    state: AtomicU64,
}

impl LogGate {
    /// Whether one more line may be written in this second.
    pub(super) fn admit(&self, now: u64) -> bool {
        let one_more = |state: u64| {
            let (second, lines) = (state >> COUNT_BITS, state & ((1 << COUNT_BITS) - 1));
            let lines = if second == now { lines } else { 0 };
            (lines < LINES_PER_SECOND_MAX).then_some((now << COUNT_BITS) | (lines + 1))
        };
        let admitted = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        admitted.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_so_many_lines_a_second() {
        let gate = LogGate::default();
        let lines = |now| (0..1000).filter(|_| gate.admit(now)).count() as u64;
        assert_eq!(
            (lines(7), lines(7), lines(8)),
            (LINES_PER_SECOND_MAX, 0, LINES_PER_SECOND_MAX)
        );
    }
}
