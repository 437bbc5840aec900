//! Keeps the newest of many, in bounded memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// When a line was written: seconds and nanoseconds.
type Time = (i64, u32);

/// At most so many lines and bytes, the newest of all that were offered.
pub(super) struct Newest<T> {
    max: usize,
    bytes_max: usize,
    bytes: usize,
    offered: u64,
    /// The newest that was pushed out: nothing older is let in again where there is room.
    pushed_out: Option<(Time, u64)>,
    /// The oldest on top.
    heap: BinaryHeap<Reverse<Timed<T>>>,
}

/// A line with its time and, for those of the same time, its place among all.
struct Timed<T> {
    at: (Time, u64),
    bytes: usize,
    line: T,
}

impl<T> Newest<T> {
    pub(super) fn new(max: usize, bytes_max: usize) -> Self {
        Self {
            max,
            bytes_max,
            bytes: 0,
            offered: 0,
            pushed_out: None,
            heap: BinaryHeap::new(),
        }
    }

    /// Offers a line, which is made, with its length, only if it is kept.
    pub(super) fn offer(&mut self, time: Time, line: impl FnOnce() -> (T, usize)) {
        self.offered += 1;
        let at = (time, self.offered);
        if self.pushed_out.is_some_and(|newest| at < newest) {
            return;
        }
        if self.heap.len() >= self.max || self.bytes >= self.bytes_max {
            if self.heap.peek().is_none_or(|Reverse(oldest)| at <= oldest.at) {
                return;
            }
            self.pop();
        }
        let (line, bytes) = line();
        self.bytes += bytes;
        self.heap.push(Reverse(Timed { at, bytes, line }));
        // The newest is kept however long it is.
        while self.bytes > self.bytes_max && self.heap.len() > 1 {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(Reverse(oldest)) = self.heap.pop() {
            self.bytes -= oldest.bytes;
            self.pushed_out = self.pushed_out.max(Some(oldest.at));
        }
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
        let mut newest = Newest::new(3, 100);
        for (time, line) in [(5, "e"), (1, "a"), (4, "d"), (4, "d2"), (2, "b")] {
            newest.offer((time, 0), || (line, 1));
        }
        assert_eq!(newest.in_order(), ["d", "d2", "e"]);
        let mut none = Newest::<()>::new(0, 100);
        none.offer((1, 0), || panic!("it is not kept"));
        assert!(Newest::<()>::in_order(Newest::new(1, 100)).is_empty());
    }

    #[test]
    fn long_lines_push_out_older_ones() {
        let mut newest = Newest::new(100, 10);
        for (time, line) in [(1, "aaaa"), (3, "cccc"), (2, "bbbb"), (0, "0"), (4, "d")] {
            newest.offer((time, 0), || (line, line.len()));
        }
        assert_eq!(newest.in_order(), ["bbbb", "cccc", "d"]);
        let mut newest = Newest::new(100, 10);
        for time in 0..3 {
            newest.offer((time, 0), || (time, 1000));
        }
        assert_eq!(newest.in_order(), [2]);
    }
}
