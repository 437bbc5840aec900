//! Rotation, compression and retention of the files of an output.
//!
//! A file is rotated by who writes to it, under the lock of its descriptor ([`LogFile::rotate`](super::LogFile::rotate)): it is
//! renamed and closed, so the next line opens a new one, and no line is torn, lost or written twice. Files that nobody writes to are found by a
//! thread that walks the tree when a period of `every` ends. Another thread, of the lowest priority, compresses what was
//! rotated and removes what `keep` is over for ([`threads`]).
//!
//! # Whose files these are
//! A tree may hold files of other programs, and a message can give a file nearly any name. So the name alone decides nothing:
//! logd marks each file that it writes to with an extended attribute ([`mark`]), and touches no file without it. The mark
//! goes with the file through renames and restarts and with no copy of it, says since when the file has been written to, and needs no
//! state beside the files that could be lost or go out of step.

mod compress;
mod hand_over;
mod mark;
mod rename;
mod retain;
mod threads;
mod tree;
mod walk;

use std::time::Duration;

use logd_core::rotation::{Compression, Every};

pub(crate) use hand_over::ArchiveTo;
pub(super) use mark::Mark;
pub(super) use rename::set_aside;
pub(crate) use threads::Archive;
pub(crate) use threads::Archivist;
pub(super) use threads::unix_s;
pub(crate) use tree::Tree;

/// `rotate`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rotate {
    /// A file that would become longer than this.
    pub(crate) size_bytes: Option<u64>,
    /// Files whose first line is of an earlier period.
    pub(crate) every: Option<Every>,
    /// How rotated files are compressed.
    pub(crate) compress: Option<Compression>,
}

/// `keep`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keep {
    /// How long after its last line a file stays.
    pub(crate) age: Option<Duration>,
    /// How much all files of the output may take.
    pub(crate) total_bytes: Option<u64>,
}

/// Why a file is to be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It would become longer than `size`.
    Size,
    /// A period of `every` has ended.
    Time,
    /// `logd rotate`
    Asked,
}

#[cfg(test)]
mod tests;
