//! Times of receipt in log lines: two collectors don't get a message in the same second, so they are masked before files are
//! compared.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::daemon::output;

/// What stands where a time of receipt stood; as long as one.
const MASK: &[u8] = b"(time of rcpt.)";

/// Seconds since the epoch.
///
/// # Panics
/// When the machine's clock is before it.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is set")
        .as_secs()
}

/// The stamps `Mmm dd hh:mm:ss`, in the machine's zone, of all seconds since then.
#[must_use]
pub fn traditional_stamps(since: u64) -> Vec<Vec<u8>> {
    (since..=now())
        .map(|second| {
            output("date", ["-d", &format!("@{second}"), "+%b %e %H:%M:%S"])
                .trim_end()
                .into()
        })
        .collect()
}

/// The lines, with the stamps masked that they begin with.
#[must_use]
pub fn masked(lines: &[u8], stamps: &[Vec<u8>]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|b| *b == b'\n') {
        match stamps.iter().find_map(|stamp| line.strip_prefix(stamp.as_slice())) {
            Some(rest) => {
                masked.extend_from_slice(MASK);
                masked.extend_from_slice(rest);
            }
            None => masked.extend_from_slice(line),
        }
    }
    masked
}
