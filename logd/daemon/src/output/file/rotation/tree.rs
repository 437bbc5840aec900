//! The files of one output, wherever its path template puts them.

use std::sync::atomic::{AtomicI64, Ordering};

use logd_core::path::{PathPattern, PathTemplate};

use super::super::output::Owner;
use super::super::path::FilePath;
use super::super::store::Store;

/// An output's tree.
pub(crate) struct Tree {
    pub(super) owner: Owner,
    /// What the administrator wrote, with its slash.
    pub(super) root: Box<[u8]>,
    pub(super) pattern: PathPattern,
    is_fixed: bool,
    /// The period, by its start, whose files were all looked at.
    period_s: AtomicI64,
}

impl Tree {
    /// The tree of an output whose files are rotated or removed; `None` if neither.
    pub(crate) fn of(owner: &Owner, path: &PathTemplate) -> Option<Self> {
        owner.output.settings().marks_files().then(|| Self {
            owner: owner.clone(),
            root: path.root().into(),
            pattern: path.pattern(),
            is_fixed: path.is_fixed(),
            period_s: AtomicI64::new(i64::MIN),
        })
    }

    /// How much of a path is trusted, see [`FilePath::new`].
    pub(super) fn trusted(&self) -> usize {
        if self.is_fixed { usize::MAX } else { self.root.len() }
    }

    /// A file that was found in it: no link, whatever the template.
    pub(super) fn found(&self, path: &[u8]) -> FilePath {
        FilePath::new(path, self.root.len())
    }

    /// Whether its file system is known not to answer at the moment.
    pub(super) fn is_stuck(&self, store: &Store) -> bool {
        store.volumes().is_stuck(self.found(&self.root).trusted_directory())
    }

    /// Whether a period has begun since this was asked last.
    pub(super) fn enters_period(&self, start_s: i64) -> bool {
        self.period_s.swap(start_s, Ordering::Relaxed) != start_s
    }
}
