//! The query log: line by line what named writes for the same queries, and what becomes of it when it is rotated.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use ballast_tests::daemon::Setup;
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};
use ballast_tests::{peers, wait};
use nix::sys::signal::Signal;

const ZONE: &str = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.1\n";

const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";

fn dig(server: SocketAddr, arguments: &[&str]) {
    let output = Command::new("dig")
        .args([
            "+time=5",
            "+tries=1",
            &format!("@{}", server.ip()),
            "-p",
            &server.port().to_string(),
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// The queries of a log, without what differs from server to server: where in memory a query was, the client's port, and the
/// address that was asked.
fn lines(log: &Path, asked: SocketAddr, count: usize) -> Vec<String> {
    let is_query = |line: &&str| line.contains(": query: ");
    let text = wait::until(&format!("{count} queries in {}", log.display()), || {
        let text = fs::read_to_string(log).ok()?;
        (text.lines().filter(is_query).count() >= count).then_some(text)
    });
    text.lines()
        .filter(is_query)
        .map(|line| {
            let (_, rest) = line.split_once(" @0x").unwrap();
            let (_, rest) = rest.split_once(' ').unwrap();
            let (client, rest) = rest.split_once('#').unwrap();
            let behind_port = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{client}#{behind_port}").replace(&format!("({})", asked.ip()), "(ASKED)")
        })
        .collect()
}

#[test]
fn lines_are_those_of_named() {
    let key = format!("hmac-sha256:k1:{SECRET}");
    let queries: &[&[&str]] = &[
        &["www.example.net"],
        &["+nocookie", "www.example.net", "AAAA"],
        &["+noedns", "+norec", "WWW.Example.net", "TYPE65280"],
        &["+tcp", "+dnssec", "+cd", ".", "NS"],
        &["+subnet=192.0.2.0/24", "www.example.net"],
        &["+subnet=2001:db8::/56", "www.example.net"],
        &["-y", &key, "www.example.net"],
        &["example.net", "AXFR"],
        &["version.bind", "CH", "TXT"],
        &["+edns=1", "+noednsneg", "other-version.example.net"],
        &["a\\.b\\032c\\200.example.net"],
        &["+opcode=NOTIFY", "+norec", "example.net", "SOA"],
        &["nothing.example.net", "MAILB"],
    ];
    let setup = Configuration::new()
        .zone("example.net", "zone")
        .table(&format!("[key.k1]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""))
        .table("[query-log]\nfile = \"query.log\"\nprint-time = false")
        .setup()
        .file("zone", ZONE);
    let zone = setup.path().join("zone");
    let clauses = format!("querylog yes; }}; key k1 {{ algorithm hmac-sha256; secret \"{SECRET}\"; ");
    let (_named, asked) = peers::named(setup.path(), &clauses, &[("example.net", &zone)]);
    let dnsd = setup.start();
    for query in queries {
        dig(asked, query);
        dig(serves(), query);
    }
    // An unknown EDNS version and NOTIFY are no queries that are logged.
    let count = queries.len() - 2;
    let of_named = lines(&dnsd.path().join("named.log"), asked, count);
    let of_dnsd = lines(&dnsd.path().join("query.log"), serves(), count);
    assert_eq!(of_dnsd, of_named);
}

#[test]
fn a_file_that_is_rotated_away_has_a_successor() {
    let mut dnsd = Configuration::new()
        .zone("example.net", "zone")
        .table("[query-log]\nfile = \"query.log\"\nprint-category = true\nprint-severity = true")
        .setup()
        .file("zone", ZONE)
        .start();
    let log = dnsd.path().join("query.log");
    let ask = || Udp::to(serves()).ask(&Query::of("www.example.net", rtype::A));
    ask();
    let text = String::from_utf8(wait::until_lines(&log, 1)).unwrap();
    let (time, rest) = text.split_once(" queries: info: client @0x").unwrap();
    assert_eq!(time.len(), "22-Nov-2026 23:20:52.249".len(), "{text}");
    assert!(rest.ends_with(&format!(
        " (www.example.net): query: www.example.net IN A - ({})\n",
        serves().ip()
    )));
    fs::rename(&log, dnsd.path().join("query.log.1")).unwrap();
    wait::until("a new query.log", || log.exists().then_some(()));
    ask();
    wait::until_lines(&log, 1);
    // A reload can turn it off, and what it then says of the file is heeded before anything changes.
    dnsd.replace("dnsd.toml", Configuration::new().zone("example.net", "zone").text());
    dnsd.reload();
    ask();
    let elsewhere = Configuration::new()
        .zone("example.net", "zone")
        .table("[query-log]\nfile = \"missing/query.log\"");
    dnsd.replace("dnsd.toml", elsewhere.text());
    dnsd.signal(Signal::SIGHUP);
    dnsd.wait_for_log("missing/query.log: ");
    assert!(!dnsd.run(&["check"]).status.success());
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 1);
    assert!(page("/metrics").contains("dnsd_query_log_total{fate=\"written\"} 2\n"));
}

#[test]
fn without_a_place_for_the_log_check_and_start_say_so() {
    let setup = Setup::new("dnsd").file(
        "dnsd.toml",
        Configuration::new()
            .table("[query-log]\nfile = \"missing/query.log\"")
            .text(),
    );
    let output = setup.run(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("missing: no such folder"), "{said}");
    assert_eq!(setup.run(&["run"]).status.code(), Some(74));
}
