//! The keys that `dnsd keygen` makes, as BIND's named and dig take them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use ballast_tests::daemon::{output, program};
use ballast_tests::{data, peers};

const ALGORITHMS: [&str; 7] = [
    "hmac-md5",
    "hmac-sha1",
    "hmac-sha224",
    "hmac-sha256",
    "hmac-sha384",
    "hmac-sha512",
    "hmac-sha256-128",
];

/// Algorithm and secret of the table that `dnsd keygen` prints for a name.
fn keygen(name: &str, algorithm: &str) -> [String; 2] {
    let printed = Command::new(program("dnsd"))
        .args(["keygen", name, "--algorithm", algorithm])
        .output()
        .unwrap();
    assert!(printed.status.success());
    let table = String::from_utf8(printed.stdout).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap(), format!("[key.{name}]"));
    ["algorithm", "secret"].map(|key| {
        let line = lines.next().unwrap();
        let value = line.strip_prefix(&format!("{key} = \"")).unwrap();
        value.strip_suffix('"').unwrap().to_owned()
    })
}

#[test]
fn named_and_dig_take_the_keys_of_every_algorithm() {
    let directory = tempfile::tempdir().unwrap();
    let keys = ALGORITHMS.map(|algorithm| (format!("LAN-{algorithm}"), algorithm));
    let keys = keys.map(|(name, algorithm)| {
        let [printed, secret] = keygen(&name, algorithm);
        assert_eq!(printed, algorithm);
        (name, algorithm, secret)
    });
    // What is given as options stands inside their braces, behind which the keys go; the last clause takes the closing ones.
    let mut clauses = String::from("};\n");
    for (name, algorithm, secret) in &keys {
        clauses += &format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n");
    }
    clauses += "acl unused { none; ";
    let (_named, address) = peers::named(
        directory.path(),
        &clauses,
        &[("somewhere.net", &data("dns/somewhere.net.zone"))],
    );
    let port = address.port().to_string();
    for (name, algorithm, secret) in &keys {
        let asked = output(
            "dig",
            [
                "@127.0.0.1",
                "-p",
                &port,
                "-y",
                &format!("{algorithm}:{name}:{secret}"),
                "somewhere.net",
                "SOA",
            ],
        );
        // named signs only what was rightly signed, and dig says so of a signature that it can't verify.
        assert!(asked.contains("status: NOERROR"), "{algorithm}: {asked}");
        assert!(asked.contains(";; TSIG PSEUDOSECTION"), "{algorithm}: {asked}");
        assert!(!asked.contains("Couldn't verify signature"), "{algorithm}: {asked}");
    }
}
