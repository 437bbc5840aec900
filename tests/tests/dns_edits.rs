//! The articles' zone, served to dig, and edited the way people and programs edit files: each edit is served without a
//! restart, no half-written file ever is, and a mistake leaves the old version.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ballast_tests::daemon::{Daemon, output};
use ballast_tests::data;
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::{Rcode, flag};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::wait;

const FILE: &str = "zones/db.somewhere.net";

fn articles_zone() -> String {
    fs::read_to_string(data("dns/somewhere.net.zone")).unwrap()
}

/// The articles' zone with another serial and another address for www.
fn edited(serial: u32, www: &str) -> String {
    articles_zone()
        .replace("1         ; Serial", &format!("{serial} ; Serial"))
        .replace("192.168.1.10", www)
}

fn start() -> Daemon {
    Configuration::new()
        .zone("somewhere.net", FILE)
        .setup()
        .file(FILE, articles_zone())
        .start()
}

/// The addresses of a name, as they are served.
fn addresses(name: &str) -> Vec<String> {
    let answer = Udp::to(serves()).ask(&Query::of(name, rtype::A));
    let text = |data: &[u8]| data.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
    answer.answers.iter().map(|record| text(&record.data)).collect()
}

fn www() -> Vec<String> {
    addresses("www.somewhere.net")
}

fn wait_for(name: &str, address: &str) {
    wait::until(&format!("{name} to have the address {address}"), || {
        (addresses(name) == [address]).then_some(())
    });
}

fn wait_for_www(address: &str) {
    wait_for("www.somewhere.net", address);
}

fn path(dnsd: &Daemon) -> PathBuf {
    dnsd.path().join(FILE)
}

fn dig(options: &[&str]) -> String {
    let server = format!("@{}", serves().ip());
    let port = PORT.to_string();
    output("dig", [&[&server, "-p", &port], options].concat())
}

#[test]
fn the_articles_zone_is_served_to_dig() {
    let _dnsd = start();
    for transport in ["+notcp", "+tcp"] {
        for (name, rtype, answer) in [
            (
                "somewhere.net",
                "SOA",
                "86400 IN SOA ns1.somewhere.net. root.somewhere.net. 1 604800 86400 2419200 86400",
            ),
            (
                "somewhere.net",
                "NS",
                "86400 IN NS ns1.somewhere.net.\n86400 IN NS ns2.somewhere.net.",
            ),
            ("somewhere.net", "MX", "86400 IN MX 10 smtp.somewhere.net."),
            ("ns1.somewhere.net", "A", "86400 IN A 192.168.1.1"),
            ("ns2.somewhere.net", "A", "86400 IN A 172.16.1.1"),
            ("www.somewhere.net", "A", "86400 IN A 192.168.1.10"),
            ("smtp.somewhere.net", "A", "86400 IN A 192.168.1.2"),
        ] {
            let printed = dig(&[transport, "+noall", "+answer", name, rtype]);
            let mut lines: Vec<String> = printed
                .lines()
                .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
                .collect();
            lines.sort();
            assert_eq!(lines.join("\n"), answer, "{transport} {name} {rtype}");
        }
        let nothing = dig(&[transport, "nothing.somewhere.net"]);
        assert!(nothing.contains("status: NXDOMAIN"), "{nothing}");
        assert!(nothing.contains("flags: qr aa rd;"), "{nothing}");
    }
}

#[test]
fn a_file_renamed_into_place_is_served() {
    let dnsd = start();
    for (serial, address) in [(2, "192.0.2.2"), (3, "192.0.2.3"), (4, "192.0.2.4")] {
        dnsd.replace(FILE, edited(serial, address));
        wait_for_www(address);
    }
}

#[test]
fn an_edit_of_sed_is_served() {
    let dnsd = start();
    let file = path(&dnsd);
    output(
        "sed",
        [
            "-i",
            "-e",
            "s/192.168.1.10/192.0.2.2/",
            "-e",
            "s/1 *; Serial/2 ; Serial/",
            file.to_str().unwrap(),
        ],
    );
    wait_for_www("192.0.2.2");
}

