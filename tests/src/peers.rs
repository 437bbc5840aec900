//! The peers as processes: they run in the foreground, in a directory of the test's own, and end with the test.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{daemon, port, wait};

/// A running peer. It is ended when this is dropped.
pub struct Peer {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Peer {
    /// Starts a peer and waits until it takes connections at an address.
    ///
    /// # Panics
    /// When it is not installed, or ends instead; its log is in the message.
    #[must_use]
    pub fn start(name: &'static str, mut command: Command, directory: &Path, serves: SocketAddr) -> Self {
        let log = directory.join(format!("{name}.log"));
        let output = File::create(&log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a descriptor"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}: scripts/install test"));
        let mut peer = Self { child, name, log };
        wait::until(&format!("{name} to listen on {serves}"), || {
            if let Some(status) = peer.child.try_wait().expect("a child of ours") {
                panic!("{name} ended ({status}):\n{}", peer.log());
            }
            TcpStream::connect(serves).ok()
        });
        peer
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Waits until it has printed a text.
    pub fn wait_for_log(&self, text: &str) {
        wait::until(
            &format!("{text:?} in the log of {}:\n{}", self.name, self.log()),
            || self.log().contains(text).then_some(()),
        );
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("the peer runs");
    }

    /// Ends it in an orderly way, so that it writes out what it holds.
    pub fn stop(mut self) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        wait::until(&format!("{} to end", self.name), || {
            self.child.try_wait().expect("a child of ours")
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.name, self.log());
        }
    }
}

/// A copy of an installed program beside the tests. Debian's AppArmor profiles are for the path of a program and keep named and
/// rsyslogd out of any folder but their own; a copy reads and writes where the test wants it.
fn unconfined(program: &str) -> PathBuf {
    let installed = Path::new(program);
    let copies = daemon::built().join("peers");
    fs::create_dir_all(&copies).expect("a folder beside the tests");
    let copy = copies.join(installed.file_name().expect("a program has a name"));
    let length = |path: &Path| fs::metadata(path).map(|m| m.len()).ok();
    let wanted = length(installed).unwrap_or_else(|| panic!("{program} is not installed: scripts/install test"));
    if length(&copy) != Some(wanted) {
        // Tests run side by side: each makes a whole copy and the last to rename it wins.
        let aside = copies.join(format!(
            "{}.{}",
            copy.file_name().expect("as above").display(),
            std::process::id()
        ));
        fs::copy(installed, &aside).expect("a copy");
        fs::rename(&aside, &copy).expect("a rename in one folder");
    }
    copy
}

/// rsyslogd with this configuration, which must have a TCP input at `serves`.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn rsyslogd(directory: &Path, config: &str, serves: SocketAddr) -> Peer {
    let file = directory.join("rsyslog.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/rsyslogd"));
    command
        .arg("-n")
        .arg("-f")
        .arg(&file)
        .arg("-i")
        .arg(directory.join("rsyslogd.pid"));
    Peer::start("rsyslogd", command, directory, serves)
}

/// What rsyslogd says of a configuration.
///
/// # Panics
/// When it can't be run.
#[must_use]
pub fn rsyslogd_check(directory: &Path, config: &str) -> Output {
    let file = directory.join("rsyslog.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/rsyslogd"));
    command.arg("-N1").arg("-f").arg(&file);
    command.output().expect("rsyslogd: scripts/install test")
}

/// named at an address, serving zones (origin, file) as their primary. It listens on addresses that an interface has and
/// so not on any of 127.0.0.0/8 but 127.0.0.1: its port is what tells tests apart.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn named(directory: &Path, options: &str, zones: &[(&str, &Path)]) -> (Peer, SocketAddr) {
    let here = directory.display();
    let serves = SocketAddr::from((Ipv4Addr::LOCALHOST, port()));
    let port = serves.port();
    let mut config = format!(
        "options {{ directory \"{here}\"; pid-file \"{here}/named.pid\"; session-keyfile \"{here}/session.key\";\n\
         managed-keys-directory \"{here}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; dnssec-validation no; notify no; allow-query {{ any; }}; allow-transfer {{ any; }}; {options} }};\n\
         controls {{ }};\n"
    );
    for (origin, file) in zones {
        config += &format!("zone \"{origin}\" {{ type primary; file \"{}\"; }};\n", file.display());
    }
    let file = directory.join("named.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/named"));
    command.arg("-g").arg("-c").arg(&file);
    let named = Peer::start("named", command, directory, serves);
    // It takes connections before it has its zones.
    named.wait_for_log("all zones loaded");
    (named, serves)
}

