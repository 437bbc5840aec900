//! Notices that files change: by inotify, on the folders that decide what the files are.
//!
//! It says which of the keys it was given for a file are concerned, and knows which folders no events come from, so that
//! the keeper looks at those itself.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::statfs::{FsType, statfs};
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventHandler, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tracing::{info, warn};

use super::debounce::Change;
use super::points::{DecidingEntries, deciding_entries};

/// File systems whose content other machines or processes change without the kernel knowing. Numbers of statfs(2).
const WITHOUT_EVENTS: [i64; 7] = [
    0x6969,      // NFS
    0x517B,      // SMB
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB 2 and later
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
];

/// Watches files and folders for whoever owns the keys `K`.
pub struct Watcher<K> {
    /// `None` where the system gives no events at all.
    events: Option<RecommendedWatcher>,
    folders: HashMap<PathBuf, Folder>,
    /// Which keys an entry of a folder decides for.
    entries: HashMap<Arc<Path>, Keys<K>>,
    /// Which keys want to hear of every entry of a folder.
    contents: HashMap<PathBuf, HashSet<K>>,
    /// What each key has in the two maps above.
    of_key: HashMap<K, Watched>,
    /// A folder was renamed or removed since somebody last asked.
    has_lost: bool,
}

struct Folder {
    users: usize,
    has_events: bool,
    /// That it has none has been said.
    is_told: bool,
}

#[derive(Default)]
struct Watched {
    /// They share their paths with the map.
    entries: Box<[Arc<Path>]>,
    folders: Box<[PathBuf]>,
}

/// Some keys, at least one. A file mostly has one; the folder that ten thousand zone files are in has all of theirs.
enum Keys<K> {
    One(K),
    Many(HashSet<K>),
}

impl<K: Clone + Eq + Hash> Keys<K> {
    fn insert(&mut self, key: K) {
        match self {
            Self::One(first) if *first == key => {}
            Self::One(first) => *self = Self::Many(HashSet::from([first.clone(), key])),
            Self::Many(keys) => drop(keys.insert(key)),
        }
    }

