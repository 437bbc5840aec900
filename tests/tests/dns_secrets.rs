//! Keys whose secrets cloudd has: fetched at load, changed by a reload, and kept while cloudd is away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::server::{Configuration, PORT, page, serves};
use ballast_tests::wait;

const ZONE: &str = "$TTL 60\n@ SOA ns h 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n";

const CLOUDD: &str = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n";

fn cloudd() -> Setup {
    Setup::new("cloudd").file("cloudd.toml", CLOUDD)
}

fn dnsd(socket: &Path) -> Daemon {
    Configuration::new()
        .table("[zone.\"example.net\".primary]\nfile = \"db.example.net\"\nallow-transfer = [\"key:lan\"]")
        .table(&format!("[plugin.cloud]\nsocket = \"{}\"", socket.display()))
        .table("[key.lan]\nalgorithm = \"hmac-sha256\"\nsecret-ref = \"cloud:tsig-lan\"")
        .setup()
        .file("db.example.net", ZONE)
        .start()
}

/// What dig prints of a transfer that is signed with a secret in base64.
fn transfer(secret: &str) -> String {
    let output = Command::new("dig")
        .args([&format!("@{}", serves().ip()), "-p", &PORT.to_string()])
        .args(["-y", &format!("hmac-sha256:lan:{secret}")])
        .args(["example.net", "AXFR"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn is_given(secret: &str) {
    let printed = transfer(secret);
    assert!(
        printed.contains("192.0.2.2") && !printed.contains("verify"),
        "{printed}"
    );
}

fn is_refused(secret: &str, error: &str) {
    let printed = transfer(secret);
    assert!(printed.contains(error) && !printed.contains("192.0.2.2"), "{printed}");
}

fn done(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_has_its_secret_from_cloudd_a_reload_its_next_and_an_absence_changes_nothing() {
    let cloudd = cloudd().start();
    done(&cloudd, &["secret", "create", "tsig-lan", "--octets", "32"]);
    let first = done(&cloudd, &["secret", "get", "tsig-lan"]);
    let dnsd = dnsd(&cloudd.path().join("plugin.sock"));
    is_given(&first);
    assert!(page("/metrics").contains("dnsd_tsig_keys_without_secret 0\n"));
    done(&cloudd, &["secret", "rotate", "tsig-lan"]);
    let second = done(&cloudd, &["secret", "get", "tsig-lan"]);
    // At load only.
    is_given(&first);
    is_refused(&second, "BADSIG");
    done(&dnsd, &["reload"]);
    is_given(&second);
    is_refused(&first, "BADSIG");
    let (status, _left) = cloudd.stop();
    assert!(status.success());
    done(&dnsd, &["reload"]);
    dnsd.wait_for_log("secret cloud:tsig-lan stays what it was");
    is_given(&second);
    let log = dnsd.log();
    assert!(!log.contains(&first) && !log.contains(&second), "{log}");
}

#[test]
fn dnsd_starts_without_cloudd_and_the_key_works_once_its_secret_has_come() {
    let setup = cloudd();
    let made = setup.run(&["secret", "create", "tsig-lan", "--octets", "32"]);
    assert!(made.status.success(), "{made:?}");
    let secret = String::from_utf8(setup.run(&["secret", "get", "tsig-lan"]).stdout).unwrap();
    let dnsd = dnsd(&setup.path().join("plugin.sock"));
    dnsd.wait_for_log("secret cloud:tsig-lan is missing");
    is_refused(&secret, "BADKEY");
    assert!(page("/metrics").contains("dnsd_tsig_keys_without_secret 1\n"));
    // What needs no key is answered as ever.
    let answer = Command::new("dig")
        .args([&format!("@{}", serves().ip()), "-p", &PORT.to_string()])
        .args(["+short", "www.example.net"])
        .output()
        .unwrap();
    assert_eq!(answer.stdout, b"192.0.2.2\n");
    let _cloudd = setup.start();
    wait::until_at_most(3 * wait::DEADLINE, "the key to have its secret", || {
        page("/metrics")
            .contains("dnsd_tsig_keys_without_secret 0\n")
            .then_some(())
    });
    is_given(&secret);
    dnsd.wait_for_log("secret cloud:tsig-lan is there now");
}
