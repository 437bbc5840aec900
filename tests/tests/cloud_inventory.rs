//! cloudd's inventory: from a file that is edited to whoever follows it; and what a plugin of another's has to keep to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Duration;

use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::wait;
use serde_json::{Value, json};

const CONFIG: &str = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
    [provider.racks.static]\nfile = \"inventory.toml\"\n";

fn start(inventory: &str) -> Daemon {
    Setup::new("cloudd")
        .file("cloudd.toml", CONFIG)
        .file("inventory.toml", inventory)
        .start()
}

/// Somebody who follows the inventory.
struct Watcher(BufReader<UnixStream>);

impl Watcher {
    fn new(socket: &Path, parameters: &Value) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(wait::DEADLINE)).unwrap();
        let call = json!({"method": "io.ballast.Inventory1.Watch", "parameters": parameters, "more": true});
        write!(stream, "{call}\0").unwrap();
        Self(BufReader::new(stream))
    }

    fn next(&mut self) -> Value {
        let mut message = Vec::new();
        self.0.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "it hung up");
        let mut reply: Value = serde_json::from_slice(&message).unwrap();
        reply["parameters"].take()
    }
}

fn ids(reply: &Value) -> Vec<&str> {
    let hosts = reply["hosts"].as_array().unwrap().iter();
    hosts.map(|host| host["id"].as_str().unwrap()).collect()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn an_edited_file_is_a_delta_and_a_broken_one_changes_nothing() {
    let daemon = start("[host.a]\naddresses = [\"10.0.0.1\"]\n[host.b]\n");
    let socket = daemon.path().join("plugin.sock");
    let mut watcher = Watcher::new(&socket, &json!({}));
    let first = watcher.next();
    assert_eq!(
        (ids(&first), &first["full"], &first["complete"]),
        (vec!["a", "b"], &json!(true), &json!(true))
    );
    daemon.replace("inventory.toml", "[host.a]\naddresses = [\"10.0.0.2\"]\n[host.c]\n");
    let delta = watcher.next();
    assert_eq!((ids(&delta), &delta["gone"]), (vec!["a", "c"], &json!(["b"])));
    assert_eq!(delta["hosts"][0]["addresses"], json!([{"address": "10.0.0.2"}]));
    assert_eq!(delta["seq"].as_u64(), first["seq"].as_u64().map(|seq| seq + 1));

    daemon.replace("inventory.toml", "[host.a]\naddresses = [\"10.0.0.256\"]\n");
    daemon.wait_for_log("inventory.toml:1:7: host a: addresses is not");
    let status = said(&daemon.run(&["status"]));
    assert!(
        status.contains("provider racks: 2 hosts\n") && status.contains("inventory.toml:1:7"),
        "{status}"
    );
    let checked = daemon.run(&["check"]);
    assert_eq!(checked.status.code(), Some(78), "{}", said(&checked));
    let inventory = said(&daemon.run(&["inventory", "--json"]));
    assert_eq!(inventory.lines().count(), 2, "{inventory}");

    // Who was away goes on where it was.
    daemon.replace("inventory.toml", "[host.c]\n");
    assert_eq!(watcher.next()["gone"], json!(["a"]));
    let mut back = Watcher::new(&socket, &json!({"epoch": delta["epoch"], "seq": delta["seq"]}));
    let reply = back.next();
    assert_eq!((&reply["full"], &reply["gone"]), (&json!(false), &json!(["a"])));
}

#[test]
fn a_reload_takes_over_providers_or_changes_nothing() {
    let mut daemon = start("[host.a]\n");
    let socket = daemon.path().join("plugin.sock");
    let mut watcher = Watcher::new(&socket, &json!({}));
    assert_eq!(ids(&watcher.next()), ["a"]);
    fs::write(
        daemon.path().join("more.toml"),
        "[host.b]\n[host.a]\nname = \"other\"\n",
    )
    .unwrap();
    let more = format!("{CONFIG}[provider.more.static]\nfile = \"more.toml\"\n");
    daemon.replace("cloudd.toml", &more);
    daemon.reload();
    let delta = watcher.next();
    assert_eq!((ids(&delta), &delta["gone"]), (vec!["b"], &json!([])));
    daemon.wait_for_log("host a: both racks and more have it; it is what racks says");

    daemon.replace("cloudd.toml", format!("{more}[provider.more.static]\n"));
    let refused = daemon.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    daemon.replace("cloudd.toml", CONFIG);
    assert!(daemon.run(&["reload"]).status.success());
    assert_eq!(watcher.next()["gone"], json!(["b"]));
    let (status, _) = daemon.stop();
    assert!(status.success());
}

/// A process of the test's own.
struct Plugin(Child);

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn check(socket: &Path) -> Output {
    Command::new(program("cloudd"))
        .arg("plugin-check")
        .arg(socket)
        .output()
        .unwrap()
}

#[test]
fn our_plugin_and_the_example_keep_to_the_interface() {
    let hosts: String = (0..700)
        .map(|n| format!("[host.h{n}]\naddresses = [\"10.0.{}.{}\"]\n", n / 250, n % 250))
        .collect();
    let daemon = start(&hosts);
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let hosts: Vec<Value> = (0..700)
        .map(|n| json!({"id": format!("h{n}"), "addresses": []}))
        .collect();
    fs::write(directory.path().join("hosts.json"), json!(hosts).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/example/inventory.py");
    let mut command = Command::new("python3");
    let _plugin = Plugin(
        command
            .arg(script)
            .arg(&socket)
            .arg(directory.path().join("hosts.json"))
            .spawn()
            .unwrap(),
    );
    wait::until("the example's socket", || UnixStream::connect(&socket).ok());
    let checks = [daemon.path().join("plugin.sock"), socket].map(|socket| std::thread::spawn(move || check(&socket)));
    for checked in checks {
        let checked = checked.join().unwrap();
        let lines = said(&checked);
        assert!(
            checked.status.success() && lines.lines().filter(|line| line.starts_with("ok ")).count() == 10,
            "{lines}"
        );
    }
}

/// Answers every call with a whole snapshot that has one host twice, and nothing after it.
fn serve_wrongly(socket: &Path) {
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let hosts = json!([{"id": "a", "addresses": []}, {"id": "a", "addresses": []}]);
                let reply = json!({"parameters": {"epoch": "e", "seq": 1, "full": true, "hosts": hosts, "gone": [], "complete": true}});
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while reader.read_until(0, &mut Vec::new()).is_ok_and(|length| length > 0) {
                    if write!(stream, "{reply}\0").is_err() {
                        return;
                    }
                }
            });
        }
    });
}

