//! The daemons as processes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait;

/// The folder that the workspace's programs were built into.
///
/// # Panics
/// When the test was moved out of it.
#[must_use]
pub fn built() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    test.parent()
        .and_then(Path::parent)
        .expect("tests are in target/PROFILE/deps")
        .to_owned()
}

/// The program of this name that was built beside the tests.
///
/// # Panics
/// When it is not there: `cargo build --workspace --bins` makes it.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let program = built().join(name);
    assert!(
        program.exists(),
        "{} is not built: cargo build --workspace --bins",
        program.display()
    );
    program
}

/// Where a daemon says how it is, in its directory.
const NOTIFY_SOCKET: &str = "notify.sock";

/// A running daemon, in a directory of its own. It is killed when this is dropped.
pub struct Daemon {
    child: Child,
    notify: UnixDatagram,
    directory: TempDir,
    name: &'static str,
}

/// A directory with a configuration in it, before the daemon is started.
pub struct Setup {
    name: &'static str,
    directory: TempDir,
}

impl Setup {
    /// An empty directory for the daemon of this name.
    ///
    /// # Panics
    /// When it can't be made.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            directory: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file of the configuration, its folders made on the way.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        write(&self.directory.path().join(name), content.as_ref());
        self
    }

    /// Runs a command of the program to its end, such as `check`, with `--config` for the `NAME.toml` of this directory.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run(self.name, self.path(), arguments)
    }

    /// Starts the daemon on `NAME.toml` and waits until it says that it serves.
    ///
    /// # Panics
    /// When it ends instead; its log is in the message.
    #[must_use]
    pub fn start(self) -> Daemon {
        let command = Command::new(program(self.name));
        self.start_by(command)
    }

    /// The same through a command of the test's own, which is given the daemon's arguments and ends up as the daemon.
    ///
    /// # Panics
    /// When it ends instead; its log is in the message.
    #[must_use]
    pub fn start_by(self, mut command: Command) -> Daemon {
        let socket = self.path().join(NOTIFY_SOCKET);
        let notify = UnixDatagram::bind(&socket).expect("the notify socket");
        notify.set_nonblocking(true).expect("a socket option");
        // A daemon that has dropped its privileges has something to say, too.
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("a file of ours");
        let log = File::create(self.path().join("stderr")).expect("the log");
        let child = command
            .arg("--config")
            .arg(self.path().join(format!("{}.toml", self.name)))
            .env("NOTIFY_SOCKET", &socket)
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let mut daemon = Daemon {
            child,
            notify,
            directory: self.directory,
            name: self.name,
        };
        daemon.wait_for_notice("READY=1");
        daemon
    }
}

impl Daemon {
    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("stderr")).unwrap_or_default()
    }

    /// Waits until its log holds a text.
    pub fn wait_for_log(&self, text: &str) {
        wait::until(
            &format!("{text:?} in the log of {}:\n{}", self.name, self.log()),
            || self.log().contains(text).then_some(()),
        );
    }

    /// Replaces a file in its directory by rename, as careful editors do.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        let aside = path.with_extension("new");
        write(&aside, content.as_ref());
        fs::rename(aside, path).expect("a rename in one directory");
    }

    /// Runs a command of the same program against it, such as `reload`.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run(self.name, self.path(), arguments)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the daemon runs");
    }

    /// Asks it to reload by SIGHUP and waits until it says that it has.
    pub fn reload(&mut self) {
        // What it said of an earlier reload is not about this one.
        while self.notify.recv(&mut [0; 4096]).is_ok() {}
        self.signal(Signal::SIGHUP);
        self.wait_for_notice("RELOADING=1");
        self.wait_for_notice("READY=1");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        wait::until(&format!("{} to end", self.name), || {
            self.child.try_wait().expect("a child of ours")
        })
    }

    /// Stops it by SIGTERM and waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(mut self) -> (ExitStatus, Stopped) {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        let log = self.log();
        // The directory outlives the process, so that the test can look at what was left there.
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a temporary directory"));
        let name = self.name;
        (status, Stopped { directory, name, log })
    }

    /// Kills it by SIGKILL, which it can do nothing about, and waits for its end.
    ///
    /// # Panics
    /// When it is gone already.
    #[must_use]
    pub fn kill(mut self) -> Stopped {
        self.signal(Signal::SIGKILL);
        self.wait();
        let log = self.log();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a temporary directory"));
        let name = self.name;
        Stopped { directory, name, log }
    }

    /// The directory of one that was killed and has ended, for another run.
    ///
    /// # Panics
    /// When what only the last run needed can't be removed.
    #[must_use]
    pub fn after_kill(mut self) -> Setup {
        let log = self.log();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a temporary directory"));
        let name = self.name;
        Stopped { directory, name, log }.again()
    }

    /// Waits until it tells its service manager this.
    ///
    /// # Panics
    /// When it ends instead; its log is in the message.
    pub fn wait_for_notice(&mut self, notice: &str) {
        let mut buffer = [0; 4096];
        wait::until(&format!("{notice} from {}", self.name), || {
            // In this order: what it said before it ended counts.
            let ended = self.child.try_wait().expect("a child of ours");
            while let Ok(length) = self.notify.recv(&mut buffer) {
                if String::from_utf8_lossy(&buffer[..length])
                    .lines()
                    .any(|line| line == notice)
                {
                    return Some(());
                }
            }
            if let Some(status) = ended {
                panic!(
                    "{} ended ({status}) before it said {notice}:\n{}",
                    self.name,
                    self.log()
                );
            }
            None
        });
    }
}

/// What a daemon left behind.
pub struct Stopped {
    directory: TempDir,
    name: &'static str,
    /// All that it logged.
    pub log: String,
}

impl Stopped {
    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The same directory, for another run.
    ///
    /// # Panics
    /// When what only the last run needed can't be removed.
    #[must_use]
    pub fn again(self) -> Setup {
        fs::remove_file(self.path().join(NOTIFY_SOCKET)).expect("the notify socket");
        Setup {
            name: self.name,
            directory: self.directory,
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.notify.shutdown(Shutdown::Both);
        // A test that fails leaves no process behind; one that stopped its daemon has none.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.name, self.log());
        }
    }
}

fn run(name: &str, directory: &Path, arguments: &[&str]) -> Output {
    Command::new(program(name))
        .args(arguments)
        .arg("--config")
        .arg(directory.join(format!("{name}.toml")))
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// Runs a program to its end and returns what it printed.
///
/// # Panics
/// When it can't be run, or fails.
pub fn output<I: IntoIterator<Item: AsRef<OsStr>>>(program: &str, arguments: I) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
    fs::write(path, content).expect("a file");
}
