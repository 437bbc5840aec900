//! Dynamic updates of primary zones (RFC 2136), and how they go together with the zone's file.
//!
//! An update is in the journal, written through, before it is served and answered; those that wait together are written
//! together. The journal also says which state of the file its steps start from: a restart reads the file and replays them.
//! The file itself is written by `sync` and `freeze`, and when the journal is full. Whoever edits it meanwhile changes the
//! version that it was written with: what the edit changes is done to the served version if it fits, and refused as a
//! whole if it doesn't. Either way no update is lost.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsd_core::message::{Header, Rcode, Request};
use dnsd_core::rrtype::Type;
use dnsd_core::transfer::{Delta, Records};
use dnsd_core::update::Update;
use dnsd_core::zone::check::check_step;
use dnsd_core::zone::difference::is_same;
use dnsd_core::zone::{Severity, Zone};
use tracing::{debug, error, info, warn};

use super::super::board::ServedFrom;
use super::super::journal::{Durability, Past};
use super::super::key::ZoneKey;
use super::super::last_good::{self, LastGood, WriteError};
use super::super::load::{Attempt, Loaded};
use super::super::problem::{Conflict, Problem};
use super::Keeper;
use super::entry::Entry;
use super::past::newer;
use super::serials::soa_with_serial;

/// Who waits for the answer to an update.
pub(crate) type UpdateReply = Box<dyn FnOnce(Rcode) + Send>;

/// Updates of one zone that wait to be written together.
pub(super) struct Uncommitted {
    before: Arc<Zone>,
    steps: Vec<Arc<Delta>>,
    /// Who waits, and for what if they can be written.
    replies: Vec<(UpdateReply, Rcode)>,
}

/// What a zone that takes updates has beside the others.
pub(super) struct Dynamic {
    /// What its file holds: the version that the journal's steps start from.
    of_file: Arc<Zone>,
    /// Updates are refused while somebody edits the file.
    pub(super) is_frozen: bool,
    /// When a full journal last could not be shortened, because the file can't be written.
    stuck_at: Option<Instant>,
}

/// How long updates of a zone whose journal is far too large wait for its file to be writable again, and how often that is
/// said.
const STUCK_PAUSE: Duration = Duration::from_secs(60);

impl Dynamic {
    /// Of a zone that has no updates yet, or none that its file hasn't.
    fn new(of_file: Arc<Zone>) -> Self {
        Self {
            of_file,
            is_frozen: false,
            stuck_at: None,
        }
    }

    /// Whether what the file holds is what is served.
    pub(super) fn is_served(&self, served: Option<&Arc<Zone>>) -> bool {
        served.is_some_and(|served| Arc::ptr_eq(served, &self.of_file))
    }

    /// As if the pause were over.
    #[cfg(test)]
    pub(super) fn forget_stuck(&mut self) {
        self.stuck_at = None;
    }

    fn is_stuck(&self, now: Instant) -> bool {
        self.stuck_at
            .is_some_and(|at| now.saturating_duration_since(at) < STUCK_PAUSE)
    }
}

/// Why what an administrator asks for a zone that takes updates can't be done.
#[derive(Debug)]
pub(crate) enum SyncError {
    /// There is no such primary zone.
    NoSuchZone,
    /// What is served is not what the file says: it has errors, or waits to be accepted.
    FileNotServed,
    /// The file can't be written.
    File(io::Error),
    /// The journal can't be written.
    Journal(io::Error),
}

