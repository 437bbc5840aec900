//! When an edited thing is to be loaded: once its files are quiet.
//!
//! Says nothing of how a change is noticed, and has no clock: changes come in with the time, keys that are due go out.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// After a rename into place or the close of a written file the content is whole; this long is waited for the other files
/// of the same change, which follow at once.
const SETTLE: Duration = Duration::from_millis(50);
/// While a file is only known to have been modified, or is closed again and again, it may be half written; this long
/// without a change says that the writing is over.
const QUIET: Duration = Duration::from_secs(2);
/// A script that rewrites a file all the time doesn't put off the load for ever.
const BURST_MAX: Duration = Duration::from_secs(60);

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its content, or something about it, is another; more may follow.
    Modified,
    /// It was closed after writing. Who appends line by line closes it after each.
    Closed,
    /// It was renamed into place: whoever did that had it whole.
    Renamed,
}

/// A key whose files are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due<K> {
    /// It.
    pub key: K,
    /// Its files were never quiet for as long as a burst is waited for: what is read may be half of something.
    pub is_still_written: bool,
}

/// The changed files, by key.
#[derive(Debug)]
pub struct Debounce<K, F> {
    edits: HashMap<K, HashMap<F, Edit>>,
}

/// The changes of one file with less than [`QUIET`] between them.
#[derive(Debug)]
struct Edit {
    last_change: Change,
    last_at: Instant,
    /// How often the file was closed since the edit began, or since another one was renamed into its place.
    closes: usize,
    /// When the content, not yet read, was first whole as far as could be told.
    first_whole_at: Option<Instant>,
    /// What changed so far has been read. The edit is remembered until it is quiet, to know a second close from a first.
    is_read: bool,
}

impl Edit {
    fn new(at: Instant) -> Self {
        Self {
            last_change: Change::Modified,
            last_at: at,
            closes: 0,
            first_whole_at: None,
            is_read: false,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.last_at + QUIET <= now
    }

    fn is_whole(&self) -> bool {
        match self.last_change {
            Change::Modified => false,
            // A writer that has come back once comes back again.
            Change::Closed => self.closes == 1,
            Change::Renamed => true,
        }
    }

    fn quiet_at(&self) -> Instant {
        self.last_at + if self.is_whole() { SETTLE } else { QUIET }
    }

    fn due_at(&self) -> Instant {
        match self.first_whole_at {
            // In the middle of a write is the worst moment to give up waiting for quiet.
            Some(first) if self.last_change != Change::Modified => self.quiet_at().min(first + BURST_MAX),
            _ => self.quiet_at(),
        }
    }
}

impl<K, F> Default for Debounce<K, F> {
    fn default() -> Self {
        Self { edits: HashMap::new() }
    }
}

impl<K: Eq + Hash + Clone, F: Eq + Hash> Debounce<K, F> {
    /// Nothing has changed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A file of a key changed.
    pub fn changed(&mut self, key: K, file: F, change: Change, now: Instant) {
        let files = self.edits.entry(key).or_default();
        let edit = files.entry(file).or_insert_with(|| Edit::new(now));
        if edit.is_read && edit.is_over(now) {
            *edit = Edit::new(now);
        }
        edit.is_read = false;
        edit.last_change = change;
        edit.last_at = now;
        match change {
            Change::Modified => {}
            Change::Closed => edit.closes += 1,
            Change::Renamed => edit.closes = 0,
        }
        if change != Change::Modified {
            edit.first_whole_at.get_or_insert(now);
        }
    }

    /// The keys all of whose changed files are quiet; they count as read from here on.
    pub fn take_due(&mut self, now: Instant) -> Vec<Due<K>> {
        let due: Vec<Due<K>> = self
            .edits
            .iter()
            .filter(|(_, files)| key_due_at(files).is_some_and(|at| at <= now))
            .map(|(key, files)| Due {
                key: key.clone(),
                is_still_written: unread(files).any(|edit| edit.quiet_at() > now),
            })
            .collect();
        for due in &due {
            self.read(&due.key);
        }
        self.edits.retain(|_, files| {
            files.retain(|_, edit| !(edit.is_read && edit.is_over(now)));
            !files.is_empty()
        });
        due
    }

    /// When [`Debounce::take_due`] will next have something, if nothing more happens.
    pub fn next_due_at(&self) -> Option<Instant> {
        self.edits.values().filter_map(key_due_at).min()
    }

    /// Whether a key's file has changed and wasn't read since.
    pub fn is_waiting(&self, key: &K) -> bool {
        self.edits.get(key).is_some_and(|files| unread(files).next().is_some())
    }

    /// Whether a key's file has changed and what its files hold now may be half of something.
    pub fn is_being_written(&self, key: &K) -> bool {
        self.edits
            .get(key)
            .is_some_and(|files| unread(files).any(|edit| !edit.is_whole()))
    }

    /// What changed so far of a key has been read.
    pub fn read(&mut self, key: &K) {
        for edit in self.edits.get_mut(key).into_iter().flat_map(HashMap::values_mut) {
            edit.is_read = true;
            edit.first_whole_at = None;
        }
    }

