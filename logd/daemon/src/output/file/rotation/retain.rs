//! A round through a tree: what interrupted compressions have left goes, what was rotated is compressed, and what `keep` is over
//! for is removed, the oldest first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, unlinkat};
use tracing::info;

use super::super::open::{open_directory, open_trusted};
use super::super::path::FilePath;
use super::super::store::Store;
use super::threads::Work;
use super::tree::Tree;
use super::walk::{Found, Kind, Visitor};
use crate::output::file::output::Removed;

/// How many of the oldest files one round can remove for `total`: what it remembers is bounded, and another round follows.
const OLDEST_MAX: usize = 20_000;

/// The unit of st_blocks, whatever the file system's own blocks are.
const BLOCK_BYTES: u64 = 512;

/// One round through one tree.
pub(super) struct Round<'r> {
    tree: &'r Tree,
    store: &'r Store,
    work: &'r Work,
    now_s: i64,
    /// What all files take.
    total_bytes: u64,
    /// Of what can be removed, the oldest; the youngest of them is on top.
    oldest: BinaryHeap<Candidate>,
}

/// A file that can be removed.
#[derive(PartialEq, Eq)]
struct Candidate {
    /// When its last line was written.
    last_s: i64,
    path: Vec<u8>,
    bytes: u64,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.last_s, &self.path).cmp(&(other.last_s, &other.path))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Goes through a tree once.
pub(super) fn go_round(tree: &Tree, store: &Store, work: &Work, now_s: i64) {
    loop {
        let mut round = Round {
            tree,
            store,
            work,
            now_s,
            total_bytes: 0,
            oldest: BinaryHeap::new(),
        };
        tree.walk(&mut round, now_s);
        if !round.remove_beyond_total() {
            return;
        }
    }
}

impl Visitor for Round<'_> {
    fn is_done(&self) -> bool {
        self.work.is_stopped()
    }

    fn visit(&mut self, found: &Found<'_>) {
        let keep = self.tree.owner.output.settings().keep;
        let bytes = blocks(found);
        match found.kind {
            Kind::Partial => return self.remove_file(found.path, None),
            Kind::Rotated(rotated) if rotated.compression.is_none() => {
                if !self.is_over_age(found)
                    && self
                        .work
                        .compress(&self.tree.owner.output, &self.tree.found(found.path))
                {
                    // How much it takes now is seen by the next round.
                    return;
                }
            }
            // A file that is written to is neither old nor does it go.
            Kind::Live { .. } if self.store.knows(found.path) => {
                self.total_bytes += bytes;
                return;
            }
            Kind::Rotated(_) | Kind::Live { .. } => {}
        }
        if self.is_over_age(found) {
            return self.remove_file(found.path, Some(Removed::Age));
        }
        self.total_bytes += bytes;
        if keep.total_bytes.is_some() {
            self.oldest.push(Candidate {
                last_s: found.stat.st_mtime,
                path: found.path.to_vec(),
                bytes,
            });
            if self.oldest.len() > OLDEST_MAX {
                self.oldest.pop();
            }
        }
    }

    fn removes_empty_directories(&self) -> bool {
        let keep = self.tree.owner.output.settings().keep;
        keep.age.is_some() || keep.total_bytes.is_some()
    }
}

impl Round<'_> {
    fn is_over_age(&self, found: &Found<'_>) -> bool {
        let age = self.tree.owner.output.settings().keep.age;
        let age_s = age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        age_s.is_some_and(|age_s| found.stat.st_mtime < self.now_s.saturating_sub(age_s))
    }

    /// Removes the oldest files until the others are within `total`. Whether more must go than were remembered.
    fn remove_beyond_total(&mut self) -> bool {
        let Some(total) = self.tree.owner.output.settings().keep.total_bytes else {
            return false;
        };
        let was_full = self.oldest.len() == OLDEST_MAX;
        let oldest = std::mem::take(&mut self.oldest).into_sorted_vec();
        for candidate in oldest {
            if self.total_bytes <= total || self.work.is_stopped() {
                return false;
            }
            self.remove_file(&candidate.path, Some(Removed::Total));
            self.total_bytes = self.total_bytes.saturating_sub(candidate.bytes);
        }
        was_full && self.total_bytes > total
    }

    fn remove_file(&self, path: &[u8], why: Option<Removed>) {
        let path = self.tree.found(path);
        if remove(&path).is_err() {
            return;
        }
        if let Some(why) = why {
            self.tree.owner.output.count_removed(why);
            info!(output = self.tree.owner.output.name(), path = %path.as_path().display(), because = why.key(), "file removed");
        }
    }
}

/// Removes a file, and the directories above it that are empty then, below the root of the tree.
fn remove(path: &FilePath) -> Result<(), nix::errno::Errno> {
    let directory = open_directory(path)?;
    let failed = |errno: rustix::io::Errno| nix::errno::Errno::from_raw(errno.raw_os_error());
    unlinkat(&directory, path.file_name(), AtFlags::empty()).map_err(failed)?;
    let (directories, _) = path.below();
    let directories: Vec<&Path> = directories.collect();
    for depth in (1..=directories.len()).rev() {
        let mut above = open_trusted(path)?;
        for name in &directories[..depth - 1] {
            above = super::super::open::open_below(above.as_fd(), name)?;
        }
        if unlinkat(&above, directories[depth - 1], AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
    Ok(())
}

fn blocks(found: &Found<'_>) -> u64 {
    found.stat.st_blocks.unsigned_abs().saturating_mul(BLOCK_BYTES)
}
