//! Who sees what: allow-query, and views by address and by key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;

use ballast_tests::daemon::{Setup, output};
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::{address, peers};

const SECRET: &str = "bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaA==";

fn zone(address: &str) -> String {
    format!("$TTL 60\n@ SOA ns h 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\nwww A {address}\n")
}

/// The status and the answers that dig gets from one of the test's addresses.
fn dig(from: u8, arguments: &[&str]) -> (String, Vec<String>) {
    let printed = output(
        "dig",
        [
            &[
                &format!("@{}", address(0)),
                "-p",
                &PORT.to_string(),
                "-b",
                &address(from).to_string(),
                "+norec",
            ],
            arguments,
        ]
        .concat(),
    );
    let status = printed.split("status: ").nth(1).unwrap().split(',').next().unwrap();
    let answers = printed
        .lines()
        .filter(|line| line.contains("\tA\t") && line.contains("www"));
    let addresses = answers.map(|line| line.rsplit('\t').next().unwrap().to_owned());
    (status.to_owned(), addresses.collect())
}

fn got(status: &str, addresses: &[&str]) -> (String, Vec<String>) {
    (status.into(), addresses.iter().map(ToString::to_string).collect())
}

fn files(configuration: &Configuration) -> Setup {
    configuration
        .setup()
        .file("db.outside", zone("192.0.2.10"))
        .file("db.inside", zone("192.0.2.20"))
        .file("db.other", zone("192.0.2.30"))
}

#[test]
fn allow_query_is_each_zones_own_and_says_nothing_of_what_is_there() {
    let allowed = address(1);
    let configuration = Configuration::new()
        .table(&format!(
            "[zone.\"example.net\".primary]\nfile = \"db.inside\"\nallow-query = [\"!{}\", \"{allowed}\", \"key:lan\"]",
            address(2)
        ))
        .zone("example.org", "db.other")
        .table(&format!(
            "[key.lan]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ));
    let daemon = files(&configuration).start();
    let signed = format!("hmac-sha256:lan:{SECRET}");
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(dig(1, &[transport, "www.example.net"]), got("NOERROR", &["192.0.2.20"]));
        assert_eq!(dig(3, &[transport, "www.example.net"]), got("REFUSED", &[]));
        assert_eq!(dig(3, &[transport, "missing.example.net"]), got("REFUSED", &[]));
        assert_eq!(dig(3, &[transport, "www.example.org"]), got("NOERROR", &["192.0.2.30"]));
        assert_eq!(
            dig(3, &[transport, "-y", &signed, "www.example.net"]),
            got("NOERROR", &["192.0.2.20"])
        );
        assert_eq!(
            dig(2, &[transport, "-y", &signed, "www.example.net"]),
            got("REFUSED", &[])
        );
    }
    daemon.stop();
}

#[test]
fn a_view_is_chosen_by_address_and_key_and_shows_the_zones_outside_unless_it_is_strict() {
    let configuration = Configuration::new()
        .top("views = [\"keyed\", \"inside\", \"strict\"]")
        .table(&format!("[key.lan]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""))
        .table("[view.keyed]\nmatch-clients = [\"key:lan\"]\n[view.keyed.zone.\"example.net\".primary]\nfile = \"db.other\"")
        .table(&format!(
            "[view.inside]\nmatch-clients = [\"{}\"]\n[view.inside.zone.\"example.net\".primary]\nfile = \"db.inside\"",
            address(1)
        ))
        .table(&format!(
            "[view.strict]\nmatch-clients = [\"{}\"]\nstrict = true\n[view.strict.zone.\"example.net\".primary]\nfile = \"db.inside\"",
            address(2)
        ))
        .zone("example.net", "db.outside")
        .zone("example.org", "db.outside");
    let mut daemon = files(&configuration).start();
    let signed = format!("hmac-sha256:lan:{SECRET}");
    assert_eq!(dig(3, &["www.example.net"]), got("NOERROR", &["192.0.2.10"]));
    assert_eq!(dig(1, &["www.example.net"]), got("NOERROR", &["192.0.2.20"]));
    assert_eq!(dig(1, &["www.example.org"]), got("NOERROR", &["192.0.2.10"]));
    assert_eq!(dig(2, &["www.example.net"]), got("NOERROR", &["192.0.2.20"]));
    assert_eq!(dig(2, &["www.example.org"]), got("REFUSED", &[]));
    assert_eq!(
        dig(1, &["-y", &signed, "www.example.net"]),
        got("NOERROR", &["192.0.2.30"])
    );
    // The views of the next configuration are in place when the reload says so.
    let swapped = configuration
        .text()
        .replace(&address(1).to_string(), &address(3).to_string());
    daemon.replace("dnsd.toml", swapped);
    daemon.reload();
    assert_eq!(dig(1, &["www.example.net"]), got("NOERROR", &["192.0.2.10"]));
    assert_eq!(dig(3, &["www.example.net"]), got("NOERROR", &["192.0.2.20"]));
    daemon.stop();
}

/// dig's line of an extended error (RFC 8914).
fn extended_error(server: SocketAddr, name: &str) -> Option<String> {
    let (ip, port) = (format!("@{}", server.ip()), server.port().to_string());
    let printed = output("dig", [&*ip, "-p", &port, "+norec", name]);
    let line = printed.lines().find(|line| line.starts_with("; EDE: "))?;
    Some(line.to_owned())
}

#[test]
fn rfc8914_who_is_refused_is_told_why_as_by_named() {
    let configuration = Configuration::new()
        .table("[zone.\"example.net\".primary]\nfile = \"db.inside\"\nallow-query = [\"none\"]")
        .table("[zone.\"example.com\".secondary]\nprimaries = [\"192.0.2.53\"]");
    let daemon = files(&configuration).start();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("db"), zone("192.0.2.20")).unwrap();
    let zone = "zone example.net { type primary; file \"db\"; allow-query { none; }; };";
    let (_named, named) = peers::named_with(directory.path(), "", zone);
    for name in ["www.example.net", "elsewhere.test"] {
        assert_eq!(extended_error(serves(), name), extended_error(named, name), "{name}");
    }
    assert_eq!(
        extended_error(serves(), "www.example.net").unwrap(),
        "; EDE: 18 (Prohibited)"
    );
    // Of a zone that never came named says nothing; the RFC has a code for it.
    assert_eq!(
        extended_error(serves(), "example.com").unwrap(),
        "; EDE: 24 (Invalid Data)"
    );
    daemon.stop();
}
