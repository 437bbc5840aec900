//! Keeps the newest of many, in bounded memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// When a line was written: seconds and nanoseconds.
type Time = (i64, u32);

/// At most so many lines, the newest of all that were offered.
pub(super) struct Newest<T> {
    max: usize,
    offered: u64,
    /// The oldest on top.
    heap: BinaryHeap<Reverse<Timed<T>>>,
}

/// A line with its time and, for those of the same time, its place among all.
struct Timed<T> {
    at: (Time, u64),
    line: T,
}

impl<T> Newest<T> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            offered: 0,
            heap: BinaryHeap::new(),
        }
    }

    /// Offers a line, which is made only if it is kept.
    pub(super) fn offer(&mut self, time: Time, line: impl FnOnce() -> T) {
        self.offered += 1;
        let at = (time, self.offered);
        if self.heap.len() >= self.max {
            if self.heap.peek().is_none_or(|Reverse(oldest)| at <= oldest.at) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(Reverse(Timed { at, line: line() }));
    }

    /// All that are kept, the oldest first.
    pub(super) fn in_order(self) -> Vec<T> {
        let mut lines = self.heap.into_vec();
        lines.sort_by(|Reverse(a), Reverse(b)| a.cmp(b));
        lines.into_iter().map(|Reverse(timed)| timed.line).collect()
    }
}

impl<T> Ord for Timed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl<T> PartialOrd for Timed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Timed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Timed<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_in_order_and_of_one_time_as_they_came() {
        let mut newest = Newest::new(3);
        for (time, line) in [(5, "e"), (1, "a"), (4, "d"), (4, "d2"), (2, "b")] {
            newest.offer((time, 0), || line);
        }
        assert_eq!(newest.in_order(), ["d", "d2", "e"]);
        let mut none = Newest::new(0);
        none.offer((1, 0), || panic!("it is not kept"));
        assert!(Newest::<()>::in_order(Newest::new(1)).is_empty());
    }
}