    /// Forgets a key that is gone.
    pub fn forget(&mut self, key: &K) {
        self.edits.remove(key);
    }
}

fn unread<F>(files: &HashMap<F, Edit>) -> impl Iterator<Item = &Edit> {
    files.values().filter(|edit| !edit.is_read)
}

/// A key waits for the last of its files.
fn key_due_at<F>(files: &HashMap<F, Edit>) -> Option<Instant> {
    unread(files).map(Edit::due_at).max()
}

#[cfg(test)]
mod tests {
    use super::Change::{Closed, Modified, Renamed};
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

        fn changed(&mut self, key: &'static str, file: &'static str, change: Change, ms: u64) {
            let now = self.at(ms);
            self.debounce.changed(key, file, change, now);
        }

        fn due(&mut self, ms: u64) -> Vec<&'static str> {
            let now = self.at(ms);
            self.debounce.take_due(now).into_iter().map(|due| due.key).collect()
        }
    }

    #[test]
    fn a_rename_into_place_is_loaded_at_once() {
        let mut bench = Bench::new();
        bench.changed("net", "db.net", Renamed, 0);
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
        bench.changed("net", "db.net", Closed, 5_000);
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
        bench.changed("net", "db.net", Closed, 0);
        bench.changed("net", "db.net", Modified, 10);
        assert!(bench.due(1_500).is_empty(), "the content is half written");
        assert_eq!(bench.due(2_010), ["net"]);
    }

    #[test]
    fn several_files_of_one_change_are_one_load() {
        let mut bench = Bench::new();
        bench.changed("net", "hosts.inc", Closed, 0);
        bench.changed("net", "db.net", Closed, 40);
        assert!(bench.due(89).is_empty());
        assert_eq!(bench.due(90), ["net"]);
        assert!(bench.due(10_000).is_empty());
    }

    #[test]
    fn an_include_that_is_being_written_holds_the_key_back() {
        let mut bench = Bench::new();
        bench.changed("net", "hosts.inc", Modified, 0);
        bench.changed("net", "db.net", Closed, 10);
        assert!(bench.due(1_000).is_empty());
        bench.changed("net", "hosts.inc", Closed, 1_500);
        assert_eq!(bench.due(1_550), ["net"]);
    }

    #[test]
    fn a_file_that_is_appended_to_line_by_line_is_one_load_when_it_is_over() {
        let mut bench = Bench::new();
        for ms in (0..5_000).step_by(12) {
            bench.changed("net", "db.net", Modified, ms);
            bench.changed("net", "db.net", Closed, ms + 1);
            assert!(bench.due(ms + 11).is_empty());
        }
        assert!(bench.debounce.is_being_written(&"net"));
        assert!(bench.due(6_992).is_empty());
        assert_eq!(bench.due(6_993), ["net"]);
        assert!(!bench.debounce.is_being_written(&"net"));
    }

    #[test]
    fn who_appends_slowly_is_known_from_the_second_close_on() {
        let mut bench = Bench::new();
        bench.changed("net", "db.net", Closed, 0);
        assert_eq!(bench.due(50), ["net"]);
        for ms in (500..10_000).step_by(500) {
            bench.changed("net", "db.net", Closed, ms);
            assert!(bench.due(ms + 499).is_empty());
        }
        assert_eq!(bench.due(11_500), ["net"]);
        // An edit that begins after the quiet is another one.
        bench.changed("net", "db.net", Closed, 12_000);
        assert_eq!(bench.due(12_050), ["net"]);
    }

    #[test]
    fn files_renamed_into_place_one_after_the_other_are_whole_each_time() {
        let mut bench = Bench::new();
        for ms in (0..5_000).step_by(100) {
            bench.changed("net", "db.net", Renamed, ms);
            assert!(!bench.debounce.is_being_written(&"net"));
            assert_eq!(bench.due(ms + 50), ["net"]);
        }
    }

    #[test]
    fn a_burst_without_an_end_is_read_every_minute_and_told() {
        let mut bench = Bench::new();
        let mut loads = Vec::new();
        for ms in (0..200_000).step_by(30) {
            bench.changed("net", "db.net", Closed, ms);
            let now = bench.at(ms);
            loads.extend(bench.debounce.take_due(now).into_iter().map(|due| (ms, due)));
        }
        let still_written = Due {
            key: "net",
            is_still_written: true,
        };
        assert_eq!(loads, [60_000, 120_030, 180_060].map(|ms| (ms, still_written)));
    }

    #[test]
    fn what_was_read_for_another_reason_is_not_due() {
        let mut bench = Bench::new();
        bench.changed("net", "db.net", Closed, 0);
        bench.debounce.read(&"net");
        assert!(!bench.debounce.is_waiting(&"net"));
        assert_eq!(bench.debounce.next_due_at(), None);
        assert!(bench.due(10_000).is_empty());
        assert!(
            bench.debounce.edits.is_empty(),
            "nothing is remembered for longer than the quiet"
        );
    }

    #[test]
    fn keys_do_not_wait_for_each_other() {
        let mut bench = Bench::new();
        bench.changed("a", "f", Modified, 0);
        bench.changed("b", "f", Closed, 0);
        assert_eq!(bench.due(50), ["b"]);
        bench.debounce.forget(&"a");
        assert!(bench.due(10_000).is_empty());
    }
}
