//! What logd is to reach, and whether it does.

use crate::statistics::median;
use crate::syslog::comparison::{Results, StreamRun};
use crate::syslog::peers::Peer;
use crate::syslog::scenario::Scenario;
use crate::verdict::{self, Limit, median_ratio};

/// A target of logd's.
pub(super) type Verdict = verdict::Verdict<Unit>;

/// The default of `flush-interval`.
const FLUSH_INTERVAL_MS: f64 = 100.0;

/// The default of `buffer-max`, the budget for lines that are not written yet, and a quarter of it for incomplete messages.
const BUDGET_MB: f64 = (256 + 64) as f64 * 1.048_576;

/// What a figure is counted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    /// Times what this one has.
    Times(&'static str),
    Megabytes,
    Milliseconds,
    Datagrams,
    Lines,
}

impl verdict::Unit for Unit {
    fn show(&self, value: f64) -> String {
        match self {
            Self::Times(of) => format!("{value:.2} × {of}"),
            Self::Megabytes => format!("{value:.0} MB"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Datagrams => format!("{value:.0} datagrams"),
            Self::Lines => format!("{value:.0} lines"),
        }
    }
}

type Figure = fn(&StreamRun) -> f64;

/// The median over the rounds of what logd has, beside what another has.
pub(super) fn stream_ratio(results: &Results, scenario: &Scenario, other: Peer, figure: Figure) -> Option<f64> {
    let of = |peer| move |run: &StreamRun| (run.peer == peer && run.scenario == scenario.name).then(|| figure(run));
    median_ratio(&results.streams, |run| run.round, of(Peer::Logd), of(other))
}

/// Every target that something was measured for.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut add = |what: String, limit, measured: Option<f64>, unit| {
        if let Some(measured) = measured {
            verdicts.push(Verdict {
                what,
                limit,
                measured,
                unit,
            });
        }
    };
    let cpu: Figure = |run| run.cpu_per_million;
    let rate: Figure = |run| run.rate;
    for (scenario, peer, limit) in [
        (Scenario::MIX, Peer::Floor, 1.6),
        (Scenario::MIX, Peer::Rsyslog, 0.15),
        (Scenario::ONE, Peer::Floor, 1.6),
        (Scenario::THOUSAND, Peer::Floor, 1.8),
        (Scenario::THOUSAND, Peer::Rsyslog, 0.15),
        (Scenario::RELAYS, Peer::Floor, 2.0),
        (Scenario::RELAYS, Peer::Rsyslog, 0.02),
        (Scenario::RELAYS, Peer::SyslogNg, 0.15),
        (Scenario::SHORT, Peer::Floor, 1.5),
        (Scenario::LONG, Peer::Floor, 1.5),
        (Scenario::RFC5424, Peer::Floor, 1.5),
        (Scenario::TLS, Peer::Rsyslog, 0.5),
        (Scenario::RELP, Peer::Rsyslog, 1.0),
        (Scenario::RELP_SYNCED, Peer::Rsyslog, 1.0),
        (Scenario::SYNCED, Peer::Rsyslog, 1.0),
    ] {
        add(
            format!("CPU time a message: {}", scenario.name),
            Limit::AtMost(limit),
            stream_ratio(results, &scenario, peer, cpu),
            Unit::Times(peer.name()),
        );
    }
    for (scenario, limit) in [
        (Scenario::MIX, 6.0),
        (Scenario::RELP, 1.0),
        (Scenario::RELP_SYNCED, 1.0),
        (Scenario::SYNCED, 1.0),
    ] {
        add(
            format!("messages a second: {}", scenario.name),
            Limit::AtLeast(limit),
            stream_ratio(results, &scenario, Peer::Rsyslog, rate),
            Unit::Times(Peer::Rsyslog.name()),
        );
    }
    let of_logd = |run: &&StreamRun| run.peer == Peer::Logd;
    let faults = results.streams.iter().filter(of_logd).filter_map(|run| run.found);
    add(
        "lines of all streams that are missing, doubled, torn or in another host's file".to_owned(),
        Limit::AtMost(0.0),
        faults
            .map(|found| (found.missing + found.doubled + found.torn + found.misfiled) as f64)
            .reduce(|sum, faults| sum + faults),
        Unit::Lines,
    );
    datagrams(results, &mut add);
    let memory = || results.memory.iter().filter(|run| run.peer == Peer::Logd);
    add(
        "memory with 10,000 connections, silent".to_owned(),
        Limit::AtMost(100.0),
        median(memory().map(|run| run.idle as f64 / 1e6)),
        Unit::Megabytes,
    );
    add(
        "memory with 10,000 connections, all sending".to_owned(),
        Limit::AtMost(100.0 + BUDGET_MB),
        median(memory().map(|run| run.busy as f64 / 1e6)),
        Unit::Megabytes,
    );
    let latencies = results.latencies.iter().filter(|run| run.peer == Peer::Logd);
    add(
        "from the socket to the file at a tenth of the load: longest".to_owned(),
        Limit::AtMost(FLUSH_INTERVAL_MS),
        latencies.map(|run| run.longest_ms).reduce(f64::max),
        Unit::Milliseconds,
    );
    verdicts
}

fn datagrams(results: &Results, add: &mut impl FnMut(String, Limit, Option<f64>, Unit)) {
    let rsyslog = || Unit::Times(Peer::Rsyslog.name());
    add(
        "UDP: highest rate without loss".to_owned(),
        Limit::AtLeast(1.5),
        median_ratio(
            &results.highest_rates,
            |run| run.round,
            |run| (run.peer == Peer::Logd).then_some(run.rate),
            |run| (run.peer == Peer::Rsyslog).then_some(run.rate),
        ),
        rsyslog(),
    );
    add(
        "UDP: CPU time a datagram at a fixed rate".to_owned(),
        Limit::AtMost(0.4),
        median_ratio(
            &results.fixed_rates,
            |run| run.round,
            |run| (run.peer == Peer::Logd).then_some(run.cpu_per_million),
            |run| (run.peer == Peer::Rsyslog).then_some(run.cpu_per_million),
        ),
        rsyslog(),
    );
    let unaccounted = results.accounts.iter();
    add(
        "UDP: datagrams of a flood that are neither written nor counted as lost".to_owned(),
        Limit::AtMost(0.0),
        unaccounted
            .map(|run| run.sent as f64 - run.written as f64 - run.counted as f64)
            .map(f64::abs)
            .reduce(f64::max),
        Unit::Datagrams,
    );
}
