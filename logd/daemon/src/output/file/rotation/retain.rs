//! A round through a tree: what interrupted compressions have left goes, what was rotated is compressed, and what `keep` is over
//! for is removed, the oldest first. What a plugin is to keep elsewhere, and does not yet, goes only when `total` forces it, and last.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, statat, unlinkat};
use tracing::{info, warn};

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
    /// A plugin is to keep it elsewhere, and does not yet.
    is_awaited: bool,
    /// When its last line was written.
    last_s: i64,
    path: Vec<u8>,
    bytes: u64,
    seen: Seen,
}

/// What was looked at: a file of the same name that is another one, or has new lines, is not removed in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    written: (i64, i64),
}

impl Seen {
    fn of(stat: &rustix::fs::Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            written: (stat.st_mtime, stat.st_mtime_nsec as i64),
        }
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |candidate: &Self| (candidate.is_awaited, candidate.last_s);
        (key(self), &self.path).cmp(&(key(other), &other.path))
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
            Kind::Partial => {
                self.remove_file(found.path, Seen::of(&found.stat), None);
                return;
            }
            Kind::Rotated(rotated) if rotated.compression.is_none() => {
                if (self.is_awaited(found) || !self.is_over_age(found))
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
        if self.is_over_age(found) && !self.is_awaited(found) {
            self.remove_file(found.path, Seen::of(&found.stat), Some(Removed::Age));
            return;
        }
        self.total_bytes += bytes;
        if keep.total_bytes.is_some() {
            self.oldest.push(Candidate {
                is_awaited: self.is_awaited(found),
                last_s: found.stat.st_mtime,
                path: found.path.to_vec(),
                bytes,
                seen: Seen::of(&found.stat),
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

    /// Whether a plugin is to keep it elsewhere before it goes.
    fn is_awaited(&self, found: &Found<'_>) -> bool {
        self.tree.owner.output.settings().archive.is_some() && !found.is_archived
    }

    /// Removes the oldest files until the others are within `total`. Whether more must go than were remembered.
    fn remove_beyond_total(&mut self) -> bool {
        let Some(total) = self.tree.owner.output.settings().keep.total_bytes else {
            return false;
        };
        let was_full = self.oldest.len() == OLDEST_MAX;
        let mut removed_any = false;
        let oldest = std::mem::take(&mut self.oldest).into_sorted_vec();
        for candidate in oldest {
            if self.total_bytes <= total || self.work.is_stopped() {
                return false;
            }
            let why = match candidate.is_awaited {
                true => Removed::Unarchived,
                false => Removed::Total,
            };
            if self.remove_file(&candidate.path, candidate.seen, Some(why)) {
                removed_any = true;
                self.total_bytes = self.total_bytes.saturating_sub(candidate.bytes);
            }
        }
        // Where nothing can be removed another round would find the same.
        was_full && removed_any && self.total_bytes > total
    }

    /// Removes a file, unless it is another one by now or lines go to it. Whether it is gone.
    fn remove_file(&self, path: &[u8], seen: Seen, why: Option<Removed>) -> bool {
        if self.store.knows(path) {
            return false;
        }
        let output = &self.tree.owner.output;
        let path = self.tree.found(path);
        match remove(&path, seen) {
            Ok(true) => {}
            Ok(false) | Err(nix::errno::Errno::ENOENT) => return false,
            Err(errno) => {
                output.warn_not_removed(&path, &errno.desc());
                return false;
            }
        }
        if let Some(why) = why {
            output.count_removed(why);
            let (output, path) = (output.name(), path.as_path().display());
            if why == Removed::Unarchived {
                warn!(output, %path, "a file that was not archived is removed: `total` forces it");
            } else {
                info!(output, %path, because = why.key(), "file removed");
            }
        }
        true
    }
}

/// Removes a file, if it is still what was seen, and the directories above it that are empty then, below the root of the tree.
fn remove(path: &FilePath, seen: Seen) -> Result<bool, nix::errno::Errno> {
    let directory = open_directory(path)?;
    let failed = |errno: rustix::io::Errno| nix::errno::Errno::from_raw(errno.raw_os_error());
    let stat = statat(&directory, path.file_name(), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    if Seen::of(&stat) != seen {
        return Ok(false);
    }
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
    Ok(true)
}

fn blocks(found: &Found<'_>) -> u64 {
    found.stat.st_blocks.unsigned_abs().saturating_mul(BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::stat;

    use super::*;

    #[test]
    fn a_file_that_has_changed_since_it_was_seen_stays() {
        let tree = tempfile::tempdir().unwrap();
        let file = tree.path().join("host/app.log");
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(&file, "old\n").unwrap();
        let seen = Seen::of(&stat(&file).unwrap());
        let path = FilePath::new(file.as_os_str().as_bytes(), tree.path().as_os_str().len() + 1);
        // Another file of the same name.
        fs::write(tree.path().join("new"), "new\n").unwrap();
        fs::rename(tree.path().join("new"), &file).unwrap();
        assert_eq!(remove(&path, seen), Ok(false));
        assert_eq!(fs::read(&file).unwrap(), b"new\n");
        let seen = Seen::of(&stat(&file).unwrap());
        assert_eq!(remove(&path, seen), Ok(true));
        assert!(!file.parent().unwrap().exists(), "the folder of a dead host goes too");
    }
}