impl Entry {
    /// Takes up the updates that an earlier run has written into the journal; `attempt` is the first load of the file.
    pub(super) fn recall_updates(&mut self, attempt: &Attempt, copies: &LastGood) {
        let key = &self.info.key;
        if self.past.is_some() || !copies.has_journal_of_earlier_run(key) {
            return;
        }
        let mut past = Past::new(key.name.clone(), copies.journal_path(key));
        past.recall();
        let Some((serial, state)) = past.file_state() else {
            self.past = Some(past);
            return;
        };
        let loaded = attempt.result.as_ref().ok().map(|loaded| &loaded.zone);
        let is_unchanged = last_good::state(&attempt.files) == state;
        let of_file = match loaded.filter(|_| is_unchanged) {
            Some(zone) => Some(zone.clone()),
            None => attempt.last_good.clone(),
        };
        let has_serial = |zone: &Arc<Zone>| zone.serial() == serial;
        // Without a copy a file that was touched, or edited under its serial, is what the steps lead on from if they fit it.
        let of_file = of_file
            .filter(has_serial)
            .or_else(|| loaded.filter(|zone| has_serial(zone)).cloned());
        let Some(of_file) = of_file else {
            match loaded.filter(|zone| past.is_in(zone, serial)) {
                // The updates were written into it, and the daemon was killed before the journal said so.
                Some(zone) => {
                    self.served = Some(zone.clone());
                    self.dynamic = Some(Dynamic::new(zone.clone()));
                }
                // Without steps no update is missing in the file, whatever it holds.
                None => self.is_in_conflict = !past.steps_from(serial).is_empty(),
            }
            self.past = Some(past);
            return;
        };
        let steps = past.steps_from(serial);
        let replayed = steps
            .iter()
            .try_fold(of_file.clone(), |zone, step| step.apply(&zone).map(Arc::new));
        match replayed {
            Ok(zone) => {
                // Until it is certain that the file goes with it.
                self.status.served_from = ServedFrom::LastGoodCopy;
                info!("zone {key}: {} steps of the journal follow the file", steps.len());
                self.served = Some(zone);
                self.dynamic = Some(Dynamic::new(of_file));
            }
            Err(error) => {
                error!("zone {key}: the journal doesn't fit the file: {error}");
                self.is_in_conflict = true;
            }
        }
        self.past = Some(past);
    }

    /// A zone as it was loaded, with its updates.
    pub(super) fn with_updates(&self, loaded: Loaded) -> Result<Loaded, Vec<Problem>> {
        match self.reconciled(&loaded.zone) {
            Ok(zone) => Ok(Loaded { zone, ..loaded }),
            Err(conflict) => Err(vec![Problem::Updates(conflict)]),
        }
    }

    /// Takes over what a load of the file means for the journal: the file holds `of_file` now, and `new` is served.
    pub(super) fn follow_file(&mut self, old: Option<&Zone>, of_file: &Arc<Zone>, new: &Zone, copies: &LastGood) {
        if self.dynamic.is_none() {
            return self.follow(old, new, copies);
        }
        if let Err(error) = self.rebase(old.unwrap_or(new), of_file.clone(), new) {
            let key = &self.info.key;
            error!(%error, "zone {key}: the journal can't be written: updates are served and will be missing after a restart");
        }
    }

    /// What is to be served of an edited file: of a zone with updates these too. An error says why they don't go together.
    fn reconciled(&self, edited: &Arc<Zone>) -> Result<Arc<Zone>, Conflict> {
        if self.is_in_conflict {
            return Err(Conflict::NoCopy);
        }
        let (Some(dynamic), Some(served)) = (&self.dynamic, &self.served) else {
            return Ok(edited.clone());
        };
        if is_same(&dynamic.of_file, edited) || is_same(served, edited) {
            return Ok(served.clone());
        }
        if Arc::ptr_eq(served, &dynamic.of_file) {
            return Ok(edited.clone());
        }
        let step = edit_of(&dynamic.of_file, edited, served);
        let merged = step.apply(served).map_err(Conflict::Records)?;
        let mut findings = check_step(&merged, &step).into_iter();
        match findings.find(|finding| finding.severity() == Severity::Error) {
            Some(error) => Err(Conflict::Zone(error)),
            None => Ok(Arc::new(merged)),
        }
    }

