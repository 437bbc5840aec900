//! Catalog zones (RFC 9432): dnsd has the zones that catalogs of named, knotd and dnsd list, and those have what dnsd's lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::Rcode;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, page, serves};
use ballast_tests::{address, peers, port, wait};
use nix::sys::signal::Signal;

/// A member zone with a record that says its version.
fn zone(serial: u32) -> String {
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nversion TXT \"{serial}\"\n"
    )
}

/// A catalog written by hand: `zone label` of each member.
fn catalog(serial: u32, schema: u32, members: &[&str]) -> String {
    let members = members.iter().map(|member| {
        let (zone, label) = member.split_once(' ').unwrap();
        format!("{label}.zones PTR {zone}.\n")
    });
    format!(
        "$TTL 0\n@ SOA invalid. invalid. {serial} 3600 600 2147483646 0\n@ NS invalid.\nversion TXT \"{schema}\"\n{}",
        members.collect::<String>()
    )
}

/// What a server says of a zone: its version, or why there is none.
fn said(server: SocketAddr, zone: &str) -> Result<u32, Rcode> {
    let answer = Udp::to(server).ask(&Query::of(&format!("version.{zone}"), rtype::TXT));
    match answer.answers.first() {
        Some(record) => Ok(std::str::from_utf8(&record.data[1..]).unwrap().parse().unwrap()),
        None => Err(answer.rcode()),
    }
}

fn wait_for(server: SocketAddr, zone: &str, expected: Result<u32, Rcode>) {
    wait::until(&format!("{zone} to be {expected:?} at {server}"), || {
        (said(server, zone) == expected).then_some(())
    });
}

/// dnsd with the members of a primary's catalog.
fn consumer_of(primary: SocketAddr) -> Setup {
    Configuration::new()
        .table(&format!("[remote.primary]\naddress = \"{primary}\""))
        .table(
            "[zone.\"catz.example\".secondary]\nprimaries = [\"primary\"]\ncatalog-role = \"interpret\"\n\
             catalog-template = \"members\"",
        )
        .table("[zones.members.secondary]\nprimaries = [\"primary\"]")
        .setup()
}

/// dnsd with a catalog of the zones in a folder, of which it tells a secondary.
fn producer_for(secondary: SocketAddr) -> Setup {
    let shared = "allow-transfer = [\"127.0.0.0/8\"]\nalso-notify = [\"secondary\"]\nnotify-delay = \"0s\"";
    Configuration::new()
        .table(&format!(
            "[remote.secondary]\naddress = \"{secondary}\"\nsource = \"{}\"",
            serves().ip()
        ))
        .table(&format!(
            "[zone.\"catz.example\".primary]\ncatalog-role = \"generate\"\n{shared}"
        ))
        .table(&format!(
            "[zones.usual.primary]\nfiles = \"zones/*.zone\"\ncatalog = \"catz.example\"\n{shared}"
        ))
        .table(&format!(
            "[zones.special.primary]\nfiles = \"special/*.zone\"\ncatalog = \"catz.example\"\n\
             catalog-group = \"special\"\n{shared}"
        ))
        .setup()
        .file("zones/a.example.zone", zone(1))
        .file("special/s.example.zone", zone(1))
}

/// What a producer's zones go through at a secondary.
fn follow(producer: &Daemon, secondary: SocketAddr) {
    wait_for(secondary, "a.example", Ok(1));
    wait_for(secondary, "s.example", Ok(1));
    producer.replace("zones/b.example.zone", zone(2));
    wait_for(secondary, "b.example", Ok(2));
    producer.replace("zones/b.example.zone", zone(3));
    wait_for(secondary, "b.example", Ok(3));
    fs::remove_file(producer.path().join("zones/a.example.zone")).unwrap();
    assert!(producer.run(&["reload", "--accept"]).status.success());
    wait_for(secondary, "a.example", Err(Rcode::REFUSED));
    // It comes back with a lower serial: it is another zone.
    fs::remove_file(producer.path().join("zones/b.example.zone")).unwrap();
    assert!(producer.run(&["reload", "--accept"]).status.success());
    wait_for(secondary, "b.example", Err(Rcode::REFUSED));
    producer.replace("zones/b.example.zone", zone(1));
    wait_for(secondary, "b.example", Ok(1));
    assert_eq!(said(secondary, "s.example"), Ok(1));
}

