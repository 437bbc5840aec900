//! A program that is measured or that measures: in a session of its own, so that all that it forks is found, and ended with
//! everything in it when this is dropped. Should this program be killed, the kernel ends it (PR_SET_PDEATHSIG).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::BenchError;
use crate::interrupt;
use crate::procfs::{self, CpuTime, Memory};

/// A server with a million records takes some time to give its memory back.
const STOP_MAX: Duration = Duration::from_secs(20);

/// What a server has forked ends with it; this is for what does not.
const LEFT_OVER_MAX: Duration = Duration::from_secs(2);

/// How often is looked whether a program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What is shown of a log: its end says why.
const LOG_BYTES_SHOWN: usize = 4000;

/// A running program.
#[derive(Debug)]
pub struct Process {
    child: Child,
    program: &'static str,
    log: PathBuf,
}

impl Process {
    /// Starts a program in a directory, on one core or on all, with its output in `PROGRAM.log` there.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(
        program: &'static str,
        command: &Command,
        directory: &Path,
        core: Option<usize>,
    ) -> Result<Self, BenchError> {
        interrupt::check()?;
        let log = directory.join(format!("{program}.log"));
        let output = File::create(&log).map_err(BenchError::io("write", &log))?;
        let errors = output.try_clone().map_err(BenchError::io("write", &log))?;
        // util-linux, which every Debian has, does what would take unsafe code between fork and exec. Each of the three
        // replaces itself, so the process that is started is the program in the end.
        let mut wrapped = Command::new("setsid");
        wrapped.args(["setpriv", "--pdeathsig", "TERM"]);
        if let Some(core) = core {
            wrapped.args(["taskset", "-c", &core.to_string()]);
        }
        let child = wrapped
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(BenchError::io("start", command.get_program()))?;
        Ok(Self { child, program, log })
    }

    /// What it is called in errors and in the table.
    #[must_use]
    pub fn program(&self) -> &'static str {
        self.program
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of what it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        let output = self.output();
        let mut start = output.len().saturating_sub(LOG_BYTES_SHOWN);
        while !output.is_char_boundary(start) {
            start += 1;
        }
        output[start..].to_owned()
    }

    /// An error that says what was waited for in vain.
    #[must_use]
    pub fn late(&self, event: &'static str, limit: Duration) -> BenchError {
        BenchError::Late {
            program: self.program,
            event,
            limit,
            log: self.log(),
        }
    }

    /// Makes sure that it still runs.
    ///
    /// # Errors
    /// When it has ended.
    pub fn running(&mut self) -> Result<(), BenchError> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(BenchError::Ended {
                program: self.program,
                status,
                log: self.log(),
            }),
        }
    }

    /// Waits for it to end well, and returns what it printed.
    ///
    /// # Errors
    /// When it fails or does not end in time.
    pub fn finish(mut self, limit: Duration) -> Result<String, BenchError> {
        match interrupt::until(limit, || self.status())? {
            Some(status) if status.success() => Ok(self.output()),
            Some(status) => Err(BenchError::Ended {
                program: self.program,
                status,
                log: self.log(),
            }),
            None => Err(self.late("end", limit)),
        }
    }

    /// CPU time of all its processes so far.
    #[must_use]
    pub fn cpu(&self) -> CpuTime {
        procfs::cpu(self.pid())
    }

    /// Memory of all its processes now.
    #[must_use]
    pub fn memory(&self) -> Memory {
        procfs::memory(self.pid())
    }

    /// The most memory that its processes have had, each by itself.
    #[must_use]
    pub fn memory_max(&self) -> u64 {
        procfs::memory_max(self.pid())
    }

    /// Tells a server to look at its files again, as all but one are told.
    pub fn reload(&self) {
        self.signal(self.pid(), Signal::SIGHUP);
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, BenchError> {
        self.child.try_wait().map_err(BenchError::io("wait for", self.program))
    }

    /// Ends the program in its own way, then what is left of its session.
    fn end(&mut self) {
        let leader = self.pid();
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(leader, Signal::SIGTERM);
            self.wait_until(STOP_MAX, |process| !matches!(process.child.try_wait(), Ok(None)));
        }
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            for pid in procfs::session(leader) {
                self.signal(pid, signal);
            }
            // A killed leader is a zombie until it is waited for.
            let gone = |process: &mut Self| {
                !matches!(process.child.try_wait(), Ok(None)) && procfs::session(leader).is_empty()
            };
            if self.wait_until(LEFT_OVER_MAX, gone) {
                return;
            }
        }
        eprintln!("{} ({leader}) does not end", self.program);
    }

    fn signal(&self, pid: Pid, signal: Signal) {
        match kill(pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => eprintln!("cannot end {} ({pid}): {}", self.program, errno.desc()),
        }
    }

    /// Waits even when the run was interrupted: this is how it ends.
    fn wait_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let start = Instant::now();
        while !done(self) {
            if start.elapsed() > limit {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first line that a program prints, on either stream.
///
/// # Errors
/// When it can't be run.
pub fn first_line(program: &Path, argument: &str) -> Result<String, BenchError> {
    let output = Command::new(program)
        .arg(argument)
        .output()
        .map_err(BenchError::io("run", program))?;
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let line = printed.lines().map(str::trim).find(|line| !line.is_empty());
    Ok(line.unwrap_or("unknown").to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_program_runs_to_its_end_and_says_what_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("echo");
        command.arg("a word");
        let process = Process::start("echo", &command, directory.path(), Some(0)).unwrap();
        assert_eq!(process.finish(Duration::from_secs(10)).unwrap(), "a word\n");
    }

    #[test]
    fn what_a_program_has_forked_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo started; wait"]);
        let process = Process::start("sh", &command, directory.path(), None).unwrap();
        let leader = process.pid();
        let started = interrupt::until(Duration::from_secs(10), || {
            Ok(process.output().contains("started").then_some(()))
        });
        assert_eq!(started.unwrap(), Some(()));
        assert_eq!(procfs::session(leader).len(), 2);
        drop(process);
        assert_eq!(procfs::session(leader), []);
    }

    #[test]
    fn a_program_ends_when_it_is_told_to_though_our_own_signals_are_caught() {
        interrupt::catch().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("1000");
        let mut process = Process::start("sleep", &command, directory.path(), None).unwrap();
        process.signal(process.pid(), Signal::SIGTERM);
        let ended = interrupt::until(Duration::from_secs(10), || process.status());
        assert_eq!(ended.unwrap().unwrap().signal(), Some(Signal::SIGTERM as i32));
    }

    #[test]
    fn a_failure_shows_what_was_printed() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such zone >&2; exit 3"]);
        let process = Process::start("sh", &command, directory.path(), None).unwrap();
        let error = process.finish(Duration::from_secs(10)).unwrap_err().to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("no such zone"),
            "{error}"
        );
    }
}
