//! Primaries that follow each other ("master-master"): what is edited at one is served by the other and stands in its file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{PORT, page, pages, serves};
use ballast_tests::{address, peers, wait};
use nix::sys::signal::Signal;

/// A zone with a record that says what it is.
fn zone(serial: u32, version: &str) -> String {
    let hosts: String = (0..50).map(|n| format!("host-{n} A 192.0.2.{n}\n")).collect();
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n\
         version TXT \"{version}\"\n{hosts}"
    )
}

fn version(server: SocketAddr) -> Option<String> {
    let answer = Udp::to(server).ask(&Query::of("version.example.net", rtype::TXT));
    let record = answer.answers.first()?;
    Some(String::from_utf8(record.data[1..].to_vec()).unwrap())
}

fn wait_for_version(server: SocketAddr, expected: &str) {
    wait::until(&format!("version {expected} at {server}"), || {
        (version(server)? == expected).then_some(())
    });
}

/// A dnsd that is a primary of example.net beside another one.
fn primary(me: SocketAddr, other: SocketAddr, text: &str) -> Setup {
    let http = if me == serves() {
        format!("http = \"{}\"\n", pages())
    } else {
        String::new()
    };
    let config = format!(
        "work-dir = \"work\"\n[listen]\ndns = [\"{me}\"]\n[control]\nsocket = \"control.sock\"\n{http}\
         [remote.other]\naddress = \"{other}\"\nsource = \"{}\"\n\
         [zone.\"example.net\".primary]\nfile = \"example.net.zone\"\nprimaries = [\"other\"]\nalso-notify = [\"other\"]\n\
         allow-transfer = [\"other\"]\nnotify = \"explicit\"\nnotify-delay = \"0s\"\nmin-refresh-time = \"1s\"\n",
        me.ip()
    );
    Setup::new("dnsd")
        .file("dnsd.toml", config)
        .file("example.net.zone", text)
}

fn second() -> SocketAddr {
    (address(1), PORT).into()
}

fn status(dnsd: &Daemon) -> String {
    String::from_utf8(dnsd.run(&["status", "example.net"]).stdout).unwrap()
}

fn wait_for_file(dnsd: &Daemon, text: &str) {
    wait::until_file(&dnsd.path().join("example.net.zone"), |content| {
        String::from_utf8_lossy(content).contains(text)
    });
}

#[test]
fn an_edit_at_either_of_two_primaries_is_served_by_both_and_in_both_files() {
    let (first, other) = (serves(), second());
    let one = primary(first, other, &zone(1, "one")).start();
    let two = primary(other, first, &zone(1, "one")).start();
    one.replace("example.net.zone", zone(2, "two"));
    wait_for_version(other, "two");
    wait_for_file(&two, "version.example.net. 60 IN TXT \"two\"");
    // Back and forth, each from the version that the other one has made.
    for (serial, edited, seen_at, beside) in [(3, &two, first, &one), (4, &one, other, &two), (5, &two, first, &one)] {
        let text = format!("{serial}th");
        edited.replace("example.net.zone", zone(serial, &text));
        wait_for_version(seen_at, &text);
        wait_for_file(beside, &format!("IN TXT \"{text}\""));
    }
    for dnsd in [&one, &two] {
        assert!(!status(dnsd).contains("error"), "{}", status(dnsd));
    }
}

#[test]
fn two_versions_under_one_serial_are_an_error_in_status_until_one_is_raised() {
    let (first, other) = (serves(), second());
    let one = primary(first, other, &zone(7, "ours")).start();
    let two = primary(other, first, &zone(7, "theirs")).start();
    for (dnsd, peer) in [(&one, other), (&two, first)] {
        let expected = format!(
            "error: {}#{} has other data under the same serial (7)",
            peer.ip(),
            peer.port()
        );
        wait::until(&format!("{expected:?}:\n{}", dnsd.log()), || {
            status(dnsd).contains(&expected).then_some(())
        });
    }
    assert!(page("/metrics").contains("dnsd_zone_conflict{zone=\"example.net.\"} 1\n"));
    assert_eq!(
        (version(first).unwrap(), version(other).unwrap()),
        ("ours".into(), "theirs".into())
    );
    one.replace("example.net.zone", zone(8, "ours, raised"));
    wait_for_version(other, "ours, raised");
    // What gave way is not lost.
    let kept = two.path().join("work/zones/example.net.replaced");
    two.wait_for_log("gives way to serial 8 of a peer and is kept in ");
    assert!(fs::read_to_string(kept).unwrap().contains("\"theirs\""));
    for dnsd in [&one, &two] {
        wait::until("no error in status", || (!status(dnsd).contains("error")).then_some(()));
    }
    assert!(page("/metrics").contains("dnsd_zone_conflict{zone=\"example.net.\"} 0\n"));
}

#[test]
fn of_two_primaries_that_were_edited_apart_the_higher_serial_wins_when_they_meet() {
    let (first, other) = (serves(), second());
    let (one, two) = (zone(4, "lower"), zone(6, "higher"));
    let one = primary(first, other, &one).start();
    wait_for_version(first, "lower");
    let two = primary(other, first, &two).start();
    wait_for_version(first, "higher");
    let kept = one.path().join("work/zones/example.net.replaced");
    assert!(fs::read_to_string(kept).unwrap().contains("\"lower\""));
    assert_eq!(version(other).unwrap(), "higher");
    // The one that was lower is edited: it leads on from there.
    one.replace("example.net.zone", zone(7, "on"));
    wait_for_version(other, "on");
    drop(two);
}

/// The articles have two named so, each of which tells the other of its changes; here one of them is dnsd.
#[test]
fn a_named_beside_dnsd_is_followed_where_it_is_newer() {
    let directory = tempfile::tempdir().unwrap();
    let ip = serves().ip();
    fs::write(directory.path().join("example.net.zone"), zone(1, "one")).unwrap();
    let (named, address) = peers::named_with(
        directory.path(),
        "notify-delay 0;",
        &format!(
            "zone example.net {{ type primary; file \"example.net.zone\"; allow-transfer {{ any; }}; notify explicit; \
             also-notify {{ {ip} port {PORT}; }}; }};"
        ),
    );
    let config = format!(
        "work-dir = \"work\"\n[listen]\ndns = [\"{}\"]\n[control]\nsocket = \"control.sock\"\n\
         [remote.other]\naddress = \"{address}\"\n\
         [zone.\"example.net\".primary]\nfile = \"example.net.zone\"\nprimaries = [\"other\"]\n\
         also-notify = [\"other\"]\nnotify = \"explicit\"\nnotify-delay = \"0s\"\n",
        serves()
    );
    let dnsd = Setup::new("dnsd")
        .file("dnsd.toml", config)
        .file("example.net.zone", zone(1, "one"))
        .start();
    fs::write(directory.path().join("example.net.zone"), zone(2, "from named")).unwrap();
    named.signal(Signal::SIGHUP);
    wait_for_version(serves(), "from named");
    wait_for_file(&dnsd, "\"from named\"");
    // It is no follower itself, and what it has is older from here on.
    dnsd.replace("example.net.zone", zone(3, "from here"));
    wait_for_version(serves(), "from here");
    assert!(dnsd.run(&["refresh", "example.net"]).status.success());
    fs::write(directory.path().join("example.net.zone"), zone(4, "from named again")).unwrap();
    named.signal(Signal::SIGHUP);
    wait_for_version(serves(), "from named again");
    assert!(!status(&dnsd).contains("error"), "{}", status(&dnsd));
}