fn named_statements(directory: &Path, zones: &[&str]) -> String {
    let told = format!("notify explicit; also-notify {{ {} port {PORT}; }};", serves().ip());
    for zone_name in zones {
        fs::write(directory.join(zone_name), zone(1)).unwrap();
    }
    let all = zones.iter().chain(&["catz.example"]);
    all.map(|zone| format!("zone {zone} {{ type primary; file \"{zone}\"; {told} }};\n"))
        .collect()
}

#[test]
fn members_of_named_s_catalog_come_go_and_begin_anew() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(
        here.join("catz.example"),
        catalog(1, 2, &["a.example 1", "b.example 2"]),
    )
    .unwrap();
    let statements = named_statements(here, &["a.example", "b.example", "c.example"]);
    let (named, primary) = peers::named_with(here, "notify-delay 0;", &statements);
    let dnsd = consumer_of(primary).start();
    wait_for(serves(), "a.example", Ok(1));
    wait_for(serves(), "b.example", Ok(1));
    assert_eq!(said(serves(), "c.example"), Err(Rcode::REFUSED));
    // Whom it serves is nobody's business.
    let asked = Udp::to(serves()).ask(&Query::of("catz.example", rtype::SOA));
    assert_eq!(asked.rcode(), Rcode::REFUSED);

    fs::write(
        here.join("catz.example"),
        catalog(2, 2, &["b.example 2", "c.example 3"]),
    )
    .unwrap();
    named.signal(Signal::SIGHUP);
    wait_for(serves(), "c.example", Ok(1));
    assert_eq!(said(serves(), "a.example"), Err(Rcode::REFUSED));
    assert_eq!(said(serves(), "b.example"), Ok(1));

    // A label that changed, RFC 9432 §5.4: what is had anew may be older.
    fs::write(here.join("b.example"), zone(0)).unwrap();
    fs::write(
        here.join("catz.example"),
        catalog(3, 2, &["b.example other", "c.example 3"]),
    )
    .unwrap();
    named.stop();
    fs::remove_file(here.join("named.conf")).unwrap();
    let (named, _) = peers::named_with(here, "notify-delay 0;", &statements_again(here));
    wait_for(serves(), "b.example", Ok(0));
    dnsd.wait_for_log("zone b.example/IN: begins anew in the catalog catz.example/IN");

    // A broken one changes nothing, RFC 9432 §5.1.
    fs::write(here.join("catz.example"), catalog(4, 3, &["a.example 1"])).unwrap();
    named.signal(Signal::SIGHUP);
    dnsd.wait_for_log("zone catz.example/IN: broken catalog: a version other than \"2\"");
    let status = String::from_utf8(dnsd.run(&["status", "catz.example"]).stdout).unwrap();
    for line in [
        "catalog of 2 zones",
        "error: broken catalog: a version other than \"2\"",
        "member: b.example.",
        "member: c.example.",
    ] {
        assert!(status.contains(line), "{line} is missing in\n{status}");
    }
    let metrics = page("/metrics");
    assert!(
        metrics.contains("dnsd_catalog_members{zone=\"catz.example.\"} 2"),
        "{metrics}"
    );
    assert!(
        metrics.contains("dnsd_catalog_broken{zone=\"catz.example.\"} 1"),
        "{metrics}"
    );

    // The primary dies, and dnsd starts again.
    named.stop();
    let (_, stopped) = dnsd.stop();
    let dnsd = stopped.again().start();
    assert_eq!(said(serves(), "b.example"), Ok(0));
    assert_eq!(said(serves(), "c.example"), Ok(1));
    assert_eq!(said(serves(), "a.example"), Err(Rcode::REFUSED));
    dnsd.wait_for_log("refresh: failure trying primary");
    assert_eq!(said(serves(), "c.example"), Ok(1));
}

/// The same zones, whose files are as they are.
fn statements_again(directory: &Path) -> String {
    let kept = fs::read(directory.join("b.example")).unwrap();
    let statements = named_statements(directory, &["a.example", "b.example", "c.example"]);
    fs::write(directory.join("b.example"), kept).unwrap();
    statements
}

#[test]
fn named_has_the_zones_of_a_catalog_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let named = SocketAddr::from(([127, 0, 0, 1], port()));
    let producer = producer_for(named).start();
    let primary = format!("{} port {PORT}", serves().ip());
    let (_named, at) = peers::named_with(
        directory.path(),
        &format!(
            "catalog-zones {{ zone \"catz.example\" default-primaries {{ {primary}; }} in-memory yes \
             min-update-interval 1; }};"
        ),
        &format!("zone catz.example {{ type secondary; file \"catz\"; primaries {{ {primary}; }}; }};"),
    );
    assert_eq!(at, named);
    follow(&producer, named);
}

