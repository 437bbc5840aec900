//! Secondary zones: versions that other servers have sent, on disk and in what is served.
//!
//! Who follows the primaries asks for what is there ([`stored`](Keeper::stored)) and says what came. A whole zone becomes the
//! zone's copy, steps go into its journal; the copy's time of modification is when a primary last said that this is the zone,
//! so that a restart doesn't begin the time to expiry anew.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::secondary::expires_after;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{ApplyError, Delta, Received};
use dnsd_core::zone::{Compiled, Finding, Severity, Zone};
use dnsd_core::zones::ZoneState;
use tracing::{info, warn};

use super::super::board::{ServedFrom, ZoneStatus};
use super::super::guard::{self, Loss, Verdict};
use super::super::journal::{Durability, Past};
use super::super::key::ZoneKey;
use super::super::last_good::{self, Transferred, When};
use super::super::load;
use super::super::outcome::LoadOutcome;
use super::super::plan::{PlannedSecondary, Source};
use super::Keeper;
use super::past::newer;
use super::updates::SyncError;
use crate::server::views::ZoneInfo;

/// What is known of one secondary zone.
pub(super) struct Secondary {
    /// What is told of it to who answers.
    pub(super) info: Arc<ZoneInfo>,
    /// Where its versions come from.
    source: Source,
    pub(super) status: ZoneStatus,
    /// Where its copy is, if not in the work directory.
    file: Option<PathBuf>,
    /// The newest version, served or not.
    pub(super) version: Option<Arc<Zone>>,
    /// When a primary said last that this version is the zone.
    confirmed_at: SystemTime,
    is_expired: bool,
    /// A version that has lost most of the zone and waits to be accepted.
    held: Option<Arc<Zone>>,
    past: Box<Past>,
    /// The version of the copy with which the journal could not be made shorter: until there is a newer copy each step is needed.
    full_with: Option<Serial>,
    /// The catalog that has brought it.
    catalog: Option<Name>,
}

/// What is there of a secondary zone.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The version.
    pub(crate) zone: Arc<Zone>,
    /// When a primary said last that this version is the zone.
    pub(crate) confirmed_at: SystemTime,
}

/// Why what came from a primary isn't served.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// There is no such secondary zone any more.
    NoSuchZone,
    /// It has lost most of the zone and waits to be accepted.
    Held(ZoneKey, Loss),
    /// The steps don't fit the version that is there: the whole zone may.
    Unusable(ApplyError),
    /// There is no version that steps could start from.
    NoVersion,
    /// It has no NS records, without which no zone is one (RFC 1034 §4.2.1).
    NoNs,
    /// It isn't what the file of a primary zone has to be.
    Unsound(Vec<Finding>),
    /// More than `max-records` or `zone-max-size` allow.
    TooLarge,
    /// The journal can't be written.
    Storage(io::Error),
    /// The same of a primary zone, whose file is written when it is accepted.
    HeldFromPeer(ZoneKey, Loss),
    /// A primary zone's file is being edited.
    Frozen,
    /// A primary zone's file can't be written, or is not to be.
    NotWritten(SyncError),
}

impl Secondary {
    pub(super) fn new(planned: PlannedSecondary, past: Box<Past>, copy: PathBuf) -> Self {
        Self {
            info: Arc::new(ZoneInfo::new(planned.key, planned.rules, planned.source.kind())),
            source: planned.source,
            catalog: planned.catalog,
            status: ZoneStatus::new(planned.file.clone().unwrap_or(copy), None),
            file: planned.file,
            version: None,
            confirmed_at: SystemTime::UNIX_EPOCH,
            is_expired: false,
            held: None,
            past,
            full_with: None,
        }
    }

    pub(super) fn state(&self) -> ZoneState {
        match &self.version {
            Some(zone) if !self.is_expired => ZoneState::Loaded(zone.clone()),
            _ => ZoneState::Failed,
        }
    }

    /// The version that is served.
    pub(super) fn served(&self) -> Option<Arc<Zone>> {
        self.version.clone().filter(|_| !self.is_expired)
    }

    /// Takes a version; it is served from the next swap on.
    fn take(&mut self, zone: Arc<Zone>, now: SystemTime) {
        self.version = Some(zone);
        self.confirmed_at = now;
        self.is_expired = false;
        self.held = None;
        self.info.history.store(self.past.history());
        self.note(Some(now));
    }

