//! The metrics are those of the manual, and alerts and dashboard are about metrics that there are; `status` says what they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;

use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, numbered};
use ballast_tests::{address, repository, wait};
use serde_json::Value;

const LOGD: u8 = 0;

/// The names of metrics in a text, wherever they stand in it.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let words = text.split(|character| !is_part(character));
    words
        .filter(|word| word.starts_with("logd_") && *word != "logd_core")
        .map(str::to_owned)
        .collect()
}

/// What stands between backticks in the manual's list of them. Elsewhere tables of a database have such names, too.
fn in_manual() -> BTreeSet<String> {
    let manual = fs::read_to_string(repository("docs/logd.md")).unwrap();
    let (_, list) = manual.split_once("\n## Metrics\n").unwrap();
    let list = list.split("\n## ").next().unwrap();
    let quoted = list.split('`').skip(1).step_by(2);
    quoted.flat_map(names_in).collect()
}

/// The string literals of the daemon's source that are names of metrics.
fn in_source() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(&repository("logd/daemon/src"), &mut names);
    names
}

fn collect(directory: &Path, names: &mut BTreeSet<String>) {
    /// Of a database.
    const TABLES: [&str; 2] = ["logd_messages", "logd_batches"];
    /// These read what others count, or explain it.
    const READERS: [&str; 3] = ["rates.rs", "status.rs", "metrics_help.rs"];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if READERS.iter().any(|reader| path.ends_with(reader)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let literals = source.split('"').filter(|literal| literal.starts_with("logd_"));
            let is_name = |literal: &&str| {
                !TABLES.contains(literal) && literal.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            };
            names.extend(literals.filter(is_name).map(str::to_owned));
        }
    }
}

fn logd() -> Setup {
    let output = "[output.all.file]\npath = \"log/%HOSTNAME%/%PROGRAMNAME%.log\"\nrotate = {}\nkeep = { age = \"90d\" }\n\
                  [output.full.file]\npath = \"log/full\"\nmin-free = \"900000TiB\"\nwhen-full = \"drop\"\n\
                  [[rule]]\nselect = \"*.=debug\"\nto = [\"full\"]\nstop = true\n\
                  [[rule]]\nselect = \"*.=info\"\ndrop = true\n\
                  [[rule]]\nto = [\"all\"]\n";
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + output)
}

#[test]
fn every_metric_of_a_running_logd_is_in_the_manual() {
    let logd = logd().start();
    syslog::send(syslog::collector(address(LOGD)), &numbered::messages("host", 0, 0..10));
    wait::until_lines(&logd.path().join("log/host/app.log"), 10);
    let page = syslog::page(address(LOGD), "/metrics");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: BTreeSet<String> = types.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert!(shown.len() > 25, "{shown:?}");
    let manual = in_manual();
    let missing: Vec<_> = shown.difference(&manual).collect();
    assert!(missing.is_empty(), "not in docs/logd.md: {missing:?}");
    let explained = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let explained: BTreeSet<String> = explained
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(explained, shown);
}

#[test]
fn the_page_explains_the_metrics_of_the_manual_and_no_others() {
    let explained = names_in(&fs::read_to_string(repository("logd/daemon/src/metrics_help.rs")).unwrap());
    assert_eq!(explained, in_manual());
}

#[test]
fn the_manual_lists_the_metrics_of_the_source_and_no_others() {
    let (manual, mut source) = (in_manual(), in_source());
    // Written as text, not as a literal of its own.
    source.insert("logd_output_oldest_unwritten_seconds".to_owned());
    let missing: Vec<_> = source.difference(&manual).collect();
    assert!(missing.is_empty(), "not in docs/logd.md: {missing:?}");
    let gone: Vec<_> = manual.difference(&source).collect();
    assert!(gone.is_empty(), "only in docs/logd.md: {gone:?}");
}

#[test]
fn alerts_and_dashboard_are_about_metrics_that_there_are() {
    let manual = in_manual();
    for file in ["docs/prometheus-alerts.yml", "docs/grafana-logd.json"] {
        let meant = names_in(&fs::read_to_string(repository(file)).unwrap());
        assert!(meant.len() > 10, "{file}: {meant:?}");
        let unknown: Vec<_> = meant.difference(&manual).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_can_import() {
    let text = fs::read_to_string(repository("docs/grafana-logd.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    assert!(dashboard["title"].is_string() && dashboard["schemaVersion"].is_u64());
    // An id of a database would keep it from being imported elsewhere.
    assert!(dashboard.get("id").is_none());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|variable| variable["type"] == "datasource"));
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let place = &panel["gridPos"];
        let at = |key: &str| place[key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title}: wider than the grid");
        for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(taken.insert((x, y)), "{title}: over another panel");
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            assert!(expression.contains("$instance"), "{title}: {expression}");
            let opened = expression.matches(['(', '{', '[']).count();
            assert_eq!(
                opened,
                expression.matches([')', '}', ']']).count(),
                "{title}: {expression}"
            );
        }
    }
}

#[test]
fn status_tells_rates_drops_and_what_waits() {
    let logd = logd().start();
    let to = syslog::collector(address(LOGD));
    let mut stream = syslog::connect(to);
    stream.write_all(&numbered::messages("host", 0, 0..500)).unwrap();
    for pri in [14, 15] {
        stream
            .write_all(format!("<{pri}>Oct 11 22:14:15 host app: x\n").as_bytes())
            .unwrap();
    }
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .send_to(b"<13>Oct 11 22:14:15 host udp: x", to)
        .unwrap();
    let status = wait::until("status to have all of it", || {
        let output = logd.run(&["status", "--json"]);
        assert!(output.status.success(), "{output:?}");
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let output = |name: &str| {
            let outputs = status["outputs"].as_array().unwrap();
            outputs.iter().find(|output| output["name"] == name).unwrap().clone()
        };
        let (all, full) = (output("all"), output("full"));
        (all["lines"]["total"] == 501 && full["held_up_files"] == 1).then_some(status)
    });
    let inputs = status["inputs"].as_array().unwrap();
    let tcp = inputs.iter().find(|input| input["name"] == "net-tcp").unwrap();
    assert_eq!(
        (&tcp["messages"]["total"], &tcp["connections"]),
        (&502.into(), &1.into())
    );
    assert!(tcp["messages"]["per_second_1m"].as_f64().unwrap() > 0.0, "{status:#}");
    let rule = &status["dropped"][0];
    assert_eq!((&rule["reason"], &rule["count"]), (&"rule".into(), &1.into()));
    let outputs = status["outputs"].as_array().unwrap();
    let full = outputs.iter().find(|output| output["name"] == "full").unwrap();
    assert!(full["oldest_unwritten_s"].as_f64().unwrap() > 0.0, "{status:#}");
    let oldest = || {
        syslog::metric(
            address(LOGD),
            "logd_output_oldest_unwritten_seconds",
            &["output=\"full\""],
        )
    };
    wait::until("the line to grow older", || (oldest() > 0.2).then_some(()));
    let text = String::from_utf8(logd.run(&["status"]).stdout).unwrap();
    for part in [
        "net-tcp",
        "501 lines",
        "held up: 1 files",
        "dropped rule 1",
        "oldest unwritten",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
