//! The journal of a zone in its file, `work-dir/zones/NAME.journal`: the steps that led to the version that is served. From it
//! come incremental transfers, also after a restart, and the versions that nothing else on disk has yet.
//!
//! The file is opened for each write and not in between: a server has more zones than descriptors.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dnsd_core::name::Name;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{Appender, Delta, FileState, Journal};
use dnsd_core::zone::Zone;
use tracing::warn;

use crate::server::views::History;

/// A journal that is this small is never too large: small zones have a past, too.
const BYTES_MAX_LEAST: u64 = 64 << 10;

/// The ending of a journal that is still written.
const TEMPORARY: &str = "journal-new";

/// The steps to a zone's version, in memory and in its file.
#[derive(Debug)]
pub(super) struct Past {
    origin: Name,
    path: PathBuf,
    /// Of the file; `None`: there is none.
    file: Option<Tail>,
    /// The oldest first.
    steps: VecDeque<Arc<Delta>>,
    /// Which version the zone's own file held in which state, of a zone that takes updates.
    file_state: Option<(Serial, FileState)>,
    /// Serials up to this one have been used for different contents: the steps from them on are for nobody else.
    reused: Option<Serial>,
    /// What others are told of the steps, as long as it only gets longer.
    told: Option<Arc<History>>,
    /// Whether the file is another's, or can't be read: it is left alone.
    is_foreign: bool,
}

/// The end of a journal's file.
#[derive(Debug)]
struct Tail {
    bytes: u64,
    appender: Appender,
}

/// What becomes of steps when the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Their versions are on disk otherwise: without them the next transfer is a whole one.
    Spare,
    /// Nothing else on disk has their versions: they are written through before anybody hears of them.
    Kept,
}

impl Past {
    /// Of a zone that has none; its journal's file would be this one. In a box, as most of many zones have no past at all.
    pub(super) fn new(origin: Name, path: PathBuf) -> Box<Self> {
        Box::new(Self {
            origin,
            path,
            file: None,
            steps: VecDeque::new(),
            file_state: None,
            reused: None,
            told: None,
            is_foreign: false,
        })
    }

