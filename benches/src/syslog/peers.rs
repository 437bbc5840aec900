//! The collectors of the comparison. Each runs in the foreground in a directory of its own, listens on a port of 127.0.0.1 and
//! writes a tree of `HOST/PROGRAM.log` with the usual line. logd has its defaults; the others are tuned as their manuals and
//! users advise, which is said beside it.

mod logd;
mod rsyslog;
mod syslog_ng;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use super::floor::Work;
use super::message::Format;
use super::scenario::{Scenario, Service};
use super::secure::Certificates;
use crate::error::BenchError;
use crate::process::first_line;

/// One of the collectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Peer {
    /// Ours.
    Logd,
    /// rsyslog with its input `imtcp`, which has TLS too.
    Rsyslog,
    /// rsyslog with its input `imptcp`, made for many connections.
    Imptcp,
    /// syslog-ng.
    SyslogNg,
    /// No collector: lines split by host, unchecked.
    Floor,
    /// No collector: what is read is written.
    Sink,
}

/// What a collector is started with.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Its own directory, which is empty.
    pub directory: &'a Path,
    /// Where its tree goes.
    pub root: &'a Path,
    /// Where our own programs are.
    pub programs: &'a Path,
    /// The program that starts syslog-ng.
    pub syslog_ng: &'a Path,
    /// The port of 127.0.0.1.
    pub port: u16,
    /// How messages come.
    pub service: Service,
    /// They come as datagrams as well.
    pub datagrams: bool,
    /// How they are written.
    pub format: Format,
    /// Whether their length stands before them.
    pub is_counted: bool,
    /// Connections at a time.
    pub connections: u64,
    /// Hosts.
    pub hosts: u64,
    /// For TLS.
    pub certificates: &'a Certificates,
    /// Where logd serves its metrics; the port beside its own.
    pub metrics_port: u16,
}

/// The kernel's queue for datagrams, alike for all.
pub const RECEIVE_BUFFER_MIB: u32 = 4;

impl Setup<'_> {
    fn write(&self, name: &str, content: &str) -> Result<PathBuf, BenchError> {
        let path = self.directory.join(name);
        fs::write(&path, content).map_err(BenchError::io("write", &path))?;
        Ok(path)
    }
}

impl Peer {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Logd,
        Self::Rsyslog,
        Self::Imptcp,
        Self::SyslogNg,
        Self::Floor,
        Self::Sink,
    ];

    /// Its name on the command line and in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logd => "logd",
            Self::Rsyslog => "rsyslog",
            Self::Imptcp => "imptcp",
            Self::SyslogNg => "syslog-ng",
            Self::Floor => "floor",
            Self::Sink => "sink",
        }
    }

    /// Whether it makes messages of what it reads.
    #[must_use]
    pub fn is_collector(self) -> bool {
        !matches!(self, Self::Floor | Self::Sink)
    }

    /// Whether it takes part in a scenario. rsyslog is what the promises are compared with; imptcp is told from imtcp by many
    /// connections and by many hosts, and one look at the sink is enough.
    #[must_use]
    pub fn takes_part(self, scenario: &Scenario) -> bool {
        match self {
            Self::Logd | Self::Rsyslog => true,
            Self::SyslogNg | Self::Floor => scenario.service == Service::Tcp,
            Self::Imptcp => [Scenario::MIX, Scenario::THOUSAND, Scenario::RELAYS].contains(scenario),
            Self::Sink => *scenario == Scenario::MIX,
        }
    }

    /// How many times the messages of the slowest it gets, so that its time can be measured.
    #[must_use]
    pub fn speed(self) -> u64 {
        match self {
            Self::Logd | Self::Floor | Self::Sink => 3,
            Self::Rsyslog | Self::Imptcp | Self::SyslogNg => 1,
        }
    }

    /// Writes its configuration and says how it is started.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn command(self, setup: &Setup<'_>) -> Result<Command, BenchError> {
        match self {
            Self::Logd => logd::command(setup),
            Self::Rsyslog => rsyslog::command(setup, rsyslog::Input::Imtcp),
            Self::Imptcp => rsyslog::command(setup, rsyslog::Input::Imptcp),
            Self::SyslogNg => syslog_ng::command(setup),
            Self::Floor if setup.format == Format::Rfc5424 => Ok(ours(setup, Work::Counted)),
            Self::Floor => Ok(ours(setup, Work::Lines)),
            Self::Sink => Ok(ours(setup, Work::Sink)),
        }
    }

    /// What it says its version is; `None` for what has none of its own.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn version(self, programs: &Path, syslog_ng: &Path) -> Result<Option<String>, BenchError> {
        match self {
            Self::Logd => first_line(&programs.join("logd"), "--version").map(Some),
            Self::Rsyslog => {
                let line = first_line(Path::new(rsyslog::PROGRAM), "-v")?;
                // What it was compiled with follows on lines of its own.
                Ok(Some(line.trim_end_matches(" compiled with:").to_owned()))
            }
            Self::SyslogNg => first_line(syslog_ng, "--version").map(Some),
            Self::Imptcp | Self::Floor | Self::Sink => Ok(None),
        }
    }
}

fn ours(setup: &Setup<'_>, work: Work) -> Command {
    let mut command = Command::new(setup.programs.join("syslog-floor"));
    let work = match work {
        Work::Sink => "sink",
        Work::Lines => "lines",
        Work::Counted => "counted",
    };
    command
        .args([
            "--listen",
            &format!("127.0.0.1:{}", setup.port),
            "--work",
            work,
            "--out",
        ])
        .arg(setup.root);
    command
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no peer has.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownPeer;

impl fmt::Display for UnknownPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peers are logd, rsyslog, imptcp, syslog-ng, floor, sink")
    }
}

impl std::error::Error for UnknownPeer {}

impl FromStr for Peer {
    type Err = UnknownPeer;

    fn from_str(name: &str) -> Result<Self, UnknownPeer> {
        Self::ALL
            .into_iter()
            .find(|peer| peer.name() == name)
            .ok_or(UnknownPeer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_found_by_its_name() {
        for peer in Peer::ALL {
            assert_eq!(peer.name().parse(), Ok(peer));
        }
        assert_eq!("metalog".parse::<Peer>(), Err(UnknownPeer));
    }
}
