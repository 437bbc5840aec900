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
    let mut grace = GRACE;
    loop {
        let records = tokio::select! {
            records = queue.take() => records,
            () = program.keep_running() => continue,
        };
        let Some(records) = records else { break };
        let mut lines = records.iter();
        while let Some(line) = lines.next() {
            let stop = async {
                queue.closed().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                () = program.write(line) => queue.count_sent(1, line.len()),
                () = stop => {
                    // It has had its time.
                    grace = Duration::ZERO;
                    queue.count_dropped("stopped", 1 + lines.by_ref().count() as u64);
                    break;
                }
            }
        }
        queue.settle(records.last());
    }
    if let Some(child) = program.child {
        child.stop(grace).await;
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
            let how = self.child.take().expect("as above").kill().await;
            self.note_end(&how);
        }
    }

    fn note_end(&mut self, how: &str) {
        self.child = None;
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