    /// Takes a key away; whether none is left.
    fn remove(&mut self, key: &K) -> bool {
        match self {
            Self::One(only) => only == key,
            Self::Many(keys) => {
                keys.remove(key);
                keys.is_empty()
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &K> {
        let (one, many) = match self {
            Self::One(key) => (Some(key), None),
            Self::Many(keys) => (None, Some(keys.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl<K: Clone + Eq + Hash> Watcher<K> {
    /// Hands events to `handler`.
    pub fn new(handler: impl EventHandler) -> Self {
        let events = notify::recommended_watcher(handler)
            .inspect_err(|error| warn!(%error, "no file events: files are polled"))
            .ok();
        Self {
            events,
            folders: HashMap::new(),
            entries: HashMap::new(),
            contents: HashMap::new(),
            of_key: HashMap::new(),
            has_lost: false,
        }
    }

    /// Watches these files, and every entry of these folders, for a key, instead of what it had before.
    pub fn watch(&mut self, key: &K, files: &[&Path], folders: &[&Path]) {
        self.watch_one_of_many(key, files, folders, &mut DecidingEntries::default());
    }

    /// The same for one of many keys, whose files are mostly in the same folders.
    pub fn watch_one_of_many(&mut self, key: &K, files: &[&Path], folders: &[&Path], deciding: &mut DecidingEntries) {
        let mut entries = Vec::new();
        for file in files {
            let decide = deciding.of(file);
            if let Some(folder) = decide.last().and_then(|entry| entry.parent())
                && deciding.is_noticed_above(folder)
            {
                // Another folder may be renamed into its place.
                entries.push(folder.to_owned());
            }
            entries.extend(decide);
        }
        for folder in folders {
            entries.extend(deciding_entries(folder));
        }
        let watched = Watched {
            entries: entries.into_iter().map(|entry| self.enter(entry, key)).collect(),
            folders: folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect(),
        };
        for entry in &watched.entries {
            if let Some(folder) = entry.parent() {
                self.use_folder(folder);
            }
        }
        for folder in &watched.folders {
            self.contents.entry(folder.clone()).or_default().insert(key.clone());
            self.use_folder(folder);
        }
        // The new folders are in use before the old ones are let go: one that is in both is never unwatched in between.
        if let Some(before) = self.of_key.remove(key) {
            self.release(key, &before, &watched);
        }
        self.of_key.insert(key.clone(), watched);
    }

    /// Notes that an entry decides for a key, and gives its path as the map has it.
    fn enter(&mut self, entry: PathBuf, key: &K) -> Arc<Path> {
        if let Some(keys) = self.entries.get_mut(entry.as_path()) {
            keys.insert(key.clone());
        }
        if let Some((path, _)) = self.entries.get_key_value(entry.as_path()) {
            return path.clone();
        }
        let path: Arc<Path> = entry.into();
        self.entries.insert(path.clone(), Keys::One(key.clone()));
        path
    }

    /// Stops watching for a key.
    pub fn forget(&mut self, key: &K) {
        if let Some(before) = self.of_key.remove(key) {
            self.release(key, &before, &Watched::default());
        }
    }

    /// The keys that an event is about, and what happened; nothing for events that change no content.
    pub fn concerned(&mut self, event: &Event) -> Vec<(K, PathBuf, Change)> {
        let Some(change) = change_of(event) else {
            return Vec::new();
        };
        let mut concerned = Vec::new();
        for path in &event.paths {
            if let Some(folder) = self.folders.get_mut(path)
                && matches!(
                    event.kind,
                    EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
                )
            {
                folder.has_events = false;
                self.has_lost = true;
                // The watch goes with the folder, which another one may have replaced.
                if let Some(events) = &mut self.events {
                    // It is gone already with a folder that was removed.
                    let _ = events.unwatch(path);
                }
            }
            let of_entry = self.entries.get(path.as_path()).into_iter().flat_map(Keys::iter);
            let folder = path.parent().and_then(|folder| self.contents.get(folder));
            let keys: HashSet<&K> = of_entry.chain(folder.into_iter().flatten()).collect();
            concerned.extend(keys.into_iter().map(|key| (key.clone(), path.clone(), change)));
        }
        concerned
    }

    /// Whether a folder was renamed or removed since this was last asked: it may have been replaced, without an event for
    /// what the new one holds.
    pub fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.has_lost)
    }

    /// Whether changes everywhere come as events. Folders that had none so far are tried again.
    pub fn has_all_events(&mut self) -> bool {
        let without: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|(_, folder)| !folder.has_events)
            .map(|(path, _)| path.clone())
            .collect();
        for path in without {
            self.try_events(&path);
        }
        self.folders.values().all(|folder| folder.has_events)
    }

    fn use_folder(&mut self, path: &Path) {
        if let Some(folder) = self.folders.get_mut(path) {
            folder.users += 1;
            return;
        }
        let folder = Folder {
            users: 1,
            has_events: false,
            is_told: false,
        };
        self.folders.insert(path.to_owned(), folder);
        self.try_events(path);
    }

    fn try_events(&mut self, path: &Path) {
        let (Some(events), Some(folder)) = (&mut self.events, self.folders.get_mut(path)) else {
            return;
        };
        let why_not = match events.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) if !is_without_events(path) => None,
            Ok(()) => Some("its file system has none".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        folder.has_events = why_not.is_none();
        match why_not {
            Some(why) if !folder.is_told => {
                warn!("no file events from {}, it is polled: {why}", path.display());
                folder.is_told = true;
            }
            None if folder.is_told => {
                info!("there are file events from {} again", path.display());
                folder.is_told = false;
            }
            _ => {}
        }
    }

    fn release(&mut self, key: &K, before: &Watched, now: &Watched) {
        for entry in &before.entries {
            if !now.entries.contains(entry) && self.entries.get_mut(entry).is_some_and(|keys| keys.remove(key)) {
                self.entries.remove(entry);
            }
            if let Some(folder) = entry.parent() {
                self.release_folder(folder);
            }
        }
        for folder in &before.folders {
            if !now.folders.contains(folder)
                && let Some(keys) = self.contents.get_mut(folder)
            {
                keys.remove(key);
                if keys.is_empty() {
                    self.contents.remove(folder);
                }
            }
            self.release_folder(folder);
        }
    }

    fn release_folder(&mut self, path: &Path) {
        let Some(folder) = self.folders.get_mut(path) else {
            return;
        };
        folder.users -= 1;
        if folder.users == 0 {
            self.folders.remove(path);
            if let Some(events) = &mut self.events {
                // A folder that is gone has taken its watch with it.
                let _ = events.unwatch(path);
            }
        }
    }
}

/// What an event means for a file's content.
fn change_of(event: &Event) -> Option<Change> {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Change::Closed),
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => Some(Change::Renamed),
        // A link is whole as soon as it is there; a file that is made is still to be written.
        EventKind::Create(_) if event.paths.iter().all(|path| path.is_symlink()) => Some(Change::Renamed),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Any => Some(Change::Modified),
        EventKind::Access(_) | EventKind::Other => None,
    }
}

fn is_without_events(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| {
        WITHOUT_EVENTS
            .iter()
            .any(|magic| stat.filesystem_type() == FsType(*magic as _))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    /// Long enough for any machine: a test that waits for it has failed.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Bench {
        watcher: Watcher<&'static str>,
        events: mpsc::Receiver<notify::Result<Event>>,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, events) = mpsc::channel();
            Self {
                watcher: Watcher::new(sender),
                events,
            }
        }

        /// Waits for news of this kind about a key.
        fn expect(&mut self, key: &str, change: Change) -> PathBuf {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let event = self.events.recv_timeout(left).expect("no event came").unwrap();
                let found = self.watcher.concerned(&event);
                if let Some((_, path, _)) = found.into_iter().find(|(k, _, c)| *k == key && *c == change) {
                    return path;
                }
            }
        }
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        (dir, root)
    }

