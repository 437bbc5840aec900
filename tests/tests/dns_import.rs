//! `dnsd import`: what BIND's own programs take for a configuration becomes one that `dnsd check` takes, and the zones in it
//! are answered from as named does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Setup, program};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::compare::differences;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::serves;
use ballast_tests::{data, peers};

/// The configurations of the fixtures, each with the file that it becomes, and the exit code: 1 where something is left.
const CONFIGURATIONS: [(&str, i32); 5] = [("master", 0), ("slave", 0), ("views", 0), ("logging", 0), ("wide", 1)];

fn import(named_conf: &Path) -> Output {
    Command::new(program("dnsd"))
        .arg("import")
        .arg(named_conf)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What is printed when all is carried over.
fn imported(named_conf: &Path) -> String {
    let output = import(named_conf);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn check(toml: &str) {
    let setup = Setup::new("dnsd").file("dnsd.toml", toml);
    let output = setup.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{toml}");
}

#[test]
fn configurations_become_what_stands_beside_them() {
    for (name, code) in CONFIGURATIONS {
        let file = data(&format!("named/named.conf.{name}"));
        let output = import(&file);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let folder = format!("{}/", data("named").display());
        let toml = String::from_utf8(output.stdout).unwrap().replace(&folder, "");
        let expected = fs::read_to_string(data(&format!("named/{name}.toml"))).unwrap();
        assert_eq!(toml, expected, "{name}");
    }
}

#[test]
fn named_checkconf_takes_what_goes_in_and_check_what_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    fs::copy(data("named/ns-lan.conf"), folder.path().join("ns-lan.conf")).unwrap();
    Authority::new(folder.path(), "authority").sign("a", "DNS:ns.test");
    for (name, code) in CONFIGURATIONS {
        let text = fs::read_to_string(data(&format!("named/named.conf.{name}"))).unwrap();
        let text = ["/etc/bind", "/etc/ssl", "/var/cache/bind", "/var/log/bind"]
            .iter()
            .fold(text, |text, folder| text.replace(folder, &here));
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let checked = Command::new("named-checkconf").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{name}: {said}");
        let output = import(&file);
        assert_eq!(output.status.code(), Some(code), "{name}");
        check(&String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn the_configuration_that_debian_ships_is_taken() {
    let named_conf = Path::new("/etc/bind/named.conf");
    assert!(named_conf.exists(), "bind9 is not installed: scripts/install test");
    let toml = imported(named_conf);
    assert!(
        toml.contains("[zone.\"localhost\".primary]\nfile = \"/etc/bind/db.local\"\n"),
        "{toml}"
    );
    check(&toml);
}

#[test]
fn exit_codes_tell_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("named.conf");
    for (text, code) in [
        ("acl a { any; };", 0),
        ("options { dns64 64:ff9b::/96 { }; };", 1),
        ("acl a {", 78),
    ] {
        fs::write(&file, text).unwrap();
        let output = import(&file);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert_eq!(output.stdout.is_empty(), code == 78, "{text}");
    }
    assert_eq!(import(&folder.path().join("missing")).status.code(), Some(78));
}

#[test]
fn zones_are_answered_from_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db.example.net");
    let records = "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 60\n@ NS ns\n@ MX 10 mail\nns A 192.0.2.53\n\
                   mail A 192.0.2.25\nmail AAAA 2001:db8::25\nwww CNAME mail\n*.w TXT \"wild\"\nsub NS ns.sub\nns.sub A 192.0.2.54\n";
    fs::write(&file, records).unwrap();
    let zones = [
        ("example.net", file.as_path()),
        ("2.0.192.in-addr.arpa", file.as_path()),
    ];
    let (_named, named) = peers::named(folder.path(), "minimal-any yes;", &zones);

    let toml = imported(&folder.path().join("named.conf"));
    let dnsd = serves();
    assert!(toml.contains(&format!("dns = [\"{named}\"]")), "{toml}");
    let toml = toml.replace(&named.to_string(), &dnsd.to_string());
    let toml = format!("work-dir = \"work\"\n{toml}\n[control]\nsocket = \"control.sock\"\n");
    let _dnsd = Setup::new("dnsd").file("dnsd.toml", toml).start();

    let names = ["", "ns.", "mail.", "www.", "a.w.", "w.", "sub.", "x.sub.", "missing."];
    let mut asked = 0;
    for (origin, _) in zones {
        for name in names {
            for rtype in [
                rtype::A,
                rtype::AAAA,
                rtype::NS,
                rtype::SOA,
                rtype::MX,
                rtype::TXT,
                rtype::CNAME,
            ] {
                asked += same(named, dnsd, &Query::of(&format!("{name}{origin}"), rtype));
            }
        }
    }
    asked += same(named, dnsd, &Query::of("example.org", rtype::A));
    assert_eq!(asked, 2 * 9 * 7 + 1);
}

/// Asks both; the answers are the same.
fn same(named: SocketAddr, dnsd: SocketAddr, query: &Query) -> usize {
    let [expected, found] = [named, dnsd].map(|server| Udp::to(server).ask(query));
    let differences = differences(&expected, &found);
    assert!(differences.is_empty(), "{query:?}: {differences:?}");
    1
}
