//! What one `[output.NAME.file]` says.

use std::time::Duration;

use nix::unistd::{Gid, Uid};

use super::new_files::NEW_FILES_MAX;
use super::rotation::{ArchiveTo, Keep, Rotate};
use crate::output::WhenFull;

/// How an output makes and writes its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSettings {
    /// Owner of new files; `None`: the daemon's own user.
    pub(crate) owner: Option<Uid>,
    /// Group of new files.
    pub(crate) group: Option<Gid>,
    /// Permission bits of new files, before the umask.
    pub(crate) file_mode: u32,
    /// Owner of new directories.
    pub(crate) dir_owner: Option<Uid>,
    /// Group of new directories.
    pub(crate) dir_group: Option<Gid>,
    /// Permission bits of new directories, before the umask.
    pub(crate) dir_mode: u32,
    /// How long a line may wait in its buffer. Zero: every line is written at once.
    pub(crate) flush_interval: Duration,
    /// When what was written is made to survive a power cut.
    pub(crate) sync: Sync,
    /// What happens to lines that the file system has no room for.
    pub(crate) when_full: WhenFull,
    /// A file system with less free bytes than this counts as full.
    pub(crate) min_free_bytes: u64,
    /// Files open at a time; `None`: as many as the process may have.
    pub(crate) open_files_max: Option<usize>,
    /// When and how its files are rotated.
    pub(crate) rotate: Option<Rotate>,
    /// How long its files are kept.
    pub(crate) keep: Keep,
    /// Where rotated files are kept beside.
    pub(crate) archive: Option<Box<ArchiveTo>>,
    /// Files that each sender may make in a minute. Zero: as many as it likes.
    pub(crate) new_files_max: u32,
}

impl FileSettings {
    /// Whether its files are marked as logd's: those that are rotated or removed.
    pub(crate) fn marks_files(&self) -> bool {
        self.rotate.is_some() || self.keep != Keep::default()
    }

    /// Whether files or directories are given to somebody.
    pub(crate) fn gives_away(&self) -> bool {
        self.owner.is_some() || self.group.is_some() || self.dir_owner.is_some() || self.dir_group.is_some()
    }
}

/// When files are synced to their device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// When the system sees fit.
    Never,
    /// At most so long after a write.
    Every(Duration),
    /// After every write.
    Always,
}

/// As on a log server of the usual kind: readable for a group of readers, not for everybody.
impl Default for FileSettings {
    fn default() -> Self {
        Self {
            owner: None,
            group: None,
            file_mode: 0o640,
            dir_owner: None,
            dir_group: None,
            dir_mode: 0o755,
            flush_interval: Duration::from_millis(100),
            sync: Sync::Never,
            when_full: WhenFull::Block,
            min_free_bytes: 0,
            open_files_max: None,
            rotate: None,
            keep: Keep::default(),
            archive: None,
            new_files_max: NEW_FILES_MAX,
        }
    }
}
