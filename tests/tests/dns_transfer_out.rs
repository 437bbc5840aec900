//! Transfers out, to the clients and the servers that take them: dig, kdig, named and knotd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::process::Command;

use ballast_tests::daemon::{Daemon, output};
use ballast_tests::dns::server::{Configuration, PORT, page, serves};
use ballast_tests::peers;
use ballast_tests::wait::until;

const SECRET: &str = "bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaA==";

fn zone(serial: u32, hosts: u32) -> String {
    let mut text = format!(
        "$TTL 60\n@ SOA ns h {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n*.w TXT \"some text\" more\n"
    );
    for host in 0..hosts {
        writeln!(text, "h{host} A 10.{}.{}.{}", host >> 16, host >> 8 & 255, host & 255).unwrap();
    }
    text
}

/// A server of example.net that lets these transfer it.
fn start(allow_transfer: &str, text: &str) -> Daemon {
    Configuration::new()
        .table(&format!(
            "[key.lan-transfer]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table(&format!(
            "[zone.\"example.net\".primary]\nfile = \"db.example.net\"\nallow-transfer = [\"{allow_transfer}\"]"
        ))
        .setup()
        .file("db.example.net", text)
        .start()
}

fn dig(arguments: &[&str]) -> String {
    let (server, port) = (format!("@{}", serves().ip()), PORT.to_string());
    output(
        "dig",
        [&[server.as_str(), "-p", &port, "+noidnout"], arguments].concat(),
    )
}

/// The records that were printed, each once, in order.
fn records(printed: &str) -> Vec<String> {
    let is_of_the_zone = |line: &&str| !line.starts_with(';') && !line.is_empty() && !line.contains("TSIG");
    let lines = printed.lines().filter(is_of_the_zone);
    let mut records: Vec<String> = lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    records.sort();
    records.dedup();
    records
}

/// Where two lists of records differ first.
fn first_difference<'r>(left: &'r [String], right: &'r [String]) -> Option<(Option<&'r String>, Option<&'r String>)> {
    let length = left.len().max(right.len());
    let mut pairs = (0..length).map(|n| (left.get(n), right.get(n)));
    pairs.find(|(left, right)| left != right)
}

#[test]
fn rfc5936_dig_and_kdig_get_what_named_sends_of_the_same_file() {
    let text = zone(7, 5000);
    let daemon = start("any", &text);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("db");
    std::fs::write(&file, &text).unwrap();
    let (_named, named) = peers::named(directory.path(), "", &[("example.net", &file)]);
    let expected = output(
        "dig",
        [
            &format!("@{}", named.ip()),
            "-p",
            &named.port().to_string(),
            "example.net",
            "AXFR",
        ],
    );
    let expected = records(&expected);
    assert_eq!(expected.len(), 5004);
    let key = format!("hmac-sha256:lan-transfer:{SECRET}");
    let kdig = output(
        "kdig",
        [
            &format!("@{}", serves().ip()),
            "-p",
            &PORT.to_string(),
            "example.net",
            "AXFR",
        ],
    );
    for printed in [
        dig(&["example.net", "AXFR"]),
        dig(&["-y", &key, "example.net", "AXFR"]),
        kdig,
    ] {
        assert_eq!(first_difference(&records(&printed), &expected), None);
    }
    daemon.wait_for_log("(example.net): transfer of 'example.net/IN': AXFR started (serial 7)");
    daemon.wait_for_log("transfer of 'example.net/IN': AXFR started: TSIG lan-transfer (serial 7)");
    daemon.wait_for_log("(example.net): transfer of 'example.net/IN': AXFR ended: ");
    daemon.wait_for_log("/key lan-transfer (example.net): transfer of 'example.net/IN': AXFR ended: ");
    daemon.stop();
}