    /// Writes down how the zone is.
    fn note(&mut self, loaded_at: Option<SystemTime>) {
        let served = self.version.as_deref().filter(|_| !self.is_expired);
        self.status.serial = served.map(Zone::serial);
        self.status.records = served.map_or(0, Zone::record_count);
        self.status.loaded_at = loaded_at.or(self.status.loaded_at);
        self.status.held = None;
        self.status.served_from = match &self.version {
            Some(_) if self.is_expired => ServedFrom::Expired,
            Some(_) => match self.source {
                Source::Transfer => ServedFrom::Transfer,
                Source::Catalog => ServedFrom::Generated,
                Source::Plugin => ServedFrom::Plugin,
            },
            None => ServedFrom::Nothing,
        };
    }

    /// Whether it has a table of its own, and is there by no catalog.
    pub(super) fn is_configured(&self) -> bool {
        self.catalog.is_none()
    }

    /// What is to be had of its copy.
    fn copy(&self) -> Transferred {
        Transferred {
            file: self.file.clone(),
            confirmed_at: self.confirmed_at,
        }
    }

    /// Whether a version may be served at all.
    fn check(&self, zone: &Zone) -> Result<(), NotTaken> {
        if self.info.rules.is_too_large(zone) {
            return Err(NotTaken::TooLarge);
        }
        if zone.apex().set(Type::NS).is_none() {
            return Err(NotTaken::NoNs);
        }
        Ok(())
    }
}

impl Keeper {
    /// Whether a name is had by a table, and not by one of a primary zone.
    pub(super) fn has_other_table(&self, key: &ZoneKey) -> bool {
        let is_secondary = self.secondaries.get(key).is_some_and(Secondary::is_configured);
        is_secondary || self.forwards.contains_key(key)
    }

    /// Takes over the secondary zones of a configuration; says which are no more.
    pub(super) fn take_over_secondaries(&mut self, planned: Vec<PlannedSecondary>) -> Vec<ZoneKey> {
        let wanted: BTreeSet<&ZoneKey> = planned.iter().map(|zone| &zone.key).collect();
        let known = self.secondaries.keys();
        let removed: Vec<ZoneKey> = known.filter(|key| !wanted.contains(key)).cloned().collect();
        for key in &removed {
            info!("zone {key}: removed");
            self.wipe(key);
        }
        self.take_in(planned);
        removed
    }

    /// Removes a zone with all that is stored of it. The copy of one that a catalog has brought is removed at once: what comes back
    /// under the name is another zone (RFC 9432 §5.3).
    pub(super) fn wipe(&mut self, key: &ZoneKey) {
        self.must_list = true;
        self.board.remove(key);
        self.board.set_catalog(key, None);
        let Some(mut gone) = self.secondaries.remove(key) else {
            return;
        };
        gone.past.remove();
        let file = gone.file.filter(|_| gone.catalog.is_some());
        self.last_good.wipe(key, file, gone.catalog.is_some());
    }

    /// Enters new zones, with what an earlier run has left of them, and takes over how known ones are had.
    pub(super) fn take_in(&mut self, planned: Vec<PlannedSecondary>) {
        let mut new = Vec::new();
        for zone in planned {
            self.must_list = true;
            let copy = self.last_good.path(&zone.key);
            match self.secondaries.get_mut(&zone.key) {
                Some(known) => {
                    let is_elsewhere = known.file != zone.file;
                    known.status.file = zone.file.clone().unwrap_or(copy);
                    known.file = zone.file;
                    known.catalog = zone.catalog;
                    let info = ZoneInfo::new(zone.key.clone(), zone.rules, zone.source.kind());
                    known.source = zone.source;
                    known.info = Arc::new(info.following(&known.info));
                    if is_elsewhere && let Some(version) = known.version.clone() {
                        let copy = known.copy();
                        self.last_good.keep_transferred(&zone.key, version, copy, When::Later);
                    }
                    self.board.set(&zone.key, known.status.clone());
                }
                None => {
                    let path = self.last_good.journal_path(&zone.key);
                    let past = Past::new(zone.key.name.clone(), path);
                    new.push(zone.key.clone());
                    self.secondaries
                        .insert(zone.key.clone(), Secondary::new(zone, past, copy));
                }
            }
        }
        self.recall(&new);
    }