    /// Notes that the file holds the version `of_file` now, and that `new` is served, which has the updates too; `old` was
    /// served before.
    fn rebase(&mut self, old: &Zone, of_file: Arc<Zone>, new: &Zone) -> io::Result<()> {
        let Some(dynamic) = &mut self.dynamic else {
            return Ok(());
        };
        let Some(past) = &mut self.past else {
            // It was frozen before the first update.
            dynamic.of_file = of_file;
            return Ok(());
        };
        let file = (of_file.serial(), last_good::state(&self.seen));
        if past.file_state() != Some(file) {
            let leads_on = past.newest().is_none_or(|newest| newest == old.serial());
            if is_same(&dynamic.of_file, &of_file) || (is_same(&of_file, old) && leads_on) {
                // It was only touched, or has what was served anyway: the steps lead on from it.
                past.note_file(file)?;
            } else if is_same(&of_file, new) && leads_on && new.serial().is_after(old.serial()) {
                past.add(&[Arc::new(Delta::between(old, new))], Durability::Kept)?;
                past.note_file(file)?;
            } else if is_same(&of_file, new) {
                past.restart(file, Vec::new())?;
                past.note_reused(newer(past.reused(), old.serial()));
            } else {
                // The file's version was never served, whatever its serial is.
                past.note_reused(newer(Some(newer(past.reused(), old.serial())), of_file.serial()));
                past.restart(file, vec![Arc::new(Delta::between(&of_file, new))])?;
            }
        }
        dynamic.of_file = of_file;
        self.info.history.store(past.history());
        Ok(())
    }

    /// Applies an update to the newest version.
    fn update(&self, message: &[u8]) -> Result<Option<(Arc<Zone>, Delta)>, Rcode> {
        let key = &self.info.key;
        let request = Header::read(message).and_then(|header| Request::parse(header, message).ok());
        let request = request.ok_or(Rcode::FORMERR)?;
        let refused = |error: dnsd_core::update::UpdateError| {
            info!("zone {key}: update refused: {error}");
            error.rcode()
        };
        let update = Update::read(&request, message).map_err(refused)?;
        let is_frozen = self.dynamic.as_ref().is_some_and(|dynamic| dynamic.is_frozen);
        if is_frozen {
            info!("zone {key}: update refused: the zone is frozen");
            return Err(Rcode::REFUSED);
        }
        // What the journal starts from has to be what the file holds.
        let is_of_file = self.status.served_from == ServedFrom::File && self.status.held.is_none();
        let Some(served) = self.served.as_ref().filter(|_| is_of_file && !self.is_in_conflict) else {
            warn!("zone {key}: update refused: what is served is not what its file says");
            return Err(Rcode::SERVFAIL);
        };
        let Some(changed) = update.apply(served).map_err(refused)? else {
            return Ok(None);
        };
        // Its file is to be one that can be loaded again.
        let findings = check_step(&changed.zone, &changed.delta);
        if let Some(error) = findings.iter().find(|finding| finding.severity() == Severity::Error) {
            info!("zone {key}: update refused: the zone would have an error: {error}");
            return Err(Rcode::REFUSED);
        }
        if self.is_overfull(served, Instant::now()) {
            // It was said why when the file could not be written.
            debug!("zone {key}: update refused: the journal is full and can't be shortened");
            return Err(Rcode::SERVFAIL);
        }
        if self.info.rules.is_too_large(&changed.zone) {
            info!("zone {key}: update refused: larger than max-records or zone-max-size allow");
            return Err(Rcode::SERVFAIL);
        }
        Ok(Some((Arc::new(changed.zone), changed.delta)))
    }

    /// Whether the journal is twice as large as it may be, since nothing of it can be written into the file: it would grow as
    /// long as there are updates, on disk and in memory. Once in a while one is let through, to see whether that has changed.
    fn is_overfull(&self, served: &Zone, now: Instant) -> bool {
        let bytes_max = self.info.rules.journal_bytes_max_of(served).saturating_mul(2);
        self.dynamic.as_ref().is_some_and(|dynamic| dynamic.is_stuck(now))
            && self.past.as_ref().is_some_and(|past| past.is_larger_than(bytes_max))
    }

