//! The output `plugin`: messages as events.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::plugin::{Plugin, host};
use ballast_tests::syslog::{self, metric};
use ballast_tests::{address, wait};
use serde_json::json;

const LOGD: u8 = 0;
const ONE: u8 = 1;

const SOCKET: &str = "plugin.sock";

fn logd(directory: &Path, keys: &str) -> Daemon {
    let config = syslog::logd_head(address(LOGD))
        + &format!(
            "[plugin.cloud]\nsocket = \"{}\"\n[output.alarm.plugin]\nplugin = \"cloud\"\n{keys}\n\
             [[rule]]\nselect = \"*.err\"\nto = [\"alarm\"]\n[[rule]]\nto = [\"log/all\"]\n\
             [default.file]\nformat = \"%msg%\"\nflush-interval = \"10ms\"\n",
            directory.join(SOCKET).display()
        );
    Setup::new("logd").file("logd.toml", config).start()
}

fn datagram(severity: u8, text: &str) {
    let socket = UdpSocket::bind((address(ONE), 0)).unwrap();
    let message = format!("<{}>Oct 11 22:14:15 web1 app: {text}", 8 + severity);
    let to = syslog::collector(address(LOGD));
    socket.send_to(message.as_bytes(), to).unwrap();
}

#[test]
fn messages_that_a_rule_selects_are_events_of_their_machine() {
    let directory = tempfile::tempdir().unwrap();
    let plugin = Plugin::start(&directory.path().join(SOCKET), [host("i-1", "web", address(ONE))]);
    let logd = logd(directory.path(), "");
    wait::until("the inventory", || {
        (metric(address(LOGD), "logd_plugin_hosts", &[]) == 1.0).then_some(())
    });
    datagram(6, "all is well");
    datagram(3, "it burns");
    datagram(2, "it burns \u{e9}ven more");
    let events = plugin.wait_for_events(2);
    assert_eq!(events.len(), 2);
    for (event, (message, severity)) in events
        .iter()
        .zip([("it burns", "err"), ("it burns \u{e9}ven more", "crit")])
    {
        assert_eq!(
            (&event["message"], &event["kind"], &event["host"]),
            (&json!(message), &json!("log"), &json!("i-1"))
        );
        assert_eq!(
            event["fields"],
            json!({"hostname": "web1", "program": "app", "facility": "user", "severity": severity})
        );
        assert!(event["time"].as_i64().unwrap() > 1_700_000_000);
        assert!(event["id"].as_str().unwrap().ends_with("-alarm"));
    }
    assert_ne!(events[0]["id"], events[1]["id"]);
    assert!(logd.stop().0.success());
}

#[test]
fn format_fields_and_kind_are_the_configurations() {
    let directory = tempfile::tempdir().unwrap();
    let plugin = Plugin::start(&directory.path().join(SOCKET), []);
    let keys = "kind = \"alarm\"\nformat = \"%hostname% says %msg:2:$%\"\n\
                fields = { from = \"%fromhost-ip%\", group = \"%cloud-group%\", constant = \"production\" }";
    let logd = logd(directory.path(), keys);
    datagram(0, "help");
    let event = &plugin.wait_for_events(1)[0];
    assert_eq!(
        (&event["kind"], &event["message"]),
        (&json!("alarm"), &json!("web1 says help"))
    );
    assert_eq!(event["host"], json!(null));
    assert_eq!(
        event["fields"],
        json!({"from": address(ONE).to_string(), "group": "", "constant": "production"})
    );
    assert!(logd.stop().0.success());
}

#[test]
fn while_the_plugin_is_away_events_wait_as_far_as_there_is_room_and_files_do_not() {
    const MESSAGES: usize = 2000;
    let directory = tempfile::tempdir().unwrap();
    let logd = logd(directory.path(), "queue = { max = \"64KiB\" }");
    let text = "x".repeat(100);
    let mut sent = 0;
    let dropped = || metric(address(LOGD), "logd_output_dropped_total", &["\"alarm\"", "\"full\""]);
    while sent < MESSAGES {
        datagram(3, &format!("{sent} {text}"));
        sent += 1;
        if sent % 50 == 0 {
            // Each is in the file before more are sent: the kernel's queue loses none.
            wait::until_lines(&logd.path().join("log/all"), sent);
        }
    }
    assert!(dropped() > 0.0);
    let waiting = MESSAGES - dropped() as usize;
    let plugin = Plugin::start(&directory.path().join(SOCKET), []);
    let events = plugin.wait_for_events(waiting);
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!((events.len(), ids.len()), (waiting, waiting), "each once");
    let numbers = events.iter().map(|event| {
        let message = event["message"].as_str().unwrap();
        message.split(' ').next().unwrap().parse::<usize>().unwrap()
    });
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        (0..waiting).collect::<Vec<_>>(),
        "in their order"
    );
    plugin.refuse_events("io.ballast.Events1.UnknownKind");
    datagram(3, "refused");
    wait::until("the refusal", || {
        (metric(
            address(LOGD),
            "logd_output_dropped_total",
            &["\"alarm\"", "\"refused\""],
        ) == 1.0)
            .then_some(())
    });
    assert!(logd.stop().0.success());
}

#[test]
fn an_output_needs_its_plugin() {
    let config = "[plugin.cloud]\nsocket = \"s\"\n[input.a.tcp]\nlisten = [\"127.0.0.1:5514\"]\n\
                  [output.alarm.plugin]\nplugin = \"clout\"\n[[rule]]\nto = [\"alarm\"]\n";
    let output = Setup::new("logd").file("logd.toml", config).run(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("logd.toml:6:11: no plugin \"clout\"") && said.contains("\"cloud\""),
        "{said}"
    );
}
