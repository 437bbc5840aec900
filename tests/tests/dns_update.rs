//! Dynamic updates, sent by nsupdate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::process::{Command, Stdio};

use ballast_tests::daemon::{Setup, output};
use ballast_tests::dns::server::{Configuration, PORT, serves};

const SECRET: &str = "bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaA==";

const ZONE: &str = "$TTL 60\n@ SOA ns h 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n";

fn setup() -> Setup {
    Configuration::new()
        .table(&format!(
            "[key.ddns]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table(
            "[zone.\"example.net\".primary]\nfile = \"db.example.net\"\nallow-update = [\"key:ddns\"]\n\
             allow-transfer = [\"any\"]",
        )
        .setup()
        .file("db.example.net", ZONE)
}

/// What nsupdate says to these lines; nothing when all is well.
fn nsupdate(arguments: &[&str], lines: &str) -> String {
    let mut child = Command::new("nsupdate")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let script = format!("server {} {PORT}\nzone example.net\n{lines}send\n", serves().ip());
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn dig(arguments: &[&str]) -> String {
    let (server, port) = (format!("@{}", serves().ip()), PORT.to_string());
    output(
        "dig",
        [&[server.as_str(), "-p", &port, "+short", "+norec"], arguments].concat(),
    )
}

#[test]
fn rfc2136_an_update_is_done_when_it_is_answered_and_is_there_after_a_restart() {
    let daemon = setup().start();
    let key = format!("hmac-sha256:ddns:{SECRET}");
    for (transport, host) in [("-y", "one"), ("-vy", "two")] {
        let said = nsupdate(
            &[transport, &key],
            &format!("update add {host}.example.net 60 A 192.0.2.9\n"),
        );
        assert_eq!(said, "");
        assert_eq!(dig(&[&format!("{host}.example.net")]), "192.0.2.9\n");
    }
    assert!(dig(&["example.net", "SOA"]).contains(" 9 "));
    // The updates are steps that a secondary gets.
    let steps = output(
        "dig",
        [
            &format!("@{}", serves().ip()),
            "-p",
            &PORT.to_string(),
            "example.net",
            "IXFR=7",
        ],
    );
    assert!(
        steps.contains("one.example.net.") && !steps.contains("ns.example.net.\t60\tIN\tA"),
        "{steps}"
    );
    let daemon = daemon.stop().1.again().start();
    assert_eq!(dig(&["two.example.net"]), "192.0.2.9\n");
    daemon.stop();
}

#[test]
fn an_update_without_the_key_is_refused_and_one_whose_prerequisite_fails_changes_nothing() {
    let daemon = setup().start();
    assert!(nsupdate(&[], "update add x.example.net 60 A 192.0.2.9\n").contains("REFUSED"));
    daemon.wait_for_log("update 'example.net/IN' denied");
    let key = format!("hmac-sha256:ddns:{SECRET}");
    let prerequisites = [
        ("prereq yxdomain x.example.net", "NXDOMAIN"),
        ("prereq nxdomain ns.example.net", "YXDOMAIN"),
        ("prereq yxrrset ns.example.net AAAA", "NXRRSET"),
        ("prereq nxrrset ns.example.net A", "YXRRSET"),
        ("prereq yxrrset ns.example.net A 192.0.2.2", "NXRRSET"),
    ];
    for (prerequisite, rcode) in prerequisites {
        let said = nsupdate(
            &["-y", &key],
            &format!("{prerequisite}\nupdate add x.example.net 60 A 192.0.2.9\n"),
        );
        assert!(said.contains(rcode), "{prerequisite}: {said}");
    }
    assert_eq!(dig(&["x.example.net"]), "");
    assert!(dig(&["example.net", "SOA"]).contains(" 7 "));
    daemon.stop();
}

#[test]
fn an_update_after_which_a_name_server_had_no_address_is_refused_as_by_named() {
    let daemon = setup().start();
    let key = format!("hmac-sha256:ddns:{SECRET}");
    let said = nsupdate(&["-y", &key], "update delete ns.example.net A\n");
    assert!(said.contains("REFUSED"), "{said}");
    daemon.wait_for_log("name server ns.example.net. has no address in the zone");
    assert_eq!(dig(&["ns.example.net"]), "192.0.2.1\n");
    // With another address it isn't that.
    let moved = "update delete ns.example.net A\nupdate add ns.example.net 60 AAAA 2001:db8::1\n";
    assert_eq!(nsupdate(&["-y", &key], moved), "");
    assert_eq!(dig(&["ns.example.net", "AAAA"]), "2001:db8::1\n");
    let daemon = daemon.stop().1.again().start();
    assert_eq!(dig(&["ns.example.net", "AAAA"]), "2001:db8::1\n");
    daemon.stop();
}

#[test]
fn all_zones_that_take_updates_are_synced_frozen_and_thawed() {
    let daemon = setup().start();
    let key = format!("hmac-sha256:ddns:{SECRET}");
    let update = |host: &str| {
        nsupdate(
            &["-y", &key],
            &format!("update add {host}.example.net 60 A 192.0.2.9\n"),
        )
    };
    let command = |word: &str| {
        let output = daemon.run(&[word]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{word}: {said}");
        said
    };
    let file = || std::fs::read_to_string(daemon.path().join("db.example.net")).unwrap();
    assert_eq!(update("one"), "");
    assert!(!file().contains("one.example.net."));
    assert_eq!(
        command("sync"),
        "zone example.net.: its updates are in its file\n1 zone done\n"
    );
    assert!(file().contains("one.example.net. 60 IN A 192.0.2.9\n"));
    assert_eq!(command("freeze"), "zone example.net.: frozen\n1 zone done\n");
    assert!(update("two").contains("REFUSED"));
    daemon.replace("db.example.net", file() + "hand 60 A 192.0.2.7\n");
    let thawed = command("thaw");
    assert!(
        thawed.starts_with("zone example.net.: loaded serial ") && thawed.ends_with("1 zone done\n"),
        "{thawed}"
    );
    assert_eq!(command("thaw"), "0 zones done\n");
    assert_eq!(update("three"), "");
    assert_eq!(dig(&["hand.example.net"]), "192.0.2.7\n");
    assert_eq!(dig(&["three.example.net"]), "192.0.2.9\n");
    daemon.stop();
}
