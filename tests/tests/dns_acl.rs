//! Who sees what: allow-query, and views by address and by key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ballast_tests::address;
use ballast_tests::daemon::{Setup, output};
use ballast_tests::dns::server::{Configuration, PORT};

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
