//! What all parts need: a collector started, primed and waited for.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ballast_shared::listen::{self, UdpOptions};
use ballast_shared::systemd::Inherited;

use super::Options;
use crate::error::BenchError;
use crate::interrupt;
use crate::process::Process;
use crate::random::Random;
use crate::syslog::load::{Connections, Sent};
use crate::syslog::message::{Layout, Share};
use crate::syslog::peers::{Peer, Setup};
use crate::syslog::scenario::{Scenario, Service};
use crate::syslog::secure::{Certificates, send_relp, send_tls};
use crate::syslog::tree::Tree;

/// How long a collector may take to listen.
const START_MAX: Duration = Duration::from_secs(20);

/// A collector that has written nothing for so long, and used no processor, won't write the rest.
const STALLED: Duration = Duration::from_secs(5);

/// How often the files are looked at: that takes time from the collector.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The part of a core that the hypervisor may take away without a measurement being made again.
pub(super) const STEAL_MAX: f64 = 0.1;

/// How often one is made again.
pub(super) const REPEATS_MAX: u32 = 2;

/// A run of the comparison.
pub(super) struct Run {
    pub(super) options: Options,
    pub(super) certificates: Certificates,
    random: Random,
}

/// A collector at work.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) root: PathBuf,
    tree: Tree,
    line_bytes: Option<u64>,
    is_sink: bool,
}

impl Run {
    pub(super) fn new(options: Options) -> Result<Self, BenchError> {
        fs::create_dir_all(&options.work).map_err(BenchError::io("make", &options.work))?;
        let nowhere = PathBuf::new;
        Ok(Self {
            random: Random::new(options.seed),
            certificates: Certificates {
                authority: nowhere(),
                certificate: nowhere(),
                key: nowhere(),
            },
            options,
        })
    }

    /// The peers of a round, in its order.
    pub(super) fn shuffled_peers(&mut self) -> Vec<Peer> {
        let mut peers = self.options.peers.clone();
        self.random.shuffle(&mut peers);
        peers
    }

    /// So many messages, or few of them in a quick run.
    pub(super) fn messages(&self, usual: u64) -> u64 {
        if self.options.quick { (usual / 20).max(1) } else { usual }
    }

    /// An empty directory below the run's own.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf, BenchError> {
        let directory = self.options.work.join(name);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BenchError::io("remove", &directory)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&directory).map_err(BenchError::io("make", &directory))?;
        Ok(directory)
    }

    /// Starts a collector and waits until it listens. Nothing is sent to it for that.
    pub(super) fn start(&self, peer: Peer, scenario: &Scenario, datagrams: bool) -> Result<Running, BenchError> {
        let port = self.options.port;
        for port in [port, port + 1] {
            port_is_free(port)?;
        }
        let directory = self.directory(&format!("run/{peer}"))?;
        let root = self.directory(&format!("tree/{peer}"))?;
        let command = peer.command(&Setup {
            directory: &directory,
            root: &root,
            programs: &self.options.programs,
            syslog_ng: &self.options.syslog_ng,
            port,
            service: scenario.service,
            datagrams,
            format: scenario.format,
            is_counted: scenario.framing == crate::syslog::message::Framing::OctetCounted,
            connections: scenario.connections,
            hosts: scenario.hosts,
            certificates: &self.certificates,
            metrics_port: port + 1,
        })?;
        let mut process = Process::start(peer.name(), &command, &directory, None)?;
        let table = if datagrams { "/proc/net/udp" } else { "/proc/net/tcp" };
        let listens = interrupt::until(START_MAX, || {
            process.running()?;
            Ok(listens(&fs::read_to_string(table).unwrap_or_default(), port).then_some(()))
        })?;
        if listens.is_none() {
            return Err(process.late("socket", START_MAX));
        }
        let is_sink = peer == Peer::Sink;
        let expected = if is_sink { 1 } else { scenario.hosts as usize };
        Ok(Running {
            process,
            tree: Tree::new(&root, expected),
            root,
            line_bytes: None,
            is_sink,
        })
    }

    /// Sends messages as a scenario has them.
    pub(super) fn send(
        &self,
        scenario: &Scenario,
        layout: &Layout,
        shares: Vec<Share>,
    ) -> Result<(Sent, Option<Connections>), BenchError> {
        let port = self.options.port;
        match scenario.service {
            Service::Tcp | Service::TcpSynced => {
                let mut connections = Connections::open(port, scenario.connections)?;
                let sent = connections.send(layout, shares)?;
                Ok((sent, Some(connections)))
            }
            Service::Tls => Ok((send_tls(port, layout, shares, &self.certificates)?, None)),
            Service::Relp | Service::RelpSynced => Ok((send_relp(port, layout, shares)?, None)),
        }
    }
}