#[test]
fn only_who_has_the_key_gets_the_zone_and_others_are_told_so() {
    let daemon = start("key:lan-transfer", &zone(7, 5));
    let refused = dig(&["example.net", "AXFR"]);
    assert!(refused.contains("Transfer failed"), "{refused}");
    let whole = dig(&[
        "-y",
        &format!("hmac-sha256:lan-transfer:{SECRET}"),
        "example.net",
        "AXFR",
    ]);
    assert!(whole.contains("XFR size: 10 records"), "{whole}");
    let other = Command::new("dig")
        .args([
            &format!("@{}", serves().ip()),
            "-p",
            &PORT.to_string(),
            "+tcp",
            "www.example.org",
            "AXFR",
        ])
        .output()
        .unwrap();
    assert!(String::from_utf8(other.stdout).unwrap().contains("Transfer failed"));
    daemon.wait_for_log("(example.net): zone transfer 'example.net/AXFR/IN' denied");
    daemon.wait_for_log("bad zone transfer request: 'www.example.org/IN': non-authoritative zone (NOTAUTH)");
    let metrics = page("/metrics");
    for (fate, count) in [("ended", 1), ("broken-off", 0), ("refused", 2)] {
        let line = format!("dnsd_transfers_out_total{{fate=\"{fate}\"}} {count}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    daemon.stop();
}

#[test]
fn rfc1995_an_edit_goes_out_as_its_steps() {
    let daemon = start("any", &zone(7, 5000));
    daemon.replace("db.example.net", zone(8, 5001));
    until("the edit to be served", || {
        dig(&["+short", "example.net", "SOA"]).contains(" 8 ").then_some(())
    });
    let steps = dig(&["example.net", "IXFR=7"]);
    // Both versions' SOA records twice, and the new host.
    assert!(steps.contains("XFR size: 5 records"), "{steps}");
    assert!(steps.contains("h5000.example.net."), "{steps}");
    let newest = dig(&["+tcp", "example.net", "IXFR=8"]);
    assert!(newest.contains("XFR size: 1 records"), "{newest}");
    let unknown = dig(&["example.net", "IXFR=3"]);
    assert!(unknown.contains("XFR size: 5006 records"), "{unknown}");
    let datagram = dig(&["+notcp", "+ignore", "example.net", "IXFR=7"]);
    assert!(datagram.contains("h5000.example.net."), "{datagram}");
    daemon.wait_for_log("transfer of 'example.net/IN': IXFR ended: ");
    daemon.wait_for_log("transfer of 'example.net/IN': AXFR-style IXFR ended: ");
    daemon.stop();
}

#[test]
fn named_as_a_secondary_gets_the_zone_with_its_key_and_then_the_steps() {
    let daemon = start("key:lan-transfer", &zone(7, 20_000));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secondary");
    // The zone statement stands behind the options.
    let options = format!(
        "}}; key \"lan-transfer\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
         zone \"example.net\" {{ type secondary; file \"{}\"; masterfile-format text;\n\
         min-refresh-time 1; max-refresh-time 1; min-retry-time 1; max-retry-time 1;\n\
         primaries {{ {} port {PORT} key \"lan-transfer\"; }}; ",
        file.display(),
        serves().ip()
    );
    let (_named, named) = peers::named(directory.path(), &options, &[]);
    let serial = |serial: &str| {
        let found = output(
            "dig",
            [
                &format!("@{}", named.ip()),
                "-p",
                &named.port().to_string(),
                "+short",
                "+norec",
                "example.net",
                "SOA",
            ],
        );
        found.contains(serial).then_some(())
    };
    until("named to have the zone", || serial(" 7 "));
    daemon.wait_for_log("/key lan-transfer (example.net): transfer of 'example.net/IN': AXFR ended: ");
    daemon.replace("db.example.net", zone(8, 20_001));
    until("named to have the next version", || serial(" 8 "));
    daemon.wait_for_log("/key lan-transfer (example.net): transfer of 'example.net/IN': IXFR ended: ");
    daemon.stop();
}
