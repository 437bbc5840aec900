//! How long a thread may keep a processor that another one wants.
//!
//! A thread that computes is not interrupted by one that wakes, however nice it is, before a part of its time slice is over:
//! two milliseconds are nothing to it, and a late answer to who waits for the other. Linux makes one exception: it gives the
//! processor to a waking thread at once when that one's slice is shorter (EEVDF, PREEMPT_SHORT). A long slice, which any thread
//! may give itself since Linux 6.12, so says "whoever has a little to do goes first", and takes nothing of the share that the
//! thread has by its nice value: unlike one of SCHED_IDLE it makes progress on a machine that is full.
//!
//! This module holds the `unsafe` that sched_setattr(2) takes: neither std nor nix nor rustix has it.

use std::io;
use std::time::Duration;

use nix::libc;

/// The longest slice that Linux gives; more is taken for this.
pub const LONGEST: Duration = Duration::from_millis(100);

/// Gives the calling thread, and those that it starts from now on, this nice value and a slice of this length. An older kernel
/// takes the nice value only, without an error.
///
/// # Errors
/// When the system refuses it: without privileges a nice value is only raised, and a sandbox may allow none of it.
pub fn set(nice: i32, slice: Duration) -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: 0,
        sched_flags: libc::SCHED_FLAG_KEEP_POLICY as u64,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX),
        sched_deadline: 0,
        sched_period: 0,
    };
    #[allow(unsafe_code, reason = "sched_setattr has no safe form")]
    // SAFETY: the kernel reads as many octets of the structure as its first field says, which is its size, and writes nothing:
    // it would only to complain of a structure that is larger than its own, and this is the first form of it. The structure
    // lives until the call is over. Zero is the calling thread, and there are no flags.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    /// The nice value of the calling thread, and its slice in nanoseconds where the kernel shows it (CONFIG_SCHED_DEBUG).
    fn own() -> (i32, Option<u64>) {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        // Field 19 of proc_pid_stat(5); the third is the first behind the name.
        let nice = fields.split_whitespace().nth(19 - 3).unwrap().parse().unwrap();
        let shown = fs::read_to_string("/proc/thread-self/sched").unwrap_or_default();
        let slice = shown.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "se.slice").then(|| value.trim().parse().unwrap())
        });
        (nice, slice)
    }

    /// Since Linux 6.12.
    fn takes_slices() -> bool {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let numbers: Vec<u32> = release
            .split('.')
            .map_while(|number| number.parse().ok())
            .take(2)
            .collect();
        numbers >= vec![6, 12]
    }

    #[test]
    fn a_thread_and_its_children_get_the_nice_value_and_the_slice() {
        let before = own();
        let (thread, child) = thread::spawn(|| {
            set(19, Duration::from_millis(50)).unwrap();
            (own(), thread::spawn(own).join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!(own(), before);
        assert_eq!(thread, child);
        assert_eq!(thread.0, 19);
        if takes_slices() && thread.1.is_some() {
            assert_eq!(thread.1, Some(50_000_000));
        }
    }

    #[test]
    fn less_nice_takes_privileges_or_is_refused() {
        let outcome = thread::spawn(|| {
            set(19, LONGEST).unwrap();
            (set(18, LONGEST).is_ok(), own().0)
        });
        let (is_taken, nice) = outcome.join().unwrap();
        assert_eq!(nice, if is_taken { 18 } else { 19 });
    }
}
