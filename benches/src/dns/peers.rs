//! The servers of the comparison. Each runs in the foreground in a directory of its own, listens on a port of 127.0.0.1, logs
//! no queries, and has the defaults of its package otherwise; what differs from them is said beside it.

mod bind;
mod dnsd;
mod echo;
mod knot;
mod nsd;
mod powerdns;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use crate::error::BenchError;

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Ours.
    Dnsd,
    /// NSD, of NLnet Labs.
    Nsd,
    /// Knot DNS, of CZ.NIC.
    Knot,
    /// BIND's named, of ISC.
    Bind,
    /// PowerDNS with its BIND backend, which serves master files from memory.
    PowerDns,
    /// No name server: what the kernel takes for a query and an answer of the same size.
    Echo,
}

/// A zone and its master file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedZone {
    /// The zone's name, without the dot at its end.
    pub origin: String,
    /// The file.
    pub file: PathBuf,
}

/// What a server is started with.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Its own directory, which is empty.
    pub directory: &'a Path,
    /// Where our own programs are.
    pub programs: &'a Path,
    /// The port of 127.0.0.1.
    pub port: u16,
    /// Threads or processes that answer: as many as it has cores.
    pub threads: usize,
    /// What it serves.
    pub zones: &'a [ServedZone],
    /// How long the echo server's answers are, in octets.
    pub answer_bytes: usize,
}

impl Setup<'_> {
    /// Writes a configuration file.
    fn write(&self, name: &str, content: &str) -> Result<PathBuf, BenchError> {
        let path = self.directory.join(name);
        fs::write(&path, content).map_err(BenchError::io("write", &path))?;
        Ok(path)
    }
}

impl Peer {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Dnsd,
        Self::Nsd,
        Self::Knot,
        Self::Bind,
        Self::PowerDns,
        Self::Echo,
    ];

    /// Its name on the command line and in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dnsd => "dnsd",
            Self::Nsd => "nsd",
            Self::Knot => "knot",
            Self::Bind => "bind",
            Self::PowerDns => "powerdns",
            Self::Echo => "echo",
        }
    }

    /// Whether it answers queries, and does not only send them back.
    #[must_use]
    pub fn is_name_server(self) -> bool {
        self != Self::Echo
    }

    /// Writes its configuration and says how it is started.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn command(self, setup: &Setup<'_>) -> Result<Command, BenchError> {
        match self {
            Self::Dnsd => dnsd::command(setup),
            Self::Nsd => nsd::command(setup),
            Self::Knot => knot::command(setup),
            Self::Bind => bind::command(setup),
            Self::PowerDns => powerdns::command(setup),
            Self::Echo => Ok(echo::command(setup)),
        }
    }

    /// What it says its version is; `None` for the echo server, which has none.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn version(self, programs: &Path) -> Result<Option<String>, BenchError> {
        match self {
            Self::Dnsd => first_line(&programs.join("dnsd"), "--version").map(Some),
            Self::Nsd => first_line(Path::new(nsd::PROGRAM), "-v").map(Some),
            Self::Knot => first_line(Path::new(knot::PROGRAM), "--version").map(Some),
            Self::Bind => {
                let line = first_line(Path::new(bind::PROGRAM), "-v")?;
                Ok(Some(bind::version(&line)))
            }
            Self::PowerDns => {
                let line = first_line(Path::new(powerdns::PROGRAM), "--version")?;
                Ok(Some(powerdns::version(&line)))
            }
            Self::Echo => Ok(None),
        }
    }
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
        f.write_str("the peers are dnsd, nsd, knot, bind, powerdns, echo")
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

/// The first line that a program prints, on either stream.
pub(super) fn first_line(program: &Path, argument: &str) -> Result<String, BenchError> {
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
    use super::*;

    #[test]
    fn every_peer_is_found_by_its_name() {
        for peer in Peer::ALL {
            assert_eq!(peer.name().parse(), Ok(peer));
        }
        assert_eq!("djbdns".parse::<Peer>(), Err(UnknownPeer));
    }

    #[test]
    fn some_print_more_than_their_version() {
        let line = "BIND 9.18.49-1~deb12u3-Debian (Extended Support Version) <id:>";
        assert_eq!(bind::version(line), "BIND 9.18.49-1~deb12u3-Debian");
        let line = "Nov 22 20:16:48 PowerDNS Authoritative Server 4.7.3 (C) 2001-2022 PowerDNS.COM BV";
        assert_eq!(powerdns::version(line), "PowerDNS Authoritative Server 4.7.3");
        assert_eq!(powerdns::version("5.1"), "5.1");
    }

    #[test]
    fn every_peer_names_its_port_and_zone() {
        let directory = tempfile::tempdir().unwrap();
        let zones = [ServedZone {
            origin: "bench.example".to_owned(),
            file: directory.path().join("bench.zone"),
        }];
        let setup = Setup {
            directory: directory.path(),
            programs: Path::new("/nowhere"),
            port: 15353,
            threads: 1,
            zones: &zones,
            answer_bytes: 100,
        };
        for config in [
            dnsd::config(&setup),
            nsd::config(&setup),
            knot::config(&setup),
            bind::config(&setup),
            powerdns::config(&setup) + &powerdns::zones(&setup),
        ] {
            for wanted in ["15353", "127.0.0.1", "bench.example", "bench.zone"] {
                assert!(config.contains(wanted), "{wanted}: {config}");
            }
        }
    }
}
