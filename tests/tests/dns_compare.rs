//! `dnsd compare`: what comes of named's configuration is held against the named that still runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ballast_tests::daemon::{Setup, program};
use ballast_tests::dns::sign::{Denial, sign};
use ballast_tests::peers::{self, Peer};
use ballast_tests::port;

const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 60\n@ NS ns\n@ MX 10 mail\nns A 192.0.2.53\n\
    mail A 192.0.2.25\nmail AAAA 2001:db8::25\nwww CNAME mail\naway CNAME www.example.org.\n*.w TXT \"wild\"\n\
    *.w A 192.0.2.3\nd.e.f A 192.0.2.4\nsub NS ns.sub\nsub NS ns.example.org.\nns.sub A 192.0.2.54\nsub DS 1 8 2 \
    0000000000000000000000000000000000000000000000000000000000000000\nd DNAME mail\n_sip._tcp SRV 0 5 5060 mail\n";

/// named with some zones of its configuration, and dnsd.toml as `dnsd import` makes it of that.
fn imported(zones: &[(&str, &str)], options: &str) -> (Setup, Peer, SocketAddr) {
    let setup = Setup::new("dnsd");
    let files: Vec<(&str, std::path::PathBuf)> = zones
        .iter()
        .map(|(origin, text)| {
            let file = setup.path().join(format!("db.{origin}"));
            fs::write(&file, text).unwrap();
            (*origin, file)
        })
        .collect();
    let zones: Vec<(&str, &Path)> = files.iter().map(|(origin, file)| (*origin, &**file)).collect();
    let (named, serves) = peers::named(setup.path(), options, &zones);
    let output = Command::new(program("dnsd"))
        .arg("import")
        .arg(setup.path().join("named.conf"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let toml = String::from_utf8(output.stdout).unwrap();
    let setup = setup.file("dnsd.toml", format!("work-dir = \"work\"\n{toml}"));
    assert!(setup.run(&["check"]).status.success());
    (setup, named, serves)
}

fn compare(setup: &Setup, with: SocketAddr, arguments: &[&str]) -> (String, Option<i32>) {
    let with = with.to_string();
    let output: Output = setup.run(&[&["compare", "--with", &*with], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    (said, output.status.code())
}

#[test]
fn after_an_import_named_answers_as_our_zones_say() {
    let reverse = "$TTL 300\n@ SOA ns.example.net. hostmaster 3 3600 600 86400 60\n@ NS ns.example.net.\n25 PTR mail.example.net.\n";
    let zones = [
        ("example.net", ZONE),
        ("sub.sub.example.net", ZONE),
        ("2.0.192.in-addr.arpa", reverse),
    ];
    let (setup, _named, serves) = imported(&zones, "");
    let (said, code) = compare(&setup, serves, &[]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(
        lines[..3]
            .iter()
            .all(|line| line.ends_with(" questions, 0 differences")),
        "{said}"
    );
    assert!(
        lines[3].starts_with("3 zones, ") && lines[3].ends_with(" questions: 0 differences"),
        "{said}"
    );
    // One zone by its name, slowly.
    let (said, code) = compare(
        &setup,
        serves,
        &["2.0.192.in-addr.arpa", "--rate", "500", "--in-flight", "2"],
    );
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\n1 zone, "), "{said}");
    // One that named hasn't got is one difference.
    let toml = fs::read_to_string(setup.path().join("dnsd.toml")).unwrap();
    let file = setup.path().join("db.example.net");
    let more = format!(
        "{toml}\n[zone.\"example.org\".primary]\nfile = \"{}\"\n",
        file.display()
    );
    let setup = setup.file("dnsd.toml", more);
    let (said, code) = compare(&setup, serves, &["example.org"]);
    assert_eq!(
        (&*said, code),
        (
            "zone example.org/IN: serial 7 here, REFUSED there\n1 zone, 1 question: 1 difference\n",
            Some(1)
        )
    );
}

#[test]
fn a_record_that_changed_is_named() {
    let (setup, _named, serves) = imported(&[("example.net", ZONE)], "");
    let edited = ZONE
        .replace("mail A 192.0.2.25", "mail 60 A 192.0.2.26")
        .replace("d.e.f A", "d.e.g A");
    fs::write(setup.path().join("db.example.net"), edited).unwrap();
    let (said, code) = compare(&setup, serves, &["example.net"]);
    assert_eq!(code, Some(1), "{said}");
    for difference in [
        "@@ mail.example.net. A @@\n- mail.example.net. 60 IN A 192.0.2.26\n+ mail.example.net. 300 IN A 192.0.2.25\n",
        "@@ d.e.g.example.net. A @@\n- NOERROR, authoritative\n- d.e.g.example.net. 300 IN A 192.0.2.4\n+ NXDOMAIN, authoritative\n",
        // What is an alias of it differs, too.
        "@@ www.example.net. A @@\n",
    ] {
        assert!(said.contains(difference), "{difference}\n{said}");
    }
    assert!(!said.contains("@@ ns.example.net. A @@"), "{said}");
}

#[test]
fn another_version_is_told_first_and_its_serial_only_once() {
    let (setup, _named, serves) = imported(&[("example.net", ZONE)], "");
    fs::write(
        setup.path().join("db.example.net"),
        ZONE.replace("hostmaster 7", "hostmaster 8"),
    )
    .unwrap();
    let (said, code) = compare(&setup, serves, &[]);
    assert_eq!(code, Some(1), "{said}");
    let mut lines = said.lines();
    assert_eq!(
        lines.next(),
        Some("zone example.net/IN: serial 8 here, 7 there"),
        "{said}"
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.ends_with(" questions, 1 difference")),
        "{said}"
    );
}

#[test]
fn answers_that_do_not_fit_a_datagram_come_over_tcp() {
    let mut text = ZONE.to_owned();
    for n in 0..90 {
        writeln!(text, "large TXT \"record {n} of a set that no datagram holds\"").unwrap();
    }
    let (setup, _named, serves) = imported(&[("example.net", &text)], "");
    let (said, code) = compare(&setup, serves, &["--dnssec"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_view_is_compared_with_the_one_that_a_key_selects() {
    let setup = Setup::new("dnsd");
    let here = setup.path().display().to_string();
    let secret = "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLWF0LW9uY2U=";
    fs::write(setup.path().join("inside"), ZONE.replace("192.0.2.", "10.0.0.")).unwrap();
    fs::write(setup.path().join("outside"), ZONE).unwrap();
    let statements = format!(
        "key lan {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n\
         view inside {{ match-clients {{ key lan; }}; zone \"example.net\" {{ type primary; file \"{here}/inside\"; }}; }};\n\
         view outside {{ match-clients {{ any; }}; zone \"example.net\" {{ type primary; file \"{here}/outside\"; }}; }};\n"
    );
    let (_named, serves) = peers::named_with(setup.path(), "", &statements);
    let output = Command::new(program("dnsd"))
        .arg("import")
        .arg(setup.path().join("named.conf"))
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let toml = String::from_utf8(output.stdout).unwrap();
    let setup = setup.file("dnsd.toml", format!("work-dir = \"work\"\n{toml}"));
    let (said, code) = compare(&setup, serves, &["--view", "inside", "--key", "lan"]);
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = compare(&setup, serves, &["--view", "outside"]);
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = compare(&setup, serves, &["--view", "inside"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(
            "@@ ns.example.net. A @@\n- ns.example.net. 300 IN A 10.0.0.53\n+ ns.example.net. 300 IN A 192.0.2.53\n"
        ),
        "{said}"
    );
    for (arguments, message) in [
        (&["--view", "none"][..], "there is no view none in the configuration\n"),
        (&["--key", "none"], "there is no key none. in the configuration\n"),
        (
            &["--view", "inside", "example.org"],
            "there is no zone example.org. that would be compared\n",
        ),
    ] {
        assert_eq!(compare(&setup, serves, arguments), (message.to_owned(), Some(64)));
    }
}

#[test]
fn who_does_not_answer_and_what_is_not_there_is_not_called_equal() {
    let setup = Setup::new("dnsd").file("zone", ZONE).file(
        "dnsd.toml",
        "work-dir = \"work\"\n[zone.\"example.net\".primary]\nfile = \"zone\"\n\
             [zone.\"example.org\".secondary]\nprimaries = [\"192.0.2.1\"]\n",
    );
    // Nobody listens there.
    let nobody = SocketAddr::from(([127, 0, 0, 1], port()));
    let (said, code) = compare(&setup, nobody, &["example.net"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(
        said.starts_with("zone example.net/IN: not compared: no answer from 127.0.0.1#"),
        "{said}"
    );
    let (said, code) = compare(&setup, nobody, &["example.org"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(
        said.contains("zone example.org/IN: not compared: there is no copy of it yet at "),
        "{said}"
    );
    assert!(
        said.ends_with("0 zones, 0 questions: 0 differences, 1 not compared\n"),
        "{said}"
    );
}

#[test]
fn signed_zones_are_compared_with_their_proofs() {
    let folder = tempfile::tempdir().unwrap();
    let by_hash = Denial::Nsec3 {
        iterations: 0,
        salt: "-",
        opt_out: false,
    };
    let by_name = sign(folder.path(), "example.net", ZONE, Denial::Nsec).file;
    let by_hash = sign(folder.path(), "example.org", ZONE, by_hash).file;
    let [by_name, by_hash] = [by_name, by_hash].map(|file| fs::read_to_string(file).unwrap());
    let (setup, _named, serves) = imported(&[("example.net", &by_name), ("example.org", &by_hash)], "");
    let (said, code) = compare(&setup, serves, &["--dnssec"]);
    assert_eq!(code, Some(0), "{said}");
    let edited = by_name.replace("192.0.2.25", "192.0.2.26");
    fs::write(setup.path().join("db.example.net"), edited).unwrap();
    let (said, code) = compare(&setup, serves, &["--dnssec", "example.net"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("@@ mail.example.net. A @@\n- mail.example.net. 300 IN A 192.0.2.26\n+ mail.example.net. 300 IN A 192.0.2.25\n"), "{said}");
}

#[test]
fn knotd_with_our_zones_answers_as_they_say() {
    let setup = Setup::new("dnsd").file("zone", ZONE).file(
        "dnsd.toml",
        "work-dir = \"work\"\n[zone.\"example.net\".primary]\nfile = \"zone\"\n",
    );
    let serves = SocketAddr::from(([127, 0, 0, 1], port()));
    let file = setup.path().join("zone");
    let _knotd = peers::knotd(setup.path(), serves, &[("example.net", &file)]);
    let (said, code) = compare(&setup, serves, &[]);
    assert_eq!(code, Some(0), "{said}");
}
