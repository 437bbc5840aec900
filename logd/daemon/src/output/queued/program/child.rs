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
use tokio::time::{sleep, timeout};
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

/// No event tells of the end of a group: it is looked for after so long.
const LOOK: Duration = Duration::from_millis(20);

/// It is killed, with all that it has started, when this is dropped.
pub(super) struct Child {
    // In front of the process: what is killed is still ours then.
    group: Group,
    process: tokio::process::Child,
    stdin: ChildStdin,
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
            .spawn()?;
        let stderr = process.stderr.take().expect("it is piped");
        tokio::spawn(show(stderr, output.to_owned()));
        let pid = process.id().expect("it was not waited for yet");
        Ok(Self {
            group: Group(Pid::from_raw(pid.cast_signed())),
            stdin: process.stdin.take().expect("it is piped"),
            process,
        })
    }

    pub(super) fn id(&self) -> i32 {
        self.group.0.as_raw()
    }

    /// A line, whole: where this fails, it is to be written to another program.
    pub(super) async fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.stdin.write_all(line).await
    }

    /// Waits until it ends by itself. Nothing is lost when this is dropped before.
    pub(super) async fn ended(&mut self) -> String {
        describe(self.process.wait().await)
    }

    /// Closes its input, and waits so long for its end before it is made to end, and what it has started with it: by SIGTERM, and
    /// by SIGKILL what that does not end. Says how it ended.
    pub(super) async fn end(self, grace: Duration) -> String {
        let Self {
            group,
            mut process,
            stdin,
        } = self;
        drop(stdin);
        // All that it has left behind, too.
        if timeout(grace, process.wait()).await.is_err() || group.is_there() {
            group.signal(Signal::SIGTERM);
            let ended = async {
                let _ = process.wait().await;
                while group.is_there() {
                    sleep(LOOK).await;
                }
            };
            let _ = timeout(TERMINATION_MAX, ended).await;
        }
        drop(group);
        describe(process.wait().await)
    }
}

/// The processes of a program: it and all that it has started, unless they have left its group. They are killed when this is
/// dropped.
struct Group(Pid);

impl Group {
    /// Sends a signal to all of them.
    fn signal(&self, which: Signal) {
        // None of them may be there any more.
        let _ = killpg(self.0, which);
    }

    /// Whether there are any.
    fn is_there(&self) -> bool {
        killpg(self.0, None).is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
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