    /// Takes up the file that an earlier run has left. One that can't be read, or is none that this version knows, is left
    /// alone: what it has may be nowhere else.
    pub(super) fn recall(&mut self) {
        let octets = match fs::read(&self.path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                self.is_foreign = true;
                return warn!(%error, "the journal {} can't be read", self.path.display());
            }
        };
        let mut front = Vec::new();
        Appender::create(self.origin.as_name_ref(), &mut front);
        if front.starts_with(&octets) && octets.len() < front.len() {
            // Its first write was interrupted: nothing was in it.
            return;
        }
        let journal = match Journal::scan(&octets, self.origin.as_name_ref()) {
            Ok(journal) => journal,
            Err(error) => {
                self.is_foreign = true;
                return warn!("{} is left alone: {error}", self.path.display());
            }
        };
        if journal.is_torn() {
            warn!(
                "the journal {} is cut off after {} octets: its last write was interrupted",
                self.path.display(),
                journal.intact_bytes()
            );
        }
        self.told = None;
        self.steps = journal.steps().cloned().map(Arc::new).collect();
        self.file_state = journal.file_state();
        self.reused = journal.reused();
        self.file = Some(Tail {
            bytes: journal.intact_bytes() as u64,
            appender: journal.appender(),
        });
    }

    /// The steps that lead on from a version, the oldest first, as far as they do; none when there are none.
    pub(super) fn steps_from(&self, serial: Serial) -> Vec<Arc<Delta>> {
        let mut steps: Vec<Arc<Delta>> = Vec::new();
        // A serial that was used twice counts from its last use on.
        let Some(first) = self.steps.iter().rposition(|step| step.from() == serial) else {
            return steps;
        };
        for step in self.steps.range(first..) {
            if steps.last().is_some_and(|last| last.to() != step.from()) {
                // A version that came as a whole follows.
                break;
            }
            steps.push(step.clone());
        }
        steps
    }

    /// Whether a version has all of the steps from `serial` on: taken back one after the other they lead there.
    pub(super) fn is_in(&self, version: &Arc<Zone>, serial: Serial) -> bool {
        let steps = self.steps_from(serial);
        let taken_back = steps
            .iter()
            .rev()
            .try_fold(version.clone(), |zone, step| step.reversed().apply(&zone).map(Arc::new));
        !steps.is_empty() && taken_back.is_ok()
    }

    /// Up to which serial they have been used for different contents.
    pub(super) fn reused(&self) -> Option<Serial> {
        self.reused
    }

    /// Whether the steps from a serial on can only be those of one version.
    pub(super) fn leads_on_from(&self, serial: Serial) -> bool {
        self.reused.is_none_or(|reused| serial.is_after(reused))
    }

    /// The version that the last step leads to.
    pub(super) fn newest(&self) -> Option<Serial> {
        self.steps.back().map(|step| step.to())
    }

    /// Adds the steps that follow, in the file first. Those that don't follow are behind a version that came as a whole; with
    /// [`Durability::Spare`] what is before them is dropped, as is everything when they can't be written.
    ///
    /// # Errors
    /// When the file can't be written. What was [`Durability::Kept`] is as it was.
    pub(super) fn add(&mut self, steps: &[Arc<Delta>], durability: Durability) -> io::Result<()> {
        let Some(first) = steps.first() else { return Ok(()) };
        let is_spare = durability == Durability::Spare;
        if is_spare && self.newest().is_some_and(|newest| newest != first.from()) {
            self.forget();
        }
        if let Err(error) = self.append(&Notes::default(), steps, durability) {
            if is_spare {
                self.forget();
            }
            return Err(error);
        }
        self.steps.extend(steps.iter().cloned());
        // Steps behind a version that came as a whole, or from a serial that was used twice, are for nobody who has those before.
        let are_told =
            steps.windows(2).all(|pair| pair[0].to() == pair[1].from()) && steps.iter().all(|step| self.is_told(step));
        let told = self
            .told
            .take()
            .filter(|told| are_told && told.newest() == Some(first.from()));
        self.told = told.map(|told| Arc::new(told.followed_by(steps)));
        Ok(())
    }

    /// Notes that serials up to this one have been used for different contents: no step from there on is told to others.
    pub(super) fn note_reused(&mut self, serial: Serial) {
        self.told = None;
        self.reused = Some(serial);
        let notes = Notes {
            reused: Some(serial),
            ..Notes::default()
        };
        if let Err(error) = self.append(&notes, &[], Durability::Kept) {
            warn!(%error, "the journal {} can't be written: a serial was used twice", self.path.display());
        }
    }

    /// Which version the zone's own file held in which state.
    pub(super) fn file_state(&self) -> Option<(Serial, FileState)> {
        self.file_state
    }

    /// Notes which version the zone's own file holds in the state that it has now: the steps from there on are not in it.
    ///
    /// # Errors
    /// When the journal can't be written: it is as it was.
    pub(super) fn note_file(&mut self, file: (Serial, FileState)) -> io::Result<()> {
        let notes = Notes {
            file: Some(file),
            ..Notes::default()
        };
        self.append(&notes, &[], Durability::Kept)?;
        self.file_state = Some(file);
        Ok(())
    }

    /// Begins anew with a version that the zone's own file holds in this state, and the steps from there on. What was there
    /// before is replaced in one step.
    ///
    /// # Errors
    /// When the journal can't be written: it is as it was.
    pub(super) fn restart(&mut self, file: (Serial, FileState), steps: Vec<Arc<Delta>>) -> io::Result<()> {
        let mut octets = Vec::new();
        let mut appender = Appender::create(self.origin.as_name_ref(), &mut octets);
        appender.file(file.0, file.1, &mut octets);
        if let Some(serial) = self.reused {
            appender.reused(serial, &mut octets);
        }
        for step in &steps {
            appender.step(step, &mut octets);
        }
        self.replace(&octets, appender)?;
        self.file_state = Some(file);
        self.told = None;
        self.steps = steps.into();
        Ok(())
    }

    fn append(&mut self, notes: &Notes, steps: &[Arc<Delta>], durability: Durability) -> io::Result<()> {
        self.check_ours()?;
        let mut octets = Vec::new();
        let (start, mut appender) = match &self.file {
            Some(tail) => (tail.bytes, tail.appender.clone()),
            None => (0, Appender::create(self.origin.as_name_ref(), &mut octets)),
        };
        if let Some((serial, state)) = notes.file {
            appender.file(serial, state, &mut octets);
        }
        if let Some(serial) = notes.reused {
            appender.reused(serial, &mut octets);
        }
        for step in steps {
            appender.step(step, &mut octets);
        }
        let file = open(&self.path)?;
        // What is behind the last whole entry was left by a write that was interrupted.
        file.set_len(start)?;
        let written = write_behind(&file, start, &octets, durability).and_then(|()| match durability {
            Durability::Kept if start == 0 => self.sync_folder(),
            _ => Ok(()),
        });
        if let Err(error) = written {
            let _ = file.set_len(start);
            return Err(error);
        }
        self.file = Some(Tail {
            bytes: start + octets.len() as u64,
            appender,
        });
        Ok(())
    }

    /// Whether the file has more than so many octets.
    pub(super) fn is_larger_than(&self, bytes_max: u64) -> bool {
        let bytes = self.file.as_ref().map_or(0, |tail| tail.bytes);
        bytes > bytes_max.max(BYTES_MAX_LEAST)
    }

    /// Drops the oldest steps until the file has half of so many octets: the next steps have room. Those from `needed` on
    /// stay, the newest version that something else on disk has.
    ///
    /// # Errors
    /// When the file can't be written anew: it is as it was.
    pub(super) fn shorten(&mut self, bytes_max: u64, needed: Option<Serial>) -> io::Result<()> {
        let octets = fs::read(&self.path)?;
        let journal = Journal::scan(&octets, self.origin.as_name_ref());
        let journal = journal.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let half = usize::try_from(bytes_max.max(BYTES_MAX_LEAST) / 2).unwrap_or(usize::MAX);
        let (shorter, appender) = journal.shortened(half, needed);
        self.replace(&shorter, appender)?;
        let kept = Journal::scan(&shorter, self.origin.as_name_ref()).map_or(0, |journal| journal.steps().count());
        self.told = None;
        self.steps.drain(..self.steps.len().saturating_sub(kept));
        Ok(())
    }

    fn replace(&mut self, octets: &[u8], appender: Appender) -> io::Result<()> {
        self.check_ours()?;
        fs::create_dir_all(self.folder())?;
        let temporary = self.path.with_extension(TEMPORARY);
        let written = fs::write(&temporary, octets).and_then(|()| {
            File::open(&temporary)?.sync_data()?;
            fs::rename(&temporary, &self.path)?;
            self.sync_folder()
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        self.file = Some(Tail {
            bytes: octets.len() as u64,
            appender,
        });
        Ok(())
    }

    /// Lets go of all steps: none leads to the version that is served now.
    pub(super) fn forget(&mut self) {
        let reused = self.reused;
        self.remove();
        if let Some(serial) = reused {
            self.note_reused(serial);
        }
    }

    /// Lets go of all of it.
    pub(super) fn remove(&mut self) {
        self.steps.clear();
        self.told = None;
        self.file_state = None;
        self.reused = None;
        self.file = None;
        if self.is_foreign {
            return;
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(%error, "the journal {} could not be removed", self.path.display());
            }
            _ => {}
        }
    }

    fn check_ours(&self) -> io::Result<()> {
        if self.is_foreign {
            let cause = "the file there is no journal that this version knows";
            return Err(io::Error::new(io::ErrorKind::InvalidData, cause));
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// A file that is new, or new under its name, is there after a power cut only then.
    fn sync_folder(&self) -> io::Result<()> {
        File::open(self.folder())?.sync_all()
    }

    /// For who answers transfers: what leads to the newest version without a gap, from versions of which there was one only.
    pub(super) fn history(&mut self) -> Arc<History> {
        if let Some(told) = &self.told {
            return told.clone();
        }
        let mut told: VecDeque<Arc<Delta>> = VecDeque::new();
        for step in self.steps.iter().rev().take_while(|step| self.is_told(step)) {
            if told.front().is_some_and(|next| next.from() != step.to()) {
                break;
            }
            told.push_front(step.clone());
        }
        let told = Arc::new(History::new(told));
        self.told = Some(told.clone());
        told
    }

    fn is_told(&self, step: &Delta) -> bool {
        self.leads_on_from(step.from())
    }
}

/// What a journal has beside steps.
#[derive(Debug, Default)]
struct Notes {
    file: Option<(Serial, FileState)>,
    reused: Option<Serial>,
}

fn open(path: &Path) -> io::Result<File> {
    let options = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).clone()
    };
    match options().open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
            options().open(path)
        }
        opened => opened,
    }
}

