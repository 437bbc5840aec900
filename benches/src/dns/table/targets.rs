//! What dnsd is to reach, and whether it does.

use std::collections::BTreeSet;

use crate::dns::comparison::{
    LoadRun, Loaded, Occasion, RateRun, Results, Scenario, SecondariesRun, StepsOutRun, ZoneInRun, ZoneOutRun,
};
use crate::dns::peers::{Peer, QUERIES_PER_SECOND, TRANSFERS_AT_A_TIME};
use crate::statistics::median;
use crate::verdict::{self, Limit, median_ratio};

/// A target of dnsd's.
pub(super) type Verdict = verdict::Verdict<Unit>;

/// What a figure is counted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    /// Times what this one has.
    Times(&'static str),
    Nanoseconds,
    Instructions,
    MillionRecordsPerSecond,
    Queries,
    Milliseconds,
    Connections,
}

impl verdict::Unit for Unit {
    fn show(&self, value: f64) -> String {
        match self {
            Self::Times(of) => format!("{value:.2} × {of}"),
            Self::Nanoseconds => format!("{value:.0} ns"),
            Self::Instructions => format!("{value:.0} instructions"),
            Self::MillionRecordsPerSecond => format!("{value:.1} M records/s"),
            Self::Queries => format!("{value:.0} queries"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Connections => format!("{value:.0} connections"),
        }
    }
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
    let cpu = "CPU time a query";
    for (scenario, what, peer, limit) in [
        (Scenario::Mix, "the mix, 100,000 hosts", Peer::Echo, 1.12),
        (Scenario::Mix, "the mix, 100,000 hosts", Peer::Nsd, 0.85),
        (Scenario::Mix, "the mix, 100,000 hosts", Peer::Knot, 0.70),
        (Scenario::Million, "the mix, 1,000,000 records", Peer::Echo, 1.25),
        (Scenario::Tcp, "TCP, reused connections", Peer::Knot, 1.0),
    ] {
        let ratio = cpu_ratio(results, (Peer::Dnsd, scenario), (peer, scenario));
        add(
            format!("{cpu}: {what}"),
            Limit::AtMost(limit),
            ratio,
            Unit::Times(peer.name()),
        );
    }
    for (peer, what) in [
        (Peer::Dnsd, "what the kernel takes of dnsd's"),
        (Peer::Echo, "what the kernel takes of the echo server's"),
    ] {
        add(
            format!("{cpu}: {what}"),
            Limit::None,
            system_ratio(results, Scenario::Mix, peer, Peer::Knot),
            Unit::Times(Peer::Knot.name()),
        );
    }
    add(
        format!("{cpu}: a flood of names that don't exist"),
        Limit::AtMost(1.10),
        cpu_ratio(results, (Peer::Dnsd, Scenario::Flood), (Peer::Dnsd, Scenario::Mix)),
        Unit::Times("the mix"),
    );
    let rates: BTreeSet<u32> = results.latencies.iter().map(|run| run.rate).collect();
    for rate in rates {
        add(
            format!("p99 latency at {rate} queries/s"),
            Limit::AtMost(1.0),
            p99_ratio(results, rate, Peer::Knot),
            Unit::Times(Peer::Knot.name()),
        );
    }
    let core = results.core.as_ref();
    add(
        "the answer function alone, median over the mix".to_owned(),
        Limit::AtMost(250.0),
        core.map(|core| core.nanoseconds),
        Unit::Nanoseconds,
    );
    add(
        "the same in instructions (callgrind)".to_owned(),
        Limit::None,
        core.map(|core| core.instructions),
        Unit::Instructions,
    );
    add(
        "reading a zone's text, without compiling it".to_owned(),
        Limit::AtLeast(4.0),
        core.map(|core| core.parsed_per_second),
        Unit::MillionRecordsPerSecond,
    );
    let time = |run: &LoadRun| run.seconds;
    let memory = |run: &LoadRun| run.rss as f64;
    type Figure = fn(&LoadRun) -> f64;
    let loads: [(&str, Loaded, Figure, Peer, f64); 4] = [
        ("load 1,000,000 records: time", Loaded::Million, time, Peer::Knot, 0.35),
        (
            "load 1,000,000 records: memory (RSS)",
            Loaded::Million,
            memory,
            Peer::Knot,
            0.5,
        ),
        ("load 10,000 zones: time", Loaded::Small, time, Peer::Nsd, 0.5),
        (
            "load 10,000 zones: memory (RSS)",
            Loaded::Small,
            memory,
            Peer::Knot,
            1.0,
        ),
    ];
    for (what, loaded, figure, peer, limit) in loads {
        let ratio = load_ratio(results, loaded, peer, figure);
        add(what.to_owned(), Limit::AtMost(limit), ratio, Unit::Times(peer.name()));
    }
    for run in &results.reloads {
        let more = run.reloading.lost() as f64 - run.calm.lost() as f64;
        let what = format!("{} reloads of 1,000,000 records under load", run.reloads);
        add(
            format!("{what}: lost beyond those without"),
            Limit::AtMost(0.0),
            Some(more.max(0.0)),
            Unit::Queries,
        );
        add(
            format!("{what}: p99 latency"),
            Limit::AtMost(2.0),
            Some(run.reloading.p99 / run.calm.p99),
            Unit::Times("that without"),
        );
    }
    transfers(results, &mut add);
    verdicts
}

/// Zones from server to server.
fn transfers(results: &Results, add: &mut impl FnMut(String, Limit, Option<f64>, Unit)) {
    let knot = || Unit::Times(Peer::Knot.name());
    let out = |figure: fn(&ZoneOutRun) -> f64| {
        let of = |peer| move |run: &ZoneOutRun| (run.peer == peer).then(|| figure(run));
        median_ratio(&results.zones_out, |run| run.round, of(Peer::Dnsd), of(Peer::Knot))
    };
    let title = "AXFR of 1,000,000 records out";
    add(
        format!("{title}: time"),
        Limit::AtMost(1.0),
        out(|run| run.seconds),
        knot(),
    );
    add(
        format!("{title}: CPU time"),
        Limit::AtMost(1.0),
        out(|run| run.cpu),
        knot(),
    );
    let of = |peer| move |run: &ZoneInRun| (run.peer == peer).then_some(run.seconds);
    add(
        "AXFR of 1,000,000 records in: from the start to the first answer".to_owned(),
        Limit::AtMost(0.7),
        median_ratio(&results.zones_in, |run| run.round, of(Peer::Dnsd), of(Peer::Knot)),
        knot(),
    );
    let of = |changes| move |run: &StepsOutRun| (run.peer == Peer::Dnsd && run.changes == changes).then_some(run.cpu);
    // Ten times the changes are ten times the work at most.
    add(
        "IXFR of 1,000 changes of 1,000,000 records out: CPU time".to_owned(),
        Limit::AtMost(10.0),
        median_ratio(&results.steps_out, |run| run.round, of(1000), of(100)),
        Unit::Times("that of 100"),
    );
    let whole = {
        let steps = median(results.steps_out.iter().filter_map(of(1000)));
        let zones = results.zones_out.iter().filter(|run| run.peer == Peer::Dnsd);
        let zone = median(zones.map(|run| run.cpu));
        steps.zip(zone).map(|(steps, zone)| steps / zone)
    };
    add(
        "IXFR of 1,000 changes of 1,000,000 records out: CPU time beside AXFR".to_owned(),
        Limit::None,
        whole,
        Unit::Times("the zone"),
    );
    let edits = || {
        let runs = results.edits.iter().filter(|run| run.peer == Peer::Dnsd);
        runs.flat_map(|run| run.seconds.iter().map(|seconds| seconds * 1e3))
    };
    let title = "from the rename of an edited file to the answer at a secondary";
    add(
        format!("{title}: median"),
        Limit::AtMost(300.0),
        median(edits()),
        Unit::Milliseconds,
    );
    add(
        format!("{title}: longest"),
        Limit::AtMost(300.0),
        edits().reduce(f64::max),
        Unit::Milliseconds,
    );
    let changes = || {
        let seconds = results.machines.iter().flat_map(|run| run.seconds.iter());
        seconds.map(|seconds| seconds * 1e3)
    };
    let title = "from a plugin's word of one of 100,000 machines to the answer";
    add(
        format!("{title}: median"),
        Limit::AtMost(50.0),
        median(changes()),
        Unit::Milliseconds,
    );
    add(
        format!("{title}: longest"),
        Limit::AtMost(50.0),
        changes().reduce(f64::max),
        Unit::Milliseconds,
    );
    for (occasion, what) in [
        (Occasion::First, "a first start"),
        (Occasion::Change, "all changed at once"),
        (Occasion::Restart, "a restart"),
    ] {
        let of_dnsd = |run: &&SecondariesRun| run.peer == Peer::Dnsd && run.occasion == occasion;
        let most = |figure: fn(&SecondariesRun) -> usize| {
            let figures = results.secondaries.iter().filter(of_dnsd).map(figure);
            figures.max().map(|most| most as f64)
        };
        let title = format!("10,000 secondary zones, {what}: most");
        add(
            format!("{title} questions in a second"),
            // A tenth more: what comes within a second is not what was sent within one.
            Limit::AtMost(1.1 * f64::from(QUERIES_PER_SECOND)),
            most(|run| run.most_questions),
            Unit::Queries,
        );
        add(
            format!("{title} connections at a time"),
            // The primary sees the end of a connection a moment after the secondary has gone on to the next one.
            Limit::AtMost(2.0 * f64::from(TRANSFERS_AT_A_TIME)),
            most(|run| run.most_connections),
            Unit::Connections,
        );
    }
}

pub(super) fn cpu_ratio(results: &Results, above: (Peer, Scenario), below: (Peer, Scenario)) -> Option<f64> {
    let cpu = |(peer, scenario)| {
        move |run: &RateRun| (run.peer == peer && run.scenario == scenario).then_some(run.cpu_per_million)
    };
    median_ratio(&results.rates, |run| run.round, cpu(above), cpu(below))
}

/// What the kernel takes of `above`, beside all that `below` takes.
fn system_ratio(results: &Results, scenario: Scenario, above: Peer, below: Peer) -> Option<f64> {
    let of = |peer, time: fn(&RateRun) -> f64| {
        move |run: &RateRun| (run.peer == peer && run.scenario == scenario).then(|| time(run))
    };
    median_ratio(
        &results.rates,
        |run| run.round,
        of(above, |run| run.system_per_million),
        of(below, |run| run.cpu_per_million),
    )
}

/// Of the medians over all intervals: what stops a server for a moment hits one of two intervals, and their ratio says nothing.
pub(super) fn p99_ratio(results: &Results, rate: u32, other: Peer) -> Option<f64> {
    let p99 = |peer| {
        let runs = results.latencies.iter();
        median(
            runs.filter(|run| run.peer == peer && run.rate == rate)
                .map(|run| run.figures.p99),
        )
    };
    Some(p99(Peer::Dnsd)? / p99(other)?)
}

fn load_ratio(results: &Results, loaded: Loaded, other: Peer, figure: fn(&LoadRun) -> f64) -> Option<f64> {
    let of = |peer| move |run: &LoadRun| (run.peer == peer && run.loaded == loaded).then(|| figure(run));
    median_ratio(&results.loads, |run| run.round, of(Peer::Dnsd), of(other))
}
