//! named, knotd and dnsd with the same zones, asked the same.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use super::message::Message;
use super::question::Query;
use super::server::{Configuration, PORT, serves};
use super::way::Way;
use crate::address;
use crate::daemon::Daemon;
use crate::peers::{self, Peer};

/// The three servers. They end with this.
pub struct SideBySide {
    /// Where named is.
    pub named: SocketAddr,
    /// Where knotd is.
    pub knotd: SocketAddr,
    /// Where dnsd is.
    pub dnsd: SocketAddr,
    _peers: [Peer; 2],
    _dnsd: Daemon,
    _directories: [TempDir; 2],
}

/// A question and what each server answers.
pub struct Answers {
    /// What was asked.
    pub query: Query,
    /// named's answer.
    pub named: Message,
    /// knotd's.
    pub knotd: Message,
    /// dnsd's.
    pub dnsd: Message,
}

impl SideBySide {
    /// Starts them with zones (origin, file), and named with further options. Both peers look for included files in the
    /// directory, dnsd beside the file that includes them.
    #[must_use]
    pub fn start(directory: TempDir, named_options: &str, zones: &[(String, PathBuf)]) -> Self {
        let listed: Vec<(&str, &Path)> = zones
            .iter()
            .map(|(origin, file)| (origin.as_str(), file.as_path()))
            .collect();
        let (named_peer, named) = peers::named(directory.path(), named_options, &listed);
        let knotd = SocketAddr::from((address(1), PORT));
        let aside = tempfile::tempdir().expect("a temporary directory");
        let knotd_peer = peers::knotd(aside.path(), knotd, &listed);
        let configuration = zones
            .iter()
            .fold(Configuration::new(), |all, (origin, file)| all.zone(origin, file));
        Self {
            named,
            knotd,
            dnsd: serves(),
            _peers: [named_peer, knotd_peer],
            _dnsd: configuration.setup().start(),
            _directories: [directory, aside],
        }
    }

    /// Asks all three at the same time.
    #[must_use]
    pub fn ask_all(&self, way: Way, queries: Vec<Query>) -> Vec<Answers> {
        let [named, knotd, dnsd] = thread::scope(|scope| {
            [self.named, self.knotd, self.dnsd]
                .map(|server| {
                    scope.spawn({
                        let queries = &queries;
                        move || way.ask_all(server, queries)
                    })
                })
                .map(|asking| asking.join().expect("every question is answered"))
        });
        let answers = named.into_iter().zip(knotd).zip(dnsd);
        queries
            .into_iter()
            .zip(answers)
            .map(|(query, ((named, knotd), dnsd))| Answers {
                query,
                named,
                knotd,
                dnsd,
            })
            .collect()
    }
}