#[test]
fn an_edit_of_vim_is_served() {
    let dnsd = start();
    let file = path(&dnsd);
    // With 'backup' and without 'backupcopy', vim renames the file away and writes a new one in its place.
    let backup = file.with_extension("net~");
    fs::rename(&file, &backup).unwrap();
    fs::write(&file, edited(2, "192.0.2.2")).unwrap();
    fs::remove_file(&backup).unwrap();
    wait_for_www("192.0.2.2");
    // With 'backupcopy', it copies the file and writes over it.
    fs::copy(&file, &backup).unwrap();
    fs::write(&file, edited(3, "192.0.2.3")).unwrap();
    fs::remove_file(&backup).unwrap();
    wait_for_www("192.0.2.3");
}

#[test]
fn a_file_written_in_place_is_never_served_by_half() {
    let dnsd = start();
    let zone = edited(2, "192.0.2.2");
    let mut file = File::create(path(&dnsd)).unwrap();
    // Each line is in the file before the server is asked a hundred times.
    for line in zone.split_inclusive('\n') {
        file.write_all(line.as_bytes()).unwrap();
        for _ in 0..100 {
            assert_eq!(www(), ["192.168.1.10"]);
        }
    }
    drop(file);
    wait_for_www("192.0.2.2");
    assert_eq!(dnsd.log().matches("db.somewhere.net:").count(), 0, "{}", dnsd.log());
}

#[test]
fn a_file_that_is_appended_to_line_by_line_is_never_served_by_half() {
    let dnsd = start();
    let mut zone = edited(2, "192.0.2.2");
    for number in 0..200 {
        writeln!(zone, "h{number} A 192.0.2.9").unwrap();
    }
    // As a shell's `>` and `>>` do: the file is opened and closed for each line.
    drop(File::create(path(&dnsd)).unwrap());
    for line in zone.split_inclusive('\n') {
        let mut file = File::options().append(true).open(path(&dnsd)).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        drop(file);
        let next_line_at = Instant::now() + Duration::from_millis(10);
        while Instant::now() < next_line_at {
            assert_eq!(www(), ["192.168.1.10"]);
        }
    }
    wait_for_www("192.0.2.2");
    assert_eq!(addresses("h199.somewhere.net"), ["192.0.2.9"]);
}

#[test]
fn a_reload_does_not_load_a_file_that_is_being_written() {
    let mut dnsd = start();
    let zone = edited(2, "192.0.2.2") + "last A 192.0.2.3\n";
    let (first, rest) = zone.split_at(zone.find("last").unwrap());
    let mut file = File::create(path(&dnsd)).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    let reload = String::from_utf8(dnsd.run(&["reload"]).stdout).unwrap();
    assert!(reload.contains("is being written"), "{reload}");
    assert_eq!(www(), ["192.168.1.10"]);
    file.write_all(b"; more\n").unwrap();
    dnsd.reload();
    assert_eq!(www(), ["192.168.1.10"]);
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    wait_for_www("192.0.2.2");
    assert_eq!(addresses("last.somewhere.net"), ["192.0.2.3"]);
}

#[test]
fn a_file_that_its_writer_keeps_open_is_served_when_it_is_quiet() {
    let dnsd = start();
    let mut file = File::create(path(&dnsd)).unwrap();
    file.write_all(edited(2, "192.0.2.2").as_bytes()).unwrap();
    wait_for_www("192.0.2.2");
    drop(file);
}

#[test]
fn several_zones_in_one_change() {
    let dnsd = Configuration::new()
        .zone("a.example", "a.zone")
        .zone("b.example", "b.zone")
        .zone("c.example", "c.zone")
        .setup()
        .file("a.zone", small(1, "192.0.2.1"))
        .file("b.zone", small(1, "192.0.2.1"))
        .file("c.zone", small(1, "192.0.2.1"))
        .start();
    for file in ["a.zone", "b.zone", "c.zone"] {
        dnsd.replace(file, small(2, "192.0.2.2"));
    }
    for name in ["www.a.example", "www.b.example", "www.c.example"] {
        wait_for(name, "192.0.2.2");
    }
}

/// A zone with an address for `www`.
fn small(serial: u32, www: &str) -> String {
    format!("$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nwww A {www}\n")
}