    #[test]
    fn an_entry_is_let_go_with_the_last_of_its_keys() {
        let mut keys = Keys::One("a");
        keys.insert("a");
        assert!(matches!(keys, Keys::One("a")));
        assert!(!keys.remove(&"b"));
        keys.insert("b");
        keys.insert("c");
        assert_eq!(
            keys.iter().copied().collect::<HashSet<_>>(),
            HashSet::from(["a", "b", "c"])
        );
        assert!(!keys.remove(&"a") && !keys.remove(&"c"));
        assert!(keys.remove(&"b"));
        assert!(Keys::One("a").remove(&"a"));
    }

    #[test]
    fn a_written_file_and_a_renamed_one_are_complete() {
        let (_dir, root) = folder();
        let file = root.join("db.net");
        let mut bench = Bench::new();
        bench.watcher.watch(&"net", &[&file], &[]);
        fs::write(&file, "a").unwrap();
        bench.expect("net", Change::Closed);
        fs::write(root.join("other"), "b").unwrap();
        fs::rename(root.join("other"), &file).unwrap();
        assert_eq!(bench.expect("net", Change::Renamed), file);
        assert!(bench.watcher.has_all_events());
    }

    #[test]
    fn a_link_that_is_switched_is_noticed() {
        let (_dir, root) = folder();
        for version in ["v1", "v2"] {
            fs::create_dir(root.join(version)).unwrap();
            fs::write(root.join(version).join("db.net"), version).unwrap();
        }
        symlink("v1", root.join("current")).unwrap();
        let mut bench = Bench::new();
        bench.watcher.watch(&"net", &[&root.join("current/db.net")], &[]);
        symlink("v2", root.join("next")).unwrap();
        fs::rename(root.join("next"), root.join("current")).unwrap();
        assert_eq!(bench.expect("net", Change::Renamed), root.join("current"));
    }

