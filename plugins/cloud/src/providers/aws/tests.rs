//! The provider against a server that stands for EC2 and SQS.

use std::sync::Mutex;
use std::time::Duration;

use ballast_shared::plugin::host::WireHost;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::tests::body;
use super::*;
use crate::aws::test_server::{Asked, Reply, TestServer, keys, ok};
use crate::events::Kind;
use crate::providers::Word;

const INTERVAL: Duration = Duration::from_millis(300);

fn instances(ids: &[&str]) -> Reply {
    let instances: String = ids
        .iter()
        .map(|id| {
            format!("<item><instanceId>{id}</instanceId><instanceState><name>running</name></instanceState></item>")
        })
        .collect();
    ok(format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>{instances}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
    ))
}

fn messages(bodies: &[(&str, String)]) -> Reply {
    let messages: Vec<_> = bodies
        .iter()
        .map(|(id, body)| serde_json::json!({"MessageId": id, "ReceiptHandle": format!("handle-{id}"), "Body": body}))
        .collect();
    ok(serde_json::json!({"Messages": messages}).to_string())
}

fn running(event: &str, instance: &str) -> String {
    let now = jiff::Timestamp::now().to_string();
    let detail = format!(r#"{{"instance-id":"{instance}","state":"running"}}"#);
    body(event, "EC2 Instance State-change Notification", &now, &detail)
}

/// What is asked of the server, in short.
fn short(asked: &Asked) -> &'static str {
    match asked.headers.get("x-amz-target").map(String::as_str) {
        Some("AmazonSQS.ReceiveMessage") => "receive",
        Some("AmazonSQS.DeleteMessage") => "delete",
        _ if asked.body.contains("instance-id") => "look",
        _ => "list",
    }
}

struct Running {
    reports: mpsc::Receiver<Report>,
    stop: CancellationToken,
}

impl Running {
    fn start(server: &TestServer, queue: bool) -> Self {
        let config = Config {
            settings: server.settings("", keys()),
            interval: INTERVAL,
            networks_interval: None,
            volumes_interval: None,
            queue: queue.then(|| "http://127.0.0.1/1/q".to_owned()),
            filters: Vec::new(),
            labels: Vec::new(),
        };
        let (sender, reports) = mpsc::channel(16);
        let stop = CancellationToken::new();
        tokio::spawn(Aws::new("cloud", config).run(sender, stop.clone()));
        Self { reports, stop }
    }

    async fn word(&mut self) -> Word {
        let report = tokio::time::timeout(Duration::from_secs(30), self.reports.recv()).await;
        report.unwrap().unwrap().word
    }

    /// The next word that is no listing.
    async fn change(&mut self) -> Word {
        loop {
            match self.word().await {
                Word::Listing(_) => {}
                word => return word,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn ids(hosts: &[WireHost]) -> Vec<&str> {
    hosts.iter().map(|host| host.id.as_str()).collect()
}

#[tokio::test]
async fn a_listing_that_is_refused_or_cut_off_is_never_told() {
    let server = TestServer::start(|count, _| match count {
        1 => Reply::Answer(
            403,
            "",
            "<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>".into(),
        ),
        2 => ok("<DescribeInstancesResponse><reservationSet>"),
        _ => instances(&["i-1", "i-2"]),
    })
    .await;
    let mut provider = Running::start(&server, false);
    for is_listing in [true, false, false, true] {
        match provider.word().await {
            Word::Listing(hosts) => {
                assert!(is_listing);
                assert_eq!(ids(&hosts), ["i-1", "i-2"]);
            }
            Word::Failing { is_throttled, .. } => assert!(!is_listing && !is_throttled),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_is_deleted_when_what_it_asks_for_is_done_and_not_before() {
    let looks = Mutex::new(0);
    let server = TestServer::start(move |_, asked| match short(asked) {
        "list" => instances(&[]),
        // The first look fails, the second finds it.
        "look" => {
            let mut looks = looks.lock().unwrap();
            *looks += 1;
            match *looks {
                1 => Reply::Answer(
                    403,
                    "",
                    "<Response><Errors><Error><Code>X</Code></Error></Errors></Response>".into(),
                ),
                _ => instances(&["i-7"]),
            }
        }
        "receive" => messages(&[("m1", running("e1", "i-7"))]),
        _ => ok("{}"),
    })
    .await;
    let mut provider = Running::start(&server, true);
    assert!(matches!(provider.change().await, Word::Event(event) if event.id == "e1" && event.kind == Kind::State));
    let Word::Change { hosts, gone } = provider.change().await else {
        panic!()
    };
    assert_eq!((ids(&hosts), gone.len()), (vec!["i-7"], 0));
    let order = || {
        server
            .asked()
            .iter()
            .map(short)
            .filter(|what| *what != "list")
            .collect::<Vec<_>>()
    };
    while order().iter().filter(|what| **what == "delete").count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The same event again is deleted without another look.
    assert_eq!(
        order()[..7],
        ["receive", "look", "receive", "look", "delete", "receive", "delete"]
    );
}

#[tokio::test]
async fn an_instance_that_ec2_does_not_know_yet_is_waited_for() {
    let server = TestServer::start(|count, asked| match short(asked) {
        "list" => instances(&[]),
        "look" => match count < 8 {
            true => instances(&[]),
            false => instances(&["i-7"]),
        },
        "receive" => messages(&[("m1", running("e1", "i-7"))]),
        _ => ok("{}"),
    })
    .await;
    let mut provider = Running::start(&server, true);
    assert!(matches!(provider.change().await, Word::Event(_)));
    let Word::Change { hosts, gone } = provider.change().await else {
        panic!()
    };
    assert_eq!((ids(&hosts), gone.len()), (vec!["i-7"], 0));
    let asked = server.asked();
    let first_delete = asked
        .iter()
        .position(|asked| short(asked) == "delete")
        .unwrap_or(asked.len());
    assert!(first_delete >= 8, "{first_delete}");
}

#[tokio::test]
async fn what_is_no_event_is_left_in_the_queue() {
    let server = TestServer::start(|_, asked| match short(asked) {
        "receive" => messages(&[
            ("alarm", r#"{"AlarmName":"jobs"}"#.into()),
            ("m1", running("e1", "i-7")),
        ]),
        "delete" => ok("{}"),
        _ => instances(&["i-7"]),
    })
    .await;
    let mut provider = Running::start(&server, true);
    assert!(matches!(provider.change().await, Word::Event(_)));
    assert!(matches!(provider.change().await, Word::Change { .. }));
    let deleted = || {
        let asked = server.asked();
        asked
            .into_iter()
            .filter(|asked| short(asked) == "delete")
            .map(|asked| asked.body)
            .collect::<Vec<_>>()
    };
    while deleted().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(deleted().iter().all(|body| body.contains("handle-m1")));
}
