//! How much of the processors the zones' threads get while queries are answered.

use rustix::process::setpriority_process;
use tracing::warn;

/// Reading a new version of a zone: about a third of what an answering thread gets when both want all of a processor, so
/// that a reload neither stands still nor delays answers for long.
const RELOAD_NICE: i32 = 5;
/// Writing copies, which nobody waits for.
const COPY_NICE: i32 = 19;

/// What a thread does beside the answering of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It reads zones whose earlier versions are served meanwhile.
    Reload,
    /// It writes last good copies.
    Copy,
}

/// Lowers the priority of the calling thread, and of those that it starts from now on.
pub(crate) fn lower(what: Beside) {
    let nice = match what {
        Beside::Reload => RELOAD_NICE,
        Beside::Copy => COPY_NICE,
    };
    // Linux has a priority for each thread, and none named means the calling one (setpriority(2), sched(7)).
    if let Err(error) = setpriority_process(None, nice) {
        warn!(%error, "the priority of a thread could not be lowered");
    }
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
}