fn write_behind(file: &File, start: u64, octets: &[u8], durability: Durability) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    file.write_all_at(octets, start)?;
    match durability {
        Durability::Kept => file.sync_data(),
        Durability::Spare => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_zone::zone;
    use super::*;

    fn version(serial: u32) -> Zone {
        zone(
            "net",
            &format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\nh{serial} A 192.0.2.1\n"),
        )
    }

    fn step(from: u32, to: u32) -> Arc<Delta> {
        Arc::new(Delta::between(&version(from), &version(to)))
    }

    fn past(dir: &tempfile::TempDir) -> Box<Past> {
        let mut past = Past::new("net".parse().unwrap(), dir.path().join("view/net.journal"));
        past.recall();
        past
    }

    fn serials(past: &Past, from: u32) -> Option<Vec<u32>> {
        let steps = past.steps_from(Serial(from));
        (!steps.is_empty()).then(|| steps.iter().map(|step| step.to().0).collect())
    }

    #[test]
    fn steps_are_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut before = past(&dir);
        before.add(&[step(1, 2), step(2, 3)], Durability::Kept).unwrap();
        before.add(&[step(3, 5)], Durability::Spare).unwrap();
        let mut after = past(&dir);
        assert_eq!(serials(&after, 1), Some(vec![2, 3, 5]));
        assert_eq!((serials(&after, 3), serials(&after, 4)), (Some(vec![5]), None));
        after.add(&[step(5, 6)], Durability::Kept).unwrap();
        assert_eq!(serials(&past(&dir), 2), Some(vec![3, 5, 6]));
    }

    #[test]
    fn what_an_interrupted_write_has_left_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        past(&dir).add(&[step(1, 2), step(2, 3)], Durability::Kept).unwrap();
        let path = dir.path().join("view/net.journal");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut after = past(&dir);
        assert_eq!(after.newest(), Some(Serial(2)));
        after.add(&[step(2, 4)], Durability::Kept).unwrap();
        assert_eq!(serials(&past(&dir), 1), Some(vec![2, 4]));
    }

    #[test]
    fn a_step_that_does_not_follow_drops_spare_ones_and_leaves_kept_ones() {
        let dir = tempfile::tempdir().unwrap();
        let mut past_of_net = past(&dir);
        past_of_net.add(&[step(1, 2)], Durability::Kept).unwrap();
        past_of_net.add(&[step(7, 8)], Durability::Kept).unwrap();
        for past in [&mut past_of_net, &mut past(&dir)] {
            assert_eq!((serials(past, 1), serials(past, 7)), (Some(vec![2]), Some(vec![8])));
            assert!(past.history().since(Serial(1), Serial(2)).is_none());
            assert!(past.history().since(Serial(7), Serial(8)).is_some());
        }
        past_of_net.add(&[step(3, 4)], Durability::Spare).unwrap();
        assert_eq!(
            (serials(&past(&dir), 1), serials(&past(&dir), 3)),
            (None, Some(vec![4]))
        );
    }

    #[test]
    fn steps_that_cannot_be_written_leave_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut past_of_net = past(&dir);
        past_of_net.add(&[step(1, 2)], Durability::Kept).unwrap();
        let (path, aside) = (dir.path().join("view/net.journal"), dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        fs::create_dir(&path).unwrap();
        past_of_net.add(&[step(2, 3)], Durability::Kept).unwrap_err();
        assert_eq!(past_of_net.newest(), Some(Serial(2)));
        fs::remove_dir(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
        past_of_net.add(&[step(2, 3)], Durability::Kept).unwrap();
        assert_eq!(serials(&past(&dir), 1), Some(vec![2, 3]));
    }

    #[test]
    fn steps_from_serials_that_were_used_twice_are_told_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let mut past_of_net = past(&dir);
        past_of_net.add(&[step(4, 5)], Durability::Spare).unwrap();
        past_of_net.forget();
        past_of_net.note_reused(Serial(5));
        past_of_net.add(&[step(5, 6), step(6, 7)], Durability::Spare).unwrap();
        for mut past in [past_of_net, past(&dir)] {
            assert!(past.history().since(Serial(5), Serial(7)).is_none());
            assert!(past.history().since(Serial(6), Serial(7)).is_some());
        }
    }

    #[test]
    fn what_is_told_is_the_same_whether_it_grew_or_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut grown = past(&dir);
        let oldest_told = |past: &mut Past| {
            let newest = past.newest()?;
            let history = past.history();
            (0..40).find(|serial| history.since(Serial(*serial), newest).is_some())
        };
        for (from, to) in [(1, 2), (2, 3), (5, 6), (6, 7), (7, 8)] {
            grown.add(&[step(from, to)], Durability::Kept).unwrap();
            assert_eq!(oldest_told(&mut grown), oldest_told(&mut past(&dir)), "{from}");
        }
        assert_eq!(oldest_told(&mut grown), Some(5));
        grown.note_reused(Serial(6));
        grown.add(&[step(8, 9), step(9, 10)], Durability::Kept).unwrap();
        assert_eq!(
            (oldest_told(&mut grown), oldest_told(&mut past(&dir))),
            (Some(7), Some(7))
        );
        // Of steps that don't follow each other the last ones are told.
        grown.add(&[step(10, 11), step(20, 21)], Durability::Kept).unwrap();
        assert_eq!(
            (oldest_told(&mut grown), oldest_told(&mut past(&dir))),
            (Some(20), Some(20))
        );
    }

    #[test]
    fn a_journal_that_is_too_large_loses_its_oldest_steps() {
        let dir = tempfile::tempdir().unwrap();
        let mut past_of_net = past(&dir);
        let steps: Vec<Arc<Delta>> = (1..1000).map(|serial| step(serial, serial + 1)).collect();
        past_of_net.add(&steps, Durability::Spare).unwrap();
        assert!(past_of_net.is_larger_than(0));
        past_of_net.shorten(0, None).unwrap();
        assert!(!past_of_net.is_larger_than(0));
        assert_eq!(
            (serials(&past_of_net, 1), serials(&past_of_net, 999)),
            (None, Some(vec![1000]))
        );
        past_of_net.add(&[step(1000, 1001)], Durability::Kept).unwrap();
        let after = past(&dir);
        assert_eq!(after.steps.len(), past_of_net.steps.len());
        assert_eq!(after.newest(), Some(Serial(1001)));
    }

    #[test]
    fn a_journal_whose_first_write_was_interrupted_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        past(&dir).add(&[step(1, 2)], Durability::Kept).unwrap();
        let path = dir.path().join("view/net.journal");
        let whole = fs::read(&path).unwrap();
        for cut in [0, 5, 20] {
            fs::write(&path, &whole[..cut]).unwrap();
            past(&dir).add(&[step(1, 2)], Durability::Kept).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole, "{cut}");
        }
    }

    #[test]
    fn what_is_no_journal_of_the_zone_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("view/net.journal");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "something else").unwrap();
        let mut past_of_net = past(&dir);
        assert_eq!(past_of_net.newest(), None);
        for durability in [Durability::Kept, Durability::Spare] {
            past_of_net.add(&[step(1, 2)], durability).unwrap_err();
        }
        past_of_net.remove();
        assert_eq!(fs::read(&path).unwrap(), b"something else");
    }
}