#[test]
fn an_edit_of_an_included_file_is_served() {
    let dnsd = Configuration::new()
        .zone("example.net", "zones/main.zone")
        .setup()
        .file("zones/main.zone", small(1, "192.0.2.1") + "$INCLUDE hosts/one.inc\n")
        .file("zones/hosts/one.inc", "one A 192.0.2.11\n$INCLUDE two.inc\n")
        .file("zones/hosts/two.inc", "two A 192.0.2.21\n")
        .start();
    wait_for("two.example.net", "192.0.2.21");
    dnsd.replace("zones/hosts/two.inc", "two A 192.0.2.22\n");
    wait_for("two.example.net", "192.0.2.22");
    dnsd.replace("zones/hosts/one.inc", "one A 192.0.2.12\n$INCLUDE two.inc\n");
    wait_for("one.example.net", "192.0.2.12");
    // A file that an edit includes for the first time is watched from then on.
    fs::write(dnsd.path().join("zones/three.inc"), "three A 192.0.2.31\n").unwrap();
    dnsd.replace("zones/main.zone", small(2, "192.0.2.1") + "$INCLUDE three.inc\n");
    wait_for("three.example.net", "192.0.2.31");
    assert!(addresses("one.example.net").is_empty());
    fs::write(dnsd.path().join("zones/three.inc"), "three A 192.0.2.32\n").unwrap();
    wait_for("three.example.net", "192.0.2.32");
}

#[test]
fn a_mistake_leaves_the_old_version_and_says_where_it_is() {
    let dnsd = start();
    let broken = edited(2, "192.0.2.256");
    let line = broken.lines().position(|line| line.contains("192.0.2.256")).unwrap();
    let column = broken.lines().nth(line).unwrap().find("192.0.2.256").unwrap();
    dnsd.replace(FILE, &broken);
    dnsd.wait_for_log(&format!("db.somewhere.net:{}:{}: ", line + 1, column + 1));
    assert_eq!(www(), ["192.168.1.10"]);
    // A second mistake, then both mended.
    dnsd.replace(FILE, edited(2, "192.0.2.2\nwww CNAME smtp"));
    dnsd.wait_for_log("CNAME");
    assert_eq!(www(), ["192.168.1.10"]);
    dnsd.replace(FILE, edited(2, "192.0.2.2"));
    wait_for_www("192.0.2.2");
}

#[test]
fn a_mistake_in_an_included_file_is_told_with_that_file() {
    let dnsd = Configuration::new()
        .zone("example.net", "main.zone")
        .setup()
        .file("main.zone", small(1, "192.0.2.1") + "$INCLUDE hosts.inc\n")
        .file("hosts.inc", "one A 192.0.2.11\n")
        .start();
    dnsd.replace("hosts.inc", "one A 192.0.2.12\ntwo A nonsense\n");
    dnsd.wait_for_log("hosts.inc:2:7: ");
    assert_eq!(addresses("one.example.net"), ["192.0.2.11"]);
    dnsd.replace("hosts.inc", "one A 192.0.2.13\n");
    wait_for("one.example.net", "192.0.2.13");
}

#[test]
fn a_file_that_vanishes_leaves_its_zone_and_is_loaded_when_it_is_back() {
    let dnsd = start();
    fs::remove_file(path(&dnsd)).unwrap();
    let folder = dnsd.path().join("zones");
    fs::remove_dir(&folder).unwrap();
    assert_eq!(www(), ["192.168.1.10"]);
    fs::create_dir(&folder).unwrap();
    fs::write(path(&dnsd), edited(2, "192.0.2.2")).unwrap();
    wait_for_www("192.0.2.2");
}