#[test]
fn a_plugin_that_does_not_keep_to_it_is_told_what() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let nobody = check(&socket);
    assert_eq!(nobody.status.code(), Some(69), "{}", said(&nobody));
    serve_wrongly(&socket);
    let checked = check(&socket);
    let lines = said(&checked);
    assert_eq!(checked.status.code(), Some(1), "{lines}");
    assert!(
        lines.contains("FAIL  sends a whole snapshot of hosts that are as the interface says: host a comes twice\n"),
        "{lines}"
    );
    assert!(lines.contains("FAIL  describes itself"), "{lines}");
    assert!(!lines.contains("this check itself failed"), "{lines}");
}

#[test]
fn a_second_instance_and_a_watcher_that_stalls_harm_nobody() {
    let hosts: String = (0..20_000)
        .map(|n| format!("[host.h{n}]\nname = \"{}\"\n", "x".repeat(100)))
        .collect();
    let daemon = start(&hosts);
    let socket = daemon.path().join("plugin.sock");
    let stalled: Vec<Watcher> = (0..8).map(|_| Watcher::new(&socket, &json!({}))).collect();
    let mut watcher = Watcher::new(&socket, &json!({}));
    let mut count = 0;
    loop {
        let reply = watcher.next();
        count += ids(&reply).len();
        if reply["complete"] == true {
            break;
        }
    }
    assert_eq!(count, 20_000);
    let second = Command::new(program("cloudd"))
        .arg("--config")
        .arg(daemon.path().join("cloudd.toml"))
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(69));
    assert!(said(&second).contains("is in use by another instance"));
    drop(stalled);
    wait::until("those who stalled to be forgotten", || {
        let status = said(&daemon.run(&["status"]));
        status.contains(" 1 watching").then_some(())
    });
    // It lets nobody wait at its end.
    let (status, _) = daemon.stop();
    assert!(status.success());
    let _ = watcher.0.get_ref().set_read_timeout(Some(Duration::from_secs(1)));
}
