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
use dnsd_core::transfer::{Appender, Delta, Entry, FileState, Journal};
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
        })
    }

    /// Takes up the file that an earlier run has left. One that can't be read, or is none, is left alone until there is a
    /// step to be written.
    pub(super) fn recall(&mut self) {
        let octets = match fs::read(&self.path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return warn!(%error, "the journal {} can't be read", self.path.display()),
        };
        let journal = match Journal::scan(&octets, self.origin.as_name_ref()) {
            Ok(journal) => journal,
            Err(error) => return warn!("{}: {error}", self.path.display()),
        };
        if journal.is_torn() {
            warn!(
                "the journal {} is cut off after {} octets: its last write was interrupted",
                self.path.display(),
                journal.intact_bytes()
            );
        }
        self.steps = journal.steps().cloned().map(Arc::new).collect();
        self.file_state = journal.entries().rev().find_map(|entry| match entry {
            Entry::File { serial, state } => Some((*serial, *state)),
            Entry::Step(_) => None,
        });
        self.file = Some(Tail {
            bytes: journal.intact_bytes() as u64,
            appender: journal.appender(),
        });
    }

    /// The steps that lead from a version to the newest, the oldest first; `None` when they don't reach back to it.
    pub(super) fn steps_from(&self, serial: Serial) -> Option<Vec<Arc<Delta>>> {
        // A serial that was used twice counts from its last use on.
        let first = self.steps.iter().rposition(|step| step.from() == serial)?;
        let steps: Vec<Arc<Delta>> = self.steps.range(first..).cloned().collect();
        let is_chain = steps.windows(2).all(|pair| pair[0].to() == pair[1].from());
        is_chain.then_some(steps)
    }

    /// The version that the last step leads to.
    pub(super) fn newest(&self) -> Option<Serial> {
        self.steps.back().map(|step| step.to())
    }

    /// Adds the steps that follow, in the file first. They are added in memory even if the file can't be written.
    ///
    /// # Errors
    /// When the file can't be written: it is as it was.
    pub(super) fn add(&mut self, steps: &[Arc<Delta>], durability: Durability) -> io::Result<()> {
        let (Some(first), Some(_)) = (steps.first(), steps.last()) else {
            return Ok(());
        };
        if self.newest().is_some_and(|newest| newest != first.from()) {
            self.forget();
        }
        let written = self.append(None, steps, durability);
        self.steps.extend(steps.iter().cloned());
        written
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
        self.append(Some(file), &[], Durability::Kept)?;
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
        for step in &steps {
            appender.step(step, &mut octets);
        }
        self.replace(&octets, appender)?;
        self.file_state = Some(file);
        self.steps = steps.into();
        Ok(())
    }

    fn append(
        &mut self,
        file_state: Option<(Serial, FileState)>,
        steps: &[Arc<Delta>],
        durability: Durability,
    ) -> io::Result<()> {
        let mut octets = Vec::new();
        let (start, mut appender) = match &self.file {
            Some(tail) => (tail.bytes, tail.appender.clone()),
            None => (0, Appender::create(self.origin.as_name_ref(), &mut octets)),
        };
        if let Some((serial, state)) = file_state {
            appender.file(serial, state, &mut octets);
        }
        for step in steps {
            appender.step(step, &mut octets);
        }
        let mut file = open(&self.path)?;
        // What is behind the last whole entry was left by a write that was interrupted.
        file.set_len(start)?;
        let written = write_behind(&mut file, start, &octets, durability);
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

    /// Drops the oldest steps until the file has half of so many octets: the next steps have room.
    ///
    /// # Errors
    /// When the file can't be written anew: it is as it was.
    pub(super) fn shorten(&mut self, bytes_max: u64) -> io::Result<()> {
        let octets = fs::read(&self.path)?;
        let Ok(journal) = Journal::scan(&octets, self.origin.as_name_ref()) else {
            self.forget();
            return Ok(());
        };
        let half = usize::try_from(bytes_max.max(BYTES_MAX_LEAST) / 2).unwrap_or(usize::MAX);
        let (shorter, appender) = journal.shortened(half);
        self.replace(&shorter, appender)?;
        let kept = Journal::scan(&shorter, self.origin.as_name_ref()).map_or(0, |journal| journal.steps().count());
        self.steps.drain(..self.steps.len().saturating_sub(kept));
        Ok(())
    }

    fn replace(&mut self, octets: &[u8], appender: Appender) -> io::Result<()> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new("")))?;
        let temporary = self.path.with_extension(TEMPORARY);
        let written = fs::write(&temporary, octets).and_then(|()| {
            File::open(&temporary)?.sync_data()?;
            fs::rename(&temporary, &self.path)
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

    /// Lets go of all of it: no step leads to the version that is served now.
    pub(super) fn forget(&mut self) {
        self.steps.clear();
        self.file_state = None;
        self.file = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(%error, "the journal {} could not be removed", self.path.display());
            }
            _ => {}
        }
    }

    /// For who answers transfers.
    pub(super) fn history(&self) -> Arc<History> {
        Arc::new(History::new(self.steps.iter().cloned()))
    }
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

fn write_behind(file: &mut File, start: u64, octets: &[u8], durability: Durability) -> io::Result<()> {
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

    fn version(serial: u32) -> dnsd_core::zone::Zone {
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
        let steps = past.steps_from(Serial(from))?;
        Some(steps.iter().map(|step| step.to().0).collect())
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
    fn a_step_that_does_not_follow_makes_a_new_journal() {
        let dir = tempfile::tempdir().unwrap();
        let mut past_of_net = past(&dir);
        past_of_net.add(&[step(1, 2)], Durability::Kept).unwrap();
        past_of_net.add(&[step(7, 8)], Durability::Kept).unwrap();
        assert_eq!(
            (serials(&past_of_net, 1), serials(&past_of_net, 7)),
            (None, Some(vec![8]))
        );
        assert_eq!(serials(&past(&dir), 7), Some(vec![8]));
    }

    #[test]
    fn a_journal_that_is_too_large_loses_its_oldest_steps() {
        let dir = tempfile::tempdir().unwrap();
        let mut past_of_net = past(&dir);
        let steps: Vec<Arc<Delta>> = (1..1000).map(|serial| step(serial, serial + 1)).collect();
        past_of_net.add(&steps, Durability::Spare).unwrap();
        assert!(past_of_net.is_larger_than(0));
        past_of_net.shorten(0).unwrap();
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
    fn what_is_no_journal_of_the_zone_is_left_alone_until_there_is_a_step() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("view")).unwrap();
        fs::write(dir.path().join("view/net.journal"), "something else").unwrap();
        let mut past_of_net = past(&dir);
        assert_eq!(past_of_net.newest(), None);
        past_of_net.add(&[step(1, 2)], Durability::Kept).unwrap();
        assert_eq!(serials(&past(&dir), 1), Some(vec![2]));
    }
}
