//! Zones that go from server to server: dnsd as a secondary of named and of knotd, as the primary of both, and of itself as
//! the articles have it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::Rcode;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::{address, data, peers, wait};
use nix::sys::signal::Signal;

/// 256 bits, as `dnsd keygen` makes them.
const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
const OTHER_SECRET: &str = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=";

/// A zone with a record that says its version.
fn zone(serial: u32) -> String {
    let hosts: String = (0..200).map(|n| format!("host-{n} A 192.0.2.{n}\n")).collect();
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nversion TXT \"{serial}\"\n{hosts}"
    )
}

/// Which version a server has of example.net, if any.
fn version(server: SocketAddr) -> Option<u32> {
    let answer = Udp::to(server).ask(&Query::of("version.example.net", rtype::TXT));
    let record = answer.answers.first()?;
    std::str::from_utf8(&record.data[1..]).unwrap().parse().ok()
}

fn wait_for_version(server: SocketAddr, serial: u32) {
    wait::until(&format!("version {serial} at {server}"), || {
        (version(server) == Some(serial)).then_some(())
    });
}

fn key(name: &str, secret: &str) -> String {
    format!("[key.{name}]\nalgorithm = \"hmac-sha256\"\nsecret = \"{secret}\"\n")
}

/// dnsd with example.net from a primary, signed with the key LAN.
fn secondary_of(primary: SocketAddr, secret: &str) -> Setup {
    Configuration::new()
        .table(&key("LAN", secret))
        .table(&format!("[remote.primary]\naddress = \"{primary}\"\nkey = \"LAN\""))
        .table("[zone.\"example.net\".secondary]\nprimaries = [\"primary\"]")
        .setup()
}

/// dnsd with example.net from a file, for whoever has the key LAN; who is told of changes has it, too.
fn primary_for(secondary: SocketAddr) -> Setup {
    Configuration::new()
        .table(&key("LAN", SECRET))
        .table(&format!("[remote.secondary]\naddress = \"{secondary}\"\nkey = \"LAN\""))
        .table(
            "[zone.\"example.net\".primary]\nfile = \"example.net.zone\"\nallow-transfer = [\"key:LAN\"]\n\
             also-notify = [\"secondary\"]\nnotify-delay = \"0s\"",
        )
        .setup()
        .file("example.net.zone", zone(1))
}

/// named as the primary of dnsd: it gives example.net to who has the key LAN. Its NOTIFYs aren't signed, as is usual.
fn named_primary(directory: &Path) -> (peers::Peer, SocketAddr) {
    let (ip, port) = (serves().ip(), PORT);
    fs::write(directory.join("example.net.zone"), zone(1)).unwrap();
    peers::named_with(
        directory,
        "ixfr-from-differences yes; notify-delay 0;",
        &format!(
            "key LAN {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone example.net {{ type primary; file \"example.net.zone\"; allow-transfer {{ key LAN; }}; notify explicit; \
             also-notify {{ {ip} port {port}; }}; }};"
        ),
    )
}

#[test]
fn a_zone_comes_from_named_whole_and_then_in_steps() {
    let directory = tempfile::tempdir().unwrap();
    let (named, address) = named_primary(directory.path());
    let dnsd = secondary_of(address, SECRET).start();
    wait_for_version(serves(), 1);
    let log = dnsd.log();
    assert!(log.contains("zone example.net/IN: Transfer started."), "{log}");
    let completed = format!(
        "transfer of 'example.net/IN' from 127.0.0.1#{}: Transfer completed: ",
        address.port()
    );
    assert!(log.contains(&completed), "{log}");
    assert!(
        log.contains("zone example.net/IN: transferred serial 1: TSIG 'lan'"),
        "{log}"
    );
    for serial in 2..5 {
        fs::write(directory.path().join("example.net.zone"), zone(serial)).unwrap();
        named.signal(Signal::SIGHUP);
        wait_for_version(serves(), serial);
        named.wait_for_log(&format!("(serial {} -> {serial})", serial - 1));
    }
    named.wait_for_log("IXFR started: TSIG lan");
    let status = String::from_utf8(dnsd.run(&["status", "example.net"]).stdout).unwrap();
    assert!(status.contains("serial 4"), "{status}");
    assert!(
        status.contains(&format!("primaries: 127.0.0.1#{}", address.port())),
        "{status}"
    );
}

