//! Waiting for something that is to happen in another process, at most so long.

use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine; only a failing test waits it out.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Looks every few milliseconds whether it has happened, and returns what was found.
///
/// # Panics
/// When it has not happened at the deadline.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_at_most(DEADLINE, what, look)
}

/// The same for what is to happen after a time that is longer than the deadline by itself.
///
/// # Panics
/// When it has not happened at the deadline.
pub fn until_at_most<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a file holds what is looked for, and returns its content.
pub fn until_file(path: &Path, holds: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    until(&format!("{} to hold what is expected", path.display()), || {
        std::fs::read(path).ok().filter(|c| holds(c))
    })
}

/// Waits until a file has so many lines, and returns its content.
pub fn until_lines(path: &Path, lines: usize) -> Vec<u8> {
    until_file(path, |content| content.iter().filter(|b| **b == b'\n').count() >= lines)
}
