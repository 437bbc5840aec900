//! Events that a plugin of the tests' own is told of.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::*;
use crate::output::{Patience, WhenFull, fields};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

fn events(socket: &Path) -> Events {
    Events {
        output: "alarm".into(),
        plugin: Settings::new(
            "cloud".to_owned(),
            socket.to_owned(),
            socket.with_extension("inventory"),
        ),
        kind: "log".into(),
        fields: ["program".into(), "note".into()].into(),
    }
}

fn record(message: &str, host: &str) -> Vec<u8> {
    let mut record = Vec::new();
    let time = 1_795_341_600_i64.to_ne_bytes();
    let values: [&[u8]; 6] = [b"0a1b", &time, host.as_bytes(), message.as_bytes(), b"sshd", b"\xff"];
    for value in values {
        fields::push(&mut record, |record| record.extend_from_slice(value));
    }
    record
}

fn append(queue: &Queue, message: &str) {
    queue.append(Patience::Waits, |out| out.extend_from_slice(&record(message, "")));
}

struct Peer(BufReader<UnixStream>);

impl Peer {
    async fn of(listener: &UnixListener) -> Self {
        let (stream, _) = timeout(DEADLINE, listener.accept())
            .await
            .expect("it connects")
            .unwrap();
        Self(BufReader::new(stream))
    }

    /// The message of the next event, and the event.
    async fn event(&mut self) -> (String, Value) {
        let mut call = Vec::new();
        let read = timeout(DEADLINE, self.0.read_until(0, &mut call));
        read.await.expect("a call comes").unwrap();
        assert_eq!(call.pop(), Some(0));
        let mut call: Value = serde_json::from_slice(&call).unwrap();
        assert_eq!(call["method"], "io.ballast.Events1.Emit");
        let event = call["parameters"]["event"].take();
        (event["message"].as_str().unwrap().to_owned(), event)
    }

    async fn answer(&mut self, reply: Value) {
        let mut bytes = reply.to_string().into_bytes();
        bytes.push(0);
        self.0.get_mut().write_all(&bytes).await.unwrap();
    }
}

fn start(socket: &Path) -> (Arc<Queue>, tokio::task::JoinHandle<()>) {
    let queue = Queue::of_test(1 << 20, WhenFull::Drop);
    let (events, of_worker) = (events(socket), queue.clone());
    let worker = tokio::spawn(async move { tell_all(&events, &of_worker, Duration::from_millis(1)).await });
    (queue, worker)
}

#[test]
fn an_event_is_what_the_interface_says() {
    let events = events(Path::new("/s"));
    let event =
        |message: &str, host: &str| serde_json::to_value(events.event(&record(message, host)).unwrap()).unwrap();
    assert_eq!(
        event("it burns", "i-0a1b"),
        json!({
            "id": "0a1b-alarm", "time": 1_795_341_600, "kind": "log", "host": "i-0a1b", "message": "it burns",
            "fields": {"program": "sshd", "note": "\u{fffd}"},
        })
    );
    assert_eq!(event("", "")["host"], Value::Null);
    let long = event(&"é".repeat(MESSAGE_BYTES_MAX), "");
    let cut = long["message"].as_str().unwrap();
    assert!(
        cut.ends_with("é…") && cut.len() <= MESSAGE_BYTES_MAX + "…".len(),
        "{}",
        cut.len()
    );
    assert_eq!(events.event(b"\x01\0\0\0x"), None);
}

#[tokio::test]
async fn a_plugin_that_was_away_hears_all_in_order_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let (queue, worker) = start(&socket);
    append(&queue, "one");
    append(&queue, "two");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut peer = Peer::of(&listener).await;
    assert_eq!(peer.event().await.0, "one");
    peer.answer(json!({})).await;
    let (_, told) = peer.event().await;
    // It ends before it has answered, and comes again.
    drop((peer, listener));
    std::fs::remove_file(&socket).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    let mut peer = Peer::of(&listener).await;
    let (message, again) = peer.event().await;
    assert_eq!((message.as_str(), &again), ("two", &told), "with the same id");
    assert_eq!(queue.unsettled(), 1);
    peer.answer(json!({"parameters": {}})).await;
    queue.close();
    timeout(DEADLINE, worker).await.expect("it ends").unwrap();
    assert_eq!(queue.unsettled(), 0);
}

#[tokio::test]
async fn what_the_plugin_refuses_is_dropped_and_the_next_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (queue, worker) = start(&socket);
    append(&queue, "one");
    append(&queue, "two");
    let mut peer = Peer::of(&listener).await;
    peer.event().await;
    peer.answer(json!({"error": "io.ballast.Events1.UnknownKind", "parameters": {"kind": "log"}}))
        .await;
    assert_eq!(peer.event().await.0, "two");
    peer.answer(json!({})).await;
    queue.close();
    timeout(DEADLINE, worker).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn an_event_at_which_the_plugin_breaks_off_is_not_tried_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (queue, worker) = start(&socket);
    append(&queue, "poison");
    append(&queue, "two");
    for _ in 0..BREAKS_MAX {
        assert_eq!(Peer::of(&listener).await.event().await.0, "poison");
    }
    let mut peer = Peer::of(&listener).await;
    assert_eq!(peer.event().await.0, "two");
    peer.answer(json!({})).await;
    queue.close();
    timeout(DEADLINE, worker).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_connection_that_the_plugin_has_closed_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let events = events(&socket);
    let mut link = Link::new(&events.plugin);
    let record = record("x", "");
    let event = events.event(&record).unwrap();
    for _ in 0..2 {
        let (told, ()) = tokio::join!(link.emit(&event), async {
            let mut peer = Peer::of(&listener).await;
            peer.event().await;
            peer.answer(json!({})).await;
        });
        told.expect("the plugin takes it");
    }
}