#[test]
fn a_zone_is_served_without_its_primary_and_comes_on_when_that_returns() {
    let directory = tempfile::tempdir().unwrap();
    let (named, address) = named_primary(directory.path());
    let dnsd = secondary_of(address, SECRET).start();
    wait_for_version(serves(), 1);
    named.stop();
    let (_, stopped) = dnsd.stop();
    let dnsd = stopped.again().start();
    assert_eq!(version(serves()), Some(1), "before any primary answers");
    dnsd.wait_for_log("refresh: failure trying primary");
    assert_eq!(version(serves()), Some(1));
    // It tells dnsd that it is there.
    fs::remove_file(directory.path().join("named.conf")).unwrap();
    let (named, again) = named_primary(directory.path());
    assert_eq!(again, address);
    fs::write(directory.path().join("example.net.zone"), zone(2)).unwrap();
    named.signal(Signal::SIGHUP);
    wait_for_version(serves(), 2);
}

#[test]
fn a_key_with_another_secret_brings_nothing_and_a_line_that_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let (_named, address) = named_primary(directory.path());
    let dnsd = secondary_of(address, OTHER_SECRET).start();
    dnsd.wait_for_log("the server answered BADSIG");
    let answer = Udp::to(serves()).ask(&Query::of("version.example.net", rtype::TXT));
    assert_eq!(answer.rcode(), Rcode::SERVFAIL);
    assert!(!dnsd.log().contains(OTHER_SECRET));
}

/// Sections of a knotd that dnsd is with.
fn knot_key_and_remote(zone: &str) -> String {
    format!(
        "key:\n  - id: LAN\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
         remote:\n  - id: dnsd\n    address: {}@{PORT}\n    via: {}\n    key: LAN\n\
         acl:\n  - id: lan\n    key: LAN\n    action: [transfer, notify]\n{zone}",
        serves().ip(),
        address(1)
    )
}

#[test]
fn a_zone_comes_from_knotd_whole_and_then_in_steps() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let knot = SocketAddr::from((address(1), PORT));
    fs::write(here.join("example.net.zone"), zone(1)).unwrap();
    let knotd = peers::knotd_with(
        here,
        knot,
        &knot_key_and_remote(&format!(
            "zone:\n  - domain: example.net\n    storage: {}\n    file: example.net.zone\n    zonefile-load: difference\n\
             \x20   zonefile-sync: -1\n    acl: lan\n    notify: dnsd\n",
            here.display()
        )),
    );
    wait_for_version(knot, 1);
    let dnsd = secondary_of(knot, SECRET).start();
    wait_for_version(serves(), 1);
    fs::write(here.join("example.net.zone"), zone(2)).unwrap();
    knotd.signal(Signal::SIGHUP);
    wait_for_version(serves(), 2);
    knotd.wait_for_log("IXFR, outgoing");
    let log = dnsd.log();
    assert!(log.contains("zone example.net/IN: notify from "), "{log}");
}

#[test]
fn named_has_every_version_of_a_zone_of_ours_as_soon_as_it_is_edited() {
    let directory = tempfile::tempdir().unwrap();
    let ip = serves().ip();
    let named = SocketAddr::from(([127, 0, 0, 1], ballast_tests::port()));
    let dnsd = primary_for(named).start();
    let (_named, address) = peers::named_with(
        directory.path(),
        "",
        &format!(
            "key LAN {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone example.net {{ type secondary; file \"copy\"; masterfile-format text; \
             primaries {{ {ip} port {PORT} key LAN; }}; allow-notify {{ key LAN; }}; }};"
        ),
    );
    assert_eq!(address, named);
    wait_for_version(named, 1);
    edit_until(&dnsd, named, 5);
}

#[test]
fn knotd_has_every_version_of_a_zone_of_ours_as_soon_as_it_is_edited() {
    let directory = tempfile::tempdir().unwrap();
    let knot = SocketAddr::from((address(1), PORT));
    let dnsd = primary_for(knot).start();
    let _knotd = peers::knotd_with(
        directory.path(),
        knot,
        &knot_key_and_remote(&format!(
            "zone:\n  - domain: example.net\n    storage: {}\n    master: dnsd\n    acl: lan\n",
            directory.path().display()
        )),
    );
    wait_for_version(knot, 1);
    edit_until(&dnsd, knot, 5);
}