    /// Takes up what an earlier run has left of these zones.
    fn recall(&mut self, new: &[ZoneKey]) {
        let copies: Vec<(ZoneKey, PathBuf, last_good::Header)> = new
            .iter()
            .filter_map(|key| {
                let file = self.secondaries.get(key)?.status.file.clone();
                // Without its end mark a copy is not whole.
                let header = last_good::header(&file)?;
                Some((key.clone(), file, header))
            })
            .collect();
        let requests = copies.iter().map(|(key, file, _)| load::Request {
            key,
            file,
            standard: load::Standard::AsServed,
            base_dir: &self.base_dir,
            last_good: None,
            has_other_serial: false,
        });
        let attempts = load::in_parallel(&requests.collect::<Vec<_>>(), self.loading_threads());
        for ((key, file, header), attempt) in copies.iter().zip(attempts) {
            let Some(secondary) = self.secondaries.get_mut(key) else {
                continue;
            };
            let copy = match attempt.result {
                Ok(loaded) => loaded.zone,
                Err(problems) => {
                    for problem in problems.iter().take(1) {
                        warn!("zone {key}: the copy can't be served: {problem}");
                    }
                    continue;
                }
            };
            secondary.past.recall();
            let is_of_files = !header.is_transferred(&copy);
            // What was a primary zone so far needed nobody's word for it: its copy is as old as its last edit.
            let confirmed_at = match is_of_files {
                true => SystemTime::now(),
                false => last_good::confirmed_at(file).unwrap_or(SystemTime::UNIX_EPOCH),
            };
            let zone = replayed(copy, &mut secondary.past, key);
            let expires_at = confirmed_at + expires_after(zone.soa(), secondary.info.rules.timer_bounds());
            secondary.take(zone.clone(), confirmed_at);
            // What is made here nobody has to confirm.
            secondary.is_expired = secondary.source == Source::Transfer && SystemTime::now() >= expires_at;
            secondary.note(None);
            if is_of_files {
                // It was a primary zone so far: its copy, which is about to go, becomes this one's.
                self.last_good.keep_transferred(key, zone, secondary.copy(), When::Now);
            } else if self.is_serving {
                // It is about to go as that of the zone that just was one of this name.
                self.last_good
                    .keep_transferred(key, zone, secondary.copy(), When::Later);
            }
        }
        for key in new {
            let Some(secondary) = self.secondaries.get(key) else {
                continue;
            };
            self.board.set(key, secondary.status.clone());
            let served = secondary.version.clone().filter(|_| !secondary.is_expired);
            self.tell_changed(key, served.as_ref());
        }
    }

    /// What is there of a zone that is followed, expired or not.
    pub(super) fn stored(&self, key: &ZoneKey) -> Option<Stored> {
        if let Some(secondary) = self.secondaries.get(key) {
            return Some(Stored {
                zone: secondary.version.clone()?,
                confirmed_at: secondary.confirmed_at,
            });
        }
        // A primary's own version needs nobody's word.
        let zone = self.entries.get(key)?.served.clone()?;
        let confirmed_at = SystemTime::now();
        Some(Stored { zone, confirmed_at })
    }

    /// Stores and serves what came from a primary.
    pub(super) fn take_transferred(
        &mut self,
        key: &ZoneKey,
        received: Received,
        accept: bool,
    ) -> Result<Arc<Zone>, NotTaken> {
        if !self.secondaries.contains_key(key) && self.entries.contains_key(key) {
            return self.take_from_peer(key, received, accept);
        }
        let now = SystemTime::now();
        let taken = match received {
            Received::UpToDate(serial) => {
                let stored = self.stored(key).ok_or(NotTaken::NoSuchZone)?;
                // A primary that has an older version says nothing about ours.
                if stored.zone.serial() == serial {
                    self.take_confirmed(key, now);
                }
                return Ok(stored.zone);
            }
            Received::Zone(compiled) => self.take_zone(key, *compiled, accept, now),
            Received::Steps(steps) => self.take_steps(key, &steps, accept, now),
        };
        if let Some(secondary) = self.secondaries.get_mut(key) {
            if let Err(NotTaken::Held(_, loss)) = &taken {
                secondary.status.held = Some(*loss);
            }
            self.board.set(key, secondary.status.clone());
        }
        let zone = taken?;
        if accept {
            self.accept_next(key);
        }
        self.publish(std::slice::from_ref(key));
        self.tell_changed(key, Some(&zone));
        Ok(zone)
    }

    /// Stores and serves a version that was made of what a plugin knows. What is lost in it is gone: what a plugin may only seem to
    /// have lost is held back before it gets here.
    pub(super) fn take_made(&mut self, key: &ZoneKey, version: Received) -> Result<Arc<Zone>, NotTaken> {
        let is_made = self
            .secondaries
            .get(key)
            .is_some_and(|zone| zone.source == Source::Plugin);
        match is_made {
            true => self.take_transferred(key, version, true),
            false => Err(NotTaken::NoSuchZone),
        }
    }

