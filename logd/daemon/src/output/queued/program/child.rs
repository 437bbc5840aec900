//! A program that runs: it has the user, the umask and the file system of logd, and nothing else of it. No descriptor of ours is
//! open in it, of our environment it has only what is listed here, and no capability: those that logd keeps are not inherited.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use logd_core::control_chars::clean;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, Command};
use tokio::time::timeout;
use tracing::warn;

use crate::throttle::Throttle;

/// What of our environment a program is given. Where systemd's sockets and our credentials are is not its business.
const ENVIRONMENT: [&str; 4] = ["PATH", "LANG", "TZ", "TMPDIR"];

/// A line of its standard error is shown up to here.
const SAID_BYTES_MAX: u64 = 1024;

/// And so many of them in a minute.
const SAID_LINES_MAX: u32 = 20;
const SAID_INTERVAL: Duration = Duration::from_secs(60);

/// Who has not ended by SIGTERM after so long gets SIGKILL.
const TERMINATION_MAX: Duration = Duration::from_secs(2);

/// It is killed when this is dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    stdin: ChildStdin,
    pid: u32,
}

impl Child {
    pub(super) fn start(command: &[String], output: &str) -> io::Result<Self> {
        let [program, arguments @ ..] = command else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let kept = ENVIRONMENT
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut process = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(kept)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own: what it has started is ended with it, and a terminal's Ctrl-C is not for it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let stderr = process.stderr.take().expect("it is piped");
        tokio::spawn(show(stderr, output.to_owned()));
        Ok(Self {
            stdin: process.stdin.take().expect("it is piped"),
            pid: process.id().expect("it was not waited for yet"),
            process,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.pid
    }

    /// A line, whole: where this fails, it is to be written to another program.
    pub(super) async fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.stdin.write_all(line).await
    }

    /// Waits until it ends by itself. Nothing is lost when this is dropped before.
    pub(super) async fn ended(&mut self) -> String {
        let status = self.process.wait().await;
        self.signal(Signal::SIGKILL);
        describe(status)
    }

    /// Ends it at once.
    pub(super) async fn kill(mut self) -> String {
        // One that has ended says how.
        if let Ok(status) = timeout(TERMINATION_MAX, self.process.wait()).await {
            self.signal(Signal::SIGKILL);
            return describe(status);
        }
        self.signal(Signal::SIGKILL);
        describe(self.process.wait().await)
    }

    /// Closes its input, and waits so long for its end before it is made to end.
    pub(super) async fn stop(self, grace: Duration) {
        let Self {
            mut process,
            stdin,
            pid,
        } = self;
        drop(stdin);
        if timeout(grace, process.wait()).await.is_err() {
            signal(pid, Signal::SIGTERM);
            let _ = timeout(TERMINATION_MAX, process.wait()).await;
        }
        // Those it has left behind.
        signal(pid, Signal::SIGKILL);
    }

    fn signal(&self, which: Signal) {
        signal(self.pid, which);
    }
}

/// Sends a signal to the group of a program. None of it may be there any more.
fn signal(pid: u32, which: Signal) {
    let _ = killpg(Pid::from_raw(pid.cast_signed()), which);
}

fn describe(status: io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// What it says on its standard error goes to our log, as far as that has room for it.
async fn show(stderr: ChildStderr, output: String) {
    let throttle = Throttle::new(SAID_LINES_MAX, SAID_INTERVAL);
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line that is longer comes in pieces.
        match (&mut stderr).take(SAID_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if let Some(held_back) = throttle.admit(Instant::now()) {
                    let said = clean(&line);
                    warn!(%output, held_back, "program: {}", String::from_utf8_lossy(&said));
                }
            }
        }
    }
}