/// Edits the zone's file up to a version, and waits for each at the secondary.
fn edit_until(dnsd: &Daemon, secondary: SocketAddr, last: u32) {
    for serial in 2..=last {
        dnsd.replace("example.net.zone", zone(serial));
        wait_for_version(secondary, serial);
    }
    let log = dnsd.log();
    assert!(
        log.contains(&format!("zone example.net/IN: sending notifies (serial {last})")),
        "{log}"
    );
}

/// Two servers of one machine, which is why each has a `source`, the second of which has the zone by the key LAN-TRANSFER. The primary's file is edited, and the secondary
/// has it; the primary is stopped, and the secondary answers.
#[test]
fn the_article_s_secondary_follows_its_primary_and_outlives_it() {
    let slave = SocketAddr::from((address(1), PORT));
    let text = fs::read_to_string(data("dns/somewhere.net.zone")).unwrap();
    let key = key("LAN-TRANSFER", SECRET);
    let primary = Configuration::new()
        .table(&key)
        .table(&format!(
            "[remote.ns2]\naddress = \"{slave}\"\nkey = \"LAN-TRANSFER\"\nsource = \"{}\"",
            serves().ip()
        ))
        .table(
            "[zone.\"somewhere.net\".primary]\nfile = \"zones/db.somewhere.net\"\nalso-notify = [\"ns2\"]\n\
             allow-transfer = [\"key:LAN-TRANSFER\"]\nnotify = \"explicit\"",
        )
        .setup()
        .file("zones/db.somewhere.net", &text)
        .start();
    let secondary = Setup::new("dnsd")
        .file(
            "dnsd.toml",
            format!(
                "work-dir = \"work\"\n[listen]\ndns = [\"{slave}\"]\n[control]\nsocket = \"control.sock\"\n{key}\
                 [remote.ns1]\naddress = \"{}\"\nkey = \"LAN-TRANSFER\"\n\
                 [zone.\"somewhere.net\".secondary]\nprimaries = [\"ns1\"]\nallow-notify = [\"ns1\"]\n",
                serves()
            ),
        )
        .start();
    let www = |server: SocketAddr| {
        let answer = Udp::to(server).ask(&Query::of("www.somewhere.net", rtype::A));
        answer.answers.first().map(|record| record.data.clone())
    };
    wait::until("the zone at the secondary", || www(slave));
    let edited = text
        .replace("1         ; Serial", "2         ; Serial")
        .replace("192.168.1.10", "192.168.1.77");
    assert_ne!(text, edited);
    primary.replace("zones/db.somewhere.net", edited);
    wait::until("the edit at the secondary", || {
        (www(slave)? == [192, 168, 1, 77]).then_some(())
    });
    primary.stop();
    assert_eq!(www(slave), Some(vec![192, 168, 1, 77]));
    drop(secondary);
}

#[test]
fn a_retransfer_and_a_notify_are_had_by_command() {
    let directory = tempfile::tempdir().unwrap();
    let (named, address) = named_primary(directory.path());
    let dnsd = secondary_of(address, SECRET).start();
    wait_for_version(serves(), 1);
    // A version that is older, which no refresh takes.
    fs::write(directory.path().join("example.net.zone"), zone(0)).unwrap();
    named.stop();
    let (_named, _) = peers::named_with(
        directory.path(),
        "",
        &format!(
            "key LAN {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone example.net {{ type primary; file \"example.net.zone\"; allow-transfer {{ key LAN; }}; notify no; }};"
        ),
    );
    assert!(dnsd.run(&["refresh", "example.net"]).status.success());
    dnsd.wait_for_log("serial number (0) received from primary");
    assert_eq!(version(serves()), Some(1));
    assert!(dnsd.run(&["retransfer", "example.net"]).status.success());
    wait_for_version(serves(), 0);
    assert!(dnsd.run(&["notify", "example.net"]).status.success());
    assert_eq!(dnsd.run(&["notify", "example.org"]).status.code(), Some(64));
}
