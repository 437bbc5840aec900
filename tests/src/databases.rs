//! PostgreSQL and MariaDB from Debian's packages, each with a data directory of the test's own, and what can happen between a
//! database and who writes to it.

pub mod between;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, chown};
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::peers::Peer;
use crate::wait;

/// PostgreSQL refuses to run as root, and nothing here needs it.
const USER: &str = "nobody";

/// The name and the password of the user that writes.
const WRITER: &str = "logd";
const PASSWORD: &str = "correct horse";

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `postgres`, of the newest version that is installed.
    Postgres,
    /// `mariadbd`
    MariaDb,
}

/// A database server, ended with the test, and its directory with it.
pub struct Server {
    kind: Kind,
    serves: SocketAddr,
    directory: TempDir,
    /// Who has signed its certificate, which those who write have to ask for then.
    authority: Option<Authority>,
    running: Option<Peer>,
}

/// The name of the server's certificate and key.
const CERTIFICATE: &str = "server";

impl Server {
    /// Makes a data directory and starts a server on it. The database is `logs`, the user that may write there [`Self::url`]'s.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    #[must_use]
    pub fn start(kind: Kind, serves: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::start_in(directory, kind, serves, None)
    }

    /// The same with a certificate, and with an account that may be used over TLS only.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    #[must_use]
    pub fn start_with_tls(kind: Kind, serves: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::new(directory.path(), "authority");
        authority.sign(CERTIFICATE, &format!("IP:{}", serves.ip()));
        give_away(&authority.path(&format!("{CERTIFICATE}.key")));
        Self::start_in(directory, kind, serves, Some(authority))
    }

    fn start_in(directory: TempDir, kind: Kind, serves: SocketAddr, authority: Option<Authority>) -> Self {
        give_away(directory.path());
        let mut server = Self {
            kind,
            serves,
            directory,
            authority,
            running: None,
        };
        server.make_data();
        server.start_again();
        if kind == Kind::Postgres {
            let user = format!("CREATE USER {WRITER} PASSWORD '{PASSWORD}'");
            drop(server.query_of("postgres", &user));
            drop(server.query_of("postgres", &format!("CREATE DATABASE logs OWNER {WRITER}")));
        }
        server
    }

