//! Zones from server to server.

use std::fmt::{self, Write};

use super::servers::spread;
use crate::dns::comparison::{Occasion, Results, StepsInRun, StepsOutRun};
use crate::dns::peers::{Peer, QUERIES_PER_SECOND, TRANSFERS_AT_A_TIME};
use crate::dns::stream::Kind;
use crate::statistics::median;

pub(super) fn write(text: &mut String, results: &Results) -> fmt::Result {
    write_zones_out(text, results)?;
    write_steps_out(text, results)?;
    write_zones_in(text, results)?;
    write_steps_in(text, results)?;
    write_edits(text, results)?;
    write_machines(text, results)?;
    for (occasion, title) in [
        (Occasion::First, "start without copies"),
        (Occasion::Change, "all have changed, and it is told of each"),
        (
            Occasion::Restart,
            "start with copies; what is asked in the 12 seconds from then on",
        ),
    ] {
        write_secondaries(text, results, occasion, title)?;
    }
    Ok(())
}

/// The peers that have runs, with these.
fn by_peer<'r, T>(runs: &'r [T], peer_of: impl Fn(&T) -> Peer + Copy + 'r) -> impl Iterator<Item = (Peer, Vec<&'r T>)> {
    Peer::ALL.into_iter().filter_map(move |peer| {
        let its: Vec<&T> = runs.iter().filter(|run| peer_of(run) == peer).collect();
        (!its.is_empty()).then_some((peer, its))
    })
}

/// The median of a figure.
fn middle<T>(runs: &[&T], figure: impl Fn(&T) -> f64) -> f64 {
    median(runs.iter().map(|run| figure(run))).unwrap_or(0.0)
}

