//! Transfers with nsd both ways, and with named and knotd by each algorithm that a key can have.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use ballast_tests::daemon::Setup;
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::{address, peers, wait};
use nix::sys::signal::Signal;

/// 512 bits, which is enough for each of the algorithms.
const SECRET: &str = "bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaC1mb3ItYWxsLW9mLXRoZW0tYW5kLW1vcmUhISEhISEhISEhIQ==";

const ALGORITHMS: [&str; 6] = [
    "hmac-md5",
    "hmac-sha1",
    "hmac-sha224",
    "hmac-sha256",
    "hmac-sha384",
    "hmac-sha512",
];

/// A zone with a record that says its version.
fn zone(serial: u32) -> String {
    let hosts: String = (0..200).map(|n| format!("host-{n} A 192.0.2.{n}\n")).collect();
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nversion TXT \"{serial}\"\n{hosts}"
    )
}

fn version(server: SocketAddr, zone: &str) -> Option<u32> {
    let answer = Udp::to(server).ask(&Query::of(&format!("version.{zone}"), rtype::TXT));
    let record = answer.answers.first()?;
    std::str::from_utf8(&record.data[1..]).unwrap().parse().ok()
}

fn wait_for_version(server: SocketAddr, zone: &str, serial: u32) {
    wait::until(&format!("version {serial} of {zone} at {server}"), || {
        (version(server, zone) == Some(serial)).then_some(())
    });
}

/// A second server beside dnsd, on an address of the test's own.
fn beside() -> SocketAddr {
    (address(1), PORT).into()
}

/// nsd with a key LAN, and example.net.
fn nsd(directory: &Path, zone: &str) -> peers::Peer {
    peers::nsd_with(
        directory,
        beside(),
        &format!(
            "key:\n  name: \"LAN\"\n  algorithm: hmac-sha256\n  secret: \"{SECRET}\"\n\
             zone:\n  name: \"example.net\"\n  zonefile: \"example.net.zone\"\n  outgoing-interface: {}\n{zone}",
            beside().ip()
        ),
    )
}

fn with_key_and_remote() -> Configuration {
    Configuration::new()
        .table(&format!(
            "[key.LAN]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table(&format!(
            "[remote.nsd]\naddress = \"{}\"\nkey = \"LAN\"\nsource = \"{}\"",
            beside(),
            serves().ip()
        ))
}

#[test]
fn a_zone_comes_from_nsd_whole_and_then_in_steps() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("example.net.zone"), zone(1)).unwrap();
    let (ip, port) = (serves().ip(), PORT);
    let nsd = nsd(
        directory.path(),
        &format!("  provide-xfr: {ip} LAN\n  notify: {ip}@{port} LAN\n  store-ixfr: yes\n  create-ixfr: yes\n"),
    );
    wait_for_version(beside(), "example.net", 1);
    let dnsd = with_key_and_remote()
        .table("[zone.\"example.net\".secondary]\nprimaries = [\"nsd\"]\nallow-notify = [\"nsd\"]")
        .setup()
        .start();
    wait_for_version(serves(), "example.net", 1);
    fs::write(directory.path().join("example.net.zone"), zone(2)).unwrap();
    nsd.signal(Signal::SIGHUP);
    wait_for_version(serves(), "example.net", 2);
    let log = dnsd.log();
    assert!(log.contains("zone example.net/IN: notify from "), "{log}");
    assert!(
        log.contains("zone example.net/IN: transferred serial 2: TSIG 'lan'"),
        "{log}"
    );
    let completed = log.lines().rfind(|line| line.contains("Transfer completed")).unwrap();
    let (before, _) = completed.split_once(" records").unwrap();
    let records: u32 = before.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(records < 20, "{completed}");
}

#[test]
fn nsd_has_every_version_of_a_zone_of_ours_as_soon_as_it_is_edited() {
    let directory = tempfile::tempdir().unwrap();
    let (ip, port) = (serves().ip(), PORT);
    let dnsd = with_key_and_remote()
        .table(
            "[zone.\"example.net\".primary]\nfile = \"example.net.zone\"\nallow-transfer = [\"key:LAN\"]\n\
             also-notify = [\"nsd\"]\nnotify = \"explicit\"\nnotify-delay = \"0s\"",
        )
        .setup()
        .file("example.net.zone", zone(1))
        .start();
    let _nsd = nsd(
        directory.path(),
        &format!("  request-xfr: {ip}@{port} LAN\n  allow-notify: {ip} LAN\n"),
    );
    wait_for_version(beside(), "example.net", 1);
    for serial in 2..5 {
        dnsd.replace("example.net.zone", zone(serial));
        wait_for_version(beside(), "example.net", serial);
    }
    dnsd.wait_for_log("IXFR ended");
    let log = dnsd.log();
    assert!(!log.contains("notify response"), "{log}");
}

/// A zone for each algorithm, whose key is named for it.
fn zone_of(algorithm: &str) -> String {
    format!("{algorithm}.test")
}