    fn take_zone(
        &mut self,
        key: &ZoneKey,
        compiled: Compiled,
        accept: bool,
        now: SystemTime,
    ) -> Result<Arc<Zone>, NotTaken> {
        let secondary = self.secondaries.get_mut(key).ok_or(NotTaken::NoSuchZone)?;
        let zone = Arc::new(compiled.zone);
        secondary.check(&zone)?;
        judge(key, secondary, &zone, accept)?;
        self.serve_whole(key, zone.clone(), now);
        Ok(zone)
    }

    /// Makes this version the zone, without a step that leads to it.
    fn serve_whole(&mut self, key: &ZoneKey, zone: Arc<Zone>, now: SystemTime) {
        let Some(secondary) = self.secondaries.get_mut(key) else {
            return;
        };
        // The journal stays as it is: until the copy of this version is there, it leads from the one that is. The next step
        // doesn't follow its last one, unless a serial came twice.
        if let Some(old) = secondary
            .version
            .as_ref()
            .filter(|old| !zone.serial().is_after(old.serial()))
        {
            let reused = newer(secondary.past.reused(), old.serial());
            secondary.past.forget();
            secondary.past.note_reused(reused);
        }
        secondary.take(zone.clone(), now);
        // The thread that serves waits for no disk. Who is killed before it is written has the version before it, and transfers
        // it again.
        self.last_good.keep_transferred(key, zone, secondary.copy(), When::Now);
    }

    fn take_steps(
        &mut self,
        key: &ZoneKey,
        steps: &[Delta],
        accept: bool,
        now: SystemTime,
    ) -> Result<Arc<Zone>, NotTaken> {
        let secondary = self.secondaries.get_mut(key).ok_or(NotTaken::NoSuchZone)?;
        let old = secondary.version.clone().ok_or(NotTaken::NoVersion)?;
        let mut zone = old.clone();
        let mut exact = Vec::new();
        for step in steps {
            let (next, step) = step.apply_received(&zone).map_err(NotTaken::Unusable)?;
            zone = Arc::new(next);
            exact.push(Arc::new(step));
        }
        secondary.check(&zone)?;
        if guard::may_hold(&old, &exact) {
            judge(key, secondary, &zone, accept)?;
        }
        secondary
            .past
            .add(&exact, Durability::Kept)
            .map_err(NotTaken::Storage)?;
        let bytes_max = secondary.info.rules.journal_bytes_max_of(&zone);
        let mut is_full = secondary.past.is_larger_than(bytes_max);
        if is_full
            && let Some(header) = last_good::header(&secondary.status.file)
            && secondary.full_with != Some(header.serial())
        {
            if let Err(error) = secondary.past.shorten(bytes_max, Some(header.serial())) {
                warn!(%error, "zone {key}: the journal could not be shortened");
            }
            is_full = secondary.past.is_larger_than(bytes_max);
            secondary.full_with = is_full.then_some(header.serial());
        }
        secondary.take(zone.clone(), now);
        let copy = secondary.copy();
        // From a serial that came twice no restart follows the journal: until the copy is of a later one, it has to be the zone.
        let is_followed = secondary.past.leads_on_from(old.serial());
        // A copy that somebody reads is as new as the zone; one of ours has the journal beside it.
        if is_full || !is_followed || copy.file.is_some() {
            self.last_good.keep_transferred(key, zone.clone(), copy, When::Later);
        } else {
            self.last_good.confirm(key, copy);
        }
        Ok(zone)
    }

    /// A primary said that the version that is there is the zone: one that waits to be accepted is none that is to be had.
    pub(super) fn take_confirmed(&mut self, key: &ZoneKey, now: SystemTime) {
        let Some(secondary) = self.secondaries.get_mut(key) else {
            return;
        };
        if let Some(held) = secondary.held.take() {
            info!(
                "zone {key}: serial {}, which waited to be accepted, has been withdrawn",
                held.serial()
            );
            secondary.status.held = None;
            self.board.set(key, secondary.status.clone());
        }
        self.keep_alive(key, now);
    }

    /// A primary is there for the zone, for which the version that is here stands until another is accepted.
    pub(super) fn keep_alive(&mut self, key: &ZoneKey, now: SystemTime) {
        let Some(secondary) = self.secondaries.get_mut(key) else {
            return;
        };
        if secondary.version.is_none() {
            return;
        }
        secondary.confirmed_at = now;
        self.last_good.confirm(key, secondary.copy());
        if std::mem::take(&mut secondary.is_expired) {
            secondary.note(None);
            self.board.set(key, secondary.status.clone());
            self.interpreter.note_version(key);
            self.publish(std::slice::from_ref(key));
        }
    }