#[test]
fn knotd_has_the_zones_of_a_catalog_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let knot = SocketAddr::from((address(1), PORT));
    let producer = producer_for(knot).start();
    let here = directory.path().display();
    let _knotd = peers::knotd_with(
        directory.path(),
        knot,
        &format!(
            "remote:\n  - id: dnsd\n    address: {}@{PORT}\n    via: {}\n\
             acl:\n  - id: dnsd\n    address: {}\n    action: notify\n\
             template:\n  - id: usual\n    storage: {here}\n    master: dnsd\n    acl: dnsd\n\
             \x20 - id: special\n    storage: {here}\n    file: special-%s.zone\n    master: dnsd\n    acl: dnsd\n\
             zone:\n  - domain: catz.example\n    storage: {here}\n    master: dnsd\n    acl: dnsd\n\
             \x20   catalog-role: interpret\n    catalog-template: [usual, special]\n",
            serves().ip(),
            address(1),
            serves().ip()
        ),
    );
    follow(&producer, knot);
    // The group selects the template.
    wait::until_file(&directory.path().join("special-s.example.zone"), |text| {
        !text.is_empty()
    });
}

#[test]
fn members_of_knotd_s_catalog_come_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let knot = SocketAddr::from((address(1), PORT));
    for name in ["a.example", "b.example"] {
        fs::write(here.join(format!("{name}.zone")), zone(1)).unwrap();
    }
    let member = |name: &str| {
        format!("  - domain: {name}\n    template: member\n    catalog-role: member\n    catalog-zone: catz.example\n")
    };
    let sections = format!(
        "remote:\n  - id: dnsd\n    address: {}@{PORT}\n    via: {}\n\
         acl:\n  - id: everyone\n    action: transfer\n\
         template:\n  - id: member\n    storage: {}\n    file: \"%s.zone\"\n    zonefile-sync: -1\n    acl: everyone\n    notify: dnsd\n\
         zone:\n  - domain: catz.example\n    catalog-role: generate\n    acl: everyone\n    notify: dnsd\n",
        serves().ip(),
        address(1),
        here.display()
    );
    let knotd = peers::knotd_with(here, knot, &format!("{sections}{}", member("a.example")));
    let _dnsd = consumer_of(knot).start();
    wait_for(serves(), "a.example", Ok(1));
    assert_eq!(said(serves(), "b.example"), Err(Rcode::REFUSED));
    let file = here.join("knot.conf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&member("a.example"), &member("b.example"))).unwrap();
    knotd.signal(Signal::SIGHUP);
    wait_for(serves(), "b.example", Ok(1));
    wait_for(serves(), "a.example", Err(Rcode::REFUSED));
}

#[test]
fn dnsd_has_the_zones_of_a_catalog_of_another_and_keeps_them_without_it() {
    let consumer = SocketAddr::from((address(1), PORT));
    let producer = producer_for(consumer).start();
    let setup = Setup::new("dnsd").file(
        "dnsd.toml",
        format!(
            "work-dir = \"work\"\n[listen]\ndns = [\"{consumer}\"]\n[control]\nsocket = \"control.sock\"\n\
             [remote.primary]\naddress = \"{}\"\nsource = \"{}\"\n\
             [zone.\"catz.example\".secondary]\nprimaries = [\"primary\"]\ncatalog-role = \"interpret\"\n\
             catalog-template = [\"usual\", \"special\"]\n[zones.usual.secondary]\nprimaries = [\"primary\"]\n\
             [zones.special.secondary]\nprimaries = [\"primary\"]\nfiles = \"*.copy\"\n",
            serves(),
            consumer.ip()
        ),
    );
    let dnsd = setup.start();
    follow(&producer, consumer);
    let copy = dnsd.path().join("s.example.copy");
    wait::until_file(&copy, |text| !text.is_empty());
    producer.stop();
    let (_, stopped) = dnsd.stop();
    let dnsd = stopped.again().start();
    assert_eq!(said(consumer, "s.example"), Ok(1));
    assert_eq!(said(consumer, "b.example"), Ok(1));
    assert_eq!(said(consumer, "a.example"), Err(Rcode::REFUSED));
    assert!(!dnsd.path().join("work/zones/a.example.last").exists());
}