    #[test]
    fn a_new_file_in_a_watched_folder_is_noticed() {
        let (_dir, root) = folder();
        let mut bench = Bench::new();
        bench.watcher.watch(&"group", &[], &[&root]);
        fs::write(root.join("new.zone"), "a").unwrap();
        assert_eq!(bench.expect("group", Change::Closed), root.join("new.zone"));
    }

    #[test]
    fn a_folder_that_comes_back_is_watched_again() {
        let (_dir, root) = folder();
        let zones = root.join("zones");
        fs::create_dir(&zones).unwrap();
        let mut bench = Bench::new();
        bench.watcher.watch(&"net", &[&zones.join("db.net")], &[&zones]);
        fs::remove_dir(&zones).unwrap();
        bench.expect("net", Change::Modified);
        let deadline = Instant::now() + PATIENCE;
        while bench.watcher.has_all_events() {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = bench.events.recv_timeout(left).expect("no event came").unwrap();
            bench.watcher.concerned(&event);
        }
        fs::create_dir(&zones).unwrap();
        assert!(bench.watcher.has_all_events());
        fs::write(zones.join("db.net"), "a").unwrap();
        bench.expect("net", Change::Closed);
    }

    #[test]
    fn a_folder_renamed_into_the_place_of_another_is_noticed_and_watched() {
        let (_dir, root) = folder();
        let zones = root.join("zones");
        fs::create_dir(&zones).unwrap();
        fs::create_dir(root.join("new")).unwrap();
        let mut bench = Bench::new();
        bench.watcher.watch(&"net", &[&zones.join("db.net")], &[]);
        assert!(!bench.watcher.take_lost());
        fs::rename(&zones, root.join("old")).unwrap();
        fs::rename(root.join("new"), &zones).unwrap();
        assert_eq!(bench.expect("net", Change::Renamed), zones);
        assert!(bench.watcher.take_lost());
        assert!(!bench.watcher.take_lost());
        assert!(bench.watcher.has_all_events());
        // The old folder is nobody's.
        fs::write(root.join("old/db.net"), "a").unwrap();
        let put = || {
            fs::write(zones.join("marker"), "a").unwrap();
            fs::rename(zones.join("marker"), zones.join("db.net")).unwrap();
        };
        put();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = bench.events.recv_timeout(left).expect("no event came").unwrap();
            match bench.watcher.concerned(&event)[..] {
                [(_, _, Change::Renamed)] if event.paths.contains(&zones.join("db.net")) => break,
                [(_, _, Change::Closed)] => panic!("{event:?}"),
                _ => {}
            }
            // The second rename may be heard of only now. Whoever comes to a folder's place is a loss like the one that goes.
            if bench.watcher.take_lost() {
                assert!(bench.watcher.has_all_events());
                put();
            }
        }
    }

    #[test]
    fn a_folder_without_events_is_told_once() {
        let (_dir, root) = folder();
        let mut bench = Bench::new();
        let gone = root.join("gone");
        bench.watcher.watch(&"net", &[&gone.join("db.net")], &[]);
        assert!(!bench.watcher.has_all_events());
        assert!(bench.watcher.folders[&gone].is_told);
        fs::create_dir(&gone).unwrap();
        assert!(bench.watcher.has_all_events());
        assert!(!bench.watcher.folders[&gone].is_told);
    }

    #[test]
    fn what_nobody_watches_any_more_is_let_go() {
        let (_dir, root) = folder();
        let file = root.join("db.net");
        let mut bench = Bench::new();
        bench.watcher.watch(&"a", &[&file], &[]);
        bench.watcher.watch(&"b", &[&file], &[]);
        bench.watcher.watch(&"a", &[&file], &[]);
        bench.watcher.forget(&"a");
        // The file's folder, and the one above.
        assert_eq!(bench.watcher.folders.len(), 2);
        bench.watcher.forget(&"b");
        assert!(bench.watcher.folders.is_empty() && bench.watcher.entries.is_empty());
    }
}
