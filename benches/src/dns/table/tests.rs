use std::path::PathBuf;

use super::*;
use crate::dns::comparison::{
    CoreCost, EditRun, LatencyRun, LoadRun, Loaded, MachinesRun, Occasion, RateRun, ReloadRun, Scenario,
    SecondariesRun, StepsOutRun, ZoneInRun, ZoneOutRun,
};
use crate::dns::paced::Figures;
use crate::dns::peers::Peer;
use crate::dns::stream::{Kind, Transfer};

fn rate(round: u32, peer: Peer, scenario: Scenario, cpu_per_million: f64) -> RateRun {
    RateRun {
        round,
        peer,
        scenario,
        cpu_per_million,
        system_per_million: 0.75 * cpu_per_million,
        rate: 100_000.0,
        lost: 0,
        server_cores: 0.7,
        generator_cores: 1.0,
        steal: 0.0,
    }
}

fn load(round: u32, peer: Peer, seconds: f64, rss: u64) -> LoadRun {
    LoadRun {
        round,
        peer,
        loaded: Loaded::Million,
        seconds,
        cpu: seconds,
        rss,
        pss: rss,
        steal: 0.0,
    }
}

fn figures(p99: f64, answered: u64) -> Figures {
    Figures {
        due: 1000,
        answered,
        p50: 10.0,
        p99,
        p999: p99,
        max: p99,
        generator_p99: 1.0,
    }
}

fn latency(peer: Peer, p99: f64) -> LatencyRun {
    LatencyRun {
        round: 0,
        peer,
        rate: 10_000,
        figures: figures(p99, 1000),
        cpu_per_million: 9.0,
        steal: 0.0,
    }
}

fn options() -> Options {
    Options {
        programs: PathBuf::new(),
        work: PathBuf::new(),
        port: 15353,
        peers: Peer::ALL.to_vec(),
        parts: Vec::new(),
        rounds: 3,
        seconds: 4,
        rates: vec![10_000],
        reloads: 10,
        edits: 10,
        seed: 0,
    }
}

fn results() -> Results {
    let mut results = Results::default();
    // The machine is half as fast in the second round: ratios within a round don't see it.
    for (round, speed) in [(0, 1.0), (1, 2.0), (2, 1.0)] {
        results.rates.push(rate(round, Peer::Dnsd, Scenario::Mix, 5.0 * speed));
        results.rates.push(rate(round, Peer::Knot, Scenario::Mix, 8.0 * speed));
        results.rates.push(rate(round, Peer::Echo, Scenario::Mix, 4.0 * speed));
        results
            .rates
            .push(rate(round, Peer::Dnsd, Scenario::Flood, 5.4 * speed));
        results.loads.push(load(round, Peer::Dnsd, 0.6 * speed, 90_000_000));
        results.loads.push(load(round, Peer::Knot, 2.0 * speed, 210_000_000));
    }
    results.latencies = vec![latency(Peer::Dnsd, 50.0), latency(Peer::Knot, 40.0)];
    results.core = Some(CoreCost {
        parsed_per_second: 4.2,
        nanoseconds: 180.0,
        instructions: 700.0,
    });
    results.reloads = vec![ReloadRun {
        rate: 10_000,
        reloads: 10,
        seconds: vec![0.7, 0.8],
        calm: figures(30.0, 1000),
        reloading: figures(75.0, 998),
    }];
    results
}

fn table(results: &Results) -> String {
    let circumstances = Circumstances {
        machine: Machine {
            model: "a processor".to_owned(),
            cores: 2,
            memory_bytes: 24_000_000_000,
            kernel: "6.1.0".to_owned(),
            date: "2026-11-22".to_owned(),
        },
        versions: vec!["dnsd 0.1.0".to_owned(), "knotd 3.2.6".to_owned()],
    };
    render(results, &options(), &circumstances)
}

#[test]
fn each_target_has_its_verdict() {
    let table = table(&results());
    for line in [
        "| CPU time a query: the mix, 100,000 hosts | ≤ 1.12 × echo | 1.25 × echo | **not met** |",
        "| CPU time a query: the mix, 100,000 hosts | ≤ 0.70 × knot | 0.62 × knot | met |",
        "| CPU time a query: what the kernel takes of dnsd's |  | 0.47 × knot |  |",
        "| CPU time a query: a flood of names that don't exist | ≤ 1.10 × the mix | 1.08 × the mix | met |",
        "| p99 latency at 10000 queries/s | ≤ 1.00 × knot | 1.25 × knot | **not met** |",
        "| the answer function alone, median over the mix | ≤ 250 ns | 180 ns | met |",
        "| the same in instructions (callgrind) |  | 700 instructions |  |",
        "| reading a zone's text, without compiling it | ≥ 4.0 M records/s | 4.2 M records/s | met |",
        "| load 1,000,000 records: time | ≤ 0.35 × knot | 0.30 × knot | met |",
        "| load 1,000,000 records: memory (RSS) | ≤ 0.50 × knot | 0.43 × knot | met |",
        "| 10 reloads of 1,000,000 records under load: lost beyond those without | ≤ 0 queries | 2 queries | **not met** |",
        "| 10 reloads of 1,000,000 records under load: p99 latency | ≤ 2.00 × that without | 2.50 × that without | **not met** |",
    ] {
        assert!(table.contains(line), "{line}\n{table}");
    }
}

