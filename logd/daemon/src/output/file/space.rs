//! How much room the file systems have left, looked up at most once a second for each.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::statvfs::fstatvfs;

/// How old an answer may be. A disk that fills at 1 GB/s is noticed 1 GB late; `min-free` is set with more in hand.
const FRESH: Duration = Duration::from_secs(1);

/// Free bytes by device number.
#[derive(Debug, Default)]
pub(super) struct Space {
    known: Mutex<HashMap<u64, (Instant, u64)>>,
}

impl Space {
    /// Bytes that may still be written to the file system of this file. What cannot be asked has room.
    pub(super) fn free_bytes(&self, file: impl AsFd, device: u64, now: Instant) -> u64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, free)) = known.get(&device)
            && now.duration_since(*asked) < FRESH
        {
            return *free;
        }
        let free = fstatvfs(file).map_or(u64::MAX, |stat| {
            stat.blocks_available().saturating_mul(stat.fragment_size())
        });
        known.insert(device, (now, free));
        free
    }
}