    /// The certificate of who has signed the server's.
    ///
    /// # Panics
    /// When it was started without TLS.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.authority.as_ref().expect("it has a certificate").ca()
    }

    /// Where it listens.
    #[must_use]
    pub fn serves(&self) -> SocketAddr {
        self.serves
    }

    /// What logd's `url` is for this server, or for something between at another address; without the password.
    #[must_use]
    pub fn url(&self, at: SocketAddr) -> String {
        let scheme = match self.kind {
            Kind::Postgres => "postgresql",
            Kind::MariaDb => "mysql",
        };
        format!("{scheme}://{WRITER}@{at}/logs")
    }

    /// What the writer's password is.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Runs a statement through the server's own client; a line for each row, columns separated by tabs.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn query(&self, sql: &str) -> Vec<String> {
        self.query_of("logs", sql)
    }

    /// The same, where it may fail, as while there is no table yet.
    ///
    /// # Errors
    /// What the client says.
    pub fn try_rows(&self, sql: &str) -> Result<Vec<String>, String> {
        self.try_query("logs", sql)
    }

    fn query_of(&self, database: &str, sql: &str) -> Vec<String> {
        let tried = self.try_query(database, sql);
        tried.unwrap_or_else(|said| panic!("{sql}: {said}"))
    }

    fn try_query(&self, database: &str, sql: &str) -> Result<Vec<String>, String> {
        let (host, port) = (self.serves.ip().to_string(), self.serves.port().to_string());
        let mut command;
        match self.kind {
            Kind::Postgres => {
                command = Command::new("psql");
                command.args(["-h", &host, "-p", &port, "-U", "super", "-d", database]);
                command.args(["-XAtq", "-F", "\t", "-c", sql]);
            }
            Kind::MariaDb => {
                command = Command::new("mariadb");
                command.args([
                    "--no-defaults",
                    "--skip-ssl",
                    "-h",
                    &host,
                    "-P",
                    &port,
                    "-u",
                    "super",
                    "-D",
                    database,
                ]);
                command.args(["--default-character-set=utf8mb4", "-BN", "-e", sql]);
            }
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: scripts/install test"));
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Kills it and all its processes at once, as a machine does that loses power.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let peer = self.running.take().expect("it runs");
        let pid = peer.pid();
        let children = children(pid);
        peer.signal(Signal::SIGKILL);
        for child in children.split_whitespace() {
            // It may have followed its parent by itself.
            let _ = kill(Pid::from_raw(child.parse().expect("a process")), Signal::SIGKILL);
        }
        let gone = |pid: &str| !Path::new("/proc").join(pid).exists() || is_zombie(pid);
        wait::until("the processes of the server to end", || {
            children.split_whitespace().all(gone).then_some(())
        });
    }

    /// Stops it and all its processes in the middle of what they do, until the guard is dropped: it takes connections, as its kernel
    /// does that, and answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn hang(&self) -> Hung<'_> {
        let server = self.running.as_ref().expect("it runs").pid();
        // First who starts the others.
        kill(server, Signal::SIGSTOP).expect("it runs");
        let mut processes = vec![server];
        for child in children(server).split_whitespace() {
            let child = Pid::from_raw(child.parse().expect("a process"));
            // One that served somebody may have ended by itself.
            if kill(child, Signal::SIGSTOP).is_ok() {
                processes.push(child);
            }
        }
        Hung {
            processes,
            _server: self,
        }
    }

    /// Starts it on the data that is there, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let (host, port) = (self.serves.ip().to_string(), self.serves.port().to_string());
        let data = self.data();
        let data = data.to_str().expect("a temporary directory's path");
        let certificate = self.authority.as_ref().map(|authority| {
            ["pem", "key"].map(|kind| authority.path(&format!("{CERTIFICATE}.{kind}")).display().to_string())
        });
        let (name, command) = match self.kind {
            Kind::Postgres => {
                let mut command = unprivileged(&postgres_program("postgres"));
                command.args(["-D", data, "-h", &host, "-p", &port, "-c", "unix_socket_directories="]);
                if let Some([certificate, key]) = certificate {
                    command.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={certificate}")]);
                    command.args(["-c", &format!("ssl_key_file={key}")]);
                }
                ("postgres", command)
            }
            Kind::MariaDb => {
                let init = self.directory.path().join("init.sql");
                fs::write(
                    &init,
                    format!(
                        "CREATE DATABASE IF NOT EXISTS logs;\n\
                         CREATE USER IF NOT EXISTS super@'%';\nGRANT ALL ON *.* TO super@'%' WITH GRANT OPTION;\n\
                         CREATE USER IF NOT EXISTS {WRITER}@'%' IDENTIFIED BY '{PASSWORD}';\n\
                         ALTER USER {WRITER}@'%' REQUIRE {};\n\
                         GRANT ALL ON logs.* TO {WRITER}@'%';\n",
                        if certificate.is_some() { "SSL" } else { "NONE" }
                    ),
                )
                .expect("a file");
                let here = self.directory.path().display();
                let mut command = unprivileged(Path::new("/usr/sbin/mariadbd"));
                command.args(["--no-defaults", "--skip-name-resolve", "--innodb-buffer-pool-size=32M"]);
                command.args([
                    format!("--datadir={data}"),
                    format!("--bind-address={host}"),
                    format!("--port={port}"),
                    format!("--socket={here}/socket"),
                    format!("--pid-file={here}/pid"),
                    format!("--init-file={}", init.display()),
                ]);
                if let Some([certificate, key]) = certificate {
                    command.args([format!("--ssl-cert={certificate}"), format!("--ssl-key={key}")]);
                }
                ("mariadbd", command)
            }
        };
        self.running = Some(Peer::start(name, command, self.directory.path(), self.serves));
        let database = match self.kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "logs",
        };
        // It takes connections before it has recovered.
        wait::until(&format!("{name} to answer"), || {
            self.try_query(database, "SELECT 1").ok()
        });
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn make_data(&self) {
        let data = self.data();
        let mut command;
        match self.kind {
            Kind::Postgres => {
                command = unprivileged(&postgres_program("initdb"));
                command.args([
                    "-U",
                    "super",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                    "-D",
                ]);
                command.arg(&data);
            }
            Kind::MariaDb => {
                command = unprivileged(Path::new("/usr/bin/mariadb-install-db"));
                command.args([
                    "--no-defaults",
                    "--skip-test-db",
                    "--auth-root-authentication-method=normal",
                ]);
                command.arg(format!("--datadir={}", data.display()));
            }
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: scripts/install test"));
        assert!(
            output.status.success(),
            "{command:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        if self.kind == Kind::Postgres {
            // The password is asked of those who write, as it is on a server; the test's own client is trusted.
            let rules = match self.authority {
                Some(_) => {
                    format!(
                        "hostssl all {WRITER} all scram-sha-256\nhost all {WRITER} all reject\nhost all all all trust\n"
                    )
                }
                None => format!("host all {WRITER} all scram-sha-256\nhost all all all trust\n"),
            };
            fs::write(data.join("pg_hba.conf"), rules).expect("a file of the directory");
        }
    }
}

/// A server that hangs for as long as this is there.
pub struct Hung<'s> {
    processes: Vec<Pid>,
    _server: &'s Server,
}

impl Drop for Hung<'_> {
    fn drop(&mut self) {
        for process in &self.processes {
            // All of them are ours, and none can have ended.
            let _ = kill(*process, Signal::SIGCONT);
        }
    }
}

/// The processes that one has started, separated by blanks.
fn children(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it runs")
}

/// Gives a file or folder to the user that servers run as.
fn give_away(path: &Path) {
    if Uid::effective().is_root() {
        let user = nix::unistd::User::from_name(USER)
            .expect("the users")
            .expect("it is everywhere");
        chown(path, Some(user.uid), Some(user.gid)).expect("a file of ours");
    }
}

/// A program as the user that servers run as here.
fn unprivileged(program: &Path) -> Command {
    if !Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", "nogroup", "--clear-groups", "--"])
        .arg(program);
    // Where it may be.
    command.current_dir("/");
    command
}

/// PostgreSQL's programs are in a folder for each version and not on the path.
fn postgres_program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("postgresql is not installed: scripts/install test");
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.expect("an entry").path())
        .max_by_key(version);
    newest.expect("a version is installed").join("bin").join(name)
}

fn is_zombie(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('Z'))
}