#[test]
fn servers_have_medians_and_what_dnsd_is_of_them() {
    let table = table(&results());
    assert!(
        table.contains("| knot | 8.00 (8.00–16.00) | 2.00 | 6.00 | 0.62 × |"),
        "{table}"
    );
    assert!(
        table.contains("| dnsd | 5.00 (5.00–10.00) | 1.25 | 3.75 |  |"),
        "{table}"
    );
}

#[test]
fn what_was_not_measured_is_not_in_the_table() {
    let table = table(&Results::default());
    assert!(!table.contains("knot |") && !table.contains("Loading"), "{table}");
}

#[test]
fn the_machine_and_the_versions_stand_on_top() {
    let table = table(&results());
    assert!(
        table
            .starts_with("2026-11-22: 2 × a processor, 24.0 GB, Linux 6.1.0. Rounds: 3 of the mix over 100,000 hosts,"),
        "{table}"
    );
    assert!(table.contains("dnsd 0.1.0; knotd 3.2.6."), "{table}");
}

fn transfer(kind: Kind) -> Transfer {
    Transfer {
        kind,
        seconds: 0.1,
        messages: 10,
        records: 100,
        octets: 1000,
    }
}

fn zone_out(round: u32, peer: Peer, seconds: f64, cpu: f64) -> ZoneOutRun {
    ZoneOutRun {
        round,
        peer,
        seconds,
        cpu,
        transfer: transfer(Kind::Zone),
        clients: 7,
        together_seconds: 7.0 * seconds,
        together_cpu: cpu,
        beside: figures(2000.0, 1000),
        steal: 0.0,
    }
}

fn steps_out(changes: u32, cpu: f64) -> StepsOutRun {
    StepsOutRun {
        round: 0,
        peer: Peer::Dnsd,
        changes,
        edit_cpu: 0.5,
        seconds: cpu,
        cpu,
        transfer: transfer(Kind::Steps),
    }
}

fn zone_in(round: u32, peer: Peer, seconds: f64) -> ZoneInRun {
    ZoneInRun {
        round,
        peer,
        seconds,
        cpu: seconds,
        settled_cpu: seconds,
        rss: 90_000_000,
        pss: 90_000_000,
        steal: 0.0,
    }
}

fn transferred() -> Results {
    Results {
        zones_out: vec![zone_out(0, Peer::Dnsd, 0.1, 0.06), zone_out(0, Peer::Knot, 0.2, 0.05)],
        steps_out: vec![steps_out(1000, 0.0009), steps_out(100, 0.0001)],
        zones_in: vec![zone_in(0, Peer::Dnsd, 0.8), zone_in(0, Peer::Knot, 1.6)],
        edits: vec![EditRun {
            round: 0,
            peer: Peer::Dnsd,
            seconds: vec![0.1, 0.12, 0.4],
        }],
        machines: vec![MachinesRun {
            round: 0,
            start_seconds: 1.0,
            seconds: vec![0.002, 0.004, 0.06],
            cpu: 0.003,
            rss: 90_000_000,
        }],
        secondaries: vec![SecondariesRun {
            round: 0,
            peer: Peer::Dnsd,
            occasion: Occasion::Change,
            seconds: 11.0,
            cpu: 3.0,
            rss: 50_000_000,
            questions: 10_000,
            most_questions: 1001,
            transfers: 10_000,
            connections: 10_000,
            most_connections: 41,
        }],
        ..Results::default()
    }
}

#[test]
fn transfers_have_their_targets_and_tables() {
    let table = table(&transferred());
    for line in [
        "| AXFR of 1,000,000 records out: time | ≤ 1.00 × knot | 0.50 × knot | met |",
        "| AXFR of 1,000,000 records out: CPU time | ≤ 1.00 × knot | 1.20 × knot | **not met** |",
        "| AXFR of 1,000,000 records in: from the start to the first answer | ≤ 0.70 × knot | 0.50 × knot | met |",
        "| IXFR of 1,000 changes of 1,000,000 records out: CPU time | ≤ 10.00 × that of 100 | 9.00 × that of 100 | met |",
        "| from the rename of an edited file to the answer at a secondary: median | ≤ 300 ms | 120 ms | met |",
        "| from the rename of an edited file to the answer at a secondary: longest | ≤ 300 ms | 400 ms | **not met** |",
        "| from a plugin's word of one of 100,000 machines to the answer: median | ≤ 50 ms | 4 ms | met |",
        "| from a plugin's word of one of 100,000 machines to the answer: longest | ≤ 50 ms | 60 ms | **not met** |",
        "| 10,000 secondary zones, all changed at once: most questions in a second | ≤ 1100 queries | 1001 queries | met |",
        "| 10,000 secondary zones, all changed at once: most connections at a time | ≤ 40 connections | 41 connections | **not met** |",
        "| knot | 0.20 (0.20–0.20) | 0.050 | 0.0 | 10 | 1.40 | 0.050 | 2.0 | 2.0 | 0.00 |",
        "| dnsd | 0.50 | 900 | 900 | 1000 | 100 | steps |",
        "| dnsd | 120 | 400 | 3 |",
        "| dnsd | 11.00 (11.00–11.00) | 3.00 | 10000 | 1001 | 10000 | 10000 | 41 | 50 |",
    ] {
        assert!(table.contains(line), "{line}\n{table}");
    }
}