impl Running {
    /// Waits until so many lines are in the files, or the collector does nothing any more. When the last was seen, and whether
    /// all are there.
    pub(super) fn settle(&mut self, lines: u64, layout: &Layout) -> Result<(Instant, bool), BenchError> {
        let mut last = (0, Instant::now(), self.process.cpu().total());
        loop {
            interrupt::check()?;
            let bytes = self.tree.bytes();
            let now = Instant::now();
            if self.line_bytes.is_none() {
                self.line_bytes = if self.is_sink {
                    Some(layout.length() as u64)
                } else {
                    self.tree.line_bytes()
                };
            }
            if self.line_bytes.is_some_and(|length| bytes >= length * lines) {
                return Ok((now, true));
            }
            let cpu = self.process.cpu().total();
            let is_busy = cpu - last.2 > (now - last.1) / 4;
            if bytes != last.0 || is_busy {
                last = (bytes, now, cpu);
            } else if now - last.1 > STALLED {
                return Ok((last.1, false));
            }
            self.process.running()?;
            interrupt::sleep(LOOK_EVERY)?;
        }
    }

    /// Ends the collector, which writes what it holds, and leaves the tree.
    pub(super) fn stop(self) -> PathBuf {
        self.root
    }
}

/// Removes a tree, so that the system need not write it to the disk during the next measurement.
pub(super) fn remove(root: &Path) -> Result<(), BenchError> {
    fs::remove_dir_all(root).map_err(BenchError::io("remove", root))
}

/// Whether a table of /proc/net has a socket that waits at this port (proc(5)).
fn listens(table: &str, port: u16) -> bool {
    let address = format!("0100007F:{port:04X}");
    table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        fields.next() == Some(&address) && matches!(fields.nth(1), Some("0A" | "07"))
    })
}

/// Datagrams that the kernel dropped at this port (proc(5): the last column).
pub(super) fn dropped(port: u16) -> u64 {
    let address = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        (fields.get(1) == Some(&address.as_str())).then(|| fields.last()?.parse::<u64>().ok())?
    };
    table.lines().filter_map(of).sum()
}

/// The sum of the samples of a metric of logd's, from its page.
pub(super) fn metric(port: u16, name: &str) -> Result<f64, BenchError> {
    let failed = || BenchError::io("read metrics of", "logd");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed())?;
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").map_err(failed())?;
    let mut page = String::new();
    stream.read_to_string(&mut page).map_err(failed())?;
    let samples = page.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    Ok(samples
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}

/// A collector that was left over would take its part of the messages, so ports are tried without SO_REUSEPORT.
fn port_is_free(port: u16) -> Result<(), BenchError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    listen::tcp(address, &mut Inherited::default()).map_err(BenchError::PortTaken)?;
    listen::udp(address, UdpOptions::default(), &mut Inherited::default()).map_err(BenchError::PortTaken)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn a_socket_that_listens_is_seen_in_the_tables() {
        let table = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(listens(&table("tcp"), tcp.local_addr().unwrap().port()));
        assert!(listens(&table("udp"), udp.local_addr().unwrap().port()));
        assert!(!listens(&table("tcp"), udp.local_addr().unwrap().port()));
        assert_eq!(dropped(udp.local_addr().unwrap().port()), 0);
    }
}
