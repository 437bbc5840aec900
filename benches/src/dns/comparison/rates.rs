//! At full load: the CPU time of a server for a million queries, and how many it answers in a second.

use std::time::Duration;

use serde::Serialize;

use super::data::{Data, write_flood};
use super::run::{LOAD_CORE, Placement, Run, Started, load_directory, measured, progress, same_answers};
use crate::dns::client::Answers;
use crate::dns::dnsperf::{Figures, Load, Transport};
use crate::dns::peers::Peer;
use crate::error::BenchError;

/// What is asked before a measurement: caches are filled, memory is touched, the processor's clock is up.
const WARM_UP: Duration = Duration::from_secs(1);

/// The part of the answers that may be of another kind than expected: the sample that says what is expected and the part of the
/// mix that dnsperf came to are each drawn at random, and a share of `n` drawn ones is off by a standard deviation of at most
/// 0.5 / √n. Four of them are never seen.
fn share_tolerance(answered: u64, sampled: u64) -> f64 {
    [answered as f64, sampled as f64]
        .map(|drawn| 4.0 * 0.5 / drawn.max(1.0).sqrt())
        .iter()
        .sum()
}

/// What is asked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The mix over 100,000 hosts.
    Mix,
    /// Names that don't exist, each once.
    Flood,
    /// The mix over connections.
    Tcp,
    /// The mix over the zone of a million records.
    Million,
}

/// One server in one scenario in one round.
#[derive(Debug, Clone, Serialize)]
pub struct RateRun {
    /// The round, from 0.
    pub round: u32,
    /// The server.
    #[serde(serialize_with = "super::latency::name")]
    pub peer: Peer,
    /// What was asked.
    pub scenario: Scenario,
    /// CPU-seconds of the server for a million answers.
    pub cpu_per_million: f64,
    /// Those of them that the kernel took.
    pub system_per_million: f64,
    /// Answers a second.
    pub rate: f64,
    /// Queries without an answer.
    pub lost: u64,
    /// Cores that the server used.
    pub server_cores: f64,
    /// Cores that dnsperf used.
    pub generator_cores: f64,
    /// Cores that the hypervisor gave to others.
    pub steal: f64,
}

/// The mix, the flood and TCP, one after the other on the same server.
pub(super) fn measure_mix(run: &mut Run) -> Result<Vec<RateRun>, BenchError> {
    let data = Data::hosts(&run.directory("hosts")?)?;
    let flood = write_flood(&run.directory("flood")?)?;
    let expected = answers_of_dnsd(run, &data)?;
    let full = Duration::from_secs(run.options.seconds);
    let half = Duration::from_secs((run.options.seconds / 2).max(1));
    let mut runs = Vec::new();
    for round in 0..run.options.rounds {
        for peer in run.shuffled_peers() {
            let mut server = start(run, peer, &data, &expected)?;
            let load = Load {
                port: run.options.port,
                core: LOAD_CORE,
                queries: &data.mix_file,
                transport: Transport::Udp,
                time: full,
                once: false,
            };
            let mut measure = |scenario, load| measure_one(run, round, peer, &mut server, scenario, load, &expected);
            runs.push(measure(Scenario::Mix, load)?);
            if peer.is_name_server() {
                let flood = Load {
                    queries: &flood,
                    time: half,
                    once: true,
                    ..load
                };
                runs.push(measure(Scenario::Flood, flood)?);
                let tcp = Load {
                    transport: Transport::Tcp,
                    time: half,
                    ..load
                };
                runs.push(measure(Scenario::Tcp, tcp)?);
            }
        }
    }
    Ok(runs)
}

/// The mix over the zone of a million records.
pub(super) fn measure_million(run: &mut Run) -> Result<Vec<RateRun>, BenchError> {
    let data = Data::million(&run.directory("million")?)?;
    let expected = answers_of_dnsd(run, &data)?;
    let mut runs = Vec::new();
    for round in 0..run.options.other_rounds() {
        for peer in run.shuffled_peers() {
            let mut server = start(run, peer, &data, &expected)?;
            let load = Load {
                port: run.options.port,
                core: LOAD_CORE,
                queries: &data.mix_file,
                transport: Transport::Udp,
                time: Duration::from_secs(run.options.seconds),
                once: false,
            };
            runs.push(measure_one(
                run,
                round,
                peer,
                &mut server,
                Scenario::Million,
                load,
                &expected,
            )?);
        }
    }
    Ok(runs)
}

/// What the others have to say, too, and how long the echo server's answers are.
pub(super) fn answers_of_dnsd(run: &Run, data: &Data) -> Result<Answers, BenchError> {
    let server = run.start(Peer::Dnsd, &data.zones, &data.origins, Placement::Pinned, 0)?;
    server.client.count(&server.process, &data.sample)
}

/// Starts a server on its core, makes sure of its answers and warms it up.
pub(super) fn start(run: &Run, peer: Peer, data: &Data, expected: &Answers) -> Result<Started, BenchError> {
    let answer_bytes = expected.mean_bytes.round() as usize;
    let server = run.start(peer, &data.zones, &data.origins, Placement::Pinned, answer_bytes)?;
    if peer.is_name_server() {
        let answers = server.client.count(&server.process, &data.sample)?;
        same_answers(&server.process, expected, &answers)?;
    }
    let warm_up = Load {
        port: run.options.port,
        core: LOAD_CORE,
        queries: &data.mix_file,
        transport: Transport::Udp,
        time: WARM_UP,
        once: false,
    };
    warm_up.run(&load_directory(&run.options.work)?)?;
    Ok(server)
}

fn measure_one(
    run: &Run,
    round: u32,
    peer: Peer,
    server: &mut Started,
    scenario: Scenario,
    load: Load<'_>,
    expected: &Answers,
) -> Result<RateRun, BenchError> {
    let directory = load_directory(&run.options.work)?;
    let (figures, usage) = measured(&mut server.process, || load.run(&directory))?;
    if peer.is_name_server() {
        check_rcodes(peer, scenario, &figures, expected)?;
    }
    let per_million = |time: Duration| time.as_secs_f64() * 1e6 / figures.answered.max(1) as f64;
    let result = RateRun {
        round,
        peer,
        scenario,
        cpu_per_million: per_million(usage.cpu.total()),
        system_per_million: per_million(usage.cpu.system),
        rate: figures.rate,
        lost: figures.lost,
        server_cores: usage.cpu.total().as_secs_f64() / figures.seconds,
        generator_cores: figures.generator_cpu.as_secs_f64() / figures.seconds,
        steal: usage.steal,
    };
    progress(&format!(
        "round {}: {peer}, {scenario:?}: {:.2} CPU-s per million, {:.0} answers/s",
        round + 1,
        result.cpu_per_million,
        result.rate,
    ));
    Ok(result)
}

/// Nothing but what the mix has, and of that as much.
fn check_rcodes(peer: Peer, scenario: Scenario, figures: &Figures, expected: &Answers) -> Result<(), BenchError> {
    const NXDOMAIN: u8 = 3;
    let wanted = match scenario {
        Scenario::Flood => 1.0,
        Scenario::Mix | Scenario::Tcp | Scenario::Million => expected.counts.share(NXDOMAIN),
    };
    let nxdomain = figures.share("NXDOMAIN");
    let other = 1.0 - nxdomain - figures.share("NOERROR");
    if (nxdomain - wanted).abs() < share_tolerance(figures.answered, expected.counts.total()) && other < 1e-9 {
        return Ok(());
    }
    Err(BenchError::WrongRcodes {
        program: peer.name(),
        rcodes: figures.rcodes.clone(),
    })
}
