//! The shrink guard of PLUGIN.md: a snapshot that lacks much of what is known may come of a listing that failed.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::news::Held;
use super::inventory::{Inventory, Position};

/// Of an inventory of fewer hosts any snapshot is taken.
const HOSTS_MIN: usize = 10;
/// A snapshot may lack so much of what is known.
const MISSING_PERCENT_MAX: usize = 30;

/// A snapshot, and the deltas that have come after it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) inventory: Inventory,
    pub(super) position: Position,
    /// Known hosts that it lacks.
    missing: HashSet<Arc<str>>,
    /// The snapshot itself had no host at all.
    was_empty: bool,
}

/// The ids of known hosts that the plugin has said to be gone, while it was not believed yet.
pub(super) type Reported = HashSet<Arc<str>>;

impl Candidate {
    pub(super) fn new(inventory: Inventory, position: Position, known: &Inventory) -> Self {
        Self {
            missing: known.lacking_in(&inventory),
            was_empty: inventory.is_empty(),
            inventory,
            position,
        }
    }

    /// What it is held for; `None`: it is fine.
    pub(super) fn held(&self, known: &Inventory, reported: &Reported) -> Option<Held> {
        if known.len() < HOSTS_MIN || self.missing.len() * 100 <= known.len() * MISSING_PERCENT_MAX {
            return None;
        }
        let unreported = self.missing.difference(reported).count();
        (self.was_empty || unreported > 0).then(|| Held {
            missing: self.missing.len(),
            unreported,
            of: known.len(),
        })
    }

    /// Keeps account of hosts that a delta brought or took away.
    pub(super) fn note_delta<'a>(
        &mut self,
        brought: impl Iterator<Item = &'a Arc<str>>,
        gone: impl Iterator<Item = &'a Arc<str>>,
        known: &Inventory,
    ) {
        for id in gone.filter(|id| known.host(id).is_some()) {
            self.missing.insert(id.clone());
        }
        for id in brought {
            self.missing.remove(id);
        }
    }
}
