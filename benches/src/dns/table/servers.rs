//! Every server in every scenario.

use std::fmt::{self, Write};

use super::targets::{cpu_ratio, p99_ratio};
use crate::dns::comparison::{LatencyRun, LoadRun, Loaded, Options, RateRun, Results, Scenario};
use crate::dns::peers::Peer;
use crate::statistics::median;

pub(super) fn write(text: &mut String, results: &Results, options: &Options) -> fmt::Result {
    for (scenario, title) in [
        (Scenario::Mix, "The mix over UDP, 100,000 hosts"),
        (Scenario::Million, "The mix over UDP, 1,000,000 records"),
        (Scenario::Flood, "A flood of names that don't exist"),
        (Scenario::Tcp, "The mix over TCP, reused connections"),
    ] {
        write_rates(text, title, results, scenario)?;
    }
    for rate in &options.rates {
        write_latencies(text, results, *rate)?;
    }
    for (loaded, title) in [
        (Loaded::Million, "Loading a zone of 1,000,000 records"),
        (Loaded::Small, "Loading 10,000 zones of 10 records"),
    ] {
        write_loads(text, title, results, loaded)?;
    }
    write_reloads(text, results)
}

fn write_rates(text: &mut String, title: &str, results: &Results, scenario: Scenario) -> fmt::Result {
    let runs = |peer| {
        results
            .rates
            .iter()
            .filter(move |run: &&RateRun| run.peer == peer && run.scenario == scenario)
    };
    if Peer::ALL.into_iter().all(|peer| runs(peer).next().is_none()) {
        return Ok(());
    }
    writeln!(
        text,
        "### {title}\n\n\
         | | CPU-s per million | user | kernel | dnsd's is | answers/s | cores: server | cores: dnsperf | lost | steal |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    )?;
    for peer in Peer::ALL {
        if runs(peer).next().is_none() {
            continue;
        }
        let figure = |figure: fn(&RateRun) -> f64| median(runs(peer).map(figure)).unwrap_or(0.0);
        let ratio = (peer != Peer::Dnsd)
            .then(|| cpu_ratio(results, (Peer::Dnsd, scenario), (peer, scenario)))
            .flatten();
        writeln!(
            text,
            "| {peer} | {} | {:.2} | {:.2} | {} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} |",
            spread(runs(peer).map(|run| run.cpu_per_million)),
            figure(|run| run.cpu_per_million - run.system_per_million),
            figure(|run| run.system_per_million),
            times(ratio),
            figure(|run| run.rate),
            figure(|run| run.server_cores),
            figure(|run| run.generator_cores),
            figure(|run| run.lost as f64),
            figure(|run| run.steal),
        )?;
    }
    writeln!(text)
}

fn write_latencies(text: &mut String, results: &Results, rate: u32) -> fmt::Result {
    let runs = |peer| {
        results
            .latencies
            .iter()
            .filter(move |run: &&LatencyRun| run.peer == peer && run.rate == rate)
    };
    if Peer::ALL.into_iter().all(|peer| runs(peer).next().is_none()) {
        return Ok(());
    }
    writeln!(
        text,
        "### Latency at {rate} queries/s, in microseconds\n\n\
         | | p50 | p99 | p99.9 | longest of all | dnsd's p99 is | CPU-s per million | lost | generator's p99 |\n\
         |---|---|---|---|---|---|---|---|---|"
    )?;
    for peer in Peer::ALL {
        if runs(peer).next().is_none() {
            continue;
        }
        let figure = |figure: fn(&LatencyRun) -> f64| median(runs(peer).map(figure)).unwrap_or(0.0);
        let ratio = (peer != Peer::Dnsd).then(|| p99_ratio(results, rate, peer)).flatten();
        writeln!(
            text,
            "| {peer} | {:.0} | {:.0} | {:.0} | {:.0} | {} | {:.2} | {:.0} | {:.0} |",
            figure(|run| run.figures.p50),
            figure(|run| run.figures.p99),
            figure(|run| run.figures.p999),
            runs(peer).map(|run| run.figures.max).fold(0.0, f64::max),
            times(ratio),
            figure(|run| run.cpu_per_million),
            figure(|run| run.figures.lost() as f64),
            figure(|run| run.figures.generator_p99),
        )?;
    }
    writeln!(text)
}

fn write_loads(text: &mut String, title: &str, results: &Results, loaded: Loaded) -> fmt::Result {
    let runs = |peer| {
        results
            .loads
            .iter()
            .filter(move |run: &&LoadRun| run.peer == peer && run.loaded == loaded)
    };
    if Peer::ALL.into_iter().all(|peer| runs(peer).next().is_none()) {
        return Ok(());
    }
    writeln!(
        text,
        "### {title}\n\n| | seconds to the answers | CPU-s | RSS, MB | PSS, MB | steal |\n|---|---|---|---|---|---|"
    )?;
    for peer in Peer::ALL {
        if runs(peer).next().is_none() {
            continue;
        }
        let figure = |figure: fn(&LoadRun) -> f64| median(runs(peer).map(figure)).unwrap_or(0.0);
        writeln!(
            text,
            "| {peer} | {} | {:.2} | {:.0} | {:.0} | {:.2} |",
            spread(runs(peer).map(|run| run.seconds)),
            figure(|run| run.cpu),
            figure(|run| run.rss as f64 / 1e6),
            figure(|run| run.pss as f64 / 1e6),
            figure(|run| run.steal),
        )?;
    }
    writeln!(text)
}

fn write_reloads(text: &mut String, results: &Results) -> fmt::Result {
    for run in &results.reloads {
        writeln!(
            text,
            "### dnsd at {} queries/s while 1,000,000 records are reloaded {} times, in microseconds\n\n\
             | | p50 | p99 | p99.9 | longest | lost | generator's p99 |\n|---|---|---|---|---|---|---|",
            run.rate, run.reloads
        )?;
        for (what, figures) in [("without", &run.calm), ("with reloads", &run.reloading)] {
            writeln!(
                text,
                "| {what} | {:.0} | {:.0} | {:.0} | {:.0} | {} of {} | {:.0} |",
                figures.p50,
                figures.p99,
                figures.p999,
                figures.max,
                figures.lost(),
                figures.due,
                figures.generator_p99,
            )?;
        }
        let seconds = spread(run.seconds.iter().copied());
        writeln!(text, "\nFrom the new file to the first answer from it: {seconds} s.\n")?;
    }
    Ok(())
}

/// The median, and from where to where.
pub(super) fn spread(values: impl Iterator<Item = f64> + Clone) -> String {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    median(values).map_or_else(String::new, |median| format!("{median:.2} ({least:.2}–{most:.2})"))
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} ×"))
}
