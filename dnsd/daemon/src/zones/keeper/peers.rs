//! Versions that a primary zone takes from its peers, and how they go together with its file.
//!
//! The file is the zone's home here as well, so a version that is taken is written into it, whole and through to the disk,
//! before it is served. A file that somebody has edited meanwhile, and that isn't loaded yet, is not written over: the edit is
//! loaded first, and its serial then stands against the peer's. What only the version had that gives way is kept in a file of
//! its own.

use std::sync::Arc;
use std::time::SystemTime;

use dnsd_core::transfer::Received;
use dnsd_core::zone::Zone;
use dnsd_core::zone::check::{check_on, check_step, has_errors};
use dnsd_core::zone::difference::Difference;
use tracing::info;

use super::super::board::ServedFrom;
use super::super::guard::{self, Verdict};
use super::super::key::ZoneKey;
use super::super::last_good;
use super::super::load::ReadFile;
use super::Keeper;
use super::entry::Entry;
use super::secondaries::NotTaken;
use super::updates::SyncError;

impl Entry {
    /// Whether its file may be written over with a version of a peer's.
    fn may_be_replaced(&self) -> Result<(), NotTaken> {
        if self.dynamic.as_ref().is_some_and(|dynamic| dynamic.is_frozen) {
            return Err(NotTaken::Frozen);
        }
        let is_there = match &self.served {
            Some(_) => self.is_as_in_file(),
            // A file with errors is somebody's; one that isn't there is to come from the peer.
            None => !self.is_in_conflict && self.file_is_gone(),
        };
        match is_there {
            true => Ok(()),
            false => Err(NotTaken::NotWritten(SyncError::FileNotServed)),
        }
    }
}

impl Keeper {
    /// Writes a peer's version into the zone's file, and serves it.
    pub(super) fn take_from_peer(
        &mut self,
        key: &ZoneKey,
        received: Received,
        accept: bool,
    ) -> Result<Arc<Zone>, NotTaken> {
        let entry = self.entries.get(key).ok_or(NotTaken::NoSuchZone)?;
        entry.may_be_replaced()?;
        let old = entry.served.clone();
        let (new, is_whole, may_be_held) = match received {
            Received::UpToDate(_) => return old.ok_or(NotTaken::NoVersion),
            Received::Zone(compiled) => {
                // The file is to be one that can be loaded again.
                let findings = check_on(&compiled, self.threads);
                if has_errors(&findings) {
                    return Err(NotTaken::Unsound(findings));
                }
                (Arc::new(compiled.zone), true, true)
            }
            Received::Steps(steps) => {
                let old = old.as_ref().ok_or(NotTaken::NoVersion)?;
                let mut zone = old.clone();
                let mut exact = Vec::new();
                for step in &steps {
                    let (next, step) = step.apply_received(&zone).map_err(NotTaken::Unusable)?;
                    zone = Arc::new(next);
                    exact.push(Arc::new(step));
                }
                // What one step has broken a later one may have mended: the last version counts.
                let findings: Vec<_> = steps.iter().flat_map(|step| check_step(&zone, step)).collect();
                if has_errors(&findings) {
                    return Err(NotTaken::Unsound(findings));
                }
                (zone, false, guard::may_hold(old, &exact))
            }
        };
        if entry.info.rules.is_too_large(&new) {
            return Err(NotTaken::TooLarge);
        }
        if let Some(old) = old.as_ref().filter(|_| may_be_held)
            && let Verdict::Hold(loss) = guard::judge(old, &new, accept)
        {
            return Err(NotTaken::HeldFromPeer(key.clone(), loss));
        }
        // Then no update is missing in the file, whatever happens between the writing and the journal.
        self.sync(key).map_err(NotTaken::NotWritten)?;
        // Steps start from a version that the peer had, too.
        if let Some(old) = old.as_ref().filter(|_| is_whole) {
            self.keep_replaced(key, old, &new)?;
        }
        self.replace_file(key, old.as_deref(), &new)?;
        info!("zone {key}: serial {} of a peer is in its file", new.serial());
        self.publish(std::slice::from_ref(key));
        self.tell_changed(key, Some(&new));
        Ok(new)
    }

    /// Keeps the version that gives way, if it has what the new one hasn't.
    fn keep_replaced(&self, key: &ZoneKey, old: &Zone, new: &Zone) -> Result<(), NotTaken> {
        // Of any two versions one is the SOA record.
        if Difference::between(old, new).removed <= 1 {
            return Ok(());
        }
        let kept = self.last_good.keep_replaced(key, old);
        let kept = kept.map_err(|error| NotTaken::NotWritten(SyncError::File(error)))?;
        info!(
            "zone {key}: serial {} gives way to serial {} of a peer and is kept in {}",
            old.serial(),
            new.serial(),
            kept.display()
        );
        Ok(())
    }

    fn replace_file(&mut self, key: &ZoneKey, old: Option<&Zone>, new: &Arc<Zone>) -> Result<(), NotTaken> {
        let entry = self.entries.get_mut(key).ok_or(NotTaken::NoSuchZone)?;
        let no_file = ReadFile {
            path: entry.file.clone(),
            stamp: None,
        };
        let replaced = match old {
            Some(_) => &entry.seen[..],
            None => std::slice::from_ref(&no_file),
        };
        let written = last_good::write_file(&entry.file, new, replaced);
        entry.seen = vec![written.map_err(|error| NotTaken::NotWritten(error.into()))?];
        entry.served = Some(new.clone());
        entry.follow_file(old, new, new, &self.last_good);
        self.last_good.keep(key, new.clone(), &entry.seen);
        entry.status.served_from = ServedFrom::File;
        entry.status.serial = Some(new.serial());
        entry.status.records = new.record_count();
        entry.status.loaded_at = Some(SystemTime::now());
        entry.status.errors.clear();
        entry.status.warnings.clear();
        entry.status.file_is_gone = false;
        self.board.set(key, entry.status.clone());
        self.to_watch.push(key.clone());
        Ok(())
    }
}