/// named with statements of the test's own, `zone` among them, on 127.0.0.1 and a port of the test's. Its options are those of
/// [`named`] as far as a test can't do without them.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn named_with(directory: &Path, options: &str, statements: &str) -> (Peer, SocketAddr) {
    let here = directory.display();
    let serves = SocketAddr::from((Ipv4Addr::LOCALHOST, port()));
    let config = format!(
        "options {{ directory \"{here}\"; pid-file \"{here}/named.pid\"; session-keyfile \"{here}/session.key\";\n\
         managed-keys-directory \"{here}\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; dnssec-validation no; {options} }};\ncontrols {{ }};\n{statements}\n",
        serves.port()
    );
    let file = directory.join("named.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/named"));
    command.arg("-g").arg("-c").arg(&file);
    let named = Peer::start("named", command, directory, serves);
    named.wait_for_log("all zones loaded");
    (named, serves)
}

/// knotd at an address with sections of the test's own behind those for the server, its log and its databases. It has no
/// zones yet when this returns.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn knotd_with(directory: &Path, serves: SocketAddr, sections: &str) -> Peer {
    let here = directory.display();
    fs::create_dir_all(directory.join("knot")).expect("a folder for its journals");
    let config = format!(
        "server:\n    rundir: {here}\n    listen: {}@{}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 2\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n    storage: {here}/knot\n    journal-db-max-size: 16M\n{sections}",
        serves.ip(),
        serves.port()
    );
    let file = directory.join("knot.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/knotd"));
    command.arg("-c").arg(&file);
    Peer::start("knotd", command, directory, serves)
}

/// nsd at an address with clauses of the test's own, `key` and `zone` among them. What it sends comes from that address, too.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn nsd_with(directory: &Path, serves: SocketAddr, clauses: &str) -> Peer {
    let here = directory.display();
    let config = format!(
        "server:\n  ip-address: {}@{}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n\
         \x20 zonesdir: \"{here}\"\n  zonelistfile: \"{here}/zone.list\"\n  xfrdfile: \"{here}/xfrd.state\"\n\
         \x20 xfrdir: \"{here}\"\n  pidfile: \"{here}/nsd.pid\"\n  verbosity: 2\n  rrl-ratelimit: 0\n\
         remote-control:\n  control-enable: no\n{clauses}",
        serves.ip(),
        serves.port()
    );
    let file = directory.join("nsd.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/nsd"));
    command.arg("-d").arg("-c").arg(&file);
    Peer::start("nsd", command, directory, serves)
}

/// named as a resolver that asks one server for everything and validates what it says, from a zone's key on: the DNSKEY
/// record's flags, protocol, algorithm and key. It listens where [`named`] would.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn validator(directory: &Path, asks: SocketAddr, origin: &str, key: &str) -> (Peer, SocketAddr) {
    let here = directory.display();
    let serves = SocketAddr::from((Ipv4Addr::LOCALHOST, port()));
    let mut fields = key.splitn(4, ' ');
    let mut field = || {
        fields
            .next()
            .expect("flags, protocol, algorithm and key")
            .replace(' ', "")
    };
    let [flags, protocol, algorithm, key] = [field(), field(), field(), field()];
    let config = format!(
        "options {{ directory \"{here}\"; pid-file \"{here}/named.pid\"; session-keyfile \"{here}/session.key\";\n\
         listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; empty-zones-enable no;\n\
         recursion yes; forward only; forwarders {{ {} port {}; }}; dnssec-validation yes; synth-from-dnssec no; }};\n\
         trust-anchors {{ \"{origin}\" static-key {flags} {protocol} {algorithm} \"{key}\"; }};\n\
         controls {{ }};\n",
        serves.port(),
        asks.ip(),
        asks.port()
    );
    let file = directory.join("validator.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/named"));
    command.arg("-g").arg("-c").arg(&file);
    let named = Peer::start("validator", command, directory, serves);
    named.wait_for_log("all zones loaded");
    (named, serves)
}

/// knotd at an address, serving zones (origin, file) as their primary; a zone that it doesn't take is SERVFAIL. Its folder is a temporary one: its databases are as
/// large as the file system lets them be and written to nowhere else.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn knotd(directory: &Path, serves: SocketAddr, zones: &[(&str, &Path)]) -> Peer {
    let here = directory.display();
    let mut config = format!(
        "server:\n    rundir: {here}\n    listen: {}@{}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 2\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n    storage: {here}/knot\n\
         acl:\n  - id: everyone\n    action: transfer\n\
         template:\n  - id: default\n    storage: {here}\n    semantic-checks: off\n    journal-content: none\n\
         \x20   acl: everyone\n\
         \x20   zonefile-sync: -1\n    zonefile-load: whole\n\
         zone:\n",
        serves.ip(),
        serves.port()
    );
    for (origin, file) in zones {
        config += &format!("  - domain: {origin}\n    file: {}\n", file.display());
    }
    let file = directory.join("knot.conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(unconfined("/usr/sbin/knotd"));
    command.arg("-c").arg(&file);
    let knotd = Peer::start("knotd", command, directory, serves);
    // It takes connections before it has its zones, and says of each what became of it.
    wait::until("knotd to load its zones", || {
        let log = knotd.log();
        let became = ["] loaded, serial none -> ", "] zone event 'load' failed"];
        let zones_done: usize = became.iter().map(|text| log.matches(text).count()).sum();
        (zones_done == zones.len()).then_some(())
    });
    knotd
}
