//! What all parts need: the servers started and pinned, their CPU time taken, and a measurement made again when the machine
//! was not ours meanwhile.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ballast_shared::listen::{self, UdpOptions};
use ballast_shared::systemd::Inherited;

use super::Options;
use crate::dns::client::{Answers, Client};
use crate::dns::peers::{Peer, Role, ServedZone, Setup};
use crate::error::BenchError;
use crate::interrupt;
use crate::process::Process;
use crate::procfs::{self, CpuTime};
use crate::random::Random;

/// The part of a core that the hypervisor may take away without a measurement being made again.
const STEAL_MAX: f64 = 0.1;

/// How often one is made again; after that the machine is as it is, and the table shows how much was taken.
const REPEATS_MAX: u32 = 2;

/// A server with 10,000 zones, or a million records, on a slow machine.
pub(super) const START_MAX: Duration = Duration::from_secs(120);

/// Where a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// On the first core, with one thread or process; the load has the second core.
    Pinned,
    /// On the second core, as what asks a pinned server.
    Beside,
    /// On all cores, with as many threads.
    Free,
}

/// The core of a pinned server.
const SERVER_CORE: usize = 0;

/// The core of what asks it.
pub(super) const LOAD_CORE: usize = 1;

/// A run of the comparison.
pub(super) struct Run {
    pub(super) options: Options,
    cores: usize,
    random: Random,
}

/// What a measurement took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Of the server's processes.
    pub(super) cpu: CpuTime,
    /// Cores that the hypervisor gave to others.
    pub(super) steal: f64,
}

/// A server that answers.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) client: Client,
    /// From the start until every zone was answered for.
    pub(super) until_serving: Duration,
}

impl Run {
    pub(super) fn new(options: Options) -> Result<Self, BenchError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cores < 2 {
            return Err(BenchError::OneCore);
        }
        fs::create_dir_all(&options.work).map_err(BenchError::io("make", &options.work))?;
        Ok(Self {
            cores,
            random: Random::new(options.seed),
            options,
        })
    }

    /// The peers of a round, in its order.
    pub(super) fn shuffled_peers(&mut self) -> Vec<Peer> {
        let mut peers = self.options.peers.clone();
        self.random.shuffle(&mut peers);
        peers
    }

    /// An empty directory below the run's own.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf, BenchError> {
        let directory = self.options.work.join(name);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BenchError::io("remove", &directory)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&directory).map_err(BenchError::io("make", &directory))?;
        Ok(directory)
    }

    /// Starts a server and waits until it answers for all of its zones.
    pub(super) fn start(
        &self,
        peer: Peer,
        zones: &[ServedZone],
        origins: &[String],
        placement: Placement,
        answer_bytes: usize,
    ) -> Result<Started, BenchError> {
        let directory = self.directory(&format!("run/{peer}"))?;
        let order = Order {
            peer,
            role: Role::Alone,
            port: self.options.port,
            directory: &directory,
            zones,
            placement,
            answer_bytes,
        };
        let (mut process, client, start) = self.launch(&order)?;
        if peer.is_name_server() {
            client.wait_for_zones(&mut process, origins, Duration::ZERO, START_MAX)?;
        } else {
            client.wait_for_any(&mut process, START_MAX)?;
        }
        Ok(Started {
            process,
            client,
            until_serving: start.elapsed(),
        })
    }

    /// Starts a server, which is not waited for; says when.
    pub(super) fn launch(&self, order: &Order<'_>) -> Result<(Process, Client, Instant), BenchError> {
        port_is_free(order.port)?;
        let (core, threads) = match order.placement {
            Placement::Pinned => (Some(SERVER_CORE), 1),
            Placement::Beside => (Some(LOAD_CORE), 1),
            Placement::Free => (None, self.cores),
        };
        let command = order.peer.command(&Setup {
            directory: order.directory,
            programs: &self.options.programs,
            port: order.port,
            threads,
            zones: order.zones,
            answer_bytes: order.answer_bytes,
            role: order.role,
        })?;
        let client = Client::new(order.port)?;
        let start = Instant::now();
        let process = Process::start(order.peer.name(), &command, order.directory, core)?;
        Ok((process, client, start))
    }
}

/// A server to start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) peer: Peer,
    pub(super) role: Role,
    pub(super) port: u16,
    /// Its own.
    pub(super) directory: &'a Path,
    pub(super) zones: &'a [ServedZone],
    pub(super) placement: Placement,
    pub(super) answer_bytes: usize,
}

/// A server that was left over would take its part of the queries, so ports are tried without SO_REUSEPORT.
fn port_is_free(port: u16) -> Result<(), BenchError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    listen::tcp(address, &mut Inherited::default()).map_err(BenchError::PortTaken)?;
    listen::udp(address, UdpOptions::default(), &mut Inherited::default()).map_err(BenchError::PortTaken)?;
    Ok(())
}

/// Measures what a server takes while something is done to it, again when the hypervisor took too much of the time.
pub(super) fn measured<T>(
    server: &mut Process,
    mut load: impl FnMut() -> Result<T, BenchError>,
) -> Result<(T, Usage), BenchError> {
    let mut repeats = 0;
    loop {
        let (start, cpu, stolen) = (Instant::now(), server.cpu(), procfs::steal());
        let figures = load()?;
        let elapsed = start.elapsed();
        let usage = Usage {
            cpu: server.cpu().since(cpu),
            steal: procfs::steal().saturating_sub(stolen).as_secs_f64() / elapsed.as_secs_f64(),
        };
        server.running()?;
        interrupt::check()?;
        if usage.steal <= STEAL_MAX || repeats == REPEATS_MAX {
            return Ok((figures, usage));
        }
        repeats += 1;
        progress(&format!("{:.2} of a core was taken away: once more", usage.steal));
    }
}

/// Makes sure that a server says what the first one said.
pub(super) fn same_answers(server: &Process, expected: &Answers, answers: &Answers) -> Result<(), BenchError> {
    if answers.counts == expected.counts {
        return Ok(());
    }
    Err(BenchError::WrongAnswers {
        program: server.program(),
        expected: expected.counts.clone(),
        counts: answers.counts.clone(),
    })
}

/// Says how far the run is.
pub(super) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Where what asks the server writes its output.
pub(super) fn load_directory(work: &Path) -> Result<PathBuf, BenchError> {
    let directory = work.join("run/load");
    fs::create_dir_all(&directory).map_err(BenchError::io("make", &directory))?;
    Ok(directory)
}
