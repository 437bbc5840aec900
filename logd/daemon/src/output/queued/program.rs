//! The output `program`: lines on the standard input of a program of the administrator's, which is started with logd, again when it
//! ends, and ended with it.
//!
//! What was written to the program and that it has not read when it ends is lost with it: nobody can tell how much that was. A line
//! that it was in the middle of taking goes to the next one, whole.

mod child;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use self::child::Child;
use crate::output::queue::Queue;

/// How long the program has, when logd stops, to read what is left, and then, at the end of its input, to end.
const GRACE: Duration = Duration::from_secs(5);

/// Who does not read any more is about to end by itself, and says then why; otherwise it is ended after so long.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// A program that ends is started again after so long, then after twice as long, up to the maximum; one that has run for as long
/// as the maximum begins anew.
const RESTART_FIRST: Duration = Duration::from_millis(500);
const RESTART_MAX: Duration = Duration::from_secs(60);

/// Writes until the queue is closed.
pub(super) async fn run(command: &[String], queue: &Arc<Queue>) {
    let mut program = Program {
        command,
        queue,
        child: None,
        started: None,
        ended_early: 0,
    };
    // When its time to read is over, as soon as it is known: of all lines, not of each.
    let mut end = None;
    let mut is_late = false;
    loop {
        let records = tokio::select! {
            records = queue.take() => records,
            () = program.keep_running() => continue,
        };
        let Some(records) = records else { break };
        let mut lines = records.iter();
        while !is_late && let Some(line) = lines.next() {
            let late = async {
                queue.closed().await;
                sleep_until(*end.get_or_insert_with(|| Instant::now() + GRACE)).await;
            };
            tokio::select! {
                () = program.write(line) => queue.count_sent(1, line.len()),
                () = late => {
                    is_late = true;
                    queue.count_dropped("stopped", 1);
                }
            }
        }
        let left = lines.count() as u64;
        if left > 0 {
            queue.count_dropped("stopped", left);
        }
        queue.settle(records.last());
    }
    if let Some(child) = program.child {
        child.end(if is_late { Duration::ZERO } else { GRACE }).await;
    }
}

struct Program<'p> {
    command: &'p [String],
    queue: &'p Arc<Queue>,
    child: Option<Child>,
    started: Option<Instant>,
    /// How often in a row it ended before it had run for long.
    ended_early: u32,
}

impl Program<'_> {
    /// Returns when the program takes lines again after it did not.
    async fn keep_running(&mut self) {
        if let Some(child) = &mut self.child {
            let how = child.ended().await;
            // Those that it has left behind have their time to end beside the next one.
            if let Some(child) = self.child.take() {
                tokio::spawn(child.end(Duration::ZERO));
            }
            self.note_end(&how);
        }
        self.start().await;
    }

    /// Writes a line, to one program after the other until one has taken it whole.
    async fn write(&mut self, line: &[u8]) {
        loop {
            self.start().await;
            let child = self.child.as_mut().expect("it was started");
            if child.write(line).await.is_ok() {
                return;
            }
            // It reads no more: it has ended, or is ended.
            let how = self.child.take().expect("as above").end(ENDING_MAX).await;
            self.note_end(&how);
        }
    }

    fn note_end(&mut self, how: &str) {
        self.queue.count_error();
        let ran = self.started.map_or(Duration::ZERO, |started| started.elapsed());
        self.ended_early = if ran < RESTART_MAX { self.ended_early + 1 } else { 1 };
        warn!(
            output = self.queue.name(),
            how, "the program has ended: it is started again"
        );
    }

    /// Returns when there is a program.
    async fn start(&mut self) {
        while self.child.is_none() {
            if let (Some(started), Some(times)) = (self.started, self.ended_early.checked_sub(1)) {
                let wait = RESTART_MAX.min(RESTART_FIRST * 2_u32.saturating_pow(times));
                sleep_until(started + wait).await;
            }
            self.started = Some(Instant::now());
            match Child::start(self.command, self.queue.name()) {
                Ok(child) => {
                    info!(output = self.queue.name(), pid = child.id(), "program started");
                    self.child = Some(child);
                }
                Err(error) => {
                    self.queue.count_error();
                    self.ended_early += 1;
                    warn!(output = self.queue.name(), %error, "the program cannot be started");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use nix::sys::signal::kill;
    use nix::unistd::Pid;

    use super::*;
    use crate::output::{Patience, WhenFull};

    /// A shell that has started another process, whose number is in a file.
    fn with_grandchild(directory: &Path) -> Box<[String]> {
        let script = format!(
            "sleep 1000 & echo $! > {0}/new; mv {0}/new {0}/pid; cat",
            directory.display()
        );
        ["/bin/sh".to_owned(), "-c".to_owned(), script].into()
    }

    async fn until<T>(look: impl Fn() -> Option<T>) -> T {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether a process runs. One that nobody has waited for yet does not.
    fn runs(pid: Pid) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        kill(pid, None).is_ok() && !stat.contains(") Z ")
    }

    #[tokio::test]
    async fn who_aborts_the_worker_ends_all_that_the_program_has_started() {
        let directory = tempfile::tempdir().unwrap();
        let (command, queue) = (
            with_grandchild(directory.path()),
            Queue::of_test(1 << 20, WhenFull::Drop),
        );
        queue.append(Patience::Waits, |record| record.extend_from_slice(b"line\n"));
        let worker = tokio::spawn({
            let queue = queue.clone();
            async move { run(&command, &queue).await }
        });
        let grandchild = until(|| fs::read_to_string(directory.path().join("pid")).ok()).await;
        let grandchild = Pid::from_raw(grandchild.trim().parse().unwrap());
        assert!(runs(grandchild));
        worker.abort();
        let ended = until(|| (!runs(grandchild)).then_some(()));
        tokio::time::timeout(Duration::from_secs(10), ended)
            .await
            .expect("it is killed with the program");
    }
}
