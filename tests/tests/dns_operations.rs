//! dnsd in the hands of an administrator: zones that are broken or shrink, reloads, folders of zones, what it says of
//! itself, and where it listens.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Output;
use std::time::Instant;

use ballast_tests::daemon::Daemon;
use ballast_tests::dns::client::{Tcp, Udp};
use ballast_tests::dns::message::Rcode;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};
use ballast_tests::{port, wait};
use nix::sys::signal::Signal;

/// A zone with an address for `www`.
fn zone(serial: u32, www: &str) -> String {
    format!("$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nwww A {www}\n")
}

/// A zone with so many more addresses.
fn zone_of(serial: u32, hosts: usize) -> String {
    let mut text = zone(serial, "192.0.2.1");
    for number in 0..hosts {
        writeln!(text, "h{number} A 192.0.2.{}", number % 256).unwrap();
    }
    text
}

fn rcode(name: &str) -> Rcode {
    Udp::to(serves()).ask(&Query::of(name, rtype::A)).rcode()
}

fn addresses(name: &str) -> Vec<Vec<u8>> {
    let answer = Udp::to(serves()).ask(&Query::of(name, rtype::A));
    answer.answers.into_iter().map(|record| record.data).collect()
}

fn wait_for(name: &str, address: [u8; 4]) {
    wait::until(&format!("{name} to have the address {address:?}"), || {
        (addresses(name) == [address]).then_some(())
    });
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Runs a command against the daemon that has to succeed, and returns what it printed.
fn command(dnsd: &Daemon, arguments: &[&str]) -> String {
    let output = dnsd.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

#[test]
fn a_zone_broken_at_start_does_not_stop_the_others() {
    let dnsd = Configuration::new()
        .zone("good.example", "good.zone")
        .zone("broken.example", "broken.zone")
        .zone("missing.example", "missing.zone")
        .setup()
        .file("good.zone", zone(1, "192.0.2.1"))
        .file("broken.zone", zone(1, "nonsense"))
        .start();
    assert_eq!(rcode("www.good.example"), Rcode::NOERROR);
    assert_eq!(rcode("www.broken.example"), Rcode::SERVFAIL);
    assert_eq!(rcode("www.missing.example"), Rcode::SERVFAIL);
    dnsd.wait_for_log("broken.zone:5:7: ");
    dnsd.wait_for_log("missing.zone");
    let status = command(&dnsd, &["status", "broken.example"]);
    assert!(status.contains("broken.zone:5:7: "), "{status}");
    // Both are served when they are mended.
    dnsd.replace("broken.zone", zone(1, "192.0.2.2"));
    fs::write(dnsd.path().join("missing.zone"), zone(1, "192.0.2.3")).unwrap();
    wait_for("www.broken.example", [192, 0, 2, 2]);
    wait_for("www.missing.example", [192, 0, 2, 3]);
}

#[test]
fn a_zone_broken_at_start_is_served_from_its_last_good_copy() {
    let dnsd = Configuration::new()
        .zone("example.net", "example.zone")
        .setup()
        .file("example.zone", zone(1, "192.0.2.1"))
        .start();
    dnsd.replace("example.zone", zone(2, "192.0.2.2"));
    wait_for("www.example.net", [192, 0, 2, 2]);
    let (status, stopped) = dnsd.stop();
    assert!(status.success(), "{status}");
    fs::write(stopped.path().join("example.zone"), zone(3, "nonsense")).unwrap();

    // The copy is written before the daemon ends, and nothing else is left.
    let copies = fs::read_dir(stopped.path().join("work/zones")).unwrap();
    let copies: Vec<_> = copies.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(copies, ["example.net.last"]);

    let dnsd = stopped.again().start();
    assert_eq!(addresses("www.example.net"), [[192, 0, 2, 2]]);
    dnsd.wait_for_log("example.zone:5:7: ");
    dnsd.replace("example.zone", zone(3, "192.0.2.3"));
    wait_for("www.example.net", [192, 0, 2, 3]);
}

#[test]
fn a_lost_half_is_held_until_it_is_accepted() {
    let dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .zone("other.example", "other.zone")
        .setup()
        .file("large.zone", zone_of(1, 200))
        .file("other.zone", zone(1, "192.0.2.1"))
        .start();
    dnsd.replace("large.zone", zone_of(2, 50));
    dnsd.wait_for_log("--accept");
    assert_eq!(rcode("h199.large.example"), Rcode::NOERROR);
    let status = command(&dnsd, &["status", "large.example"]);
    assert!(status.contains("--accept"), "{status}");
    // An ordinary reload does not accept it.
    let _ = dnsd.run(&["reload", "large.example"]);
    let _ = dnsd.run(&["reload"]);
    assert_eq!(rcode("h199.large.example"), Rcode::NOERROR);

    command(&dnsd, &["reload", "large.example", "--accept"]);
    assert_eq!(rcode("h199.large.example"), Rcode::NXDOMAIN);
    assert_eq!(rcode("h49.large.example"), Rcode::NOERROR);
    let status = command(&dnsd, &["status", "large.example"]);
    assert!(!status.contains("--accept"), "{status}");
}

#[test]
fn a_lost_half_is_held_over_a_restart() {
    let dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .setup()
        .file("large.zone", zone_of(1, 200))
        .start();
    let (_, stopped) = dnsd.stop();
    fs::write(stopped.path().join("large.zone"), zone_of(2, 50)).unwrap();
    let dnsd = stopped.again().start();
    assert_eq!(rcode("h199.large.example"), Rcode::NOERROR);
    command(&dnsd, &["reload", "large.example", "--accept"]);
    assert_eq!(rcode("h199.large.example"), Rcode::NXDOMAIN);
}

#[test]
fn a_held_zone_of_the_same_size_stays_held_over_a_restart() {
    let dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .setup()
        .file("large.zone", zone_of(1, 200))
        .start();
    dnsd.replace("large.zone", zone_of(2, 200).replace("\nh", "\ng"));
    dnsd.wait_for_log("`dnsd reload large.example. --accept`");
    let (_, stopped) = dnsd.stop();
    let dnsd = stopped.again().start();
    assert_eq!(rcode("h199.large.example"), Rcode::NOERROR);
    assert_eq!(rcode("g199.large.example"), Rcode::NXDOMAIN);
    command(&dnsd, &["reload", "large.example", "--accept"]);
    assert_eq!(rcode("g199.large.example"), Rcode::NOERROR);
}

#[test]
fn a_lost_half_that_comes_back_needs_no_acceptance() {
    let dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .setup()
        .file("large.zone", zone_of(1, 200))
        .start();
    dnsd.replace("large.zone", zone_of(2, 50));
    dnsd.wait_for_log("--accept");
    dnsd.replace("large.zone", zone_of(3, 201));
    wait_for("h200.large.example", [192, 0, 2, 200]);
    let status = command(&dnsd, &["status", "large.example"]);
    assert!(!status.contains("--accept"), "{status}");
}

#[test]
fn a_reload_takes_over_a_new_configuration() {
    let first = Configuration::new()
        .zone("a.example", "a.zone")
        .zone("b.example", "b.zone");
    let mut dnsd = first
        .setup()
        .file("a.zone", zone(1, "192.0.2.1"))
        .file("b.zone", zone(1, "192.0.2.1"))
        .file("c.zone", zone(1, "192.0.2.3"))
        .start();
    let connection = Tcp::to(serves());
    let second = Configuration::new()
        .zone("b.example", "b.zone")
        .zone("c.example", "c.zone");
    fs::write(dnsd.path().join("dnsd.toml"), second.text()).unwrap();
    command(&dnsd, &["reload"]);
    assert_eq!(rcode("www.a.example"), Rcode::REFUSED);
    assert_eq!(rcode("www.b.example"), Rcode::NOERROR);
    assert_eq!(addresses("www.c.example"), [[192, 0, 2, 3]]);
    // A connection from before goes on with what is served now.
    assert_eq!(connection.ask(&Query::of("www.c.example", rtype::A)).answers.len(), 1);

    fs::write(dnsd.path().join("dnsd.toml"), first.text()).unwrap();
    dnsd.reload();
    assert_eq!(rcode("www.a.example"), Rcode::NOERROR);
    assert_eq!(rcode("www.c.example"), Rcode::REFUSED);
}

#[test]
fn a_bad_configuration_changes_nothing() {
    let dnsd = Configuration::new()
        .zone("a.example", "a.zone")
        .setup()
        .file("a.zone", zone(1, "192.0.2.1"))
        .start();
    let bad = Configuration::new().zone("b.example", "a.zone").table("[lisen]").text();
    fs::write(dnsd.path().join("dnsd.toml"), bad).unwrap();
    let reload = dnsd.run(&["reload"]);
    assert_eq!(reload.status.code(), Some(78), "{}", said(&reload));
    assert!(said(&reload).contains("lisen"), "{}", said(&reload));
    assert_eq!(rcode("www.a.example"), Rcode::NOERROR);
    assert_eq!(rcode("www.b.example"), Rcode::REFUSED);
    dnsd.signal(Signal::SIGHUP);
    dnsd.wait_for_log("lisen");
    assert_eq!(rcode("www.a.example"), Rcode::NOERROR);
    assert_eq!(rcode("www.b.example"), Rcode::REFUSED);
    assert!(dnsd.stop().0.success());
}

#[test]
fn a_new_file_in_a_folder_of_zones_is_a_new_zone() {
    let dnsd = Configuration::new()
        .zones("customers", "zones/*.zone")
        .setup()
        .file("zones/a.example.zone", zone(1, "192.0.2.1"))
        .file("zones/README", "not a zone")
        .start();
    wait_for("www.a.example", [192, 0, 2, 1]);
    dnsd.replace("zones/b.example.zone", zone(1, "192.0.2.2"));
    wait_for("www.b.example", [192, 0, 2, 2]);
    fs::write(dnsd.path().join("zones/c.example.zone"), zone(1, "192.0.2.3")).unwrap();
    wait_for("www.c.example", [192, 0, 2, 3]);
    // It is watched like the others.
    dnsd.replace("zones/c.example.zone", zone(2, "192.0.2.4"));
    wait_for("www.c.example", [192, 0, 2, 4]);
}

#[test]
fn a_file_deleted_from_a_folder_of_zones_removes_nothing_until_accepted() {
    let dnsd = Configuration::new()
        .zones("customers", "zones/*.zone")
        .setup()
        .file("zones/a.example.zone", zone(1, "192.0.2.1"))
        .file("zones/b.example.zone", zone(1, "192.0.2.2"))
        .start();
    fs::remove_file(dnsd.path().join("zones/a.example.zone")).unwrap();
    let _ = dnsd.run(&["reload"]);
    assert_eq!(rcode("www.a.example"), Rcode::NOERROR);
    let status = command(&dnsd, &["status", "a.example"]);
    assert!(status.contains("gone"), "{status}");
    command(&dnsd, &["reload", "--accept"]);
    assert_eq!(rcode("www.a.example"), Rcode::REFUSED);
    assert_eq!(rcode("www.b.example"), Rcode::NOERROR);
}

#[test]
fn a_stray_file_in_a_folder_of_zones_stops_nothing() {
    let dnsd = Configuration::new()
        .zone("guard.test", "guard.zone")
        .zones("customers", "zones/*.zone")
        .zones("later", "later/*.zone")
        .setup()
        .file("guard.zone", zone(1, "192.0.2.1"))
        .file("zones/guard.test.zone", zone(1, "192.0.2.101"))
        .file("zones/one.test.zone", zone(1, "192.0.2.2"))
        .file("zones/ONE.test.zone", zone(1, "192.0.2.102"))
        .file("zones/a..b.zone", zone(1, "192.0.2.103"))
        .start();
    assert_eq!(addresses("www.guard.test"), [[192, 0, 2, 1]]);
    assert_eq!(addresses("www.one.test"), [[192, 0, 2, 2]]);
    for stray in ["zones/guard.test.zone", "zones/ONE.test.zone", "zones/a..b.zone"] {
        dnsd.wait_for_log(&format!("{stray} is not read"));
    }
    dnsd.wait_for_log("group later: ");
    let status = command(&dnsd, &["status", "one.test"]);
    assert!(status.contains("ONE.test.zone is not read"), "{status}");
    let status = command(&dnsd, &["status"]);
    assert!(status.contains("group later: "), "{status}");
    // A reload is taken, and says the same.
    dnsd.replace("guard.zone", zone(2, "192.0.2.11"));
    let reload = dnsd.run(&["reload"]);
    assert_eq!(reload.status.code(), Some(78));
    for told in [
        "ONE.test.zone is not read",
        "guard.test.zone is not read",
        "group later: ",
    ] {
        assert!(said(&reload).contains(told), "{}", said(&reload));
    }
    wait_for("www.guard.test", [192, 0, 2, 11]);
    // The folder that was missing is served once it is there.
    dnsd.replace("later/c.test.zone", zone(1, "192.0.2.3"));
    wait_for("www.c.test", [192, 0, 2, 3]);
}

#[test]
fn a_folder_of_zones_that_can_not_be_listed_costs_no_zone() {
    let dnsd = Configuration::new()
        .zones("customers", "zones/*.zone")
        .setup()
        .file("zones/a.example.zone", zone(1, "192.0.2.1"))
        .start();
    let (folder, away) = (dnsd.path().join("zones"), dnsd.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    let reload = dnsd.run(&["reload", "--accept"]);
    assert_eq!(reload.status.code(), Some(78), "{}", said(&reload));
    assert!(said(&reload).contains("group customers: "), "{}", said(&reload));
    assert_eq!(addresses("www.a.example"), [[192, 0, 2, 1]]);
    fs::rename(&away, &folder).unwrap();
    dnsd.replace("zones/a.example.zone", zone(2, "192.0.2.2"));
    wait_for("www.a.example", [192, 0, 2, 2]);
    command(&dnsd, &["reload"]);
}

#[test]
fn thousands_of_new_files_in_a_folder_of_zones_are_served() {
    const ZONES: usize = 3000;
    let dnsd = Configuration::new()
        .zones("customers", "zones/*.zone")
        .setup()
        .file("zones/first.example.zone", zone(1, "192.0.2.1"))
        .start();
    let text = zone(1, "192.0.2.2");
    for number in 0..ZONES {
        fs::write(dnsd.path().join(format!("zones/z{number}.example.zone")), &text).unwrap();
    }
    let written = Instant::now();
    for number in [0, ZONES / 2, ZONES - 1] {
        wait_for(&format!("www.z{number}.example"), [192, 0, 2, 2]);
    }
    println!("{ZONES} new zones are served after {:?}", written.elapsed());
}

#[test]
fn what_editors_leave_beside_a_zone_is_none() {
    let dnsd = Configuration::new()
        .zones("customers", "zones/db.*")
        .setup()
        .file("zones/db.a.example", zone(1, "192.0.2.1"))
        .file("zones/db.a.example.bak", zone(1, "192.0.2.1"))
        .file("zones/db.a.example.rpmsave", zone(1, "192.0.2.1"))
        .start();
    fs::write(dnsd.path().join("zones/db.a.example.dpkg-new"), zone(1, "192.0.2.1")).unwrap();
    fs::write(dnsd.path().join("zones/db.b.example"), zone(1, "192.0.2.2")).unwrap();
    wait_for("www.b.example", [192, 0, 2, 2]);
    assert_eq!(command(&dnsd, &["status"]).lines().count(), 2);
}

#[test]
fn a_zone_that_is_not_there_can_not_be_reloaded() {
    let dnsd = Configuration::new().setup().start();
    for arguments in [&["reload", "nowhere.example"][..], &["status", "nowhere.example"]] {
        let output = dnsd.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said(&output).contains("nowhere.example"), "{}", said(&output));
    }
}

#[test]
fn commands_say_when_no_daemon_runs() {
    let setup = Configuration::new().setup();
    for arguments in [&["reload"][..], &["status"]] {
        let output = setup.run(arguments);
        assert_eq!(output.status.code(), Some(69), "{}", said(&output));
        assert!(said(&output).contains("control.sock"), "{}", said(&output));
    }
}

#[test]
fn zones_are_named_by_their_networks() {
    let text = zone(1, "192.0.2.1") + "1 PTR www.example.net.\n1.2 PTR ptr.example.net.\n";
    let dnsd = Configuration::new()
        .zone("192.168.42.0/24", "v4.zone")
        .zone("2001:db8::/32", "v6.zone")
        .setup()
        .file("v4.zone", &text)
        .file("v6.zone", &text)
        .start();
    for name in ["1.42.168.192.in-addr.arpa", "1.2.8.b.d.0.1.0.0.2.ip6.arpa"] {
        let answer = Udp::to(serves()).ask(&Query::of(name, rtype::PTR));
        assert_eq!(answer.answers.len(), 1, "{name}: {answer:?}");
    }
    let status = command(&dnsd, &["status"]);
    assert!(status.contains("42.168.192.in-addr.arpa"), "{status}");
}

#[test]
fn every_address_answers_from_itself() {
    let port = port();
    let _dnsd = Configuration::new()
        .listen(&format!("[::]:{port}"))
        .zone("example.net", "example.zone")
        .setup()
        .file("example.zone", zone(1, "192.0.2.1"))
        .start();
    let mut asked: Vec<IpAddr> = vec![
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::new(127, 1, 2, 3).into(),
        Ipv4Addr::new(127, 200, 0, 9).into(),
    ];
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        asked.push(Ipv6Addr::LOCALHOST.into());
    }
    for address in asked {
        let server = SocketAddr::from((address, port));
        let question = Query::of("www.example.net", rtype::A);
        // The sockets of the tests are connected: an answer from another address would not reach them.
        assert_eq!(Udp::to(server).ask(&question).answers.len(), 1, "{address}");
        assert_eq!(Tcp::to(server).ask(&question).answers.len(), 1, "{address}");
    }
}

#[test]
fn queries_and_zones_are_counted() {
    let _dnsd = Configuration::new()
        .zone("good.example", "good.zone")
        .zone("broken.example", "broken.zone")
        .setup()
        .file("good.zone", zone(7, "192.0.2.1"))
        .file("broken.zone", "nonsense\n")
        .start();
    for name in [
        "www.good.example",
        "www.good.example",
        "nothing.good.example",
        "www.broken.example",
    ] {
        let _ = rcode(name);
    }
    let _ = Tcp::to(serves()).ask(&Query::of("www.good.example", rtype::A));
    let metrics = page("/metrics");
    for line in [
        "dnsd_queries_total{transport=\"udp\",type=\"A\"} 4",
        "dnsd_queries_total{transport=\"tcp\",type=\"A\"} 1",
        "dnsd_responses_total{transport=\"udp\",rcode=\"NOERROR\"} 2",
        "dnsd_responses_total{transport=\"udp\",rcode=\"NXDOMAIN\"} 1",
        "dnsd_responses_total{transport=\"udp\",rcode=\"SERVFAIL\"} 1",
        "dnsd_responses_total{transport=\"tcp\",rcode=\"NOERROR\"} 1",
        "dnsd_zones{state=\"loaded\"} 1",
        "dnsd_zones{state=\"failed\"} 1",
        "dnsd_zone_serial{zone=\"good.example.\"} 7",
        "dnsd_zone_records{zone=\"good.example.\"} 4",
        "dnsd_zone_load_failures_total{zone=\"broken.example.\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

/// How long it takes is printed, not judged: machines differ.
#[test]
fn ten_thousand_zones() {
    const ZONES: usize = 10_000;
    let setup = Configuration::new().zones("many", "zones/*.zone").setup();
    fs::create_dir(setup.path().join("zones")).unwrap();
    let text = zone(1, "192.0.2.1");
    for number in 0..ZONES {
        fs::write(setup.path().join(format!("zones/z{number}.example.zone")), &text).unwrap();
    }
    let start = Instant::now();
    let dnsd = setup.start();
    println!("{ZONES} zones are served after {:?}", start.elapsed());
    for number in [0, 1, ZONES / 2, ZONES - 1] {
        assert_eq!(rcode(&format!("www.z{number}.example")), Rcode::NOERROR);
    }
    let edit = Instant::now();
    dnsd.replace("zones/z77.example.zone", zone(2, "192.0.2.2"));
    wait_for("www.z77.example", [192, 0, 2, 2]);
    println!("an edit of one of them is served after {:?}", edit.elapsed());
}