    /// No primary has confirmed the zone for as long as it says (RFC 1034 §4.3.5): questions for it get SERVFAIL.
    pub(super) fn expire(&mut self, key: &ZoneKey) {
        let Some(secondary) = self.secondaries.get_mut(key) else {
            return;
        };
        if secondary.version.is_none() || secondary.is_expired {
            return;
        }
        warn!("zone {key}: expired; queries for it get SERVFAIL");
        secondary.is_expired = true;
        secondary.note(None);
        self.board.set(key, secondary.status.clone());
        self.publish(std::slice::from_ref(key));
    }

    /// What a reload of a secondary zone comes to: a version that waits is served when that is accepted.
    pub(super) fn reload_secondary(&mut self, key: &ZoneKey, accept: bool) -> Option<LoadOutcome> {
        let secondary = self.secondaries.get_mut(key)?;
        let Some(held) = secondary.held.take_if(|_| accept) else {
            if accept && let Some(taken) = self.accept_members(key) {
                return Some(taken);
            }
            let secondary = self.secondaries.get(key)?;
            return Some(match secondary.status.held {
                Some(loss) => LoadOutcome::Held {
                    zone: key.clone(),
                    loss,
                },
                None => LoadOutcome::NotFromFile,
            });
        };
        self.accept_next(key);
        self.serve_whole(key, held.clone(), SystemTime::now());
        if let Some(secondary) = self.secondaries.get(key) {
            self.board.set(key, secondary.status.clone());
        }
        self.publish(std::slice::from_ref(key));
        self.tell_changed(key, Some(&held));
        Some(LoadOutcome::Loaded {
            zone: held,
            warnings: Vec::new(),
            took: Duration::ZERO,
        })
    }
}

/// Holds back a version that has lost most of the zone.
fn judge(key: &ZoneKey, secondary: &mut Secondary, new: &Arc<Zone>, accept: bool) -> Result<(), NotTaken> {
    let Some(old) = &secondary.version else { return Ok(()) };
    let Verdict::Hold(loss) = guard::judge(old, new, accept) else {
        return Ok(());
    };
    secondary.held = Some(new.clone());
    Err(NotTaken::Held(key.clone(), loss))
}

/// The version that the journal leads to from the copy. A journal that doesn't lead on from it is of no use.
fn replayed(copy: Arc<Zone>, past: &mut Past, key: &ZoneKey) -> Arc<Zone> {
    // Of a serial that came twice the journal may go on from the other version.
    if !past.leads_on_from(copy.serial()) {
        return copy;
    }
    let steps = past.steps_from(copy.serial());
    let applied = steps
        .iter()
        .try_fold(copy.clone(), |zone, step| step.apply(&zone).map(Arc::new));
    applied.unwrap_or_else(|error| {
        warn!("zone {key}: the journal doesn't fit the copy: {error}");
        past.forget();
        copy
    })
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchZone => f.write_str("the zone is none any more that comes from elsewhere"),
            Self::HeldFromPeer(zone, loss) => write!(
                f,
                "held: {} → {} records, of which {} would be lost; `dnsd retransfer {}` if that is meant",
                loss.old_records,
                loss.new_records,
                loss.removed,
                zone.as_arguments()
            ),
            Self::Frozen => f.write_str("the zone is frozen"),
            Self::NotWritten(error) => error.fmt(f),
            Self::Held(zone, loss) => write!(
                f,
                "held: {} → {} records, of which {} would be lost; `dnsd reload {} --accept` if that is meant",
                loss.old_records,
                loss.new_records,
                loss.removed,
                zone.as_arguments()
            ),
            Self::Unusable(error) => write!(f, "the steps don't fit the version here: {error}"),
            Self::NoVersion => f.write_str("steps, but there is no version here that they could start from"),
            Self::NoNs => f.write_str("it has no NS records"),
            Self::Unsound(findings) => match findings.iter().find(|finding| finding.severity() == Severity::Error) {
                Some(finding) => finding.fmt(f),
                None => f.write_str("it has errors"),
            },
            Self::TooLarge => f.write_str("larger than max-records or zone-max-size allow"),
            Self::Storage(error) => write!(f, "the journal can't be written: {error}"),
        }
    }
}
