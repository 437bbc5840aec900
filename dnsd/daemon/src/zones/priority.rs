//! How much of the processors the zones' threads get while queries are answered, and when.
//!
//! Two things are told to the kernel. A nice value says how much: on a machine that is full a reload still gets its part. It does
//! not say when: a nice thread that has a processor keeps it for more than a millisecond while an answering one is awake and
//! waits. So these threads have the longest time slice, too, which lets every other thread that wakes go first
//! ([`ballast_shared::slice`]). SCHED_IDLE would do the same, but with hardly any part of a full machine, and no thread
//! without privileges ever leaves it.

use std::io;
use std::sync::Once;

use ballast_shared::slice;
use rustix::process::{getpid, getpriority_process, setpriority_process};
use tracing::warn;

/// Reading a new version of a zone is so much nicer than the daemon itself (see `Nice=` of its unit): about a tenth of what an
/// answering thread gets when both want all of a processor, so that a reload neither stands still nor delays answers for long.
const RELOAD_NICE: i32 = 10;
/// Writing copies, which nobody waits for: as nice as can be.
const COPY_NICE: i32 = NICEST;
/// More is taken for this (setpriority(2)).
const NICEST: i32 = 19;

/// What a thread does beside the answering of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It reads zones whose earlier versions are served meanwhile.
    Reload,
    /// It writes last good copies.
    Copy,
}

/// Lowers the priority of the calling thread, and of those that it starts from now on. It is never raised, which would take
/// privileges, and that it can't be lowered is said once.
pub(crate) fn lower(what: Beside) {
    static WARNING: Once = Once::new();
    if let Err(error) = try_lower(what) {
        WARNING.call_once(|| warn!(%error, "the priority of a thread could not be lowered"));
    }
}

fn try_lower(what: Beside) -> io::Result<()> {
    let nicer_by = match what {
        Beside::Reload => RELOAD_NICE,
        Beside::Copy => COPY_NICE,
    };
    // Linux has a priority for each thread: the number of the process means its main thread, which has that of the daemon,
    // and none named means the calling one (setpriority(2), sched(7)).
    let wanted = (getpriority_process(Some(getpid()))? + nicer_by).min(NICEST);
    let now = getpriority_process(None)?;
    // Where a sandbox or the daemon's own scheduling class is in the way, nice alone is better than nothing.
    if slice::set(wanted.max(now), slice::LONGEST).is_err() && now < wanted {
        setpriority_process(None, wanted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn only_the_calling_thread_and_its_children_are_lowered() {
        let before = getpriority_process(None).unwrap();
        let (own, child) = std::thread::spawn(|| {
            lower(Beside::Copy);
            let child = std::thread::spawn(|| getpriority_process(None).unwrap());
            (getpriority_process(None).unwrap(), child.join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!((own, child), (COPY_NICE, COPY_NICE));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }

    #[test]
    fn a_thread_is_nicer_than_the_daemon_by_a_step_that_is_made_once() {
        let daemon = getpriority_process(Some(getpid())).unwrap();
        let nice_after = |steps: &'static [Beside]| {
            std::thread::spawn(move || {
                steps.iter().for_each(|step| lower(*step));
                getpriority_process(None).unwrap()
            })
            .join()
            .unwrap()
        };
        let reload = (daemon + RELOAD_NICE).min(NICEST);
        assert_eq!(nice_after(&[Beside::Reload]), reload);
        assert_eq!(nice_after(&[Beside::Reload, Beside::Reload]), reload);
        assert_eq!(nice_after(&[Beside::Copy, Beside::Reload]), NICEST, "it is not raised");
    }

    #[test]
    fn a_daemon_that_is_nice_has_nicer_threads() {
        // The whole process, which is that of this test alone where each has its own; who is nice already stays it.
        let daemon = getpriority_process(Some(getpid())).unwrap().max(10);
        setpriority_process(Some(getpid()), daemon).unwrap();
        let reload = std::thread::spawn(|| {
            lower(Beside::Reload);
            getpriority_process(None).unwrap()
        });
        assert_eq!(reload.join().unwrap(), (daemon + RELOAD_NICE).min(NICEST));
    }
}
