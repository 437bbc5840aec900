//! What happens in the cloud, as lines in logd's files; and logd's lines as events.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use ballast_shared::varlink;
use ballast_tests::cloud::{Moto, REGION, text_of};
use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::syslog::{self, metric};
use ballast_tests::{address, wait};
use serde_json::{Value, json};

const LOGD: u8 = 0;

const CLOUDD: &str = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n";

fn cloudd(config: &str) -> Daemon {
    let mut command = Command::new(program("cloudd"));
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    Setup::new("cloudd")
        .file("cloudd.toml", config)
        .file("inventory.toml", "[host.i-1]\n")
        .start_by(command)
}

fn static_cloudd() -> Daemon {
    cloudd(&format!("{CLOUDD}[provider.racks.static]\nfile = \"inventory.toml\"\n"))
}

/// With what the plugin tells of in `log/HOST`, and what comes otherwise in `log/other`.
fn logd_config(plugin: &Path, more: &str) -> String {
    syslog::logd_head(address(LOGD))
        + &format!(
            "[plugin.cloud]\nsocket = \"{}\"\n[input.events.plugin]\nplugin = \"cloud\"\n\
             [default.file]\nflush-interval = \"10ms\"\n\
             [output.events.file]\npath = \"log/%HOSTNAME%\"\nformat = '%app-name% %msgid% %structured-data% %msg%\\n'\n\
             [[rule]]\nfrom = [\"events\"]\nto = [\"events\"]\nstop = true\n{more}",
            plugin.display()
        )
}

fn logd(plugin: &Path, more: &str) -> Daemon {
    Setup::new("logd").file("logd.toml", logd_config(plugin, more)).start()
}

fn lines(logd: &Daemon, file: &str, count: usize) -> Vec<String> {
    let content = String::from_utf8(wait::until_lines(&logd.path().join("log").join(file), count)).unwrap();
    content.lines().map(str::to_owned).collect()
}

/// What `cloudd events --json` prints, once there are so many.
fn events(cloudd: &Daemon, count: usize) -> Vec<Value> {
    wait::until(&format!("{count} events"), || {
        let output = cloudd.run(&["events", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (events.len() >= count).then_some(events)
    })
}

fn emit(cloudd: &Daemon, id: usize) {
    let event = json!({
        "id": format!("t{id}"), "time": 1, "kind": "alarm", "host": "i-1", "message": format!("number {id}"), "fields": {}
    });
    let Value::Object(parameters) = json!({ "event": event }) else {
        panic!("it is an object");
    };
    varlink::call(
        &cloudd.path().join("plugin.sock"),
        "io.ballast.Events1.Emit",
        parameters,
    )
    .unwrap();
}

fn line(id: usize) -> String {
    format!("cloud alarm [event@32473 id=\"t{id}\"] number {id}")
}

/// The last of these events is kept as the last, and all are in the file.
fn wait_for(logd: &Daemon, last: usize) {
    let expected: Vec<String> = (1..=last).map(line).collect();
    assert_eq!(lines(logd, "i-1", last), expected);
    wait::until_file(&logd.path().join("work/events.events"), |kept| {
        kept.starts_with(format!("t{last}\n").as_bytes())
    });
}

#[test]
fn an_interruption_is_a_line_of_its_machine() {
    let moto = Moto::start();
    let parameters = [("ImageId", "ami-12345678"), ("MinCount", "1"), ("MaxCount", "1")];
    let machine = text_of(&moto.query("ec2", "RunInstances", &parameters), "instanceId");
    let queue = moto.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": "machines"}));
    let queue = queue["QueueUrl"].as_str().unwrap().to_owned();
    let url = moto.url();
    let cloudd = cloudd(&format!(
        "{CLOUDD}[provider.cloud.aws]\nregion = \"{REGION}\"\nqueue = \"{queue}\"\n\
         [provider.cloud.aws.endpoint]\nec2 = \"{url}\"\nsts = \"{url}\"\nsqs = \"{url}\"\n"
    ));
    let logd = logd(&cloudd.path().join("plugin.sock"), "");
    let warning = json!({
        "id": "7bf73129", "source": "aws.ec2", "detail-type": "EC2 Spot Instance Interruption Warning",
        "time": "2026-01-01T00:00:00Z", "detail": {"instance-id": machine, "instance-action": "terminate"},
    });
    // Twice, as queues do.
    for _ in 0..2 {
        let message = json!({"QueueUrl": queue, "MessageBody": warning.to_string()});
        moto.json("sqs", "AmazonSQS.SendMessage", &message);
    }
    let line = format!(
        "cloud interruption [event@32473 id=\"7bf73129\" action=\"terminate\"] the spot capacity of {machine} is taken away"
    );
    assert_eq!(lines(&logd, &machine, 1), [line]);
    let events = events(&cloudd, 1);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (&events[0]["kind"], &events[0]["host"], &events[0]["time"]),
        (&json!("interruption"), &json!(machine), &json!(1_767_225_600))
    );
    let text = String::from_utf8(cloudd.run(&["events"]).stdout).unwrap();
    assert!(text.starts_with("2026-01-01T00:00:00Z  interruption"), "{text}");
}

#[test]
fn each_event_comes_once_whoever_is_started_again() {
    let cloudd = static_cloudd();
    // Before there is a logd.
    emit(&cloudd, 1);
    let logd = logd(&cloudd.path().join("plugin.sock"), "");
    emit(&cloudd, 2);
    // As who has no answer tells it again.
    emit(&cloudd, 2);
    wait_for(&logd, 2);
    let killed = logd.kill();
    for id in 3..=300 {
        emit(&cloudd, id);
    }
    let logd = killed.again().start();
    wait_for(&logd, 300);
    // cloudd knows nothing of those before its start; what comes after is behind them all the same.
    let cloudd = cloudd.kill().again().start();
    emit(&cloudd, 301);
    emit(&cloudd, 302);
    wait_for(&logd, 302);
    assert!(logd.stop().0.success());
}

#[test]
fn a_message_is_an_event_and_does_not_come_back() {
    let cloudd = static_cloudd();
    let more = "[output.cloud.plugin]\nplugin = \"cloud\"\nkind = \"alarm\"\n\
         [[rule]]\nselect = \"*.err\"\nto = [\"cloud\"]\n[[rule]]\nto = [\"log/other\"]\n";
    let logd = logd(&cloudd.path().join("plugin.sock"), more);
    let socket = UdpSocket::bind((address(LOGD), 0)).unwrap();
    let message = "<11>Oct 11 22:14:15 web1 app: it burns";
    socket
        .send_to(message.as_bytes(), syslog::collector(address(LOGD)))
        .unwrap();
    let event = events(&cloudd, 1).remove(0);
    assert_eq!(
        (&event["kind"], &event["message"], &event["fields"]["program"]),
        (&json!("alarm"), &json!("it burns"), &json!("app"))
    );
    // One of a kind that logd does not tell of comes, and what was before it would have.
    let other = json!({"id": "l1", "time": 1, "kind": "log", "host": "i-1", "message": "other", "fields": {}});
    let Value::Object(parameters) = json!({ "event": other }) else {
        panic!("it is an object");
    };
    let plugin = cloudd.path().join("plugin.sock");
    varlink::call(&plugin, "io.ballast.Events1.Emit", parameters).unwrap();
    assert_eq!(lines(&logd, "i-1", 1), ["cloud log [event@32473 id=\"l1\"] other"]);
    let files: Vec<_> = fs::read_dir(logd.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(
        metric(address(LOGD), "logd_input_messages_total", &["\"events\""]) as u64,
        1
    );
}
