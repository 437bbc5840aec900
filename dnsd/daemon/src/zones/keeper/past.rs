//! Edits of a primary zone as steps of incremental transfers.

use std::sync::Arc;

use dnsd_core::serial::Serial;
use dnsd_core::transfer::Delta;
use dnsd_core::zone::Zone;
use dnsd_core::zone::difference::Difference;
use tracing::warn;

use super::super::journal::{Durability, Past};
use super::super::last_good::LastGood;
use super::entry::Entry;

impl Entry {
    /// Makes what lies between two versions of its file the newest step. Content that changed under a serial that did not go
    /// up has none, nothing before it leads to it, and no step is told to who has a version of a serial that was used before:
    /// they transfer the zone as a whole. `old` is what was served, if anything was.
    pub(super) fn follow(&mut self, old: Option<&Zone>, new: &Zone, copies: &LastGood) {
        let rules = &self.info.rules;
        let is_of_use = rules.provide_ixfr && rules.allow_transfer.always() != Some(false);
        if !is_of_use {
            if let Some(mut past) = self.past.take() {
                past.remove();
                self.info.history.store(Arc::default());
            }
            return;
        }
        let bytes_max = rules.journal_bytes_max_of(new);
        let base = old.unwrap_or(new).serial();
        let mut past = self.past.take().unwrap_or_else(|| {
            let key = &self.info.key;
            let mut past = Past::new(key.name.clone(), copies.journal_path(key));
            if copies.has_journal_of_earlier_run(key) {
                past.recall();
            }
            past
        });
        if past.newest().is_some_and(|newest| newest != base) {
            past.forget();
        }
        match old {
            Some(old) if new.serial().is_after(old.serial()) => self.add_step(&mut past, old, new, bytes_max),
            Some(old) if Difference::between(old, new) != Difference::default() => {
                past.forget();
                past.note_reused(newer(past.reused(), old.serial()));
            }
            Some(_) | None => {}
        }
        self.info.history.store(past.history());
        self.past = Some(past);
    }

    fn add_step(&self, past: &mut Past, old: &Zone, new: &Zone, bytes_max: u64) {
        let key = &self.info.key;
        let step = Delta::between(old, new);
        if step.encoded_bytes() as u64 > bytes_max {
            // The zone as a whole is not more.
            return past.forget();
        }
        // What is lost when the machine stops costs a whole transfer and nothing else: the file has the version.
        let added = past.add(&[Arc::new(step)], Durability::Spare);
        let kept = added.and_then(|()| match past.is_larger_than(bytes_max) {
            true => past.shorten(bytes_max, None),
            false => Ok(()),
        });
        if let Err(error) = kept {
            warn!(%error, "zone {key}: the journal can't be written: secondaries will transfer it as a whole after a restart");
        }
    }
}

/// The newer of serials that were used for different contents.
pub(super) fn newer(reused: Option<Serial>, serial: Serial) -> Serial {
    reused.filter(|reused| reused.is_after(serial)).unwrap_or(serial)
}
