//! A database's password that cloudd has: logd starts without it, connects once it has come, and takes the next one over a reload.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use ballast_tests::daemon::{Setup, program};
use ballast_tests::databases::{Kind, Server};
use ballast_tests::syslog::{self, Framing, collector};
use ballast_tests::{address, wait};

const LOGD: u8 = 0;

const CLOUDD: &str = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n";

/// Gives a secret of cloudd's a value, which is in a file.
fn give(setup: &std::path::Path, command: &str, value: &str) {
    let file = setup.join("value");
    std::fs::write(&file, value).unwrap();
    let done = Command::new(program("cloudd"))
        .args(["secret", command, "db", "--file"])
        .arg(&file)
        .arg("--config")
        .arg(setup.join("cloudd.toml"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn send(number: usize) {
    let message = format!("<13>1 2026-12-01T12:00:00Z web1 app 42 - - message {number}");
    syslog::send(collector(address(LOGD)), &Framing::OctetCounted.frame(&[message]));
}

fn wait_for_rows(server: &Server, count: usize) {
    wait::until(&format!("{count} rows"), || {
        let rows = server.try_rows("SELECT message FROM logd_messages");
        (rows.unwrap_or_default().len() == count).then_some(())
    });
}

#[test]
fn a_databases_password_comes_from_cloudd_and_may_become_another() {
    let at = SocketAddr::from((address(1), 5432));
    let server = Server::start(Kind::Postgres, at);
    let setup = Setup::new("cloudd").file("cloudd.toml", CLOUDD);
    give(setup.path(), "create", "not the password");
    let logd = format!(
        "[plugin.cloud]\nsocket = \"{}\"\n[output.db.postgres]\nurl = \"{}\"\nsecret-ref = \"cloud:db\"\n\
         [[rule]]\nto = [\"db\"]\n",
        setup.path().join("plugin.sock").display(),
        server.url(at)
    );
    let logd = Setup::new("logd")
        .file("logd.toml", syslog::logd_head(address(LOGD)) + &logd)
        .start();
    send(1);
    logd.wait_for_log("its password, secret cloud:db, has not come from the plugin yet");
    let cloudd = setup.start();
    logd.wait_for_log("secret cloud:db is there now");
    // It is a wrong one, and the right one comes by a reload, to an output that runs.
    give(cloudd.path(), "rotate", server.password());
    assert!(logd.run(&["reload"]).status.success());
    wait_for_rows(&server, 1);
    // What it had stays while cloudd is away.
    drop(cloudd);
    assert!(logd.run(&["reload"]).status.success());
    logd.wait_for_log("secret cloud:db stays what it was");
    send(2);
    wait_for_rows(&server, 2);
    assert!(!logd.log().contains(server.password()));
}
