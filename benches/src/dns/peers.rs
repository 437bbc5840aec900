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
use crate::process::first_line;

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

/// What a server has to do with other servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Alone,
    /// It has its zones from files, keeps the differences between their versions, and gives its zones to whoever is on this
    /// machine.
    Primary {
        /// The port of who is told of changes.
        told: Option<u16>,
    },
    /// It has its zones from a server on this machine.
    Secondary {
        /// The port of that.
        primary: u16,
        /// How much it does at a time, where it has bounds.
        pace: SecondaryPace,
    },
}

/// How much a secondary does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondaryPace {
    /// What it does by default.
    Default,
    /// For as many zones as a benchmark can wait for.
    ManyZones,
}

/// Questions for serials that dnsd and BIND may send in a second with [`SecondaryPace::ManyZones`]; their default is 20.
pub const QUERIES_PER_SECOND: u32 = 1000;

/// Transfers that dnsd and BIND may have under way then; their defaults are 10, of which 2 from one server.
pub const TRANSFERS_AT_A_TIME: u32 = 20;

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
    /// What it has to do with others.
    pub role: Role,
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

    /// Whether it keeps the differences between the versions of a file, and gives them to secondaries.
    #[must_use]
    pub fn keeps_steps(self) -> bool {
        !matches!(self, Self::PowerDns | Self::Echo)
    }

    /// Whether it is measured as a secondary.
    #[must_use]
    pub fn is_secondary(self) -> bool {
        // PowerDNS keeps transferred zones in a database, which is another thing to measure.
        !matches!(self, Self::PowerDns | Self::Echo)
    }

    /// Whether it has to be told, by SIGHUP, that a file is another.
    #[must_use]
    pub fn reloads_on_signal(self) -> bool {
        self != Self::Dnsd
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
            role: Role::Alone,
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

    #[test]
    fn a_secondary_names_its_primary_and_a_primary_whom_it_tells() {
        let directory = tempfile::tempdir().unwrap();
        let zones = [ServedZone {
            origin: "bench.example".to_owned(),
            file: directory.path().join("bench.zone"),
        }];
        for (role, other) in [
            (Role::Primary { told: Some(15_354) }, "15354"),
            (
                Role::Secondary {
                    primary: 15_355,
                    pace: SecondaryPace::ManyZones,
                },
                "15355",
            ),
        ] {
            let setup = Setup {
                directory: directory.path(),
                programs: Path::new("/nowhere"),
                port: 15353,
                threads: 1,
                zones: &zones,
                answer_bytes: 100,
                role,
            };
            for config in [
                dnsd::config(&setup),
                nsd::config(&setup),
                knot::config(&setup),
                bind::config(&setup),
            ] {
                assert!(config.contains(other), "{other}: {config}");
            }
        }
    }
}