    /// Writes steps into the journal, through to the disk, behind a note of what they start from.
    fn journal(&mut self, before: &Arc<Zone>, steps: &[Arc<Delta>], copies: &LastGood) -> io::Result<()> {
        let key = &self.info.key;
        let past = self
            .past
            .get_or_insert_with(|| Past::new(key.name.clone(), copies.journal_path(key)));
        if past.file_state().is_none() {
            if past.newest().is_some_and(|newest| newest != before.serial()) {
                past.forget();
            }
            past.note_file((before.serial(), last_good::state(&self.seen)))?;
        }
        self.dynamic.get_or_insert_with(|| Dynamic::new(before.clone()));
        past.add(steps, Durability::Kept)?;
        self.info.history.store(past.history());
        Ok(())
    }
}

impl Keeper {
    /// Applies an update; it is answered when those that came with it are on disk.
    pub(super) fn take_update(&mut self, key: ZoneKey, message: &[u8], reply: UpdateReply) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return reply(Rcode::NOTAUTH);
        };
        let before = entry.served.clone();
        match entry.update(message) {
            // Nothing is to be changed, or it can't be: what was applied before and waits to be written is part of the answer.
            judged @ (Ok(None) | Err(_)) => {
                let rcode = judged.err().unwrap_or(Rcode::NOERROR);
                match self.uncommitted.get_mut(&key) {
                    Some(waiting) => waiting.replies.push((reply, rcode)),
                    None => reply(rcode),
                }
            }
            Ok(Some((zone, step))) => {
                entry.served = Some(zone);
                let Some(before) = before else { return };
                let waiting = self.uncommitted.entry(key).or_insert_with(|| Uncommitted {
                    before,
                    steps: Vec::new(),
                    replies: Vec::new(),
                });
                waiting.steps.push(Arc::new(step));
                waiting.replies.push((reply, Rcode::NOERROR));
            }
        }
    }

    /// Writes the updates that were applied, serves them, and answers.
    pub(super) fn commit_updates(&mut self) {
        for (key, waiting) in std::mem::take(&mut self.uncommitted) {
            let committed = self.commit(&key, &waiting);
            if let Err(error) = &committed {
                error!(%error, "zone {key}: the journal can't be written: updates are refused");
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.served = Some(waiting.before);
                }
            }
            for (reply, rcode) in waiting.replies {
                reply(if committed.is_ok() { rcode } else { Rcode::SERVFAIL });
            }
        }
    }

    fn commit(&mut self, key: &ZoneKey, waiting: &Uncommitted) -> io::Result<()> {
        let Some(entry) = self.entries.get_mut(key) else {
            return Ok(());
        };
        entry.journal(&waiting.before, &waiting.steps, &self.last_good)?;
        let served = entry.served.clone();
        entry.status.serial = served.as_deref().map(Zone::serial);
        entry.status.records = served.as_deref().map_or(0, Zone::record_count);
        self.board.set(key, entry.status.clone());
        if let Some(zone) = &served {
            info!("zone {key}: updated to serial {}", zone.serial());
        }
        self.publish(std::slice::from_ref(key));
        self.tell_changed(key, served.as_ref());
        self.keep_journal_bounded(key);
        Ok(())
    }

    /// Steps that the file has may be dropped from a journal that is full, so the file gets all of them.
    fn keep_journal_bounded(&mut self, key: &ZoneKey) {
        let Some(entry) = self.entries.get(key) else { return };
        let (Some(past), Some(served)) = (&entry.past, &entry.served) else {
            return;
        };
        let (bytes_max, now) = (entry.info.rules.journal_bytes_max_of(served), Instant::now());
        let is_stuck = entry.dynamic.as_ref().is_some_and(|dynamic| dynamic.is_stuck(now));
        if is_stuck || !past.is_larger_than(bytes_max) {
            return;
        }
        let synced = self.sync(key).and_then(|()| {
            let past = self.entries.get_mut(key).and_then(|entry| entry.past.as_mut());
            past.map_or(Ok(()), |past| past.shorten(bytes_max, None).map_err(SyncError::Journal))
        });
        if let Err(error) = &synced {
            warn!("zone {key}: the journal is full and can't be shortened: {error}");
        }
        if let Some(dynamic) = self.entries.get_mut(key).and_then(|entry| entry.dynamic.as_mut()) {
            dynamic.stuck_at = synced.is_err().then_some(now);
        }
    }

    /// Writes the updates of a zone into its file.
    pub(super) fn sync(&mut self, key: &ZoneKey) -> Result<(), SyncError> {
        let entry = self.entries.get_mut(key).ok_or(SyncError::NoSuchZone)?;
        let (Some(dynamic), Some(served)) = (&entry.dynamic, entry.served.clone()) else {
            return Ok(());
        };
        if Arc::ptr_eq(&dynamic.of_file, &served) {
            return Ok(());
        }
        if !entry.is_as_in_file() {
            return Err(SyncError::FileNotServed);
        }
        entry.seen = vec![last_good::write_file(&entry.file, &served, &entry.seen)?];
        entry
            .rebase(&served, served.clone(), &served)
            .map_err(SyncError::Journal)?;
        self.last_good.keep(key, served, &entry.seen);
        self.to_watch.push(key.clone());
        info!("zone {key}: its updates are in {}", entry.file.display());
        Ok(())
    }

    /// Writes a zone's updates into its file, and takes no more of them until it is thawed.
    pub(super) fn freeze(&mut self, key: &ZoneKey) -> Result<(), SyncError> {
        self.sync(key)?;
        let entry = self.entries.get_mut(key).ok_or(SyncError::NoSuchZone)?;
        let served = entry.served.clone().ok_or(SyncError::FileNotServed)?;
        let dynamic = entry.dynamic.get_or_insert_with(|| Dynamic::new(served));
        dynamic.is_frozen = true;
        entry.status.is_frozen = true;
        self.board.set(key, entry.status.clone());
        info!("zone {key}: frozen");
        Ok(())
    }

    /// Takes updates of a zone again.
    pub(super) fn thaw(&mut self, key: &ZoneKey) -> Result<(), SyncError> {
        let entry = self.entries.get_mut(key).ok_or(SyncError::NoSuchZone)?;
        if let Some(dynamic) = &mut entry.dynamic {
            dynamic.is_frozen = false;
        }
        entry.status.is_frozen = false;
        self.board.set(key, entry.status.clone());
        info!("zone {key}: thawed");
        Ok(())
    }
}