fn write_zones_out(text: &mut String, results: &Results) -> fmt::Result {
    let Some(first) = results.zones_out.first() else {
        return Ok(());
    };
    let clients = first.clients;
    writeln!(
        text,
        "### AXFR of 1,000,000 records out\n\n\
         | | seconds | CPU-s | MB | messages | {clients} at once: seconds | CPU-s for each | p99 of answers beside, ms | longest | steal |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    )?;
    for (peer, runs) in by_peer(&results.zones_out, |run| run.peer) {
        writeln!(
            text,
            "| {peer} | {} | {:.3} | {:.1} | {:.0} | {:.2} | {:.3} | {:.1} | {:.1} | {:.2} |",
            spread(runs.iter().map(|run| run.seconds)),
            middle(&runs, |run| run.cpu),
            middle(&runs, |run| run.transfer.octets as f64 / 1e6),
            middle(&runs, |run| run.transfer.messages as f64),
            middle(&runs, |run| run.together_seconds),
            middle(&runs, |run| run.together_cpu),
            middle(&runs, |run| run.beside.p99 / 1e3),
            middle(&runs, |run| run.beside.max / 1e3),
            middle(&runs, |run| run.steal),
        )?;
    }
    writeln!(text)
}

fn write_steps_out(text: &mut String, results: &Results) -> fmt::Result {
    for changes in changes(&results.steps_out, |run| run.changes) {
        writeln!(
            text,
            "### IXFR of {changes} changes of 1,000,000 records out\n\n\
             | | CPU-s for the edited file | CPU-µs for a transfer | µs | octets | records | is |\n|---|---|---|---|---|---|---|"
        )?;
        let is_of = |run: &&StepsOutRun| run.changes == changes;
        let runs: Vec<StepsOutRun> = results.steps_out.iter().filter(is_of).cloned().collect();
        for (peer, runs) in by_peer(&runs, |run| run.peer) {
            let is = match runs[0].transfer.kind {
                Kind::Steps => "steps",
                Kind::Zone => "the zone",
            };
            writeln!(
                text,
                "| {peer} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {is} |",
                middle(&runs, |run| run.edit_cpu),
                middle(&runs, |run| run.cpu * 1e6),
                middle(&runs, |run| run.seconds * 1e6),
                middle(&runs, |run| run.transfer.octets as f64),
                middle(&runs, |run| run.transfer.records as f64),
            )?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn write_zones_in(text: &mut String, results: &Results) -> fmt::Result {
    if results.zones_in.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "### AXFR of 1,000,000 records in, from dnsd\n\n\
         | | seconds from start to answer | CPU-s until then | CPU-s 7 s later | RSS, MB | PSS, MB | steal |\n|---|---|---|---|---|---|---|"
    )?;
    for (peer, runs) in by_peer(&results.zones_in, |run| run.peer) {
        writeln!(
            text,
            "| {peer} | {} | {:.2} | {:.2} | {:.0} | {:.0} | {:.2} |",
            spread(runs.iter().map(|run| run.seconds)),
            middle(&runs, |run| run.cpu),
            middle(&runs, |run| run.settled_cpu),
            middle(&runs, |run| run.rss as f64 / 1e6),
            middle(&runs, |run| run.pss as f64 / 1e6),
            middle(&runs, |run| run.steal),
        )?;
    }
    writeln!(text)
}

fn write_steps_in(text: &mut String, results: &Results) -> fmt::Result {
    let columns: Vec<u32> = changes(&results.steps_in, |run| run.changes);
    if columns.is_empty() {
        return Ok(());
    }
    write!(text, "### IXFR of changes of 1,000,000 records in, from dnsd\n\n| |")?;
    for changes in &columns {
        write!(text, " {changes}: ms | CPU-s |")?;
    }
    writeln!(text, "\n|---|{}", "---|---|".repeat(columns.len()))?;
    for (peer, runs) in by_peer(&results.steps_in, |run| run.peer) {
        write!(text, "| {peer} |")?;
        for changes in &columns {
            let its: Vec<&StepsInRun> = runs.iter().filter(|run| run.changes == *changes).copied().collect();
            write!(
                text,
                " {:.0} | {:.2} |",
                middle(&its, |run| run.seconds * 1e3),
                middle(&its, |run| run.cpu)
            )?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}

fn write_edits(text: &mut String, results: &Results) -> fmt::Result {
    if results.edits.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "### From the rename of an edited file at dnsd to the answer at a secondary, 1,000 records, in ms\n\n\
         | secondary | median | longest | edits |\n|---|---|---|---|"
    )?;
    for (peer, runs) in by_peer(&results.edits, |run| run.peer) {
        let seconds: Vec<f64> = runs.iter().flat_map(|run| run.seconds.iter().copied()).collect();
        writeln!(
            text,
            "| {peer} | {:.0} | {:.0} | {} |",
            median(seconds.iter().copied()).unwrap_or(0.0) * 1e3,
            seconds.iter().copied().fold(0.0, f64::max) * 1e3,
            seconds.len()
        )?;
    }
    writeln!(text)
}

fn write_machines(text: &mut String, results: &Results) -> fmt::Result {
    let runs = &results.machines;
    if runs.is_empty() {
        return Ok(());
    }
    let seconds = || runs.iter().flat_map(|run| run.seconds.iter().copied());
    let changes = seconds().count();
    writeln!(
        text,
        "### Zones of 100,000 machines that a plugin knows, of which one after the other changes\n\n\
         | | from the start to all of them, s | a change: median, ms | longest, ms | CPU-ms | changes | RSS, MB |\n\
         |---|---|---|---|---|---|---|\n\
         | dnsd | {:.2} | {:.1} | {:.1} | {:.1} | {changes} | {:.0} |\n",
        median(runs.iter().map(|run| run.start_seconds)).unwrap_or(0.0),
        median(seconds()).unwrap_or(0.0) * 1e3,
        seconds().fold(0.0, f64::max) * 1e3,
        runs.iter().map(|run| run.cpu).sum::<f64>() * 1e3 / changes.max(1) as f64,
        median(runs.iter().map(|run| run.rss as f64)).unwrap_or(0.0) / 1e6,
    )
}

fn write_secondaries(text: &mut String, results: &Results, occasion: Occasion, title: &str) -> fmt::Result {
    let of_occasion = results.secondaries.iter().filter(|run| run.occasion == occasion);
    let runs: Vec<_> = of_occasion.cloned().collect();
    if runs.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "### 10,000 secondary zones: {title}\n\n\
         dnsd and BIND with `serial-query-rate` {QUERIES_PER_SECOND}, `transfers-in` and `transfers-per-ns` {TRANSFERS_AT_A_TIME}.\n\n\
         | | seconds | CPU-s | questions | most in a second | transfers | connections | most at a time | RSS, MB |\n\
         |---|---|---|---|---|---|---|---|---|"
    )?;
    for (peer, runs) in by_peer(&runs, |run| run.peer) {
        writeln!(
            text,
            "| {peer} | {} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            spread(runs.iter().map(|run| run.seconds)),
            middle(&runs, |run| run.cpu),
            middle(&runs, |run| run.questions as f64),
            middle(&runs, |run| run.most_questions as f64),
            middle(&runs, |run| run.transfers as f64),
            middle(&runs, |run| run.connections as f64),
            middle(&runs, |run| run.most_connections as f64),
            middle(&runs, |run| run.rss as f64 / 1e6),
        )?;
    }
    writeln!(text)
}

/// How many changes there were, the most first.
fn changes<T>(runs: &[T], of: impl Fn(&T) -> u32) -> Vec<u32> {
    let mut changes: Vec<u32> = runs.iter().map(of).collect();
    changes.sort_unstable_by(|a, b| b.cmp(a));
    changes.dedup();
    changes
}