/// dnsd with the keys, and with the zones as this says.
fn with_zones(other: SocketAddr, table: impl Fn(&str) -> String) -> Setup {
    let mut configuration = Configuration::new();
    for algorithm in ALGORITHMS {
        configuration = configuration
            .table(&format!(
                "[key.{algorithm}]\nalgorithm = \"{algorithm}\"\nsecret = \"{SECRET}\"\n\
                 [remote.by-{algorithm}]\naddress = \"{other}\"\nkey = \"{algorithm}\""
            ))
            .table(&format!("[zone.\"{}\".{}", zone_of(algorithm), table(algorithm)));
    }
    let setup = configuration.setup();
    ALGORITHMS
        .iter()
        .fold(setup, |setup, algorithm| setup.file(&zone_of(algorithm), zone(1)))
}

fn secondary(algorithm: &str) -> String {
    format!("secondary]\nprimaries = [\"by-{algorithm}\"]")
}

fn primary(algorithm: &str) -> String {
    format!(
        "primary]\nfile = \"{}\"\nallow-transfer = [\"key:{algorithm}\"]\nnotify = \"no\"",
        zone_of(algorithm)
    )
}

/// What named has for each algorithm: its key, and a zone with these statements.
fn named_zones(statements: impl Fn(&str) -> String) -> String {
    let of_one = |algorithm: &&str| {
        format!(
            "key {algorithm} {{ algorithm {algorithm}; secret \"{SECRET}\"; }};\nzone {} {{ {} }};\n",
            zone_of(algorithm),
            statements(algorithm)
        )
    };
    ALGORITHMS.iter().map(of_one).collect()
}

/// What knotd has for each algorithm.
fn knot_sections(here: &Path, zone: impl Fn(&str) -> String) -> String {
    let (ip, port) = (serves().ip(), PORT);
    let each =
        |of_one: &dyn Fn(&str) -> String| ALGORITHMS.iter().map(|algorithm| of_one(algorithm)).collect::<String>();
    let keys = each(&|algorithm| format!("  - id: {algorithm}\n    algorithm: {algorithm}\n    secret: {SECRET}\n"));
    let remotes =
        each(&|algorithm| format!("  - id: by-{algorithm}\n    address: {ip}@{port}\n    key: {algorithm}\n"));
    let acls = each(&|algorithm| format!("  - id: of-{algorithm}\n    key: {algorithm}\n    action: transfer\n"));
    let zones = each(&|algorithm| {
        format!(
            "  - domain: {0}\n    storage: {1}\n    file: {0}\n{2}",
            zone_of(algorithm),
            here.display(),
            zone(algorithm)
        )
    });
    format!("key:\n{keys}remote:\n{remotes}acl:\n{acls}zone:\n{zones}")
}

fn write_zones(here: &Path) {
    for algorithm in ALGORITHMS {
        fs::write(here.join(zone_of(algorithm)), zone(1)).unwrap();
    }
}

fn wait_for_all(server: SocketAddr) {
    for algorithm in ALGORITHMS {
        wait_for_version(server, &zone_of(algorithm), 1);
    }
}

#[test]
fn rfc8945_6_a_transfer_from_named_is_signed_with_each_algorithm() {
    let directory = tempfile::tempdir().unwrap();
    write_zones(directory.path());
    let (_named, address) = peers::named_with(
        directory.path(),
        "notify no;",
        &named_zones(|algorithm| {
            let file = zone_of(algorithm);
            format!("type primary; file \"{file}\"; allow-transfer {{ key {algorithm}; }};")
        }),
    );
    let dnsd = with_zones(address, secondary).start();
    wait_for_all(serves());
    for algorithm in ALGORITHMS {
        let expected = format!(
            "zone {}/IN: transferred serial 1: TSIG '{algorithm}'",
            zone_of(algorithm)
        );
        assert!(dnsd.log().contains(&expected), "{}", dnsd.log());
    }
}

#[test]
fn rfc8945_6_a_transfer_to_named_is_signed_with_each_algorithm() {
    let directory = tempfile::tempdir().unwrap();
    let (ip, port) = (serves().ip(), PORT);
    let named = SocketAddr::from(([127, 0, 0, 1], ballast_tests::port()));
    let _dnsd = with_zones(named, primary).start();
    let (_named, _) = peers::named_with(
        directory.path(),
        "notify no;",
        &named_zones(|algorithm| format!("type secondary; primaries {{ {ip} port {port} key {algorithm}; }};")),
    );
    wait_for_all(named);
}

#[test]
fn rfc8945_6_a_transfer_from_knotd_is_signed_with_each_algorithm() {
    let directory = tempfile::tempdir().unwrap();
    write_zones(directory.path());
    let sections = knot_sections(directory.path(), |algorithm| {
        format!("    acl: of-{algorithm}\n    zonefile-load: whole\n    zonefile-sync: -1\n")
    });
    let _knotd = peers::knotd_with(directory.path(), beside(), &sections);
    wait_for_all(beside());
    let _dnsd = with_zones(beside(), secondary).start();
    wait_for_all(serves());
}

#[test]
fn rfc8945_6_a_transfer_to_knotd_is_signed_with_each_algorithm() {
    let directory = tempfile::tempdir().unwrap();
    let _dnsd = with_zones(beside(), primary).start();
    let sections = knot_sections(directory.path(), |algorithm| format!("    master: by-{algorithm}\n"));
    let _knotd = peers::knotd_with(directory.path(), beside(), &sections);
    wait_for_all(beside());
}
