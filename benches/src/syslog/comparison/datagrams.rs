//! Datagrams: the highest rate that a collector holds without loss, what it takes at a rate that all can keep, and whether what
//! is lost is counted.

use serde::Serialize;

use super::run::{Run, Running, dropped, metric, remove};
use super::{Options, Results};
use crate::error::BenchError;
use crate::syslog::load::send_datagrams;
use crate::syslog::message::{Framing, Share};
use crate::syslog::peers::Peer;
use crate::syslog::scenario::Scenario;
use crate::syslog::verify::{Found, verify};

/// Where the search for the highest rate begins and ends, in datagrams a second.
const LOWEST: f64 = 25_000.0;
const HIGHEST: f64 = 800_000.0;

/// Steps of the search: the last two rates are 11 % apart.
const STEPS: u32 = 5;

/// What everybody can keep.
const FIXED_RATE: f64 = 50_000.0;

/// What nobody can.
const FLOOD: f64 = 2_000_000.0;

/// Sockets that send.
const SENDERS: u64 = 16;

/// The load of this part.
const SCENARIO: Scenario = Scenario {
    name: "UDP",
    connections: SENDERS,
    framing: Framing::Alone,
    ..Scenario::MIX
};

/// The highest rate of one collector in one round.
#[derive(Debug, Clone, Serialize)]
pub struct HighestRateRun {
    /// The round.
    pub round: u32,
    /// The collector.
    pub peer: Peer,
    /// The highest rate at which nothing was lost, as it was sent; 0 if there was none.
    pub rate: f64,
}

/// One collector at the fixed rate in one round.
#[derive(Debug, Clone, Serialize)]
pub struct FixedRateRun {
    /// The round.
    pub round: u32,
    /// The collector.
    pub peer: Peer,
    /// CPU-seconds for a million datagrams.
    pub cpu_per_million: f64,
    /// Datagrams that are in no file.
    pub lost: u64,
}

/// What logd says of a flood.
#[derive(Debug, Clone, Serialize)]
pub struct AccountRun {
    /// The round.
    pub round: u32,
    /// Datagrams sent.
    pub sent: u64,
    /// Lines in the files.
    pub written: u64,
    /// Datagrams that logd says the kernel dropped.
    pub counted: u64,
}

struct Trial {
    running: Running,
    sent: u64,
    rate: f64,
    cpu_seconds: f64,
    /// It was given up because datagrams were dropped.
    given_up: bool,
}

/// Everyone in one round.
pub(super) fn measure(run: &mut Run, round: u32, results: &mut Results) -> Result<(), BenchError> {
    for peer in run.shuffled_peers() {
        if !peer.is_collector() || peer == Peer::Imptcp {
            continue;
        }
        let trial = trial(run, peer, FIXED_RATE, run.options.seconds, false)?;
        let (cpu_seconds, sent) = (trial.cpu_seconds, trial.sent);
        let found = end(trial)?;
        results.fixed_rates.push(FixedRateRun {
            round,
            peer,
            cpu_per_million: cpu_seconds * 1e6 / sent as f64,
            lost: found.missing,
        });
        if peer == Peer::SyslogNg {
            continue;
        }
        let rate = highest_rate(run, peer)?;
        eprintln!(
            "round {round}, UDP: {peer} {:.2} CPU-s per million at {FIXED_RATE:.0}/s, {rate:.0}/s without loss",
            cpu_seconds * 1e6 / sent as f64
        );
        results.highest_rates.push(HighestRateRun { round, peer, rate });
        if peer == Peer::Logd {
            results.accounts.push(account(run, round)?);
        }
    }
    Ok(())
}

fn highest_rate(run: &Run, peer: Peer) -> Result<f64, BenchError> {
    let (mut low, mut high, mut best) = (LOWEST, HIGHEST, 0.0_f64);
    for _ in 0..STEPS {
        let rate = (low * high).sqrt();
        let trial = trial(run, peer, rate, run.options.seconds, true)?;
        // A generator that can't keep the rate has not tried it.
        let (sent_at, given_up) = (trial.rate, trial.given_up);
        let found = end(trial)?;
        if !given_up && found.missing == 0 {
            best = best.max(sent_at);
            low = rate;
            if sent_at < 0.97 * rate {
                break;
            }
        } else {
            high = rate;
        }
    }
    Ok(best)
}

/// Sends datagrams at a rate for so long, and waits until what arrived is in the files.
fn trial(run: &Run, peer: Peer, rate: f64, seconds: u64, gives_up: bool) -> Result<Trial, BenchError> {
    let Options { port, quick, .. } = run.options;
    let layout = SCENARIO.layout();
    let mut running = run.start(peer, &SCENARIO, true)?;
    let shares = |first, count| Share::of(SENDERS, SCENARIO.hosts, first, count);
    send_datagrams(port, &layout, shares(0, SCENARIO.hosts), 2000.0, || true)?;
    running.settle(SCENARIO.hosts, &layout)?;
    let (cpu, before) = (running.process.cpu(), dropped(port));
    let seconds = if quick { 0.5 } else { seconds as f64 };
    let count = (rate * seconds) as u64;
    let mut given_up = false;
    let sent = send_datagrams(port, &layout, shares(SCENARIO.hosts, count), rate, || {
        given_up = gives_up && dropped(port) > before;
        // What a machine that is too slow for the rate has not sent in twice the time it won't.
        !given_up
    })?;
    let lost = dropped(port) - before;
    running.settle(SCENARIO.hosts + sent.messages - lost, &layout)?;
    Ok(Trial {
        cpu_seconds: running.process.cpu().since(cpu).total().as_secs_f64(),
        sent: sent.messages,
        rate: sent.messages as f64 / sent.seconds,
        running,
        given_up,
    })
}

/// Ends a trial; what was in the files.
fn end(trial: Trial) -> Result<Found, BenchError> {
    let count = SCENARIO.hosts + trial.sent;
    let root = trial.running.stop();
    let found = verify(&root, count).map_err(BenchError::io("read", &root))?;
    remove(&root)?;
    Ok(found)
}

/// logd in a flood, and what it says of it.
fn account(run: &Run, round: u32) -> Result<AccountRun, BenchError> {
    /// logd asks the kernel every so often; a little more than that is waited for.
    const ASKED_WITHIN: std::time::Duration = std::time::Duration::from_secs(12);
    let port = run.options.port;
    let trial = trial(run, Peer::Logd, FLOOD, 1, false)?;
    let sent = trial.sent;
    let lost = dropped(port);
    let counted = crate::interrupt::until(ASKED_WITHIN, || {
        let counted = metric(port + 1, "logd_input_kernel_drops_total")?;
        Ok((counted >= lost as f64).then_some(counted as u64))
    })?;
    let found = end(trial)?;
    Ok(AccountRun {
        round,
        sent,
        written: found.lines - SCENARIO.hosts.min(found.lines),
        counted: counted.unwrap_or(0),
    })
}
