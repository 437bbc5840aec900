//! How long until a line is in its file, while the collector has a tenth of the load that it could take.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::run::{Run, remove};
use crate::error::BenchError;
use crate::interrupt;
use crate::random::Random;
use crate::statistics::median;
use crate::syslog::load::Connections;
use crate::syslog::message::{Format, Framing, Layout, PROGRAM, Share, host_name};
use crate::syslog::peers::Peer;
use crate::syslog::scenario::Scenario;

/// Messages a second beside: a tenth of what logd takes on two cores.
const RATE: u64 = 100_000;

/// They are sent in portions, so many a second.
const PORTIONS: u64 = 100;

/// Lines that are waited for.
const PROBES: u64 = 40;

/// Between two of them, at most.
const PAUSE_MAX_MS: u32 = 150;

/// A line that is not there by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// One collector in one round.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyRun {
    /// The round.
    pub round: u32,
    /// The collector.
    pub peer: Peer,
    /// Milliseconds from the write to the socket to the line in the file.
    pub median_ms: f64,
    /// The longest.
    pub longest_ms: f64,
}

/// Everyone in one round.
pub(super) fn measure(run: &mut Run, round: u32) -> Result<Vec<LatencyRun>, BenchError> {
    let mut runs = Vec::new();
    for peer in run.shuffled_peers() {
        if !peer.is_collector() {
            continue;
        }
        let scenario = Scenario::MIX;
        let running = run.start(peer, &scenario, false)?;
        let mut connections = Connections::open(run.options.port, scenario.connections)?;
        let layout = scenario.layout();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let file = running
            .root
            .join(host_name(scenario.hosts))
            .join(format!("{PROGRAM}.log"));
        let probed = thread::scope(|scope| {
            let beside = scope.spawn(|| {
                let (begin, mut portion) = (Instant::now(), 0);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let count = RATE / PORTIONS;
                    let shares = Share::of(scenario.connections, scenario.hosts, portion * count, count);
                    connections.send(&layout, shares)?;
                    portion += 1;
                    let due = begin + Duration::from_secs(portion) / PORTIONS as u32;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                Ok::<(), BenchError>(())
            });
            let probed = probe(
                run.options.port,
                &file,
                scenario.hosts,
                if run.options.quick { 5 } else { PROBES },
            );
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            beside.join().expect("it does not panic")?;
            probed
        })?;
        remove(&running.stop())?;
        let run = LatencyRun {
            round,
            peer,
            median_ms: median(probed.iter().copied()).unwrap_or(0.0),
            longest_ms: probed.iter().copied().fold(0.0, f64::max),
        };
        eprintln!(
            "round {round}, {RATE}/s: {peer} {:.1} ms until a line is in its file, {:.1} at the longest",
            run.median_ms, run.longest_ms
        );
        runs.push(run);
    }
    Ok(runs)
}

/// Sends lines of a host that nobody else speaks for, and waits for each; in milliseconds.
fn probe(port: u16, file: &std::path::Path, host: u64, count: u64) -> Result<Vec<f64>, BenchError> {
    let failed = || BenchError::io("send to", "the collector");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed())?;
    stream.set_nodelay(true).map_err(failed())?;
    let layout = Layout::new(300, Format::Rfc3164, Framing::Newline);
    let mut message = layout.repeated(1);
    let mut random = Random::new(host);
    let mut times = Vec::new();
    let length = || fs::metadata(file).map_or(0, |metadata| metadata.len());
    // The first one makes the directory, which is no part of this.
    for number in 0..=count {
        layout.patch(&mut message, host, number);
        let before = length();
        let sent = Instant::now();
        stream.write_all(&message).map_err(failed())?;
        let there = interrupt::until(PATIENCE, || Ok((length() > before).then(|| sent.elapsed())))?;
        if number > 0 {
            times.push(there.unwrap_or(PATIENCE).as_secs_f64() * 1e3);
        }
        interrupt::sleep(Duration::from_millis(random.below(PAUSE_MAX_MS).into()))?;
    }
    Ok(times)
}