/// What an edit of the file changes, as a step from the served version: its serial is past both.
fn edit_of(before: &Zone, edited: &Zone, served: &Zone) -> Delta {
    let edit = Delta::between(before, edited);
    let newest = if edited.serial().is_after(served.serial()) {
        edited.serial()
    } else {
        served.serial()
    };
    let soa = soa_with_serial(edit.soa().rdata, newest.next());
    let origin = served.origin();
    let mut removed = Records::new();
    let served_soa = served.soa_set();
    for rdata in served_soa.rdatas() {
        removed.push(origin, Type::SOA, served_soa.ttl(), rdata);
    }
    let mut added = Records::new();
    added.push(origin, Type::SOA, edit.soa().ttl, &soa);
    for (records, edited) in [(&mut removed, edit.removed()), (&mut added, edit.added())] {
        for record in edited.iter().skip(1) {
            records.push(record.owner, record.rtype, record.ttl, record.rdata);
        }
    }
    Delta::new(removed, added)
        .expect("a step between versions of the zone has their SOA records and no names of others")
}

impl From<WriteError> for SyncError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Edited => Self::FileNotServed,
            WriteError::Io(error) => Self::File(error),
        }
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchZone => f.write_str("no primary zone"),
            Self::FileNotServed => {
                f.write_str("the file was edited, and its content isn't served: it is not written over")
            }
            Self::File(error) => write!(f, "the file can't be written: {error}"),
            Self::Journal(error) => write!(f, "the journal can't be written: {error}"),
        }
    }
}
