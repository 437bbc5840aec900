//! When an edited zone is to be loaded: once its files are quiet.
//!
//! Says nothing of how a change is noticed, and has no clock: changes come in with the time, zones that are due go out.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// After a rename into place or the close of a written file the content is whole; this long is waited for the other files
/// of the same change, which follow at once.
const SETTLE: Duration = Duration::from_millis(50);
/// While a file is only known to have been modified, it may be half written; this long without a change says that the
/// writing is over.
const QUIET: Duration = Duration::from_secs(2);
/// A script that rewrites a file all the time doesn't put off the load for ever.
const BURST_MAX: Duration = Duration::from_secs(1);

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its content, or something about it, is another; more may follow.
    Modified,
    /// It was renamed into place, or closed after writing.
    Complete,
}

/// The changed files, by zone.
#[derive(Debug)]
pub(crate) struct Debounce<Z, F> {
    edits: HashMap<Z, HashMap<F, Edit>>,
}

#[derive(Debug)]
struct Edit {
    last_change: Change,
    last_at: Instant,
    first_complete_at: Option<Instant>,
}

impl Edit {
    fn due_at(&self) -> Instant {
        match (self.last_change, self.first_complete_at) {
            (Change::Complete, Some(first)) => (self.last_at + SETTLE).min(first + BURST_MAX),
            _ => self.last_at + QUIET,
        }
    }
}

impl<Z: Eq + Hash + Clone, F: Eq + Hash> Debounce<Z, F> {
    /// Nothing has changed yet.
    pub(crate) fn new() -> Self {
        Self { edits: HashMap::new() }
    }

    /// A file of a zone changed.
    pub(crate) fn changed(&mut self, zone: Z, file: F, change: Change, now: Instant) {
        let edit = self.edits.entry(zone).or_default().entry(file).or_insert(Edit {
            last_change: change,
            last_at: now,
            first_complete_at: None,
        });
        edit.last_change = change;
        edit.last_at = now;
        if change == Change::Complete {
            edit.first_complete_at.get_or_insert(now);
        }
    }

    /// The zones all of whose changed files are quiet; they count as unchanged from here on.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Z> {
        let due: Vec<Z> = self
            .edits
            .iter()
            .filter(|(_, files)| zone_due_at(files).is_some_and(|at| at <= now))
            .map(|(zone, _)| zone.clone())
            .collect();
        for zone in &due {
            self.edits.remove(zone);
        }
        due
    }

    /// When [`Debounce::take_due`] will next have something, if nothing more happens.
    pub(crate) fn next_due_at(&self) -> Option<Instant> {
        self.edits.values().filter_map(zone_due_at).min()
    }

    /// Whether a zone has changed and isn't due yet.
    pub(crate) fn is_waiting(&self, zone: &Z) -> bool {
        self.edits.contains_key(zone)
    }

    /// Forgets what changed in a zone: it is loaded for another reason, or gone.
    pub(crate) fn forget(&mut self, zone: &Z) {
        self.edits.remove(zone);
    }
}

/// A zone waits for the last of its files.
fn zone_due_at<F>(files: &HashMap<F, Edit>) -> Option<Instant> {
    files.values().map(Edit::due_at).max()
}

#[cfg(test)]
mod tests {
    use super::Change::{Complete, Modified};
    use super::*;

    /// A debounce and a clock that only goes when told to.
    struct Bench {
        debounce: Debounce<&'static str, &'static str>,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                debounce: Debounce::new(),
                start: Instant::now(),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn changed(&mut self, zone: &'static str, file: &'static str, change: Change, ms: u64) {
            let now = self.at(ms);
            self.debounce.changed(zone, file, change, now);
        }

        fn due(&mut self, ms: u64) -> Vec<&'static str> {
            let now = self.at(ms);
            self.debounce.take_due(now)
        }
    }

    #[test]
    fn a_rename_into_place_is_loaded_at_once() {
        let mut bench = Bench::new();
        bench.changed("net", "db.net", Complete, 0);
        assert_eq!(bench.debounce.next_due_at(), Some(bench.at(50)));
        assert!(bench.due(49).is_empty());
        assert_eq!(bench.due(50), ["net"]);
        assert!(bench.due(10_000).is_empty());
        assert_eq!(bench.debounce.next_due_at(), None);
    }

    #[test]
    fn a_file_that_is_being_written_waits_for_its_close() {
        let mut bench = Bench::new();
        for ms in (0..5_000).step_by(500) {
            bench.changed("net", "db.net", Modified, ms);
            assert!(bench.due(ms + 499).is_empty());
        }
        bench.changed("net", "db.net", Complete, 5_000);
        assert_eq!(bench.due(5_050), ["net"]);
    }

    #[test]
    fn without_a_close_two_seconds_of_quiet_are_waited_for() {
        let mut bench = Bench::new();
        bench.changed("net", "db.net", Modified, 0);
        bench.changed("net", "db.net", Modified, 1_900);
        assert!(bench.due(3_899).is_empty());
        assert_eq!(bench.due(3_900), ["net"]);
    }

    #[test]
    fn a_writer_that_comes_back_is_waited_for_again() {
        let mut bench = Bench::new();
        bench.changed("net", "db.net", Complete, 0);
        bench.changed("net", "db.net", Modified, 10);
        assert!(bench.due(1_500).is_empty(), "the content is half written");
        assert_eq!(bench.due(2_010), ["net"]);
    }

    #[test]
    fn several_files_of_one_change_are_one_load() {
        let mut bench = Bench::new();
        bench.changed("net", "hosts.inc", Complete, 0);
        bench.changed("net", "db.net", Complete, 40);
        assert!(bench.due(89).is_empty());
        assert_eq!(bench.due(90), ["net"]);
        assert!(bench.due(10_000).is_empty());
    }

    #[test]
    fn an_include_that_is_being_written_holds_the_zone_back() {
        let mut bench = Bench::new();
        bench.changed("net", "hosts.inc", Modified, 0);
        bench.changed("net", "db.net", Complete, 10);
        assert!(bench.due(1_000).is_empty());
        bench.changed("net", "hosts.inc", Complete, 1_500);
        assert_eq!(bench.due(1_550), ["net"]);
    }

    #[test]
    fn a_burst_is_one_load_when_it_is_over() {
        let mut bench = Bench::new();
        for ms in (0..900).step_by(30) {
            bench.changed("net", "db.net", Modified, ms);
            bench.changed("net", "db.net", Complete, ms + 10);
            assert!(bench.due(ms + 29).is_empty());
        }
        assert_eq!(bench.due(930), ["net"]);
    }

    #[test]
    fn a_burst_without_an_end_is_loaded_every_second() {
        let mut bench = Bench::new();
        let mut loads = 0;
        for ms in (0..10_000).step_by(30) {
            bench.changed("net", "db.net", Complete, ms);
            loads += bench.due(ms).len();
        }
        assert_eq!(loads, 9);
    }

    #[test]
    fn zones_do_not_wait_for_each_other() {
        let mut bench = Bench::new();
        bench.changed("a", "f", Modified, 0);
        bench.changed("b", "f", Complete, 0);
        assert_eq!(bench.due(50), ["b"]);
        bench.debounce.forget(&"a");
        assert!(bench.due(10_000).is_empty());
    }
}
