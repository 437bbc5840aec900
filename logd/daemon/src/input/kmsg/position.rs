//! How far the kernel's log was read, over restarts: `BOOT-ID SEQUENCE`. The numbers of another boot say nothing about this one.

use std::fs;
use std::path::Path;

use logd_core::kmsg::{Followed, Follower};

use super::super::kept::Kept;

/// Where the kernel says which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How far it was read, and where that is kept.
pub(in crate::input) struct Position {
    boot: String,
    follower: Follower,
    kept: Kept,
}

impl Position {
    /// Where the last run has left off with a device, by what it has kept in this directory.
    pub(in crate::input) fn load(work_dir: &Path, device: &Path) -> Self {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        let name = device.to_string_lossy().trim_start_matches('/').replace('/', "-");
        let kept = Kept::load(work_dir.join(format!("kmsg.{name}")));
        Self {
            follower: Follower::after(last_of_boot(kept.line(), &boot)),
            boot,
            kept,
        }
    }

    pub(super) fn follow(&mut self, sequence: u64) -> Followed {
        self.follower.follow(sequence)
    }

    /// Keeps it, if it has changed.
    pub(super) fn keep(&mut self) {
        if let Some(last) = self.follower.last() {
            self.kept.keep(&format!("{} {last}", self.boot));
        }
    }

    /// Waits until what is to be kept is written.
    pub(super) async fn written(&mut self) {
        self.kept.written().await;
    }
}

/// The number in a line of this boot.
fn last_of_boot(line: &str, boot: &str) -> Option<u64> {
    let (of, sequence) = line.split_once(' ')?;
    (of == boot).then(|| sequence.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_another_boot_say_nothing() {
        assert_eq!(last_of_boot("a-b 17", "a-b"), Some(17));
        assert_eq!(last_of_boot("a-b 17", "a-c"), None);
        assert_eq!(last_of_boot("", "a-c"), None);
        assert_eq!(last_of_boot("a-b 1x", "a-b"), None);
    }

    #[tokio::test]
    async fn a_position_is_kept_for_each_device() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = ["/dev/kmsg", "/dev/other"].map(Path::new);
        let mut position = Position::load(directory.path(), one);
        position.follow(41);
        position.keep();
        position.written().await;
        let mut again = Position::load(directory.path(), one);
        assert_eq!(again.follow(41), Followed::Known);
        assert_eq!(again.follow(43), Followed::New { lost: 1 });
        assert_eq!(
            Position::load(directory.path(), other).follow(1),
            Followed::New { lost: 0 }
        );
    }
}
