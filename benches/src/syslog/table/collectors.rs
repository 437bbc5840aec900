//! Every collector in every scenario.

use std::fmt::{self, Write};

use super::targets::stream_ratio;
use crate::statistics::median;
use crate::syslog::comparison::{LatencyRun, MemoryRun, Results, StreamRun};
use crate::syslog::peers::Peer;
use crate::syslog::scenario::Scenario;

/// Those of the streams' part and those of the promises.
const SCENARIOS: [Scenario; 11] = [
    Scenario::MIX,
    Scenario::ONE,
    Scenario::THOUSAND,
    Scenario::RELAYS,
    Scenario::SHORT,
    Scenario::LONG,
    Scenario::RFC5424,
    Scenario::TLS,
    Scenario::RELP,
    Scenario::RELP_SYNCED,
    Scenario::SYNCED,
];

pub(super) fn write(text: &mut String, results: &Results) -> fmt::Result {
    for scenario in &SCENARIOS {
        write_streams(text, results, scenario)?;
    }
    write_datagrams(text, results)?;
    write_memory(text, results)?;
    write_latencies(text, results)
}

fn write_streams(text: &mut String, results: &Results, scenario: &Scenario) -> fmt::Result {
    let runs = |peer| {
        let of = move |run: &&StreamRun| run.peer == peer && run.scenario == scenario.name;
        results.streams.iter().filter(of)
    };
    if Peer::ALL.into_iter().all(|peer| runs(peer).next().is_none()) {
        return Ok(());
    }
    writeln!(
        text,
        "### {}\n\n\
         | | CPU-s per million | user | kernel | logd's is | messages/s | RSS, MB | exact | steal |\n\
         |---|---|---|---|---|---|---|---|---|",
        scenario.name
    )?;
    for peer in Peer::ALL {
        let count = runs(peer).count();
        if count == 0 {
            continue;
        }
        let figure = |figure: fn(&StreamRun) -> f64| median(runs(peer).map(figure)).unwrap_or(0.0);
        let ratio = (peer != Peer::Logd).then(|| stream_ratio(results, scenario, peer, |run| run.cpu_per_million));
        let exact = runs(peer)
            .filter(|run| run.found.is_some_and(|found| found.is_exact()))
            .count();
        let exact = if peer == Peer::Sink {
            String::new()
        } else {
            format!("{exact} of {count}")
        };
        writeln!(
            text,
            "| {peer} | {} | {:.2} | {:.2} | {} | {:.0} | {:.0} | {exact} | {:.2} |",
            spread(runs(peer).map(|run| run.cpu_per_million)),
            figure(|run| run.cpu_per_million - run.system_per_million),
            figure(|run| run.system_per_million),
            ratio
                .flatten()
                .map_or_else(String::new, |ratio| format!("{ratio:.2} ×")),
            figure(|run| run.rate),
            figure(|run| run.rss as f64 / 1e6),
            figure(|run| run.steal),
        )?;
    }
    writeln!(text)
}

fn write_datagrams(text: &mut String, results: &Results) -> fmt::Result {
    if results.fixed_rates.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "### UDP\n\n\
         | | highest rate without loss | CPU-s per million at the fixed rate | lost there |\n\
         |---|---|---|---|"
    )?;
    for peer in Peer::ALL {
        let fixed = || results.fixed_rates.iter().filter(move |run| run.peer == peer);
        let highest = results.highest_rates.iter().filter(move |run| run.peer == peer);
        let Some(cpu) = median(fixed().map(|run| run.cpu_per_million)) else {
            continue;
        };
        writeln!(
            text,
            "| {peer} | {} | {cpu:.2} | {:.0} |",
            median(highest.map(|run| run.rate)).map_or_else(String::new, |rate| format!("{rate:.0}")),
            median(fixed().map(|run| run.lost as f64)).unwrap_or(0.0),
        )?;
    }
    writeln!(text)?;
    for run in &results.accounts {
        writeln!(
            text,
            "A flood at logd: {} datagrams sent, {} written, {} counted as dropped by the kernel.\n",
            run.sent, run.written, run.counted
        )?;
    }
    Ok(())
}

fn write_memory(text: &mut String, results: &Results) -> fmt::Result {
    if results.memory.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "### Memory with 10,000 connections, MB\n\n| | silent | all sending |\n|---|---|---|"
    )?;
    for peer in Peer::ALL {
        let of = |figure: fn(&MemoryRun) -> u64| {
            let runs = results.memory.iter().filter(|run| run.peer == peer);
            median(runs.map(|run| figure(run) as f64 / 1e6))
        };
        if let (Some(idle), Some(busy)) = (of(|run| run.idle), of(|run| run.busy)) {
            writeln!(text, "| {peer} | {idle:.0} | {busy:.0} |")?;
        }
    }
    writeln!(text)
}

fn write_latencies(text: &mut String, results: &Results) -> fmt::Result {
    if results.latencies.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "### From the socket to the file at 100,000 messages/s, ms\n\n| | median | longest |\n|---|---|---|"
    )?;
    for peer in Peer::ALL {
        let of = |figure: fn(&LatencyRun) -> f64| {
            let runs = results.latencies.iter().filter(move |run| run.peer == peer);
            runs.map(figure)
        };
        if let (Some(middle), Some(longest)) = (
            median(of(|run| run.median_ms)),
            of(|run| run.longest_ms).reduce(f64::max),
        ) {
            writeln!(text, "| {peer} | {middle:.1} | {longest:.1} |")?;
        }
    }
    writeln!(text)
}

/// The median, and between what.
fn spread(values: impl Iterator<Item = f64> + Clone) -> String {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.clone().fold(0.0, f64::max);
    format!("{:.2} ({least:.2}–{most:.2})", median(values).unwrap_or(0.0))
}