#[test]
fn a_folder_swapped_by_two_renames_is_served() {
    for (configuration, file) in [
        (
            Configuration::new().zone("example.net", "zones/example.net.zone"),
            "example.net.zone",
        ),
        (Configuration::new().zones("all", "zones/*.zone"), "example.net.zone"),
    ] {
        let dnsd = configuration
            .setup()
            .file(&format!("zones/{file}"), small(1, "192.0.2.1"))
            .file(&format!("zones.new/{file}"), small(2, "192.0.2.2"))
            .start();
        wait_for("www.example.net", "192.0.2.1");
        fs::rename(dnsd.path().join("zones"), dnsd.path().join("zones.old")).unwrap();
        fs::rename(dnsd.path().join("zones.new"), dnsd.path().join("zones")).unwrap();
        wait_for("www.example.net", "192.0.2.2");
        // The new folder is watched like the old one was.
        dnsd.replace(&format!("zones/{file}"), small(3, "192.0.2.3"));
        wait_for("www.example.net", "192.0.2.3");
    }
}

#[test]
fn a_link_turned_to_another_folder_is_served() {
    // The way in which Kubernetes mounts configuration and capistrano deploys: the file stays, what it is reached by moves.
    let setup = Configuration::new()
        .zone("example.net", "current/main.zone")
        .setup()
        .file("v1/main.zone", small(1, "192.0.2.1"))
        .file("v2/main.zone", small(2, "192.0.2.2"));
    symlink("v1", setup.path().join("current")).unwrap();
    let dnsd = setup.start();
    wait_for("www.example.net", "192.0.2.1");
    let aside = dnsd.path().join("current.new");
    symlink("v2", &aside).unwrap();
    fs::rename(aside, dnsd.path().join("current")).unwrap();
    wait_for("www.example.net", "192.0.2.2");
}

#[test]
fn an_unwatched_zone_waits_for_a_reload() {
    let dnsd = Configuration::new()
        .zone("watched.example", "watched.zone")
        .table("[zone.\"unwatched.example\".primary]\nfile = \"unwatched.zone\"\nwatch = false")
        .setup()
        .file("watched.zone", small(1, "192.0.2.1"))
        .file("unwatched.zone", small(1, "192.0.2.1"))
        .start();
    dnsd.replace("unwatched.zone", small(2, "192.0.2.2"));
    dnsd.replace("watched.zone", small(2, "192.0.2.2"));
    wait_for("www.watched.example", "192.0.2.2");
    assert_eq!(addresses("www.unwatched.example"), ["192.0.2.1"]);
    assert!(dnsd.run(&["reload", "unwatched.example"]).status.success());
    wait_for("www.unwatched.example", "192.0.2.2");
}

#[test]
fn an_edit_that_does_not_raise_the_serial_is_served_with_a_warning() {
    let dnsd = start();
    dnsd.replace(FILE, edited(1, "192.0.2.2"));
    wait_for_www("192.0.2.2");
    dnsd.wait_for_log("WARN");
    assert!(
        dnsd.log()
            .lines()
            .any(|line| line.contains("WARN") && line.contains("serial")),
        "{}",
        dnsd.log()
    );
}

#[test]
fn a_burst_of_writes_is_a_few_loads() {
    const WRITES: u32 = 200;
    let dnsd = start();
    let before = dnsd.log().lines().count();
    for write in 1..=WRITES {
        fs::write(path(&dnsd), edited(1 + write, &format!("192.0.2.{write}"))).unwrap();
    }
    wait_for_www(&format!("192.0.2.{WRITES}"));
    let lines = dnsd.log().lines().count() - before;
    assert!(lines < 20, "{lines} lines for one burst:\n{}", dnsd.log());
}

#[test]
fn every_answer_is_of_one_version() {
    let zone = |serial: u32| {
        let mut text = format!("$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n");
        for number in 0..20 {
            writeln!(text, "many A 10.0.{}.{number}", serial % 256).unwrap();
        }
        text
    };
    let dnsd = Configuration::new()
        .zone("example.net", "main.zone")
        .setup()
        .file("main.zone", zone(1))
        .start();
    let client = Udp::to(serves());
    for serial in 2..10 {
        dnsd.replace("main.zone", zone(serial));
        wait::until("the new version", || {
            let answer = client.ask(&Query::of("many.example.net", rtype::A).flags(flag::RD));
            assert_eq!((answer.rcode(), answer.answers.len()), (Rcode::NOERROR, 20));
            let version = answer.answers[0].data[2];
            assert!(answer.answers.iter().all(|record| record.data[2] == version));
            (u32::from(version) == serial).then_some(())
        });
    }
}
